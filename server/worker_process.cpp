#include "server/worker_process.h"

#include "compiler/api/worker.h"
#include "proto/marshal.h"
#include "server/logging.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

namespace linalgd {
namespace {

// What a request may write into the daemon's log.
constexpr size_t kMaxLogBytes = 64 << 10;
constexpr size_t kMaxLineBytes = 2 << 10;

// A worker runs code of the models; the daemon's other variables are none of its business.
constexpr std::array kEnvironment = {
    "PATH",         "LANG",         "LC_ALL",       "TMPDIR",       "LD_LIBRARY_PATH",
    "ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"};

std::vector<std::string> workerEnvironment() {
  std::vector<std::string> environment;
  for (const char *name : kEnvironment)
    if (const char *value = getenv(name))
      environment.push_back(absl::StrCat(name, "=", value));
  return environment;
}

std::vector<std::string> workerArguments(const WorkerOptions &options) {
  // Processor time is for what escapes the watch on wall time: all CPUs for the whole of it.
  int64_t cpuSeconds = std::chrono::ceil<std::chrono::seconds>(options.runTimeout).count() *
                       sysconf(_SC_NPROCESSORS_ONLN);
  return {options.path, "--memory-limit", absl::StrCat(options.memoryBytes), "--cpu-limit",
          absl::StrCat(cpuSeconds)};
}

std::vector<char *> pointers(std::vector<std::string> &strings) {
  std::vector<char *> result;
  result.reserve(strings.size() + 1);
  for (std::string &string : strings)
    result.push_back(string.data());
  result.push_back(nullptr);
  return result;
}

std::string signalName(int number) {
  const char *name = sigabbrev_np(number);
  return name ? absl::StrCat("SIG", name) : absl::StrCat("signal ", number);
}

std::string megabytes(uint64_t bytes) { return absl::StrCat(bytes >> 20, " MiB"); }

} // namespace

WorkerProcess::WorkerProcess(const WorkerOptions &options, UniqueFd socket)
    : options_(options),
      channel_(std::move(socket), [this](int fd, short events) { return wait(fd, events); }) {}

absl::StatusOr<std::unique_ptr<WorkerProcess>> WorkerProcess::start(const WorkerOptions &options) {
  int sockets[2];
  int pipe[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0)
    return faultStatus(Fault::NotStarted, absl::StrCat("socketpair: ", strerror(errno)));
  UniqueFd ours(sockets[0]);
  UniqueFd theirs(sockets[1]);
  if (pipe2(pipe, O_CLOEXEC) != 0)
    return faultStatus(Fault::NotStarted, absl::StrCat("pipe: ", strerror(errno)));
  UniqueFd output(pipe[0]);
  UniqueFd theirOutput(pipe[1]);
  fcntl(output.get(), F_SETFL, O_NONBLOCK);

  auto process = std::unique_ptr<WorkerProcess>(new WorkerProcess(options, std::move(ours)));
  process->output_ = std::move(output);
  if (absl::Status spawned = process->spawn(std::move(theirs), std::move(theirOutput));
      !spawned.ok())
    return spawned;
  if (absl::Status greeted = process->greet(); !greeted.ok())
    return faultStatus(Fault::NotStarted, absl::StrCat("the worker did not say hello: ",
                                                       std::string(greeted.message())));
  return process;
}

absl::Status WorkerProcess::spawn(UniqueFd socket, UniqueFd output) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output.get(), STDERR_FILENO);
  posix_spawn_file_actions_adddup2(&actions, socket.get(), kWorkerSocket);
  posix_spawn_file_actions_addclosefrom_np(&actions, kWorkerSocket + 1);

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setpgroup(&attributes, 0);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);

  std::vector<std::string> arguments = workerArguments(options_);
  std::vector<std::string> environment = workerEnvironment();
  pid_t pid = -1;
  int error = posix_spawn(&pid, options_.path.c_str(), &actions, &attributes,
                          pointers(arguments).data(), pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0)
    return faultStatus(Fault::NotStarted,
                       absl::StrCat("cannot start ", options_.path, ": ", strerror(error)));
  pid_ = pid;
  return absl::OkStatus();
}

