// The jobs, on a real store and real workers that do as they are told
// (compiler/worker/fake_worker.cpp).
#include "server/faulty_disk.h"
#include "server/jobs.h"
#include "server/worker_pool.h"

#include "google/protobuf/util/time_util.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <future>
#include <sys/mman.h>

namespace linalgd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

UniqueFd memoryFile(const std::string &content) {
  UniqueFd fd(memfd_create("test", MFD_CLOEXEC));
  EXPECT_EQ(write(fd.get(), content.data(), content.size()), static_cast<ssize_t>(content.size()));
  return fd;
}

class JobsTest : public testing::Test {
protected:
  JobsTest() {
    workerOptions_.path = LINALGD_FAKE_WORKER;
    workerOptions_.onReplaced = [this](std::string_view reason) {
      metrics_.workerRestarted(reason);
    };
    options_.workers = 2;
    disk_ = std::make_unique<FaultyDisk>(*openLocalDisk(directory_.path() / "store"));
    blobs_ = *BlobStore::open(*disk_, {}, metrics_);
    cache_ = *ArtifactCache::open(*disk_, *blobs_, {}, metrics_);
  }

  // A second call stops the daemon's jobs and starts them anew.
  void start() {
    stop();
    pool_.emplace(workerOptions_);
    journal_ = *JobJournal::open(*disk_);
    manager_ = std::make_unique<JobManager>(options_, *blobs_, *cache_, *journal_, metrics_,
                                            [this] { return pool_->makeWorker(); });
    absl::Status started = manager_->start();
    ASSERT_TRUE(started.ok()) << started;
  }

  void stop() {
    manager_.reset();
    journal_.reset();
  }

  void TearDown() override { stop(); }

  v1::SubmitRequest request(const std::string &id, const std::string &script) {
    UniqueFd file = memoryFile(script);
    BlobSource source{file.get(), script.size()};
    EXPECT_TRUE(blobs_->put({&source, 1}).ok());
    v1::SubmitRequest request;
    request.set_job_id(id);
    v1::NamedBlob *blob = request.mutable_model()->add_blobs();
    blob->set_digest(sha256(script).hex());
    blob->set_size(script.size());
    return request;
  }

  absl::StatusOr<v1::Job> trySubmit(const v1::SubmitRequest &request,
                                    const std::string &client = "client") {
    std::promise<absl::StatusOr<v1::Job>> answer;
    manager_->submit(request, client,
                     [&](absl::StatusOr<v1::Job> job) { answer.set_value(std::move(job)); });
    return answer.get_future().get();
  }

  v1::Job submit(const std::string &id, const std::string &script) {
    absl::StatusOr<v1::Job> job = trySubmit(request(id, script));
    EXPECT_TRUE(job.ok()) << job.status();
    return job.ok() ? *job : v1::Job();
  }

  // All events up to the end.
  std::vector<v1::JobEvent> events(const std::string &id, uint64_t after = 0) {
    std::mutex mutex;
    std::condition_variable changed;
    bool woken = false;
    auto watch = manager_->watch(id, after, [&] {
      std::lock_guard lock(mutex);
      woken = true;
      changed.notify_one();
    });
    std::vector<v1::JobEvent> all;
    while (watch.ok()) {
      v1::JobEvent event;
      JobWatch::Next next = (*watch)->next(&event);
      if (next == JobWatch::Next::Event)
        all.push_back(event);
      if (next == JobWatch::Next::End)
        break;
      if (next != JobWatch::Next::Nothing)
        continue;
      std::unique_lock lock(mutex);
      if (!changed.wait_for(lock, std::chrono::seconds(20), [&] { return woken; })) {
        ADD_FAILURE() << "job " << id << " does not end";
        break;
      }
      woken = false;
    }
    return all;
  }

  v1::Job finish(const std::string &id) {
    events(id);
    return *manager_->get(id);
  }

  v1::Job run(const std::string &id, const std::string &script) {
    submit(id, script);
    return finish(id);
  }

