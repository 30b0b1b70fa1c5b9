// The pool with a worker that does as it is told (compiler/worker/fake_worker.cpp).
#include "server/worker_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <thread>

namespace linalgd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Recorder : public StageSink {
public:
  void stageStarted(Stage stage) override { started.push_back(stage); }
  void stageFinished(Stage, std::chrono::microseconds) override {}
  void stageArtifact(Stage stage, Artifact) override { artifacts.push_back(stage); }
  void diagnostic(Diagnostic diagnostic) override { diagnostics.push_back(std::move(diagnostic)); }
  void reproducer(ArtifactFile file) override { reproducers.push_back(std::move(file)); }

  std::vector<Stage> started;
  std::vector<Stage> artifacts;
  std::vector<Diagnostic> diagnostics;
  std::vector<ArtifactFile> reproducers;
};

UniqueFd memoryFile(const std::string &content) {
  UniqueFd fd(memfd_create("test", MFD_CLOEXEC));
  EXPECT_EQ(write(fd.get(), content.data(), content.size()), static_cast<ssize_t>(content.size()));
  return fd;
}

Model script(const std::string &text) {
  Model model;
  model.blobs.push_back({"", sha256(text), text.size(), memoryFile(text)});
  return model;
}

std::string contentOf(const ArtifactFile &file) {
  std::string content(file.size, '\0');
  EXPECT_EQ(pread(file.fd.get(), content.data(), content.size(), 0),
            static_cast<ssize_t>(content.size()));
  return content;
}

class WorkerPoolTest : public testing::Test {
protected:
  WorkerPoolTest() {
    options_.path = LINALGD_FAKE_WORKER;
    options_.runTimeout = std::chrono::seconds(20);
    options_.onReplaced = [this](std::string_view reason) { replaced_.emplace_back(reason); };
  }

  Worker &worker() {
    if (!worker_) {
      pool_.emplace(options_);
      worker_ = pool_->makeWorker();
    }
    return *worker_;
  }

  absl::StatusOr<Artifact> compile(const std::string &text) {
    return worker().compile(script(text), compileOptions_, std::nullopt, {"job", cancel_}, sink_);
  }

  void expectFault(const std::string &text, Fault fault, const std::string &message) {
    absl::Status status = compile(text).status();
    EXPECT_EQ(faultOf(status), fault) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
    EXPECT_THAT(replaced_, ElementsAre(std::string(faultName(fault))));
    // The next job gets a fresh process.
    EXPECT_TRUE(compile("key after").ok());
  }

  WorkerOptions options_;
  std::vector<std::string> replaced_;
  std::optional<WorkerPool> pool_;
  std::unique_ptr<Worker> worker_;
  Options compileOptions_;
  CancelEvent cancel_;
  Recorder sink_;
};

TEST_F(WorkerPoolTest, InspectsAndCompiles) {
  absl::StatusOr<Inspection> inspection =
      worker().inspect(script("key a"), compileOptions_, {"job", cancel_}, sink_);
  ASSERT_TRUE(inspection.ok()) << inspection.status();
  EXPECT_EQ(inspection->keys.size(), 3u);
  EXPECT_EQ(inspection->sourceMap["n1"].line, 12u);

  absl::StatusOr<Artifact> artifact = compile("key a");
  ASSERT_TRUE(artifact.ok()) << artifact.status();
  EXPECT_EQ(contentOf(artifact->files[0]), "a:torch-raw;torch;linalg;");
  EXPECT_THAT(sink_.started, ElementsAre(Stage::TorchRaw, Stage::Torch, Stage::Linalg));
  EXPECT_THAT(sink_.artifacts, ElementsAre(Stage::TorchRaw, Stage::Torch));
  EXPECT_TRUE(replaced_.empty());
  EXPECT_EQ(worker().info()->buildId, "fake-build");
}

TEST_F(WorkerPoolTest, ResumesFromAnArtifact) {
  ResumePoint resume{Stage::Torch, memoryFile("earlier;"), 8};
  absl::StatusOr<Artifact> artifact = worker().compile(script("key a"), compileOptions_,
                                                       std::move(resume), {"job", cancel_}, sink_);
  ASSERT_TRUE(artifact.ok()) << artifact.status();
  EXPECT_EQ(contentOf(artifact->files[0]), "earlier;linalg;");
}

