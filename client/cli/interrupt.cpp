#include "client/cli/interrupt.h"

#include "client/cli/session.h"

#include <atomic>
#include <mutex>
#include <thread>

#include <signal.h>
#include <unistd.h>

namespace linalgd::cli {
namespace {

std::mutex mutex;
std::function<void()> stopAction; // guarded by mutex
std::atomic<bool> wasRequested = false;

sigset_t handledSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

void serve() {
  sigset_t signals = handledSignals();
  while (true) {
    int signal = 0;
    sigwait(&signals, &signal);
    std::unique_lock lock(mutex);
    std::function<void()> stop = std::move(stopAction);
    stopAction = nullptr;
    if (!stop)
      _exit(kInterrupted);
    wasRequested = true;
    lock.unlock();
    stop();
  }
}

} // namespace

void Interrupt::install() {
  sigset_t signals = handledSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread(serve).detach();
}

bool Interrupt::requested() { return wasRequested; }

Interrupt::Scope::Scope(std::function<void()> stop) {
  std::lock_guard lock(mutex);
  stopAction = std::move(stop);
}

Interrupt::Scope::~Scope() {
  std::lock_guard lock(mutex);
  stopAction = nullptr;
}

} // namespace linalgd::cli
