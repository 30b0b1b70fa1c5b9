// The compile service over a real channel, with workers that do as they are told.
#include "server/service/compile_service.h"

#include "server/faulty_disk.h"
#include "server/worker_pool.h"

#include "absl/strings/str_cat.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <sys/mman.h>

namespace linalgd {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

class CompileServiceTest : public testing::Test {
protected:
  void SetUp() override {
    disk_ = *openLocalDisk(directory_.path() / "store");
    blobs_ = *BlobStore::open(*disk_, {}, metrics_);
    cache_ = *ArtifactCache::open(*disk_, *blobs_, {}, metrics_);
    journal_ = *JobJournal::open(*disk_);
    workerOptions_.path = LINALGD_FAKE_WORKER;
    pool_.emplace(workerOptions_);
    manager_ = std::make_unique<JobManager>(JobOptions{}, *blobs_, *cache_, *journal_, metrics_,
                                            [this] { return pool_->makeWorker(); });
    ASSERT_TRUE(manager_->start().ok());
    executor_ = std::make_unique<Executor>(2);
    service_ = std::make_unique<CompileService>(*manager_, *executor_);
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    ASSERT_TRUE(server_);
    stub_ = v1::CompileService::NewStub(
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
  }

  void TearDown() override {
    stub_.reset();
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
    service_.reset();
    executor_.reset();
    manager_.reset();
    journal_.reset();
  }

  v1::SubmitRequest request(const std::string &id, const std::string &script) {
    UniqueFd file(memfd_create("script", MFD_CLOEXEC));
    EXPECT_EQ(write(file.get(), script.data(), script.size()), static_cast<ssize_t>(script.size()));
    BlobSource source{file.get(), script.size()};
    EXPECT_TRUE(blobs_->put({&source, 1}).ok());
    v1::SubmitRequest request;
    request.set_job_id(id);
    v1::NamedBlob *blob = request.mutable_model()->add_blobs();
    blob->set_digest(sha256(script).hex());
    blob->set_size(script.size());
    return request;
  }

  grpc::Status submit(const v1::SubmitRequest &request, v1::Job *job) {
    grpc::ClientContext context;
    return stub_->Submit(&context, request, job);
  }

  // The events up to the end of the stream, and its status.
  std::vector<v1::JobEvent> watch(const std::string &id, grpc::Status *status, uint64_t after = 0) {
    grpc::ClientContext context;
    v1::WatchRequest query;
    query.set_job_id(id);
    query.set_after_sequence(after);
    std::unique_ptr<grpc::ClientReader<v1::JobEvent>> reader = stub_->Watch(&context, query);
    std::vector<v1::JobEvent> events;
    v1::JobEvent event;
    while (reader->Read(&event))
      events.push_back(event);
    *status = reader->Finish();
    return events;
  }

  TemporaryDirectory directory_;
  Metrics metrics_;
  WorkerOptions workerOptions_;
  std::unique_ptr<DiskStore> disk_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<ArtifactCache> cache_;
  std::unique_ptr<JobJournal> journal_;
  std::optional<WorkerPool> pool_;
  std::unique_ptr<JobManager> manager_;
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<CompileService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::CompileService::Stub> stub_;
};

TEST_F(CompileServiceTest, SubmitsAndWatches) {
  v1::Job job;
  grpc::Status status = submit(request("a", "key a\nlinalg sleep 50"), &job);
  ASSERT_TRUE(status.ok()) << status.error_message();
  std::vector<v1::JobEvent> events = watch("a", &status);
  EXPECT_TRUE(status.ok());
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.back().state().state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_THAT(events.back().state().artifact().files(), SizeIs(1));
  EXPECT_THAT(watch("a", &status, events.back().sequence() - 1), SizeIs(1));
}

TEST_F(CompileServiceTest, MissingBlobsAreDetailsOfTheStatus) {
  v1::SubmitRequest incomplete = request("a", "key a");
  incomplete.mutable_model()->mutable_blobs(0)->set_digest(sha256("elsewhere").hex());
  v1::Job job;
  grpc::Status status = submit(incomplete, &job);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  v1::StatusDetails details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), grpc::StatusCode::FAILED_PRECONDITION);
  v1::MissingBlobs missing;
  ASSERT_TRUE(details.details(0).UnpackTo(&missing));
  EXPECT_THAT(missing.digests(), ElementsAre(sha256("elsewhere").hex()));
}

TEST_F(CompileServiceTest, WatchersCanGoAndComeBack) {
  v1::Job job;
  ASSERT_TRUE(submit(request("a", "torch hang"), &job).ok());
  uint64_t seen = 0;
  {
    grpc::ClientContext context;
    v1::WatchRequest query;
    query.set_job_id("a");
    std::unique_ptr<grpc::ClientReader<v1::JobEvent>> reader = stub_->Watch(&context, query);
    v1::JobEvent event;
    while (event.stage_started() != "torch" && reader->Read(&event))
      seen = event.sequence();
    context.TryCancel();
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  // The job goes on without.
  grpc::ClientContext context;
  v1::CancelRequest cancel;
  cancel.set_job_id("a");
  ASSERT_TRUE(stub_->Cancel(&context, cancel, &job).ok());
  EXPECT_EQ(job.state(), v1::JOB_STATE_CANCELLED);
  grpc::Status status;
  std::vector<v1::JobEvent> events = watch("a", &status, seen);
  EXPECT_THAT(events, SizeIs(1));
}

TEST_F(CompileServiceTest, ManyWatchersAtOnce) {
  v1::Job job;
  ASSERT_TRUE(submit(request("a", "linalg sleep 200"), &job).ok());
  std::vector<std::thread> threads;
  threads.reserve(20);
  std::atomic<int> complete = 0;
  for (int i = 0; i < 20; ++i)
    threads.emplace_back([&] {
      grpc::Status status;
      std::vector<v1::JobEvent> events = watch("a", &status);
      complete += status.ok() && events.back().state().state() == v1::JOB_STATE_SUCCEEDED;
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(complete, 20);
}

TEST_F(CompileServiceTest, AnswersForUnknownJobs) {
  grpc::Status status;
  watch("nobody", &status);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  watch("a/b", &status);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  grpc::ClientContext context;
  v1::GetRequest query;
  query.set_job_id("nobody");
  v1::Job job;
  EXPECT_EQ(stub_->Get(&context, query, &job).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(CompileServiceTest, Lists) {
  v1::Job job;
  ASSERT_TRUE(submit(request("a", "key a"), &job).ok());
  grpc::Status status;
  watch("a", &status);
  grpc::ClientContext context;
  v1::ListResponse page;
  ASSERT_TRUE(stub_->List(&context, {}, &page).ok());
  ASSERT_THAT(page.jobs(), SizeIs(1));
  EXPECT_EQ(page.jobs(0).job_id(), "a");
  EXPECT_FALSE(page.jobs(0).has_artifact());
}

} // namespace
} // namespace linalgd