TEST_F(WorkerPoolTest, RefusalsLeaveTheWorkerAlone) {
  absl::Status status = compile("torch unsupported torch.aten.foo n1").status();
  EXPECT_EQ(faultOf(status), std::nullopt);
  EXPECT_TRUE(absl::IsUnimplemented(status));
  ASSERT_EQ(sink_.diagnostics.size(), 1u);
  EXPECT_EQ(sink_.diagnostics[0].node, "n1");
  EXPECT_TRUE(replaced_.empty());
}

TEST_F(WorkerPoolTest, ReproducersComeThrough) {
  EXPECT_TRUE(absl::IsInternal(compile("linalg internal pass failed").status()));
  ASSERT_EQ(sink_.reproducers.size(), 1u);
  EXPECT_EQ(contentOf(sink_.reproducers[0]), "module {}\n");
}

TEST_F(WorkerPoolTest, Crash) {
  expectFault("torch stderr the last words\ntorch crash", Fault::Crashed,
              "SIGSEGV; it said: the last words");
}

TEST_F(WorkerPoolTest, Exit) { expectFault("torch exit 7", Fault::Crashed, "exited with code 7"); }

TEST_F(WorkerPoolTest, Hang) {
  options_.runTimeout = std::chrono::milliseconds(300);
  expectFault("torch hang", Fault::TimedOut, "after 300 ms");
}

TEST_F(WorkerPoolTest, ResidentMemory) {
  options_.memoryBytes = 64 << 20;
  options_.samplePeriod = std::chrono::milliseconds(5);
  expectFault("torch allocate 1000", Fault::OutOfMemory, "64 MiB");
}

TEST_F(WorkerPoolTest, DataLimit) {
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  GTEST_SKIP() << "sanitizers take the memory that the limit counts";
#endif
  options_.memoryBytes = 64 << 20;
  options_.samplePeriod = std::chrono::hours(1);
  expectFault("torch allocate 1000", Fault::OutOfMemory, "ran out of memory");
}

TEST_F(WorkerPoolTest, Garbage) { expectFault("torch garbage", Fault::Garbled, "does not parse"); }

TEST_F(WorkerPoolTest, HugeFrame) {
  expectFault("torch huge-frame", Fault::Garbled, "a frame of 2147483647 bytes");
}

TEST_F(WorkerPoolTest, UnexpectedMessage) {
  expectFault("torch unexpected", Fault::Garbled, "does not belong here");
}

TEST_F(WorkerPoolTest, ClosedSocket) {
  expectFault("torch silence", Fault::Crashed, "exited with code 0");
}

TEST_F(WorkerPoolTest, CancelKillsAtOnce) {
  auto start = std::chrono::steady_clock::now();
  std::thread canceller([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    cancel_.cancel();
  });
  absl::Status status = compile("torch hang").status();
  canceller.join();
  EXPECT_EQ(faultOf(status), Fault::Cancelled) << status;
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST_F(WorkerPoolTest, ChattyWorkersAreBounded) {
  std::string text;
  for (int i = 0; i < 3000; ++i)
    text += "torch stderr " + std::string(100, 'x') + "\n";
  EXPECT_TRUE(compile(text).ok());
}

TEST_F(WorkerPoolTest, Recycles) {
  options_.maxRequests = 2;
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(compile("key a").ok());
  EXPECT_THAT(replaced_, ElementsAre("recycled"));
}

TEST_F(WorkerPoolTest, MissingProgram) {
  options_.path = "/nonexistent/linalgd-worker";
  absl::Status status = compile("key a").status();
  EXPECT_EQ(faultOf(status), Fault::NotStarted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nonexistent/linalgd-worker"));
}

TEST_F(WorkerPoolTest, ProgramThatIsNoWorker) {
  options_.path = "/bin/true";
  absl::Status status = compile("key a").status();
  EXPECT_EQ(faultOf(status), Fault::NotStarted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("did not say hello"));
}

int openDescriptors() {
  int count = 0;
  DIR *directory = opendir("/proc/self/fd");
  while (readdir(directory))
    ++count;
  closedir(directory);
  return count;
}

TEST_F(WorkerPoolTest, LeaksNoDescriptors) {
  EXPECT_TRUE(compile("key a").ok());
  sink_ = {};
  int before = openDescriptors();
  for (int i = 0; i < 3; ++i) {
    (void)compile("torch crash");
    EXPECT_TRUE(compile("key a").ok());
    EXPECT_TRUE(absl::IsInternal(compile("torch internal oops").status()));
  }
  sink_ = {};
  EXPECT_EQ(openDescriptors(), before);
}

} // namespace
} // namespace linalgd
