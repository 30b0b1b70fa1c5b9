#include "server/metrics.h"

#include "prometheus/text_serializer.h"

namespace linalgd {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using Boundaries = prometheus::Histogram::BucketBoundaries;

Boundaries stageBoundaries() {
  return {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300};
}

Boundaries rpcBoundaries() {
  return {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30};
}

prometheus::Counter &counter(prometheus::Registry &registry, const char *name, const char *help) {
  return BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Gauge &gauge(prometheus::Registry &registry, const char *name, const char *help) {
  return BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

double seconds(std::chrono::microseconds elapsed) {
  return std::chrono::duration<double>(elapsed).count();
}

} // namespace

Metrics::Metrics()
    : jobsEnded_(BuildCounter()
                     .Name("linalgd_jobs_ended_total")
                     .Help("Jobs that ended, by outcome")
                     .Register(*registry_)),
      jobs_(BuildGauge()
                .Name("linalgd_jobs")
                .Help("Jobs that have not ended, by state")
                .Register(*registry_)),
      cacheLookups_(BuildCounter()
                        .Name("linalgd_cache_lookups_total")
                        .Help("Jobs by how they got their artifact: hit (it was cached), joined "
                              "(another job's compile), miss (a compile)")
                        .Register(*registry_)),
      stageSeconds_(BuildHistogram()
                        .Name("linalgd_stage_seconds")
                        .Help("Time that inspecting and the stages of the pipeline took")
                        .Register(*registry_)),
      workerRestarts_(BuildCounter()
                          .Name("linalgd_worker_restarts_total")
                          .Help("Worker processes that were replaced, by reason")
                          .Register(*registry_)),
      rpcSeconds_(BuildHistogram()
                      .Name("linalgd_rpc_seconds")
                      .Help("Time from a call's start to its end, by method and status code")
                      .Register(*registry_)),
      blobBytes_(BuildCounter()
                     .Name("linalgd_blob_bytes_total")
                     .Help("Bytes of blobs, by direction: in (from clients), out (to clients)")
                     .Register(*registry_)),
      jobsSubmitted(counter(*registry_, "linalgd_jobs_submitted_total", "Jobs that were accepted")),
      jobsSucceeded(jobsEnded_.Add({{"outcome", "succeeded"}})),
      jobsFailed(jobsEnded_.Add({{"outcome", "failed"}})),
      jobsCancelled(jobsEnded_.Add({{"outcome", "cancelled"}})),
      jobsQueued(jobs_.Add({{"state", "queued"}})), jobsRunning(jobs_.Add({{"state", "running"}})),
      cacheHits(cacheLookups_.Add({{"result", "hit"}})),
      cacheMisses(cacheLookups_.Add({{"result", "miss"}})),
      cacheJoined(cacheLookups_.Add({{"result", "joined"}})),
      stageResumes(counter(*registry_, "linalgd_stage_resumes_total",
                           "Compiles that went on from a cached stage")),
      blobBytesIn(blobBytes_.Add({{"direction", "in"}})),
      blobBytesOut(blobBytes_.Add({{"direction", "out"}})),
      blobsCorrupt(counter(*registry_, "linalgd_blobs_corrupt_total",
                           "Blobs that did not match their digest and were dropped")),
      blobsEvicted(
          counter(*registry_, "linalgd_blobs_evicted_total", "Blobs that made room for others")),
      storeBytes(gauge(*registry_, "linalgd_store_bytes", "Bytes of blobs and uploads on disk")),
      storeBlobs(gauge(*registry_, "linalgd_store_blobs", "Blobs on disk")),
      artifacts(gauge(*registry_, "linalgd_artifacts", "Entries of the artifact cache")) {}

std::string Metrics::serialize() const {
  return prometheus::TextSerializer().Serialize(registry_->Collect());
}

void Metrics::stageFinished(std::string_view stage, std::chrono::microseconds elapsed) {
  stageSeconds_.Add({{"stage", std::string(stage)}}, stageBoundaries()).Observe(seconds(elapsed));
}

void Metrics::workerRestarted(std::string_view reason) {
  workerRestarts_.Add({{"reason", std::string(reason)}}).Increment();
}

void Metrics::rpcFinished(std::string_view method, std::string_view code,
                          std::chrono::microseconds elapsed) {
  rpcSeconds_.Add({{"method", std::string(method)}, {"code", std::string(code)}}, rpcBoundaries())
      .Observe(seconds(elapsed));
}

uint64_t Metrics::workerRestarts() const {
  double sum = 0;
  for (const prometheus::MetricFamily &family : workerRestarts_.Collect())
    for (const prometheus::ClientMetric &metric : family.metric)
      sum += metric.counter.value;
  return static_cast<uint64_t>(sum);
}

} // namespace linalgd
