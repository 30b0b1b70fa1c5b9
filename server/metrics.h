// What the daemon counts, for /metrics and GetStats. Thread-safe.
#pragma once

#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace linalgd {

struct Metrics {
  Metrics();

  // The Prometheus text format.
  std::string serialize() const;

  // "inspect", or a stage.
  void stageFinished(std::string_view stage, std::chrono::microseconds elapsed);
  // The reason as in a failure's diagnostic: "crashed", "timeout", "memory", "protocol",
  // "recycled".
  void workerRestarted(std::string_view reason);
  // `code` is a canonical code's name.
  void rpcFinished(std::string_view method, std::string_view code,
                   std::chrono::microseconds elapsed);
  uint64_t workerRestarts() const;

private:
  std::shared_ptr<prometheus::Registry> registry_ = std::make_shared<prometheus::Registry>();
  prometheus::Family<prometheus::Counter> &jobsEnded_;
  prometheus::Family<prometheus::Gauge> &jobs_;
  prometheus::Family<prometheus::Counter> &cacheLookups_;
  prometheus::Family<prometheus::Histogram> &stageSeconds_;
  prometheus::Family<prometheus::Counter> &workerRestarts_;
  prometheus::Family<prometheus::Histogram> &rpcSeconds_;
  prometheus::Family<prometheus::Counter> &blobBytes_;

public:
  prometheus::Counter &jobsSubmitted;
  prometheus::Counter &jobsSucceeded, &jobsFailed, &jobsCancelled;
  prometheus::Gauge &jobsQueued, &jobsRunning;

  // One of the first three for each job that got past inspection.
  prometheus::Counter &cacheHits, &cacheMisses, &cacheJoined;
  prometheus::Counter &stageResumes;

  prometheus::Counter &blobBytesIn, &blobBytesOut;
  prometheus::Counter &blobsCorrupt, &blobsEvicted;
  prometheus::Gauge &storeBytes, &storeBlobs, &artifacts;
};

} // namespace linalgd
