// Files as the client reads and writes them.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "compiler/api/unique_fd.h"

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include <sys/stat.h>

namespace linalgd::client {

// errno as a status: "PATH: cannot ACTION: REASON".
absl::Status fileError(const std::string &path, const std::string &action, int error);

// A whole file, mapped read-only.
class MappedFile {
public:
  static absl::StatusOr<std::shared_ptr<MappedFile>> open(const std::string &path);
  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;

  std::string_view bytes() const { return {static_cast<const char *>(data_), size_}; }
  const struct stat &info() const { return info_; }
  // Whether the path still is the same file, unchanged since it was opened.
  bool unchanged() const;

private:
  MappedFile() = default;

  UniqueFd fd_;
  void *data_ = nullptr;
  size_t size_ = 0;
  struct stat info_{};
};

absl::Status writeAll(int fd, std::string_view data, const std::string &path);

// A file under a temporary name in the folder of `path`, which takes the name at `commit` and is
// removed otherwise.
class PendingFile {
public:
  // `executable`: with the x permissions that the umask leaves.
  static absl::StatusOr<PendingFile> create(const std::string &path, bool executable = false);
  PendingFile(PendingFile &&other) noexcept = default;
  PendingFile &operator=(PendingFile &&) = delete;
  ~PendingFile();

  int fd() const { return fd_.get(); }
  absl::Status write(std::string_view data) { return writeAll(fd_.get(), data, path_); }
  absl::Status commit();

private:
  PendingFile(std::string path, std::string temporary, UniqueFd fd)
      : path_(std::move(path)), temporary_(std::move(temporary)), fd_(std::move(fd)) {}

  std::string path_;
  std::string temporary_;
  UniqueFd fd_;
};

// Replaces a file by these pieces, one after the other.
absl::Status writeFile(const std::string &path, std::initializer_list<std::string_view> pieces);

} // namespace linalgd::client
