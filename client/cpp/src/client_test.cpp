#include "linalgd/client.h"

#include "client/cpp/testing/fake_server.h"
#include "client/cpp/testing/temp_dir.h"
#include "client/cpp/testing/zip_writer.h"
#include "linalgd/executable.h"

#include <gmock/gmock.h>

namespace linalgd::client {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string numbered(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<char>(i * 7 + i / 256);
  return bytes;
}

class ClientTest : public testing::Test {
protected:
  ClientTest()
      : client(*Client::connect(server.address(), {.retryFor = milliseconds(2000)})),
        model(*ModelSource::fromBytes(makeZip({{"m/models/model.json", numbered(4500)},
                                               {"m/data/weights/weight_0", numbered(3000)},
                                               {"m/data/weights/weight_1", numbered(3000)},
                                               {"m/archive_format", "pt2"}}))) {}

  ArtifactFile file(const std::string &bytes) {
    server.addBlob(bytes);
    return {"model.mlir", sha256(bytes), bytes.size(), "text/x-mlir"};
  }

  FakeServer server;
  Client client;
  ModelSource model;
  TempDir dir;
};

TEST_F(ClientTest, UploadsOnlyWhatIsMissing) {
  server.addBlob("pt2");
  absl::StatusOr<Job> job = client.submit(model, {.jobId = "job-1"});
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->id(), "job-1");
  EXPECT_EQ(server.submits.size(), 2u);
  EXPECT_EQ(server.bytesReceived, 7500u); // the two weights are equal
  EXPECT_EQ(server.submits[1].model().blobs(1).name(), "data/weights/weight_0");

  ASSERT_TRUE(client.submit(model).ok());
  EXPECT_EQ(server.submits.size(), 3u); // optimistic: one call when everything is there
  EXPECT_EQ(server.bytesReceived, 7500u);
  EXPECT_EQ(server.submits[2].job_id().size(), 36u);
}

TEST_F(ClientTest, SendsItsOptions) {
  server.submitted.set_state(v1::JOB_STATE_SUCCEEDED);
  SubmitOptions options{.timeout = milliseconds(1500), .label = "mine"};
  options.options.emit = Stage::Executable;
  options.options.weights = WeightsMode::External;
  options.options.keepOps = {"aten.gelu"};
  ASSERT_TRUE(client.submit(model, options).ok());
  const v1::SubmitRequest &request = server.submits.back();
  EXPECT_EQ(request.options().emit(), "executable");
  EXPECT_EQ(request.options().weights(), v1::WEIGHTS_MODE_EXTERNAL);
  EXPECT_EQ(request.options().keep_ops(0), "aten.gelu");
  EXPECT_EQ(request.timeout().nanos(), 500'000'000);
  EXPECT_EQ(request.label(), "mine");
}

TEST_F(ClientTest, ResumesABrokenUpload) {
  server.breakUploadAfterChunks = 3;
  std::vector<uint64_t> progress;
  absl::StatusOr<Job> job = client.submit(model, {}, [&](uint64_t done, uint64_t) {
    progress.push_back(done);
    return true;
  });
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(server.findMissingCalls, 2);
  EXPECT_EQ(server.bytesReceived, 7503u); // nothing twice
  EXPECT_EQ(progress.back(), 7503u);
}

TEST_F(ClientTest, RetriesWhileTheServerIsUnavailable) {
  server.unavailableSubmits = 2;
  EXPECT_TRUE(client.submit(model).ok());
  EXPECT_EQ(server.submits.front().job_id(), server.submits.back().job_id());
}

TEST(ClientConnect, SaysWhereItFoundNobody) {
  absl::StatusOr<Client> client = Client::connect("127.0.0.1:1", {.retryFor = milliseconds(0)});
  absl::Status status = client->stats().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("127.0.0.1:1"));
  for (const char *bad : {"nohost", ":12", "host:", "host:http"})
    EXPECT_EQ(Client::connect(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
}

TEST_F(ClientTest, WatchGoesOnWhereItBroke) {
  server.addEvent().mutable_state()->set_state(v1::JOB_STATE_RUNNING);
  server.addEvent().set_stage_started("torch");
  server.addEvent().mutable_stage_finished()->set_stage("torch");
  server.addEvent().mutable_diagnostic()->set_message("careful");
  v1::Job *last = server.addEvent().mutable_state();
  last->set_state(v1::JOB_STATE_SUCCEEDED);
  v1::ArtifactFile *proto = last->mutable_artifact()->add_files();
  proto->set_name("model.mlir");
  proto->set_digest(sha256("x").hex());

  server.breakWatchAfterEvents = 2;
  Job job = *client.submit(model);
  std::vector<uint64_t> seen;
  absl::StatusOr<JobInfo> result =
      job.wait([&](const JobEvent &event) { seen.push_back(event.sequence); });
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->state, JobState::Succeeded);
  EXPECT_THAT(seen, ElementsAre(1, 2, 3, 4, 5));
  EXPECT_EQ(server.watches.back().after_sequence(), 2u);
  EXPECT_EQ(job.result()->files[0].name, "model.mlir");
}

