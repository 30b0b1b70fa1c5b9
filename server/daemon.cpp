#include "server/daemon.h"

#include "server/logging.h"
#include "server/service/rpc_metrics.h"

#include "absl/strings/str_cat.h"
#include "grpc/grpc.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"

#include <unistd.h>

namespace linalgd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Threads that hash, and wait for the disk.
constexpr int kExecutorThreads = 4;
// Eviction begins before the store is full, so that an upload seldom waits for it.
constexpr double kHighWater = 0.9;

bool isLoopback(const std::string &host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

} // namespace

absl::StatusOr<std::unique_ptr<Daemon>>
Daemon::start(const Config &config, const std::function<void(const Address &)> &onMetrics) {
  std::unique_ptr<Daemon> daemon(new Daemon(config));
  absl::Status status = daemon->openStore();
  if (status.ok())
    status = daemon->startHttp();
  if (!status.ok())
    return status;
  onMetrics(daemon->http_->address());
  status = daemon->startJobs();
  if (status.ok())
    status = daemon->startServer();
  if (!status.ok())
    return status;
  daemon->state_ = State::Serving;
  return daemon;
}

Daemon::~Daemon() {
  if (server_)
    stop(milliseconds(0));
}

absl::Status Daemon::openStore() {
  absl::StatusOr<std::unique_ptr<DiskStore>> disk = openLocalDisk(config_.store);
  if (!disk.ok())
    return disk.status();
  disk_ = *std::move(disk);
  BlobStoreOptions blobOptions;
  blobOptions.limitBytes = config_.storeSize;
  blobOptions.highWaterBytes =
      static_cast<uint64_t>(static_cast<double>(config_.storeSize) * kHighWater);
  blobOptions.lease = std::chrono::ceil<seconds>(config_.lease);
  blobOptions.uploadTtl = std::chrono::ceil<seconds>(config_.uploadTtl);
  absl::StatusOr<std::unique_ptr<BlobStore>> blobs =
      BlobStore::open(*disk_, std::move(blobOptions), metrics_);
  if (!blobs.ok())
    return blobs.status();
  blobs_ = *std::move(blobs);
  absl::StatusOr<std::unique_ptr<ArtifactCache>> cache =
      ArtifactCache::open(*disk_, *blobs_, {}, metrics_);
  if (!cache.ok())
    return cache.status();
  cache_ = *std::move(cache);
  scrubber_ = std::make_unique<Scrubber>(*blobs_);
  const BlobStore::Usage usage = blobs_->usage();
  logInfo("the store is open", {{"directory", config_.store},
                                {"blobs", usage.blobs},
                                {"bytes", usage.bytes},
                                {"artifacts", cache_->size()}});
  return absl::OkStatus();
}

HttpServer::Response Daemon::health() const {
  switch (state_.load()) {
  case State::Starting:
    return {.status = 503, .body = "starting\n"};
  case State::Serving:
    return {.status = 200, .body = "ok\n"};
  case State::Draining:
    break;
  }
  return {.status = 503, .body = "draining\n"};
}

absl::Status Daemon::startHttp() {
  absl::StatusOr<Address> address = parseAddress(config_.metrics);
  if (!address.ok())
    return address.status();
  auto serialize = [this] {
    return HttpServer::Response{.contentType = "text/plain; version=0.0.4; charset=utf-8",
                                .body = metrics_.serialize()};
  };
  absl::StatusOr<std::unique_ptr<HttpServer>> http = HttpServer::start(
      *address, {{"/metrics", serialize}, {"/healthz", [this] { return health(); }}});
  if (!http.ok())
    return http.status();
  http_ = *std::move(http);
  return absl::OkStatus();
}

absl::Status Daemon::startJobs() {
  if (::access(config_.workerPath.c_str(), X_OK) != 0)
    return absl::FailedPreconditionError(absl::StrCat(
        "there is no worker program ", config_.workerPath, "; name it with --worker-path"));
  WorkerOptions workerOptions;
  workerOptions.path = config_.workerPath;
  workerOptions.memoryBytes = config_.workerMemory;
  workerOptions.runTimeout = config_.jobTimeout;
  workerOptions.onReplaced = [this](std::string_view reason) { metrics_.workerRestarted(reason); };
  pool_ = std::make_unique<WorkerPool>(std::move(workerOptions));
  absl::StatusOr<std::unique_ptr<JobJournal>> journal = JobJournal::open(*disk_);
  if (!journal.ok())
    return journal.status();
  journal_ = *std::move(journal);
  JobOptions options;
  options.workers = config_.workers;
  options.maxQueue = config_.maxQueue;
  options.timeout = config_.jobTimeout;
  options.defaultTarget = config_.defaultTarget;
  options.history = config_.jobHistory;
  options.historyAge = config_.jobHistoryAge;
  options.failureTtl = config_.failureTtl;
  jobs_ = std::make_unique<JobManager>(options, *blobs_, *cache_, *journal_, metrics_,
                                       [this] { return pool_->makeWorker(); });
  return jobs_->start();
}

absl::Status Daemon::startServer() {
  absl::StatusOr<Address> address = parseAddress(config_.listen);
  if (!address.ok())
    return address.status();
  executor_ = std::make_unique<Executor>(kExecutorThreads);
  const BlobServiceOptions blobOptions;
  blobService_ = std::make_unique<BlobService>(*blobs_, *executor_, blobOptions, metrics_);
  compileService_ = std::make_unique<CompileService>(*jobs_, *executor_);
  JobControl control{[this] { drain(); }, [this] { return jobs_->draining(); },
                     [this] { return jobs_->unfinished(); }};
  serverService_ = std::make_unique<ServerService>(
      ServerServiceOptions{.config = config_,
                           .compiler = jobs_->compilerInfo(),
                           .maxChunkBytes = blobOptions.maxChunkBytes},
      std::move(control), *blobs_, *cache_, metrics_);

  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(address->text(), grpc::InsecureServerCredentials(), &port);
  for (grpc::Service *service : std::initializer_list<grpc::Service *>{
           blobService_.get(), compileService_.get(), serverService_.get()})
    builder.RegisterService(service);
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  // By default two servers may share a port, each getting some of the connections.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Clients that vanish without a word are noticed, and those that ask as we do are not refused.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10000);
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(std::make_unique<RpcMetrics>(metrics_));
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  server_ = builder.BuildAndStart();
  if (!server_ || port == 0)
    return absl::FailedPreconditionError(absl::StrCat("cannot listen on ", address->text(),
                                                      "; is the address in use? See --listen"));
  address_ = {address->host, static_cast<uint16_t>(port)};
  if (!isLoopback(address_.host))
    logWarning("other machines can reach this server, which asks nobody who they are",
               {{"address", address_.text()}});
  return absl::OkStatus();
}

void Daemon::tick() {
  serverService_->answerDrains();
  const TimePoint now = std::chrono::steady_clock::now();
  if (now < nextExpiry_)
    return;
  nextExpiry_ = now + seconds(1);
  blobs_->expire();
  blobService_->expire();
}

void Daemon::drain() {
  if (state_.exchange(State::Draining) == State::Draining)
    return;
  logInfo("draining", {{"jobs", jobs_->unfinished()}});
  server_->GetHealthCheckService()->SetServingStatus(false);
  jobs_->drain();
}

void Daemon::stop(milliseconds patience) {
  serverService_->answerDrains(/*ending=*/true);
  server_->Shutdown(std::chrono::system_clock::now() + patience);
  server_->Wait();
  server_.reset();
}

} // namespace linalgd
