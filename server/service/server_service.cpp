#include "server/service/server_service.h"

#include "proto/marshal.h"
#include "server/logging.h"
#include "server/service/compile_service.h"
#include "server/service/status.h"

#include "absl/strings/str_cat.h"

namespace linalgd {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;
using std::chrono::duration_cast;
using std::chrono::microseconds;

ServerUnaryReactor *ServerService::GetServerInfo(CallbackServerContext *context,
                                                 const v1::GetServerInfoRequest *,
                                                 v1::ServerInfo *response) {
  const Config &config = options_.config;
  toProto(options_.compiler, response);
  response->set_protocol("linalgd.v1");
  response->set_default_target(config.defaultTarget);
  v1::Limits *limits = response->mutable_limits();
  limits->set_max_blob_bytes(blobs_.limitBytes());
  limits->set_max_chunk_bytes(options_.maxChunkBytes);
  limits->set_store_bytes(blobs_.limitBytes());
  limits->set_max_queued_jobs(config.maxQueue);
  limits->set_worker_memory_bytes(config.workerMemory);
  toProto(microseconds(config.jobTimeout), limits->mutable_job_timeout());
  limits->set_workers(config.workers);
  limits->set_max_message_bytes(kMaxMessageBytes);
  ServerUnaryReactor *reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

ServerUnaryReactor *ServerService::GetStats(CallbackServerContext *context,
                                            const v1::GetStatsRequest *, v1::Stats *response) {
  auto count = [](const auto &metric) { return static_cast<uint64_t>(metric.Value()); };
  response->set_jobs_submitted(count(metrics_.jobsSubmitted));
  response->set_jobs_succeeded(count(metrics_.jobsSucceeded));
  response->set_jobs_failed(count(metrics_.jobsFailed));
  response->set_jobs_cancelled(count(metrics_.jobsCancelled));
  response->set_jobs_queued(static_cast<uint32_t>(count(metrics_.jobsQueued)));
  response->set_jobs_running(static_cast<uint32_t>(count(metrics_.jobsRunning)));
  response->set_cache_hits(count(metrics_.cacheHits));
  response->set_cache_misses(count(metrics_.cacheMisses));
  response->set_cache_joined(count(metrics_.cacheJoined));
  response->set_stage_resumes(count(metrics_.stageResumes));
  response->set_artifacts(cache_.size());
  const BlobStore::Usage usage = blobs_.usage();
  response->set_blobs(usage.blobs);
  response->set_store_bytes_used(usage.bytes);
  response->set_worker_restarts(metrics_.workerRestarts());
  toProto(duration_cast<microseconds>(options_.clock() - started_), response->mutable_uptime());
  response->set_draining(jobs_.draining());
  ServerUnaryReactor *reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

ServerUnaryReactor *ServerService::Drain(CallbackServerContext *context,
                                         const v1::DrainRequest *request,
                                         v1::DrainResponse *response) {
  ServerUnaryReactor *reactor = context->DefaultReactor();
  const microseconds grace =
      request->has_grace() ? fromProto(request->grace()) : microseconds(options_.config.grace);
  if (grace < microseconds(0) || grace > std::chrono::hours(24)) {
    reactor->Finish(toGrpc(absl::InvalidArgumentError("the grace is to be from 0 s to one day")));
    return reactor;
  }
  logInfo("a client drains the server", {{"peer", context->peer()}});
  jobs_.drain();
  {
    std::lock_guard lock(mutex_);
    // Where the server ends already, nobody would answer later.
    const TimePoint now = options_.clock();
    pending_.push_back({reactor, response, ending_ ? now : now + grace});
  }
  answerDrains();
  return reactor;
}

void ServerService::answerDrains(bool ending) {
  const size_t left = jobs_.unfinished();
  std::vector<PendingDrain> due;
  {
    std::lock_guard lock(mutex_);
    ending_ = ending_ || ending;
    const TimePoint now = options_.clock();
    std::erase_if(pending_, [&](const PendingDrain &drain) {
      const bool answers = left == 0 || ending_ || drain.deadline <= now;
      if (answers)
        due.push_back(drain);
      return answers;
    });
  }
  for (const PendingDrain &drain : due) {
    drain.response->set_drained(left == 0);
    drain.response->set_jobs_left(static_cast<uint32_t>(left));
    drain.reactor->Finish(grpc::Status::OK);
  }
}

} // namespace linalgd
