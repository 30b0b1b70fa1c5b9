#include "compiler/worker/serve.h"

#include "proto/marshal.h"
#include "proto/message_channel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/mman.h>
#include <sys/socket.h>
#include <thread>

namespace linalgd {
namespace {

UniqueFd memoryFile(const std::string &content) {
  UniqueFd fd(memfd_create("test", MFD_CLOEXEC));
  EXPECT_EQ(write(fd.get(), content.data(), content.size()), static_cast<ssize_t>(content.size()));
  return fd;
}

std::string contentOf(int fd, size_t size) {
  std::string content(size, '\0');
  EXPECT_EQ(pread(fd, content.data(), size, 0), static_cast<ssize_t>(size));
  return content;
}

// Answers with the model's bytes, all blobs after each other.
class EchoCompiler : public Compiler {
public:
  CompilerInfo info() const override { return {"1.0", "build", {}, {}, {}}; }

  absl::StatusOr<Inspection> inspect(const Model &, const Options &options, StageSink &) override {
    Inspection inspection;
    inspection.keys.push_back({options.emit, sha256("key")});
    return inspection;
  }

  absl::StatusOr<Artifact> compile(const Model &model, const Options &,
                                   const std::optional<ResumePoint> &resume,
                                   StageSink &sink) override {
    sink.stageStarted(Stage::Linalg);
    std::string all;
    for (const Blob &blob : model.blobs)
      all += contentOf(blob.fd.get(), blob.size);
    if (resume)
      all += contentOf(resume->fd.get(), resume->size);
    if (all.empty()) {
      sink.reproducer({"reproducer.mlir", "text/x-mlir", 2, memoryFile("IR")});
      return absl::InternalError("nothing to echo");
    }
    Artifact artifact;
    artifact.files.push_back({"echo", "text/plain", all.size(), memoryFile(all)});
    return artifact;
  }
};

class ServeTest : public testing::Test {
protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    channel_.emplace(UniqueFd(ends[0]), waitForever);
    server_ = std::thread([this, end = ends[1]] {
      EchoCompiler compiler;
      result_ = serve(UniqueFd(end), compiler);
    });
    ASSERT_EQ(receive().response_case(), v1::WorkerResponse::kHello);
  }

  void TearDown() override { (void)disconnect(); }

  absl::Status disconnect() {
    channel_.reset();
    if (server_.joinable())
      server_.join();
    return result_;
  }

  v1::WorkerResponse receive(std::vector<UniqueFd> *descriptors = nullptr) {
    v1::WorkerResponse response;
    absl::StatusOr<std::vector<UniqueFd>> received = channel_->receive(&response);
    EXPECT_TRUE(received.ok()) << received.status();
    if (descriptors && received.ok())
      *descriptors = *std::move(received);
    return response;
  }

  std::optional<MessageChannel> channel_;
  std::thread server_;
  absl::Status result_;
};

TEST_F(ServeTest, Inspects) {
  v1::WorkerRequest request;
  request.mutable_inspect()->mutable_options()->set_emit("torch");
  ASSERT_TRUE(channel_->send(request).ok());
  v1::WorkerResponse response = receive();
  ASSERT_TRUE(response.has_inspected()) << response.DebugString();
  EXPECT_EQ(response.inspected().keys(0).stage(), "torch");
  EXPECT_TRUE(disconnect().ok());
}

// More descriptors than the kernel takes in one message.
TEST_F(ServeTest, TakesManyDescriptors) {
  v1::WorkerRequest request;
  std::vector<UniqueFd> files;
  std::vector<int> descriptors;
  std::string expected;
  for (int i = 0; i < 600; ++i) {
    std::string content = std::to_string(i) + ",";
    expected += content;
    v1::NamedBlob *blob = request.mutable_compile()->mutable_model()->add_blobs();
    blob->set_name(std::to_string(i));
    blob->set_digest(sha256(content).hex());
    blob->set_size(content.size());
    files.push_back(memoryFile(content));
    descriptors.push_back(files.back().get());
  }
  files.push_back(memoryFile("resume"));
  descriptors.push_back(files.back().get());
  request.mutable_compile()->set_resume_stage("torch");
  request.mutable_compile()->set_resume_size(6);
  ASSERT_TRUE(channel_->send(request, descriptors).ok());

  EXPECT_EQ(receive().stage_started(), "linalg");
  std::vector<UniqueFd> answer;
  v1::WorkerResponse response = receive(&answer);
  ASSERT_TRUE(response.has_compiled()) << response.DebugString();
  ASSERT_EQ(answer.size(), 1u);
  EXPECT_EQ(contentOf(answer[0].get(), response.compiled().files(0).size()), expected + "resume");
}

TEST_F(ServeTest, FailuresCarryTheReproducer) {
  v1::WorkerRequest request;
  request.mutable_compile();
  ASSERT_TRUE(channel_->send(request).ok());
  EXPECT_EQ(receive().stage_started(), "linalg");
  std::vector<UniqueFd> answer;
  v1::WorkerResponse response = receive(&answer);
  EXPECT_EQ(response.failure().code(), "INTERNAL");
  ASSERT_EQ(answer.size(), 1u);
  EXPECT_EQ(contentOf(answer[0].get(), 2), "IR");
}

TEST_F(ServeTest, RefusesWrongDescriptorCounts) {
  v1::WorkerRequest request;
  request.mutable_inspect()->mutable_model()->add_blobs()->set_digest(sha256("a").hex());
  ASSERT_TRUE(channel_->send(request).ok());
  EXPECT_THAT(receive().failure().message(), testing::HasSubstr("1 descriptors expected, 0 came"));
}

TEST_F(ServeTest, EndsOnGarbage) {
  v1::WorkerRequest request;
  request.mutable_descriptors()->set_count(3); // that do not come
  ASSERT_TRUE(channel_->send(request).ok());
  server_.join();
  EXPECT_TRUE(absl::IsDataLoss(result_)) << result_;
}

} // namespace
} // namespace linalgd
