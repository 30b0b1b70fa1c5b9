// The link of an executable: lld inside this process, on memory files.
#include "compiler/codegen/llvm_module.h"
#include "compiler/runtime/embedded.h"

#include "lld/Common/Driver.h"
#include "llvm/Support/raw_ostream.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

LLD_HAS_DRIVER(elf)

namespace linalgd {
namespace {

std::string pathOf(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

absl::Status systemError(const char *what) {
  return absl::InternalError(std::string(what) + ": " + strerror(errno));
}

absl::Status writeAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return systemError("cannot write a memory file");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> memoryFile(const char *name, std::string_view bytes) {
  UniqueFd fd(memfd_create(name, MFD_CLOEXEC));
  if (!fd)
    return systemError("cannot make a memory file");
  absl::Status status = writeAll(fd.get(), bytes);
  if (!status.ok())
    return status;
  return fd;
}

// lld writes a regular file by way of a temporary one beside it, which a memory file cannot have; a
// pipe it just writes to. This copies what comes out of the pipe.
class PipeReader {
public:
  absl::Status open() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
      return systemError("cannot make a pipe");
    read_ = UniqueFd(ends[0]);
    write_ = UniqueFd(ends[1]);
    fcntl(ends[0], F_SETPIPE_SZ, 1 << 20);
    absl::StatusOr<UniqueFd> file = memoryFile("model.so", "");
    if (!file.ok())
      return file.status();
    file_ = *std::move(file);
    thread_ = std::thread([this] { status_ = copy(); });
    return absl::OkStatus();
  }
  ~PipeReader() { (void)finish(); }

  std::string path() const { return pathOf(write_.get()); }

  // To be called when lld has returned: all that it wrote, then.
  absl::StatusOr<UniqueFd> finish() {
    write_.reset();
    if (thread_.joinable())
      thread_.join();
    if (!status_.ok())
      return status_;
    return std::move(file_);
  }

private:
  absl::Status copy() {
    std::string buffer(1 << 20, '\0');
    absl::Status status;
    for (;;) {
      ssize_t got = read(read_.get(), buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR)
        continue;
      if (got < 0)
        return systemError("cannot read the linked library");
      if (got == 0)
        return status;
      // After a failed write, go on reading: the linker must not block.
      if (status.ok())
        status = writeAll(file_.get(), {buffer.data(), static_cast<size_t>(got)});
    }
  }

  UniqueFd read_, write_, file_;
  std::thread thread_;
  absl::Status status_;
};

} // namespace

absl::StatusOr<UniqueFd> linkLibrary(const std::vector<int> &objects) {
  PipeReader output;
  if (absl::Status status = output.open(); !status.ok())
    return status;
  // The runtime, and stand-ins for the C library that name its symbols: the result does not depend
  // on the C library of the machine that links.
  std::vector<UniqueFd> inputs;
  for (auto [name, bytes] :
       {std::pair{"runtime.o", embeddedRuntime()}, std::pair{"libm.so.6", embeddedLibm()},
        std::pair{"libc.so.6", embeddedLibc()}}) {
    absl::StatusOr<UniqueFd> file = memoryFile(name, bytes);
    if (!file.ok())
      return file.status();
    inputs.push_back(*std::move(file));
  }
  std::vector<std::string> arguments = {"ld.lld",
                                        "-shared",
                                        "-z",
                                        "defs",
                                        "-z",
                                        "now",
                                        "-z",
                                        "relro",
                                        "-z",
                                        "noexecstack",
                                        "--gc-sections",
                                        "--as-needed",
                                        "--hash-style=gnu",
                                        "--build-id=fast",
                                        "-o",
                                        output.path()};
  for (int object : objects)
    arguments.push_back(pathOf(object));
  for (const UniqueFd &input : inputs)
    arguments.push_back(pathOf(input.get()));
  std::vector<const char *> argv;
  argv.reserve(arguments.size());
  for (const std::string &argument : arguments)
    argv.push_back(argument.c_str());
  std::string text;
  llvm::raw_string_ostream stream(text);
  lld::Result result = lld::lldMain(argv, stream, stream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0)
    return absl::InternalError("the library cannot be linked: " + text);
  return output.finish();
}

} // namespace linalgd
