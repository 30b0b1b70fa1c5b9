// ServerService: what the server is, how it fares, and draining it.
#pragma once

#include "compiler/api/compiler.h"
#include "server/artifact_cache.h"
#include "server/blob_store.h"
#include "server/config.h"
#include "server/metrics.h"

#include "linalgd/v1/server.grpc.pb.h"

#include <functional>
#include <mutex>
#include <vector>

namespace linalgd {

// What of the jobs this service needs.
struct JobControl {
  std::function<void()> drain; // no new jobs from now on
  std::function<bool()> draining;
  std::function<size_t()> unfinished;
};

struct ServerServiceOptions {
  Config config;
  CompilerInfo compiler; // of the workers
  uint64_t maxChunkBytes = 0;
  Clock clock = steadyClock();
};

class ServerService final : public v1::ServerService::CallbackService {
public:
  // All must outlive the service.
  ServerService(ServerServiceOptions options, JobControl jobs, const BlobStore &blobs,
                const ArtifactCache &cache, const Metrics &metrics)
      : options_(std::move(options)), jobs_(std::move(jobs)), blobs_(blobs), cache_(cache),
        metrics_(metrics), started_(options_.clock()) {}

  grpc::ServerUnaryReactor *GetServerInfo(grpc::CallbackServerContext *context,
                                          const v1::GetServerInfoRequest *request,
                                          v1::ServerInfo *response) override;
  grpc::ServerUnaryReactor *GetStats(grpc::CallbackServerContext *context,
                                     const v1::GetStatsRequest *request,
                                     v1::Stats *response) override;
  grpc::ServerUnaryReactor *Drain(grpc::CallbackServerContext *context,
                                  const v1::DrainRequest *request,
                                  v1::DrainResponse *response) override;

  // Answers the Drain calls whose time has come: the jobs have ended, or their grace is over; all
  // of them with `ending`, after which no others wait. To be called a few times a second.
  void answerDrains(bool ending = false);

private:
  struct PendingDrain {
    grpc::ServerUnaryReactor *reactor;
    v1::DrainResponse *response;
    TimePoint deadline;
  };

  const ServerServiceOptions options_;
  const JobControl jobs_;
  const BlobStore &blobs_;
  const ArtifactCache &cache_;
  const Metrics &metrics_;
  const TimePoint started_;

  std::mutex mutex_; // guards the following
  std::vector<PendingDrain> pending_;
  bool ending_ = false;
};

} // namespace linalgd