absl::Status WorkerProcess::greet() {
  deadline_ = std::chrono::steady_clock::now() + options_.helloTimeout;
  nextSample_ = TimePoint{};
  v1::WorkerResponse hello;
  absl::StatusOr<std::vector<UniqueFd>> received = channel_.receive(&hello);
  if (!received.ok())
    return explain(received.status());
  if (!hello.has_hello() || !received->empty())
    return faultStatus(Fault::Garbled, "its first message is another one");
  absl::StatusOr<CompilerInfo> info = fromProto(hello.hello().info());
  if (!info.ok())
    return faultStatus(Fault::Garbled, std::string(info.status().message()));
  info_ = *std::move(info);
  return absl::OkStatus();
}

WorkerProcess::~WorkerProcess() {
  kill();
  drainOutput();
}

void WorkerProcess::kill() {
  if (pid_ < 0)
    return;
  // While the process is not reaped, its group cannot be another one's.
  ::kill(-pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

uint64_t WorkerProcess::memory() const {
  std::ifstream status(absl::StrCat("/proc/", pid_, "/status"));
  uint64_t kilobytes = 0;
  for (std::string line; std::getline(status, line);) {
    absl::string_view rest = line;
    // Pages of files are the kernel's to take back: mapped weights do not count.
    if (!absl::ConsumePrefix(&rest, "RssAnon:") && !absl::ConsumePrefix(&rest, "RssShmem:"))
      continue;
    uint64_t value = 0;
    absl::ConsumeSuffix(&rest, "kB");
    if (absl::SimpleAtoi(rest, &value))
      kilobytes += value;
  }
  return kilobytes << 10;
}

absl::Status WorkerProcess::call(const v1::WorkerRequest &request, std::span<const int> descriptors,
                                 const RunContext &context, const Handler &handler) {
  context_ = &context;
  deadline_ = std::chrono::steady_clock::now() + options_.runTimeout;
  nextSample_ = TimePoint{};
  logged_ = 0;
  lastLine_.clear();
  ++requests_;
  absl::Status status = channel_.send(request, descriptors);
  while (status.ok()) {
    v1::WorkerResponse response;
    absl::StatusOr<std::vector<UniqueFd>> received = channel_.receive(&response);
    status = received.status();
    if (!status.ok())
      break;
    absl::StatusOr<bool> last = handler(response, *std::move(received));
    status = last.status();
    if (status.ok() && *last)
      break;
    // A worker that talks without end is never waited for.
    if (status.ok())
      status = supervise();
  }
  status = explain(status);
  drainOutput();
  context_ = nullptr;
  return status;
}

absl::Status WorkerProcess::supervise() {
  if (context_ && context_->cancel.cancelled())
    return faultStatus(Fault::Cancelled, "the job was cancelled");
  TimePoint now = std::chrono::steady_clock::now();
  if (now >= deadline_)
    return faultStatus(
        Fault::TimedOut,
        absl::StrCat("the worker was killed after ",
                     (context_ ? options_.runTimeout : options_.helloTimeout).count(), " ms"));
  if (now < nextSample_)
    return absl::OkStatus();
  nextSample_ = now + options_.samplePeriod;
  if (uint64_t bytes = memory(); bytes > options_.memoryBytes)
    return faultStatus(Fault::OutOfMemory,
                       absl::StrCat("the worker was killed: it held ", megabytes(bytes), " where ",
                                    megabytes(options_.memoryBytes), " are allowed"));
  return absl::OkStatus();
}

absl::Status WorkerProcess::wait(int fd, short events) {
  while (true) {
    if (absl::Status status = supervise(); !status.ok())
      return status;
    pollfd entries[] = {{fd, events, 0},
                        {output_.get(), POLLIN, 0},
                        {context_ ? context_->cancel.fd() : -1, POLLIN, 0}};
    auto left = std::chrono::ceil<std::chrono::milliseconds>(std::min(deadline_, nextSample_) -
                                                             std::chrono::steady_clock::now());
    if (poll(entries, std::size(entries), static_cast<int>(std::max<int64_t>(left.count(), 0))) <
            0 &&
        errno != EINTR)
      return absl::ErrnoToStatus(errno, "poll");
    if (entries[1].revents)
      drainOutput();
    if (entries[0].revents)
      return absl::OkStatus();
  }
}

// Turns what broke the conversation into the fault behind it, and ends the process.
absl::Status WorkerProcess::explain(absl::Status status) {
  if (status.ok())
    return status;
  if (absl::IsUnavailable(status) && !faultOf(status))
    return explainExit();
  kill();
  if (faultOf(status))
    return status;
  return faultStatus(Fault::Garbled, absl::StrCat("the worker garbled the protocol: ",
                                                  std::string(status.message())));
}

absl::Status WorkerProcess::explainExit() {
  // The socket closes a moment before the process can be reaped; one that goes on without is
  // killed.
  int result = 0;
  pid_t reaped = 0;
  for (int i = 0; i < 200 && reaped == 0; ++i) {
    reaped = waitpid(pid_, &result, WNOHANG);
    if (reaped == 0)
      usleep(5000);
  }
  drainOutput();
  std::string said = lastLine_.empty() ? "" : absl::StrCat("; it said: ", lastLine_);
  if (reaped == 0) {
    kill();
    return faultStatus(Fault::Garbled, absl::StrCat("the worker closed its socket", said));
  }
  ::kill(-pid_, SIGKILL); // its children, if any
  pid_ = -1;
  if (WIFSIGNALED(result)) {
    int signal = WTERMSIG(result);
    if (signal == SIGXCPU)
      return faultStatus(Fault::TimedOut, "the worker used up its processor time");
    return faultStatus(Fault::Crashed,
                       absl::StrCat("the worker was ended by ", signalName(signal), said));
  }
  int code = WEXITSTATUS(result);
  if (code == kExitOutOfMemory)
    return faultStatus(Fault::OutOfMemory,
                       absl::StrCat("the worker ran out of memory; ",
                                    megabytes(options_.memoryBytes), " are allowed"));
  if (code == kExitProtocol)
    return faultStatus(Fault::Garbled, absl::StrCat("the worker lost the thread", said));
  return faultStatus(Fault::Crashed, absl::StrCat("the worker exited with code ", code, said));
}

void WorkerProcess::drainOutput() {
  std::array<char, 4096> buffer;
  ssize_t count = 0;
  // A bounded helping: a worker that writes without end must not keep us here.
  for (int i = 0; i < 64; ++i) {
    count = read(output_.get(), buffer.data(), buffer.size());
    if (count <= 0)
      break;
    for (char c : std::string_view(buffer.data(), static_cast<size_t>(count))) {
      if (c == '\n')
        logLine(std::exchange(line_, {}));
      else if (line_.size() < kMaxLineBytes)
        line_ += c;
    }
  }
  if (count != 0)
    return;
  output_.reset();
  if (!line_.empty())
    logLine(std::exchange(line_, {}));
}

void WorkerProcess::logLine(std::string line) {
  std::ranges::replace_if(line, [](unsigned char c) { return c < ' ' || c == 127; }, ' ');
  if (logged_ < kMaxLogBytes) {
    logged_ += line.size() + 1;
    logInfo("worker output",
            {{"pid", pid_}, {"job", context_ ? context_->job : std::string()}, {"text", line}});
    if (logged_ >= kMaxLogBytes)
      logWarning("the rest of a worker's output is dropped", {{"pid", pid_}});
  }
  if (!line.empty())
    lastLine_ = std::move(line);
}

} // namespace linalgd