TEST_F(ClientTest, AFailedJobBecomesAStatus) {
  v1::Job *last = server.addEvent().mutable_state();
  last->set_state(v1::JOB_STATE_FAILED);
  last->mutable_failure()->set_code("UNIMPLEMENTED");
  last->mutable_failure()->set_message("1 op is not supported");
  v1::Diagnostic *diagnostic = last->mutable_failure()->add_diagnostics();
  diagnostic->set_severity(v1::SEVERITY_ERROR);
  diagnostic->mutable_location()->set_file("net.py");
  Job job = *client.submit(model);
  absl::StatusOr<JobInfo> info = job.wait();
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->failure->diagnostics[0].location->file, "net.py");
  absl::Status status = job.result().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(std::string(status.message()), "1 op is not supported");
}

TEST_F(ClientTest, AStreamWithoutAnEndIsAnErrorAtLast) {
  Job job = *Client::connect(server.address(), {.retryFor = milliseconds(50)})->submit(model);
  EXPECT_EQ(job.wait().status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(ClientTest, DownloadsResumeAndVerify) {
  std::string bytes = numbered(5500);
  ArtifactFile artifact = file(bytes);
  server.breakDownloadAfterBytes = 2000;
  ASSERT_TRUE(client.download(artifact, dir.file("out.mlir")).ok());
  EXPECT_EQ(dir.read("out.mlir"), bytes);
  EXPECT_EQ(server.downloads.back().offset(), 2000u);
  EXPECT_EQ(dir.numFiles(), 1u);

  server.corruptDownloads = true;
  absl::Status status = client.download(artifact, dir.file("bad.mlir"));
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(dir.numFiles(), 1u); // nothing of it stays
  server.corruptDownloads = false;

  artifact.size -= 1;
  EXPECT_EQ(client.download(artifact, dir.file("short")).code(), absl::StatusCode::kDataLoss);
  artifact.size += 2;
  EXPECT_EQ(client.download(artifact, dir.file("long")).code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(client.download(file(""), dir.file("empty")).ok());
  EXPECT_EQ(client.download({"gone", sha256("gone"), 4, ""}, dir.file("gone")).code(),
            absl::StatusCode::kNotFound);
}

TEST_F(ClientTest, TransfersEndWhenToldTo) {
  TransferCallback stop = [](uint64_t done, uint64_t) { return done < 2000; };
  EXPECT_EQ(client.submit(model, {}, stop).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(client.download(file(numbered(5500)), dir.file("x"), stop).code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(dir.numFiles(), 0u);
}

TEST_F(ClientTest, GivesUpOnAServerThatSendsNothing) {
  ArtifactFile artifact = file("bytes");
  server.stallDownloads = true;
  Client hasty = *Client::connect(server.address(),
                                  {.idleTimeout = milliseconds(50), .retryFor = milliseconds(0)});
  EXPECT_EQ(hasty.download(artifact, dir.file("x")).code(), absl::StatusCode::kUnavailable);
}

TEST_F(ClientTest, SavesWeightsFromTheModelOrTheServer) {
  ASSERT_TRUE(client.upload(model).ok());
  Artifact artifact;
  Digest weight = sha256(numbered(3000));
  artifact.weights = {{"a.weight", "float32", {750}, true, weight, 0, 3000, {}},
                      {"b.bias", "int8", {2, 3}, true, weight, 100, 8, {1, 3}},
                      {"c", "float32", {1}, false, {}, 0, 0, {}}};
  ASSERT_TRUE(client.saveWeights(artifact, dir.file("local.safetensors"), &model).ok());
  EXPECT_TRUE(server.downloads.empty());
  ASSERT_TRUE(client.saveWeights(artifact, dir.file("remote.safetensors")).ok());
  std::string stored = dir.read("local.safetensors");
  EXPECT_EQ(stored, dir.read("remote.safetensors"));
  std::string view = numbered(3000).substr(100, 8); // columns of three, transposed
  EXPECT_EQ(stored.substr(stored.size() - 6),
            (std::string{view[0], view[3], view[6], view[1], view[4], view[7]}));
  EXPECT_EQ((stored.size() - 3006) % 64, 0u);

  artifact.weights[1].strides = {1, 4}; // beyond its bytes
  EXPECT_FALSE(client.saveWeights(artifact, dir.file("bad"), &model).ok());
  artifact.weights[1].strides = {};
  EXPECT_FALSE(client.saveWeights(artifact, dir.file("bad"), &model).ok());
  EXPECT_EQ(dir.numFiles(), 2u);
}

TEST_F(ClientTest, AsksTheServer) {
  EXPECT_EQ(client.serverInfo()->libraries.at("llvm"), "22.1.8");
  EXPECT_EQ(client.stats()->cacheHits, 7u);
  EXPECT_TRUE(client.stats()->draining);
  EXPECT_TRUE(client.drain(milliseconds(2000))->drained);
  EXPECT_EQ(client.attach("unknown").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(client.cancel("j")->state, JobState::Cancelled);
  ASSERT_TRUE(client.submit(model, {.jobId = "j"}).ok());
  EXPECT_EQ(client.list({}, 10, "t")->nextPageToken, "tx");
  EXPECT_EQ(client.list()->jobs.at(0).id, "j");
}

} // namespace
} // namespace linalgd::client
