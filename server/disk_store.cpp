#include "server/disk_store.h"

#include "absl/strings/str_cat.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace linalgd {
namespace {

absl::Status errorOf(int error, const std::string &what, const std::string &path) {
  std::string text = absl::StrCat(what, " ", path, ": ", std::strerror(error));
  switch (error) {
  case ENOENT:
    return absl::NotFoundError(text);
  case EEXIST:
    return absl::AlreadyExistsError(text);
  case ENOSPC:
  case EDQUOT:
    return absl::ResourceExhaustedError(absl::StrCat(text, "; free space on the server's disk"));
  case EMFILE:
  case ENFILE:
    return absl::ResourceExhaustedError(
        absl::StrCat(text, "; raise the server's limit of open files"));
  default:
    return absl::InternalError(text);
  }
}

// The name of an open file for messages: only its descriptor is at hand.
std::string nameOf(int fd) { return absl::StrCat("descriptor ", fd); }

class LocalDisk final : public DiskStore {
public:
  LocalDisk(UniqueFd root, UniqueFd lock) : root_(std::move(root)), lock_(std::move(lock)) {}

  absl::StatusOr<std::vector<DiskEntry>> list(const std::string &directory) override {
    UniqueFd fd(::openat(root_.get(), directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd)
      return errorOf(errno, "cannot open", directory);
    DIR *stream = ::fdopendir(fd.get());
    if (stream == nullptr)
      return errorOf(errno, "cannot list", directory);
    fd.release(); // the stream owns it
    std::vector<DiskEntry> entries;
    absl::Status status;
    for (errno = 0; const dirent *entry = ::readdir(stream); errno = 0) {
      struct stat info;
      if (::fstatat(::dirfd(stream), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        status = errorOf(errno, "cannot look at", absl::StrCat(directory, "/", entry->d_name));
        break;
      }
      if (S_ISREG(info.st_mode))
        entries.push_back({entry->d_name, static_cast<uint64_t>(info.st_size),
                           std::chrono::system_clock::time_point(
                               std::chrono::seconds(info.st_mtim.tv_sec) +
                               std::chrono::microseconds(info.st_mtim.tv_nsec / 1000))});
    }
    if (status.ok() && errno != 0)
      status = errorOf(errno, "cannot list", directory);
    ::closedir(stream);
    if (!status.ok())
      return status;
    return entries;
  }

  absl::Status makeDirectory(const std::string &directory) override {
    if (::mkdirat(root_.get(), directory.c_str(), 0777) != 0 && errno != EEXIST)
      return errorOf(errno, "cannot make the directory", directory);
    return absl::OkStatus();
  }

  absl::StatusOr<UniqueFd> create(const std::string &path) override {
    return open(path, O_RDWR | O_CREAT | O_EXCL, "cannot create");
  }

  absl::StatusOr<UniqueFd> openForReading(const std::string &path) override {
    return open(path, O_RDONLY, "cannot open");
  }

  absl::Status write(int fd, std::string_view data, uint64_t offset) override {
    while (!data.empty()) {
      ssize_t n = ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return errorOf(errno, "cannot write to", nameOf(fd));
      data.remove_prefix(static_cast<size_t>(n));
      offset += static_cast<uint64_t>(n);
    }
    return absl::OkStatus();
  }

  absl::Status sync(std::span<const int> fds) override {
    // All writes begin before the first wait. The journal's commit for the first file mostly covers
    // the others, whose syncs are then cheap.
    for (int fd : fds)
      ::sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    for (int fd : fds)
      if (::fdatasync(fd) != 0)
        return errorOf(errno, "cannot sync", nameOf(fd));
    return absl::OkStatus();
  }

  absl::Status syncDirectory(const std::string &directory) override {
    UniqueFd fd(::openat(root_.get(), directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd)
      return errorOf(errno, "cannot open", directory);
    if (::fsync(fd.get()) != 0)
      return errorOf(errno, "cannot sync", directory);
    return absl::OkStatus();
  }

  absl::Status rename(const std::string &from, const std::string &to) override {
    if (::renameat(root_.get(), from.c_str(), root_.get(), to.c_str()) != 0)
      return errorOf(errno, absl::StrCat("cannot rename ", from, " to"), to);
    return absl::OkStatus();
  }

  absl::Status remove(const std::string &path) override {
    if (::unlinkat(root_.get(), path.c_str(), 0) != 0)
      return errorOf(errno, "cannot remove", path);
    return absl::OkStatus();
  }

  absl::Status touch(const std::string &path) override {
    if (::utimensat(root_.get(), path.c_str(), nullptr, 0) != 0)
      return errorOf(errno, "cannot touch", path);
    return absl::OkStatus();
  }

private:
  absl::StatusOr<UniqueFd> open(const std::string &path, int flags, const char *what) {
    UniqueFd fd(::openat(root_.get(), path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0666));
    if (!fd)
      return errorOf(errno, what, path);
    return fd;
  }

  UniqueFd root_;
  UniqueFd lock_; // holds the lock as long as it is open
};

// The version of the layout in docs/operations.md.
constexpr char kFormat[] = "linalgd store 1\n";

absl::Status checkFormat(DiskStore &disk, const std::string &root) {
  absl::StatusOr<std::string> format = disk.readFile("format");
  if (absl::IsNotFound(format.status()))
    return disk.replaceFile(".", "format", kFormat);
  if (!format.ok())
    return format.status();
  if (*format != kFormat)
    return absl::FailedPreconditionError(
        absl::StrCat("the store directory ", root,
                     " was written by another version of linalgd; give another with --store"));
  return absl::OkStatus();
}

} // namespace

std::string DiskStore::temporaryPath() {
  return absl::StrCat(kTemporaryDirectory, "/", nextTemporary_.fetch_add(1));
}

absl::Status DiskStore::replaceFile(const std::string &directory, const std::string &name,
                                    std::string_view content) {
  const std::string temporary = temporaryPath();
  absl::StatusOr<UniqueFd> fd = create(temporary);
  if (!fd.ok())
    return fd.status();
  const int raw = fd->get();
  absl::Status status = write(raw, content, 0);
  if (status.ok())
    status = sync({&raw, 1});
  if (status.ok())
    status = rename(temporary, absl::StrCat(directory, "/", name));
  if (!status.ok()) {
    // The first error says more than one of the removal; what is left goes at the next start.
    remove(temporary).IgnoreError();
    return status;
  }
  return syncDirectory(directory);
}

absl::StatusOr<std::string> DiskStore::readFile(const std::string &path, uint64_t limit) {
  absl::StatusOr<UniqueFd> fd = openForReading(path);
  if (!fd.ok())
    return fd.status();
  struct stat info;
  if (::fstat(fd->get(), &info) != 0)
    return errorOf(errno, "cannot look at", path);
  if (static_cast<uint64_t>(info.st_size) > limit)
    return absl::InternalError(absl::StrCat(path, " has ", info.st_size, " bytes, more than the ",
                                            limit, " that such a file may have"));
  std::string content(static_cast<size_t>(info.st_size), '\0');
  absl::StatusOr<size_t> read = readAt(fd->get(), content.data(), content.size(), 0);
  if (!read.ok())
    return read.status();
  content.resize(*read);
  return content;
}

absl::StatusOr<std::unique_ptr<DiskStore>> openLocalDisk(const std::string &root) {
  std::error_code error;
  std::filesystem::create_directories(root, error);
  if (error)
    return absl::InternalError(absl::StrCat("cannot make the store directory ", root, ": ",
                                            error.message(), "; give another one with --store"));
  UniqueFd directory(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory)
    return errorOf(errno, "cannot open the store directory", root);
  UniqueFd lock(::openat(directory.get(), "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (!lock)
    return errorOf(errno, "cannot write in the store directory", root);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
    return absl::FailedPreconditionError(
        absl::StrCat("the store directory ", root,
                     " is in use by another linalgd; end that one, or give another with --store"));
  auto disk = std::make_unique<LocalDisk>(std::move(directory), std::move(lock));
  absl::Status status = disk->makeDirectory(DiskStore::kTemporaryDirectory);
  if (status.ok())
    status = checkFormat(*disk, root);
  if (!status.ok())
    return status;
  absl::StatusOr<std::vector<DiskEntry>> leftovers = disk->list(DiskStore::kTemporaryDirectory);
  if (!leftovers.ok())
    return leftovers.status();
  for (const DiskEntry &entry : *leftovers) {
    status = disk->remove(absl::StrCat(DiskStore::kTemporaryDirectory, "/", entry.name));
    if (!status.ok())
      return status;
  }
  return disk;
}

absl::StatusOr<size_t> readAt(int fd, char *buffer, size_t size, uint64_t offset) {
  size_t done = 0;
  while (done < size) {
    ssize_t n = ::pread(fd, buffer + done, size - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return errorOf(errno, "cannot read from", nameOf(fd));
    if (n == 0)
      break;
    done += static_cast<size_t>(n);
  }
  return done;
}

} // namespace linalgd
