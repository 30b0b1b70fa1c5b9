// For tests: a store directory that goes with the object, and a disk on it that fails as told.
#pragma once

#include "server/disk_store.h"

#include "gtest/gtest.h"

#include <filesystem>
#include <functional>
#include <string>

namespace linalgd {

class TemporaryDirectory {
public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "linalgd-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw std::runtime_error("cannot make a temporary directory");
    path_ = pattern;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory &) = delete;
  TemporaryDirectory &operator=(const TemporaryDirectory &) = delete;

  const std::filesystem::path &path() const { return path_; }

private:
  std::filesystem::path path_;
};

// Passes everything on to a real directory, after asking `fault` what to answer instead.
class FaultyDisk final : public DiskStore {
public:
  explicit FaultyDisk(std::unique_ptr<DiskStore> disk) : disk_(std::move(disk)) {}

  // "write", "sync", "rename" …, and the path, or the directory, where there is one.
  std::function<absl::Status(std::string_view operation, const std::string &path)> fault;

  absl::StatusOr<std::vector<DiskEntry>> list(const std::string &directory) override {
    absl::Status status = ask("list", directory);
    return status.ok() ? disk_->list(directory) : status;
  }
  absl::Status makeDirectory(const std::string &directory) override {
    absl::Status status = ask("makeDirectory", directory);
    return status.ok() ? disk_->makeDirectory(directory) : status;
  }
  absl::StatusOr<UniqueFd> create(const std::string &path) override {
    absl::Status status = ask("create", path);
    return status.ok() ? disk_->create(path) : status;
  }
  absl::StatusOr<UniqueFd> openForReading(const std::string &path) override {
    absl::Status status = ask("openForReading", path);
    return status.ok() ? disk_->openForReading(path) : status;
  }
  absl::Status write(int fd, std::string_view data, uint64_t offset) override {
    absl::Status status = ask("write", "");
    return status.ok() ? disk_->write(fd, data, offset) : status;
  }
  absl::Status sync(std::span<const int> fds) override {
    absl::Status status = ask("sync", "");
    return status.ok() ? disk_->sync(fds) : status;
  }
  absl::Status syncDirectory(const std::string &directory) override {
    absl::Status status = ask("syncDirectory", directory);
    return status.ok() ? disk_->syncDirectory(directory) : status;
  }
  absl::Status rename(const std::string &from, const std::string &to) override {
    absl::Status status = ask("rename", to);
    return status.ok() ? disk_->rename(from, to) : status;
  }
  absl::Status remove(const std::string &path) override {
    absl::Status status = ask("remove", path);
    return status.ok() ? disk_->remove(path) : status;
  }
  absl::Status touch(const std::string &path) override {
    absl::Status status = ask("touch", path);
    return status.ok() ? disk_->touch(path) : status;
  }

private:
  absl::Status ask(std::string_view operation, const std::string &path) {
    return fault ? fault(operation, path) : absl::OkStatus();
  }

  std::unique_ptr<DiskStore> disk_;
};

} // namespace linalgd
