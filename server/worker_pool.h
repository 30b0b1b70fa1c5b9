// Workers for the daemon's worker threads: each hides one process, which is started when it is
// needed, replaced after a fault, and recycled from time to time.
#pragma once

#include "server/worker_process.h"

#include <mutex>
#include <optional>

namespace linalgd {

class WorkerPool {
public:
  explicit WorkerPool(WorkerOptions options) : options_(std::move(options)) {}

  // To be called, used and destroyed on the thread that owns the worker; the pool outlives it.
  std::unique_ptr<Worker> makeWorker();

private:
  class PooledWorker;
  // All processes must be of one build: keys of one must not name artifacts of another.
  absl::Status checkBuild(const CompilerInfo &info);

  const WorkerOptions options_;
  std::mutex mutex_;
  std::optional<std::string> buildId_; // guarded by mutex_
};

} // namespace linalgd
