#include "client/cpp/src/file.h"

#include "absl/strings/str_cat.h"

#include <cerrno>
#include <cstring>
#include <random>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace linalgd::client {
absl::Status fileError(const std::string &path, const std::string &action, int error) {
  return absl::Status(absl::ErrnoToStatusCode(error),
                      absl::StrCat(path, ": cannot ", action, ": ", std::strerror(error)));
}

absl::StatusOr<std::shared_ptr<MappedFile>> MappedFile::open(const std::string &path) {
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->fd_.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file->fd_)
    return fileError(path, "open", errno);
  if (fstat(file->fd_.get(), &file->info_) != 0)
    return fileError(path, "read", errno);
  if (!S_ISREG(file->info_.st_mode))
    return absl::InvalidArgumentError(absl::StrCat(path, ": not a regular file"));
  if (file->info_.st_size == 0)
    return file;
  size_t size = static_cast<size_t>(file->info_.st_size);
  void *data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file->fd_.get(), 0);
  if (data == MAP_FAILED)
    return fileError(path, "map", errno);
  file->data_ = data;
  file->size_ = size;
  return file;
}

MappedFile::~MappedFile() {
  if (data_)
    munmap(data_, size_);
}

bool MappedFile::unchanged() const {
  struct stat now{};
  return fstat(fd_.get(), &now) == 0 && now.st_size == info_.st_size &&
         now.st_mtim.tv_sec == info_.st_mtim.tv_sec && now.st_mtim.tv_nsec == info_.st_mtim.tv_nsec;
}

absl::Status writeAll(int fd, std::string_view data, const std::string &path) {
  while (!data.empty()) {
    ssize_t written = ::write(fd, data.data(), data.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return fileError(path, "write", errno);
    data.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::StatusOr<PendingFile> PendingFile::create(const std::string &path, bool executable) {
  for (std::random_device random;;) {
    std::string temporary = absl::StrCat(path, ".part-", absl::Hex(random(), absl::kZeroPad8));
    UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                       executable ? 0777 : 0666));
    if (fd)
      return PendingFile(path, std::move(temporary), std::move(fd));
    if (errno != EEXIST)
      return fileError(path, "create", errno);
  }
}

PendingFile::~PendingFile() {
  if (fd_)
    unlink(temporary_.c_str());
}

absl::Status PendingFile::commit() {
  if (rename(temporary_.c_str(), path_.c_str()) != 0)
    return fileError(path_, "create", errno);
  fd_.reset();
  return absl::OkStatus();
}

absl::Status writeFile(const std::string &path, std::initializer_list<std::string_view> pieces) {
  absl::StatusOr<PendingFile> file = PendingFile::create(path);
  if (!file.ok())
    return file.status();
  for (std::string_view piece : pieces)
    if (absl::Status status = file->write(piece); !status.ok())
      return status;
  return file->commit();
}

} // namespace linalgd::client
