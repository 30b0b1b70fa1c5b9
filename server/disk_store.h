// The files below the daemon's store directory, behind an interface, so that tests put faults in
// between. Paths are relative to the store directory. Thread-safe.
//
// Errors: RESOURCE_EXHAUSTED (the disk is full, or too many files are open), NOT_FOUND,
// ALREADY_EXISTS, and INTERNAL for the rest; each names the path.
#pragma once

#include "compiler/api/unique_fd.h"

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace linalgd {

struct DiskEntry {
  std::string name;
  uint64_t size = 0;
  std::chrono::system_clock::time_point modified;
};

class DiskStore {
public:
  virtual ~DiskStore() = default;

  // The regular files in a directory, in no order.
  virtual absl::StatusOr<std::vector<DiskEntry>> list(const std::string &directory) = 0;
  // It may exist already.
  virtual absl::Status makeDirectory(const std::string &directory) = 0;
  // A new file, for reading and writing.
  virtual absl::StatusOr<UniqueFd> create(const std::string &path) = 0;
  virtual absl::StatusOr<UniqueFd> openForReading(const std::string &path) = 0;
  virtual absl::Status write(int fd, std::string_view data, uint64_t offset) = 0;
  // Waits until the files' bytes are on the disk.
  virtual absl::Status sync(std::span<const int> fds) = 0;
  // Waits until creations, renames and removals in a directory are on the disk.
  virtual absl::Status syncDirectory(const std::string &directory) = 0;
  // Replaces `to`.
  virtual absl::Status rename(const std::string &from, const std::string &to) = 0;
  virtual absl::Status remove(const std::string &path) = 0;
  // Sets the time of last modification to now.
  virtual absl::Status touch(const std::string &path) = 0;

  // Writes a small file whole or not at all: a temporary file, sync, rename, sync of the directory.
  absl::Status replaceFile(const std::string &directory, const std::string &name,
                           std::string_view content);
  // The content of a file of at most `limit` bytes; INTERNAL where it is longer.
  absl::StatusOr<std::string> readFile(const std::string &path, uint64_t limit = 64 << 20);

  // A path for a temporary file. The directory is emptied at start.
  std::string temporaryPath();
  static constexpr const char *kTemporaryDirectory = "temporary";

private:
  std::atomic<uint64_t> nextTemporary_{0};
};

// Opens a directory of the local file system, made where it does not exist, and holds a lock on it
// until the object goes: FAILED_PRECONDITION where another process has it, or where it holds files
// of another version.
absl::StatusOr<std::unique_ptr<DiskStore>> openLocalDisk(const std::string &root);

// Reads up to `size` bytes at `offset`; fewer at the end of the file only.
absl::StatusOr<size_t> readAt(int fd, char *buffer, size_t size, uint64_t offset);

} // namespace linalgd
