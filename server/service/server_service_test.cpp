// The server service, the interceptor that counts calls, and the HTTP server.
#include "server/service/server_service.h"

#include "server/faulty_disk.h"
#include "server/http_server.h"
#include "server/service/rpc_metrics.h"

#include "absl/strings/str_cat.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <atomic>
#include <thread>

namespace linalgd {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

class ServerServiceTest : public testing::Test {
protected:
  void SetUp() override {
    disk_ = *openLocalDisk(directory_.path().string());
    blobs_ = *BlobStore::open(*disk_, {}, metrics_);
    cache_ = *ArtifactCache::open(*disk_, *blobs_, {}, metrics_);
    ServerServiceOptions options;
    options.config.workers = 3;
    options.config.maxQueue = 7;
    options.config.jobTimeout = std::chrono::milliseconds(1500);
    options.compiler.version = "1.2.3";
    options.compiler.buildId = "abc";
    options.compiler.stages.push_back({Stage::Linalg, "linalg on tensors", "model.mlir"});
    options.maxChunkBytes = 1234;
    options.clock = [this] { return TimePoint(start_ + seconds(elapsed_)); };
    JobControl jobs{[this] { draining_ = true; }, [this] { return draining_.load(); },
                    [this] { return unfinished_.load(); }};
    service_ =
        std::make_unique<ServerService>(options, std::move(jobs), *blobs_, *cache_, metrics_);
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(service_.get());
    std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> factories;
    factories.push_back(std::make_unique<RpcMetrics>(metrics_));
    builder.experimental().SetInterceptorCreators(std::move(factories));
    server_ = builder.BuildAndStart();
    ASSERT_TRUE(server_);
    stub_ = v1::ServerService::NewStub(
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
  }

  void TearDown() override {
    service_->answerDrains(/*ending=*/true);
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
  }

  TemporaryDirectory directory_;
  Metrics metrics_;
  const TimePoint start_ = std::chrono::steady_clock::now();
  std::atomic<int> elapsed_ = 0; // seconds
  std::atomic<bool> draining_ = false;
  std::atomic<size_t> unfinished_ = 0;
  std::unique_ptr<DiskStore> disk_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<ArtifactCache> cache_;
  std::unique_ptr<ServerService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::ServerService::Stub> stub_;
};

TEST_F(ServerServiceTest, TellsAboutItself) {
  grpc::ClientContext context;
  v1::ServerInfo info;
  ASSERT_TRUE(stub_->GetServerInfo(&context, {}, &info).ok());
  EXPECT_EQ(info.version(), "1.2.3");
  EXPECT_EQ(info.build_id(), "abc");
  EXPECT_EQ(info.protocol(), "linalgd.v1");
  EXPECT_EQ(info.default_target(), "x86-64-v3");
  ASSERT_EQ(info.stages_size(), 1);
  EXPECT_EQ(info.stages(0).name(), "linalg");
  EXPECT_EQ(info.limits().workers(), 3u);
  EXPECT_EQ(info.limits().max_queued_jobs(), 7u);
  EXPECT_EQ(info.limits().max_chunk_bytes(), 1234u);
  EXPECT_EQ(info.limits().job_timeout().seconds(), 1);
  EXPECT_EQ(info.limits().job_timeout().nanos(), 500000000);
}

TEST_F(ServerServiceTest, TellsHowItFares) {
  metrics_.jobsSubmitted.Increment(3);
  metrics_.jobsFailed.Increment();
  metrics_.jobsRunning.Set(2);
  metrics_.workerRestarted("crashed");
  metrics_.workerRestarted("timeout");
  elapsed_ = 42;
  grpc::ClientContext context;
  v1::Stats stats;
  ASSERT_TRUE(stub_->GetStats(&context, {}, &stats).ok());
  EXPECT_EQ(stats.jobs_submitted(), 3u);
  EXPECT_EQ(stats.jobs_failed(), 1u);
  EXPECT_EQ(stats.jobs_running(), 2u);
  EXPECT_EQ(stats.worker_restarts(), 2u);
  EXPECT_EQ(stats.uptime().seconds(), 42);
  EXPECT_FALSE(stats.draining());
}

TEST_F(ServerServiceTest, DrainsAtOnceWhereNothingRuns) {
  grpc::ClientContext context;
  v1::DrainResponse response;
  ASSERT_TRUE(stub_->Drain(&context, {}, &response).ok());
  EXPECT_TRUE(response.drained());
  EXPECT_TRUE(draining_);
}

TEST_F(ServerServiceTest, DrainWaitsForJobs) {
  unfinished_ = 2;
  v1::DrainResponse response;
  std::thread caller([&] {
    grpc::ClientContext context;
    EXPECT_TRUE(stub_->Drain(&context, {}, &response).ok());
  });
  while (!draining_)
    std::this_thread::yield();
  unfinished_ = 0;
  // Until the call is among those that wait, there may be nothing to answer.
  service_->answerDrains();
  caller.join();
  EXPECT_TRUE(response.drained());
}

TEST_F(ServerServiceTest, DrainGivesUpAfterItsGrace) {
  unfinished_ = 2;
  v1::DrainRequest request;
  request.mutable_grace()->set_seconds(5);
  v1::DrainResponse response;
  std::atomic<bool> answered = false;
  std::thread caller([&] {
    grpc::ClientContext context;
    EXPECT_TRUE(stub_->Drain(&context, request, &response).ok());
    answered = true;
  });
  while (!draining_)
    std::this_thread::yield();
  service_->answerDrains();
  EXPECT_FALSE(answered);
  while (!answered) {
    elapsed_ = elapsed_ + 6;
    service_->answerDrains();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  caller.join();
  EXPECT_FALSE(response.drained());
  EXPECT_EQ(response.jobs_left(), 2u);

  request.mutable_grace()->set_seconds(-1);
  grpc::ClientContext context;
  EXPECT_EQ(stub_->Drain(&context, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ServerServiceTest, CallsAreCounted) {
  grpc::ClientContext context;
  v1::Stats stats;
  ASSERT_TRUE(stub_->GetStats(&context, {}, &stats).ok());
  EXPECT_THAT(metrics_.serialize(), HasSubstr("linalgd_rpc_seconds_count{code=\"OK\","
                                              "method=\"linalgd.v1.ServerService/GetStats\"} 1"));
}

// --- HTTP ---

std::string ask(const Address &address, const std::string &request) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(address.port);
  ::inet_pton(AF_INET, address.host.c_str(), &to.sin_addr);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr *>(&to), sizeof to), 0);
  const std::string text = request + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
  EXPECT_EQ(::send(fd.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  std::string answer;
  char buffer[4096];
  for (ssize_t n; (n = ::recv(fd.get(), buffer, sizeof buffer, 0)) > 0;)
    answer.append(buffer, static_cast<size_t>(n));
  return answer;
}

TEST(HttpServerTest, AnswersItsRoutes) {
  auto server = HttpServer::start(
      {"127.0.0.1", 0},
      {{"/healthz", [] { return HttpServer::Response{.body = "ok\n"}; }},
       {"/sick", [] { return HttpServer::Response{.status = 503, .body = "draining\n"}; }}});
  ASSERT_TRUE(server.ok()) << server.status();
  const Address &address = (*server)->address();
  EXPECT_NE(address.port, 0);
  const std::string ok = ask(address, "GET /healthz");
  EXPECT_THAT(ok, HasSubstr("200 OK"));
  EXPECT_THAT(ok, testing::EndsWith("\r\n\r\nok\n"));
  EXPECT_THAT(ask(address, "HEAD /healthz"), testing::EndsWith("\r\n\r\n"));
  EXPECT_THAT(ask(address, "GET /sick"), HasSubstr("503 Service Unavailable"));
  EXPECT_THAT(ask(address, "GET /else"), HasSubstr("404 Not Found"));
  EXPECT_THAT(ask(address, "POST /healthz"), HasSubstr("405 Method Not Allowed"));
  EXPECT_FALSE(HttpServer::start(address, {}).ok());
}

} // namespace
} // namespace linalgd
