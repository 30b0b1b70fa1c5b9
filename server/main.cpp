// linalgd, the daemon: settings, signals, and the two lines on stdout that say where it listens.
#include "server/daemon.h"
#include "server/logging.h"

#include "absl/strings/str_cat.h"
#include "grpc/support/log.h"

#include <csignal>
#include <cstdio>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

namespace linalgd {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kTick{100};
// Clients whose jobs ended while the daemon drained have so long to ask for their artifacts.
constexpr milliseconds kLinger{1000};
// Calls that are under way at the end, downloads for the most part, may go on for so long.
constexpr milliseconds kPatience{5000};

void logFromGrpc(gpr_log_func_args *arguments) {
  const std::string place = absl::StrCat(arguments->file, ":", arguments->line);
  if (arguments->severity == GPR_LOG_SEVERITY_ERROR)
    logWarning("from gRPC", {{"text", arguments->message}, {"place", place}});
  else
    logDebug("from gRPC", {{"text", arguments->message}, {"place", place}});
}

// A download, an upload and a worker each hold descriptors: the usual limit of 1024 is little.
void raiseFileLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
      logWarning("cannot raise the limit of open files", {{"limit", limit.rlim_cur}});
  }
}

sigset_t endSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

void announce(const char *what, const Address &address) {
  std::printf("%s on %s\n", what, address.text().c_str());
  std::fflush(stdout);
}

// Until a signal comes.
void serve(Daemon &daemon, const sigset_t &signals) {
  const timespec tick{0, std::chrono::nanoseconds(kTick).count()};
  while (::sigtimedwait(&signals, nullptr, &tick) < 0)
    daemon.tick();
}

// Upkeep until `deadline`, or until `done`.
template <typename Done>
void tickUntil(Daemon &daemon, steady_clock::time_point deadline, Done done) {
  while (steady_clock::now() < deadline && !done()) {
    daemon.tick();
    std::this_thread::sleep_for(kTick);
  }
}

// Running jobs get `grace` to end, and their clients a moment to fetch what they made.
void drain(Daemon &daemon, milliseconds grace) {
  daemon.drain();
  const steady_clock::time_point deadline = steady_clock::now() + grace;
  if (daemon.unfinishedJobs() == 0)
    return;
  tickUntil(daemon, deadline, [&] { return daemon.unfinishedJobs() == 0; });
  tickUntil(daemon, std::min(deadline, steady_clock::now() + kLinger), [] { return false; });
}

int run(const std::vector<std::string> &arguments, const std::vector<std::string> &environment) {
  absl::StatusOr<CommandLine> line = parseCommandLine(arguments, environment);
  if (!line.ok()) {
    std::fprintf(stderr, "linalgd: %s\n", std::string(line.status().message()).c_str());
    return 2;
  }
  if (!line->answer.empty()) {
    std::fputs(line->answer.c_str(), stdout);
    return 0;
  }
  const Config &config = line->config;
  if (absl::Status status = configureLogging(config.logLevel, config.logFormat); !status.ok()) {
    std::fprintf(stderr, "linalgd: %s\n", std::string(status.message()).c_str());
    return 2;
  }
  gpr_set_log_function(logFromGrpc);
  raiseFileLimit();
  // Every thread inherits the mask: the signals come to serve() alone.
  const sigset_t signals = endSignals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  absl::StatusOr<std::unique_ptr<Daemon>> started =
      Daemon::start(config, [](const Address &address) { announce("metrics", address); });
  if (!started.ok()) {
    logError("cannot start", {{"error", std::string(started.status().message())}});
    return 1;
  }
  Daemon &daemon = **started;
  announce("listening", daemon.address());
  serve(daemon, signals);
  // A second signal ends the process at once, as signals do by default.
  ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  drain(daemon, config.grace);
  if (size_t left = daemon.unfinishedJobs(); left > 0)
    logWarning("the grace period is over; jobs that have not ended are taken up by the next start",
               {{"jobs", left}});
  daemon.stop(kPatience);
  logInfo("ended");
  return 0;
}

} // namespace
} // namespace linalgd

int main(int argc, char **argv) {
  std::vector<std::string> environment;
  for (char **variable = environ; *variable != nullptr; ++variable)
    environment.emplace_back(*variable);
  return linalgd::run({argv + 1, argv + argc}, environment);
}
