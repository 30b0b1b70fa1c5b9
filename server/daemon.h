// The daemon's parts, put together.
#pragma once

#include "server/config.h"
#include "server/executor.h"
#include "server/http_server.h"
#include "server/jobs.h"
#include "server/metrics.h"
#include "server/scrubber.h"
#include "server/service/blob_service.h"
#include "server/service/compile_service.h"
#include "server/service/server_service.h"
#include "server/worker_pool.h"

#include "grpcpp/server.h"

#include <atomic>
#include <functional>
#include <memory>
#include <string>

namespace linalgd {

class Daemon {
public:
  // Serves when it returns. `onMetrics` is told the address of /metrics as soon as it answers.
  static absl::StatusOr<std::unique_ptr<Daemon>>
  start(const Config &config, const std::function<void(const Address &)> &onMetrics);
  ~Daemon();

  // Of the gRPC services, with the actual port.
  const Address &address() const { return address_; }

  // Upkeep; to be called every tenth of a second or so.
  void tick();
  // No new jobs from now on.
  void drain();
  size_t unfinishedJobs() const { return jobs_->unfinished(); }
  // Ends the services; calls that are under way may go on until the deadline.
  void stop(std::chrono::milliseconds patience);

private:
  enum class State : uint8_t { Starting, Serving, Draining };

  explicit Daemon(const Config &config) : config_(config) {}
  absl::Status openStore();
  absl::Status startHttp();
  absl::Status startJobs();
  absl::Status startServer();
  HttpServer::Response health() const;

  const Config config_;
  std::atomic<State> state_ = State::Starting;
  TimePoint nextExpiry_{};
  Address address_;

  // Each of these uses some of those before it.
  Metrics metrics_;
  std::unique_ptr<DiskStore> disk_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<ArtifactCache> cache_;
  std::unique_ptr<Scrubber> scrubber_;
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<JobJournal> journal_;
  std::unique_ptr<WorkerPool> pool_;
  std::unique_ptr<JobManager> jobs_;
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<BlobService> blobService_;
  std::unique_ptr<CompileService> compileService_;
  std::unique_ptr<ServerService> serverService_;
  std::unique_ptr<grpc::Server> server_;
};

} // namespace linalgd
