#include "compiler/worker/process.h"

#include "compiler/api/worker.h"
#include "compiler/worker/serve.h"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <new>
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace linalgd {
namespace {

// Deep graphs make for deep recursion in MLIR; untouched pages of a stack cost nothing.
constexpr size_t kStackBytes = size_t{256} << 20;

struct Flags {
  bool version = false;
  rlim_t memoryLimit = 0; // 0: none
  rlim_t cpuLimit = 0;
};

bool parseNumber(const char *text, rlim_t *number) {
  auto [end, error] = std::from_chars(text, text + strlen(text), *number);
  return error == std::errc() && *end == '\0';
}

bool parseFlags(int argc, char **argv, Flags *flags) {
  for (int i = 1; i < argc; ++i) {
    std::string_view flag = argv[i];
    if (flag == "--version") {
      flags->version = true;
      continue;
    }
    rlim_t *number = flag == "--memory-limit" ? &flags->memoryLimit
                     : flag == "--cpu-limit"  ? &flags->cpuLimit
                                              : nullptr;
    if (!number || i + 1 == argc || !parseNumber(argv[i + 1], number)) {
      fprintf(stderr, "linalgd-worker: bad argument '%s'\n", argv[i]);
      return false;
    }
    ++i;
  }
  return true;
}

void lowerLimit(int resource, rlim_t value) {
  rlimit limit{};
  getrlimit(resource, &limit);
  limit.rlim_cur = std::min(value, limit.rlim_max);
  setrlimit(static_cast<__rlimit_resource>(resource), &limit);
}

void limitMemory(rlim_t bytes) {
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  // A sanitizer's shadow memory counts as private writable memory.
  (void)bytes;
#else
  if (bytes > 0)
    lowerLimit(RLIMIT_DATA, bytes + kStackBytes);
#endif
}

// A request may use so much more processor time than was used until now; SIGXCPU ends the process.
void limitCpu(rlim_t seconds) {
  if (seconds == 0)
    return;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  lowerLimit(RLIMIT_CPU,
             static_cast<rlim_t>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + seconds + 1);
}

// Ends the process when the daemon's end of the socket is gone, also in the middle of a compile.
void endWithDaemon() {
  std::thread([] {
    pollfd socket{kWorkerSocket, POLLRDHUP, 0};
    while (poll(&socket, 1, -1) < 0 && errno == EINTR) {
    }
    _exit(0);
  }).detach();
}

struct Serving {
  const std::function<std::unique_ptr<Compiler>()> &create;
  Flags flags;
  absl::Status status;
};

void *serveOnThread(void *argument) {
  auto *serving = static_cast<Serving *>(argument);
  std::unique_ptr<Compiler> compiler = serving->create();
  rlim_t cpuLimit = serving->flags.cpuLimit;
  serving->status = serve(UniqueFd(kWorkerSocket), *compiler, [cpuLimit] { limitCpu(cpuLimit); });
  return nullptr;
}

int printVersion(Compiler &compiler) {
  CompilerInfo info = compiler.info();
  printf("linalgd-worker %s\nbuild %s\n", info.version.c_str(), info.buildId.c_str());
  for (const auto &[name, version] : info.libraries)
    printf("%s %s\n", name.c_str(), version.c_str());
  return 0;
}

} // namespace

int runWorker(int argc, char **argv, const std::function<std::unique_ptr<Compiler>()> &create) {
  Flags flags;
  if (!parseFlags(argc, argv, &flags))
    return kExitUsage;
  if (flags.version)
    return printVersion(*create());

  int type = 0;
  socklen_t size = sizeof type;
  if (getsockopt(kWorkerSocket, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM) {
    fprintf(stderr,
            "linalgd-worker is started by linalgd, with a socket as descriptor %d; "
            "linalgd-compile compiles without a daemon\n",
            kWorkerSocket);
    return kExitUsage;
  }
  fcntl(kWorkerSocket, F_SETFD, FD_CLOEXEC);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  lowerLimit(RLIMIT_CORE, 0);
  limitMemory(flags.memoryLimit);
  std::set_new_handler([] { _exit(kExitOutOfMemory); });
  endWithDaemon();

  Serving serving{create, flags, absl::OkStatus()};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  pthread_t thread;
  if (pthread_create(&thread, &attributes, serveOnThread, &serving) != 0) {
    fprintf(stderr, "linalgd-worker: no memory for a stack\n");
    return kExitOutOfMemory;
  }
  pthread_join(thread, nullptr);
  if (!serving.status.ok())
    fprintf(stderr, "linalgd-worker: %s\n", serving.status.ToString().c_str());
  // Destructors of libraries have nothing to say that is worth waiting for.
  fflush(nullptr);
  _exit(serving.status.ok() ? 0 : kExitProtocol);
}

} // namespace linalgd