  // Waits until a worker is at work on the job, for scripts whose first step hangs.
  void waitForStep(const std::string &id, const std::string &step) {
    auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (manager_->get(id)->step() != step) {
      ASSERT_LT(std::chrono::steady_clock::now(), end);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  std::string path(const std::string &name) { return directory_.path() / name; }

  size_t lines(const std::string &name) {
    std::ifstream file(path(name));
    size_t count = 0;
    for (std::string line; std::getline(file, line);)
      ++count;
    return count;
  }

  std::string content(const v1::ArtifactFile &file) {
    absl::StatusOr<OpenBlob> blob = blobs_->open(*Digest::fromHex(file.digest()));
    EXPECT_TRUE(blob.ok()) << blob.status();
    std::string text(blob->size, '\0');
    EXPECT_EQ(pread(blob->fd.get(), text.data(), text.size(), 0),
              static_cast<ssize_t>(text.size()));
    return text;
  }

  TemporaryDirectory directory_;
  Metrics metrics_;
  WorkerOptions workerOptions_;
  JobOptions options_;
  std::unique_ptr<FaultyDisk> disk_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<ArtifactCache> cache_;
  std::optional<WorkerPool> pool_;
  std::unique_ptr<JobJournal> journal_;
  std::unique_ptr<JobManager> manager_;
};

TEST_F(JobsTest, CompilesAndAnswersWithTheArtifact) {
  start();
  v1::Job job = run("a", "key a\ntorch warn n1 slow");
  ASSERT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED) << job.DebugString();
  EXPECT_FALSE(job.artifact().cached());
  EXPECT_EQ(job.artifact().stage(), "linalg");
  ASSERT_THAT(job.artifact().files(), SizeIs(1));
  EXPECT_EQ(content(job.artifact().files(0)), "a:torch-raw;torch;linalg;");
  EXPECT_EQ(job.artifact().weights(0).slot(), "weight");
  EXPECT_THAT(job.timings(), SizeIs(4));
  ASSERT_THAT(job.diagnostics(), SizeIs(1));
  EXPECT_EQ(job.diagnostics(0).location().line(), 12u);
  auto nanoseconds = google::protobuf::util::TimeUtil::TimestampToNanoseconds;
  EXPECT_LT(nanoseconds(job.created()), nanoseconds(job.started()));
  EXPECT_LT(nanoseconds(job.started()), nanoseconds(job.finished()));
  EXPECT_EQ(manager_->compilerInfo().buildId, "fake-build");
}

TEST_F(JobsTest, EventsAreNumberedAndResumable) {
  start();
  v1::Job job = run("a", "key a");
  std::vector<v1::JobEvent> all = events("a");
  ASSERT_GE(all.size(), 5u);
  for (size_t i = 0; i < all.size(); ++i)
    EXPECT_EQ(all[i].sequence(), i + 1);
  EXPECT_EQ(all.front().state().state(), v1::JOB_STATE_QUEUED);
  EXPECT_EQ(all.back().state().state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(all.back().state().artifact().key(), job.artifact().key());
  EXPECT_EQ(all.back().sequence(), job.last_sequence());
  EXPECT_THAT(events("a", 3), SizeIs(all.size() - 3));
  EXPECT_THAT(events("a", job.last_sequence()), SizeIs(0));
}

TEST_F(JobsTest, RepeatedSubmitNeedsNoWorker) {
  start();
  run("a", "key a\ninspect log " + path("inspected"));
  v1::Job again = submit("b", "key a\ninspect log " + path("inspected"));
  EXPECT_EQ(again.state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_TRUE(again.artifact().cached());
  EXPECT_EQ(lines("inspected"), 1u);
  EXPECT_EQ(metrics_.cacheHits.Value(), 1);
  EXPECT_EQ(metrics_.cacheMisses.Value(), 1);
}

TEST_F(JobsTest, SameKeyFromAnotherModelIsAHit) {
  start();
  run("a", "key a");
  v1::Job again = run("b", "key a\ninspect stderr another model");
  EXPECT_TRUE(again.artifact().cached());
  EXPECT_EQ(again.artifact().weights(0).digest(),
            sha256("key a\ninspect stderr another model").hex());
}

TEST_F(JobsTest, ResumesFromTheDeepestCachedStage) {
  start();
  v1::SubmitRequest torch = request("a", "key a\ntorch log " + path("torch"));
  torch.mutable_options()->set_emit("torch");
  ASSERT_TRUE(trySubmit(torch).ok());
  finish("a");
  v1::Job job = run("b", "key a\ntorch log " + path("torch"));
  EXPECT_EQ(content(job.artifact().files(0)), "a:torch-raw;torch;linalg;");
  EXPECT_EQ(lines("torch"), 1u);
  EXPECT_EQ(metrics_.stageResumes.Value(), 1);
}

TEST_F(JobsTest, NothingGoesOnFromLlvmIr) {
  start();
  for (const char *stage : {"llvm", "executable"}) {
    v1::SubmitRequest submitted = request(stage, "key a");
    submitted.mutable_options()->set_emit(stage);
    ASSERT_TRUE(trySubmit(submitted).ok());
    finish(stage);
  }
  v1::Job job = *manager_->get("executable");
  ASSERT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED) << job.DebugString();
  ASSERT_THAT(job.timings(), SizeIs(3));
  EXPECT_EQ(job.timings(1).stage(), "llvm");
}

TEST_F(JobsTest, EqualRequestsShareOneCompile) {
  start();
  std::string script = "key a\nlinalg log " + path("compiled") + "\nlinalg sleep 200";
  for (int i = 0; i < 5; ++i)
    submit("job-" + std::to_string(i), script);
  for (int i = 0; i < 5; ++i) {
    v1::Job job = finish("job-" + std::to_string(i));
    EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED);
    EXPECT_EQ(job.artifact().cached(), i > 0);
  }
  EXPECT_EQ(lines("compiled"), 1u);
  EXPECT_EQ(metrics_.cacheJoined.Value(), 4);
}

TEST_F(JobsTest, EqualKeysShareOneCompile) {
  start();
  std::string script = "key a\nlinalg log " + path("compiled") + "\nlinalg sleep 300\n";
  submit("a", script);
  waitForStep("a", "linalg");
  v1::Job joined = run("b", script + "inspect stderr other");
  EXPECT_EQ(joined.state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_TRUE(joined.artifact().cached());
  EXPECT_EQ(lines("compiled"), 1u);
}

TEST_F(JobsTest, CompileGoesOnUntilItsLastJobLeaves) {
  start();
  std::string script = "linalg sleep 300";
  submit("a", script);
  submit("b", script);
  waitForStep("a", "linalg");
  EXPECT_EQ(manager_->cancel("a")->state(), v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(finish("b").state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(manager_->get("a")->state(), v1::JOB_STATE_CANCELLED);
}

TEST_F(JobsTest, CancelKillsTheWorker) {
  options_.workers = 1;
  start();
  submit("a", "torch hang");
  waitForStep("a", "torch");
  EXPECT_EQ(manager_->cancel("a")->state(), v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(manager_->cancel("a")->state(), v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(run("b", "key b").state(), v1::JOB_STATE_SUCCEEDED);
}

TEST_F(JobsTest, CancelOfAQueuedJob) {
  options_.workers = 1;
  start();
  submit("a", "torch hang");
  waitForStep("a", "torch");
  EXPECT_EQ(submit("b", "key b").state(), v1::JOB_STATE_QUEUED);
  EXPECT_EQ(manager_->cancel("b")->state(), v1::JOB_STATE_CANCELLED);
  EXPECT_TRUE(manager_->cancel("a").ok());
  EXPECT_EQ(run("c", "key b").state(), v1::JOB_STATE_SUCCEEDED);
}

TEST_F(JobsTest, CrashIsRetriedOnce) {
  start();
  v1::Job job = run("a", "torch crash-unless " + path("crashed"));
  EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED);
  ASSERT_THAT(job.diagnostics(), SizeIs(1));
  EXPECT_EQ(job.diagnostics(0).code(), "worker-retried");
  EXPECT_EQ(metrics_.workerRestarts(), 1u);
}

TEST_F(JobsTest, LastingCrashFails) {
  start();
  v1::Job job = run("a", "torch log " + path("tried") + "\ntorch crash");
  EXPECT_EQ(job.state(), v1::JOB_STATE_FAILED);
  EXPECT_EQ(job.failure().code(), "INTERNAL");
  EXPECT_EQ(job.failure().diagnostics(0).code(), "worker-crashed");
  EXPECT_THAT(job.failure().message(), HasSubstr("SIGSEGV"));
  EXPECT_EQ(lines("tried"), 2u);
  // And is not remembered.
  run("b", "torch log " + path("tried") + "\ntorch crash");
  EXPECT_EQ(lines("tried"), 4u);
}

TEST_F(JobsTest, MemoryIsNotRetried) {
  workerOptions_.memoryBytes = 64 << 20;
  start();
  v1::Job job = run("a", "torch log " + path("tried") + "\ntorch allocate 1000");
  EXPECT_EQ(job.failure().code(), "RESOURCE_EXHAUSTED");
  EXPECT_EQ(job.failure().diagnostics(0).code(), "worker-memory");
  EXPECT_EQ(lines("tried"), 1u);
}

TEST_F(JobsTest, WorkerTimeout) {
  workerOptions_.runTimeout = std::chrono::milliseconds(200);
  start();
  v1::Job job = run("a", "torch hang");
  EXPECT_EQ(job.failure().code(), "DEADLINE_EXCEEDED");
  EXPECT_EQ(job.failure().diagnostics(0).code(), "worker-timeout");
}

TEST_F(JobsTest, JobTimeouts) {
  options_.workers = 1;
  start();
  v1::SubmitRequest slow = request("a", "torch hang");
  slow.mutable_timeout()->set_seconds(2); // enough to get to the step on a loaded machine
  ASSERT_TRUE(trySubmit(slow).ok());
  waitForStep("a", "torch");
  v1::SubmitRequest waiting = request("b", "key b");
  waiting.mutable_timeout()->set_nanos(100'000'000);
  ASSERT_TRUE(trySubmit(waiting).ok());
  EXPECT_EQ(finish("b").failure().diagnostics(0).code(), "queue-timeout");
  v1::Job job = finish("a");
  EXPECT_EQ(job.failure().code(), "DEADLINE_EXCEEDED");
  EXPECT_EQ(job.failure().diagnostics(0).code(), "worker-timeout");
  EXPECT_THAT(job.failure().message(), HasSubstr("in step 'torch'"));
  EXPECT_EQ(run("c", "key c").state(), v1::JOB_STATE_SUCCEEDED);
}

TEST_F(JobsTest, FailuresAreRememberedAsNodes) {
  start();
  std::string script =
      "key a\nlinalg log " + path("tried") + "\nlinalg unsupported torch.aten.foo n1";
  v1::Job job = run("a", script);
  EXPECT_EQ(job.failure().code(), "UNIMPLEMENTED");
  ASSERT_THAT(job.failure().diagnostics(), SizeIs(1));
  const v1::Diagnostic &first = job.failure().diagnostics(0);
  EXPECT_EQ(first.op(), "torch.aten.foo");
  EXPECT_EQ(first.location().file(), "model-" + std::to_string(script.size()) + ".py");

  // The same graph, written down elsewhere.
  std::string moved = script + "\ninspect stderr moved";
  v1::Job again = run("b", moved);
  EXPECT_EQ(again.failure().diagnostics(0).location().file(),
            "model-" + std::to_string(moved.size()) + ".py");
  EXPECT_EQ(lines("tried"), 1u);
}

TEST_F(JobsTest, InspectionsFailToo) {
  start();
  v1::Job job = run("a", "inspect invalid no such tag");
  EXPECT_EQ(job.failure().code(), "INVALID_ARGUMENT");
  EXPECT_EQ(job.failure().message(), "no such tag");
  EXPECT_EQ(job.failure().diagnostics(0).code(), "invalid-model");
  // Remembered by the request.
  EXPECT_EQ(submit("b", "inspect invalid no such tag").state(), v1::JOB_STATE_FAILED);
}

TEST_F(JobsTest, InternalErrorsCarryAReproducer) {
  start();
  v1::Job job = run("a", "linalg internal pass failed");
  EXPECT_EQ(job.failure().diagnostics(0).code(), "internal");
  EXPECT_EQ(content(job.failure().reproducer()), "module {}\n");
}

TEST_F(JobsTest, IdempotentById) {
  start();
  v1::SubmitRequest first = request("a", "key a");
  ASSERT_TRUE(trySubmit(first).ok());
  finish("a");
  EXPECT_EQ(trySubmit(first)->state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_TRUE(absl::IsAlreadyExists(trySubmit(request("a", "key b")).status()));
  first.mutable_options()->set_emit("linalg"); // what it is anyway
  EXPECT_TRUE(trySubmit(first).ok());
  first.mutable_options()->set_emit("torch");
  EXPECT_TRUE(absl::IsAlreadyExists(trySubmit(first).status()));
}

TEST_F(JobsTest, NamesMissingBlobs) {
  start();
  v1::SubmitRequest incomplete = request("a", "key a");
  v1::NamedBlob *blob = incomplete.mutable_model()->add_blobs();
  blob->set_name("weights");
  blob->set_digest(sha256("elsewhere").hex());
  incomplete.mutable_model()->mutable_blobs(0)->set_name("graph");
  absl::Status status = trySubmit(incomplete).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  v1::MissingBlobs missing;
  absl::optional<absl::Cord> payload =
      status.GetPayload("type.googleapis.com/linalgd.v1.MissingBlobs");
  ASSERT_TRUE(payload && missing.ParseFromString(std::string(*payload)));
  EXPECT_THAT(missing.digests(), ElementsAre(sha256("elsewhere").hex()));
}

// They travel as headers, whose size peers bound; FindMissing tells the rest.
TEST_F(JobsTest, NamesSomeOfManyMissingBlobs) {
  start();
  v1::SubmitRequest incomplete = request("a", "key a");
  incomplete.mutable_model()->mutable_blobs(0)->set_name("graph");
  for (int i = 0; i < 300; ++i) {
    v1::NamedBlob *blob = incomplete.mutable_model()->add_blobs();
    blob->set_name("weight" + std::to_string(i));
    blob->set_digest(sha256("elsewhere" + std::to_string(i)).hex());
  }
  absl::Status status = trySubmit(incomplete).status();
  v1::MissingBlobs missing;
  absl::optional<absl::Cord> payload =
      status.GetPayload("type.googleapis.com/linalgd.v1.MissingBlobs");
  ASSERT_TRUE(payload && missing.ParseFromString(std::string(*payload)));
  EXPECT_GT(missing.digests_size(), 0);
  EXPECT_LT(payload->size(), 4096u);
}

TEST_F(JobsTest, QueueIsBounded) {
  options_.workers = 1;
  options_.maxQueue = 2;
  start();
  submit("a", "torch hang");
  waitForStep("a", "torch");
  submit("b", "key b");
  submit("c", "key c");
  EXPECT_TRUE(absl::IsResourceExhausted(trySubmit(request("d", "key d")).status()));
  EXPECT_TRUE(manager_->cancel("a").ok());
  finish("c");
}

TEST_F(JobsTest, UnfinishedJobsSurviveARestart) {
  options_.workers = 1;
  start();
  submit("a", "torch crash-unless " + path("once") + "\nlinalg sleep 100");
  submit("b", "key b");
  ASSERT_EQ(run("done", "key done").state(), v1::JOB_STATE_SUCCEEDED);
  submit("c", "torch sleep 60000");
  uint64_t seen = manager_->get("c")->last_sequence();
  start();
  EXPECT_EQ(finish("a").state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(finish("b").state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(manager_->get("done")->state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_THAT(events("done"), SizeIs(1));
  waitForStep("c", "torch");
  EXPECT_GT(manager_->get("c")->last_sequence(), seen);
  EXPECT_TRUE(manager_->cancel("c").ok());
  std::vector<v1::JobEvent> rest = events("c", seen);
  ASSERT_FALSE(rest.empty());
  EXPECT_EQ(rest.back().state().state(), v1::JOB_STATE_CANCELLED);
}

TEST_F(JobsTest, NothingIsAcknowledgedThatIsNotOnDisk) {
  std::atomic<bool> full = true;
  disk_->fault = [&](std::string_view operation, const std::string &path) {
    return full && operation == "rename" && path.find("jobs/") != std::string::npos
               ? absl::ResourceExhaustedError("disk full")
               : absl::OkStatus();
  };
  start();
  absl::StatusOr<v1::Job> job = trySubmit(request("a", "torch hang"));
  EXPECT_TRUE(absl::IsResourceExhausted(job.status())) << job.status();
  EXPECT_TRUE(absl::IsNotFound(manager_->get("a").status()));
  full = false;
  EXPECT_EQ(run("a", "key a").state(), v1::JOB_STATE_SUCCEEDED);
}

TEST_F(JobsTest, DrainsAndRefuses) {
  start();
  submit("a", "linalg sleep 100");
  manager_->drain();
  EXPECT_TRUE(absl::IsUnavailable(trySubmit(request("b", "key b")).status()));
  EXPECT_FALSE(manager_->waitUntilIdle(std::chrono::steady_clock::now()));
  EXPECT_TRUE(manager_->waitUntilIdle(std::chrono::steady_clock::now() + std::chrono::seconds(20)));
  EXPECT_EQ(manager_->get("a")->state(), v1::JOB_STATE_SUCCEEDED);
}

TEST_F(JobsTest, ListsNewestFirstInPages) {
  start();
  for (std::string id : {"a", "b", "c"})
    run(id, "key " + id);
  run("bad", "torch invalid broken");
  v1::ListRequest query;
  query.set_page_size(3);
  absl::StatusOr<v1::ListResponse> page = manager_->list(query);
  ASSERT_TRUE(page.ok());
  auto ids = [&] {
    std::vector<std::string> all;
    for (const v1::Job &job : page->jobs())
      all.push_back(job.job_id());
    return all;
  };
  EXPECT_THAT(ids(), ElementsAre("bad", "c", "b"));
  EXPECT_EQ(page->jobs(0).failure().code(), "INVALID_ARGUMENT");
  query.set_page_token(page->next_page_token());
  page = manager_->list(query);
  EXPECT_THAT(ids(), ElementsAre("a"));
  EXPECT_EQ(page->next_page_token(), "");
  query.Clear();
  query.add_states(v1::JOB_STATE_FAILED);
  page = manager_->list(query);
  EXPECT_THAT(ids(), ElementsAre("bad"));
}

TEST_F(JobsTest, HistoryIsBounded) {
  options_.history = 2;
  start();
  for (std::string id : {"a", "b", "c"})
    run(id, "key " + id);
  EXPECT_TRUE(absl::IsNotFound(manager_->get("a").status()));
  EXPECT_TRUE(manager_->get("b").ok());
  start();
  EXPECT_TRUE(absl::IsNotFound(manager_->get("a").status()));
  EXPECT_TRUE(manager_->get("c").ok());
}

TEST_F(JobsTest, EvictedArtifactsAreCompiledAgain) {
  start();
  v1::Job job = run("a", "key a");
  blobs_->remove(*Digest::fromHex(job.artifact().files(0).digest()));
  v1::Job again = run("b", "key a");
  EXPECT_EQ(again.state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_FALSE(again.artifact().cached());
}

TEST_F(JobsTest, StartFailsWithoutAWorker) {
  workerOptions_.path = "/nonexistent/worker";
  pool_.emplace(workerOptions_);
  journal_ = *JobJournal::open(*disk_);
  manager_ = std::make_unique<JobManager>(options_, *blobs_, *cache_, *journal_, metrics_,
                                          [this] { return pool_->makeWorker(); });
  EXPECT_THAT(std::string(manager_->start().message()), HasSubstr("/nonexistent/worker"));
}

TEST(FairQueue, ClientsTakeTurns) {
  FairQueue<int> queue;
  for (int i : {1, 2, 3})
    queue.push("a", i);
  queue.push("b", 10);
  queue.push("c", 20);
  queue.remove(20);
  std::vector<int> order;
  while (!queue.empty())
    order.push_back(queue.pop());
  EXPECT_THAT(order, ElementsAre(1, 10, 2, 3));
}

} // namespace
} // namespace linalgd
