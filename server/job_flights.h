// What jobs.cpp and job_flights.cpp share: a flight, and the lock.
#pragma once

#include "server/jobs.h"

#include <algorithm>

namespace linalgd {

// One compile. But for the task, guarded by the manager's mutex.
struct Flight {
  CompileTask task;
  std::string client;
  std::vector<std::shared_ptr<Job>> waiters;
  std::vector<Digest> requests; // for which byRequest_ may name this flight
  std::optional<Digest> key;
  bool running = false;
  std::string step;
  std::vector<Diagnostic> diagnostics; // for jobs that join late
};

// Holds the manager's lock; tells the watches of what happened after it is released.
class JobManager::Section {
public:
  explicit Section(JobManager &manager) : manager_(manager), lock_(manager.mutex_) {}
  ~Section() {
    Job::Woken woken = std::exchange(manager_.woken_, {});
    lock_.unlock();
    std::ranges::sort(woken);
    auto repeated = std::ranges::unique(woken);
    woken.erase(repeated.begin(), repeated.end());
    for (const std::shared_ptr<JobWatch> &watch : woken)
      watch->wake_();
  }

  template <typename Predicate> void wait(std::condition_variable &changed, Predicate predicate) {
    changed.wait(lock_, predicate);
  }

private:
  JobManager &manager_;
  std::unique_lock<std::mutex> lock_;
};

} // namespace linalgd
