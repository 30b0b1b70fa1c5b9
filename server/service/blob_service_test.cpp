// The blob service over a real channel within the process, on a real directory.
#include "server/service/blob_service.h"

#include "server/faulty_disk.h"
#include "server/metrics.h"

#include "absl/strings/str_cat.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <atomic>
#include <fstream>
#include <thread>

namespace linalgd {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::IsEmpty;

class BlobServiceTest : public testing::Test {
protected:
  void SetUp() override {
    storeOptions_.limitBytes = 64 << 20;
    storeOptions_.highWaterBytes = 64 << 20;
    storeOptions_.clock =
        serviceOptions_.clock = [this] { return TimePoint(start_ + seconds(elapsed_)); };
    serviceOptions_.maxChunkBytes = 1000;
    serviceOptions_.maxDigests = 10;
    start();
  }

  void TearDown() override { stop(); }

  void start() {
    disk_ = std::make_unique<FaultyDisk>(*openLocalDisk(directory_.path().string()));
    store_ = *BlobStore::open(*disk_, storeOptions_, metrics_);
    executor_ = std::make_unique<Executor>(2);
    service_ = std::make_unique<BlobService>(*store_, *executor_, serviceOptions_, metrics_);
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    ASSERT_TRUE(server_);
    stub_ = v1::BlobService::NewStub(
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
  }

  void stop() {
    stub_.reset();
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
    service_.reset();
    executor_.reset();
    store_.reset();
    disk_.reset();
  }

  static v1::UploadRequest header(const std::string &content, uint64_t offset = 0) {
    v1::UploadRequest request;
    request.mutable_header()->set_digest(sha256(content).hex());
    request.mutable_header()->set_size(content.size());
    request.mutable_header()->set_offset(offset);
    return request;
  }

  static v1::UploadRequest data(const std::string &bytes) {
    v1::UploadRequest request;
    request.set_data(bytes);
    return request;
  }

  grpc::Status upload(const std::vector<v1::UploadRequest> &requests,
                      v1::UploadResponse *response) {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientWriter<v1::UploadRequest>> writer =
        stub_->Upload(&context, response);
    for (const v1::UploadRequest &request : requests)
      if (!writer->Write(request))
        break;
    writer->WritesDone();
    return writer->Finish();
  }

  grpc::Status upload(const std::vector<v1::UploadRequest> &requests) {
    v1::UploadResponse response;
    return upload(requests, &response);
  }

  struct Downloaded {
    grpc::Status status;
    std::string content;
    uint64_t size = 0;
    int messages = 0;
  };

  Downloaded download(const std::string &digest, uint64_t offset = 0, uint64_t length = 0) {
    v1::DownloadRequest request;
    request.set_digest(digest);
    request.set_offset(offset);
    request.set_length(length);
    grpc::ClientContext context;
    auto reader = stub_->Download(&context, request);
    Downloaded result;
    v1::DownloadResponse response;
    while (reader->Read(&response)) {
      result.content += response.data();
      result.size += response.size();
      ++result.messages;
    }
    result.status = reader->Finish();
    return result;
  }

  v1::FindMissingResponse findMissing(const std::vector<std::string> &contents) {
    v1::FindMissingRequest request;
    for (const std::string &content : contents)
      request.add_digests(sha256(content).hex());
    v1::FindMissingResponse response;
    grpc::ClientContext context;
    EXPECT_TRUE(stub_->FindMissing(&context, request, &response).ok());
    return response;
  }

  size_t temporaryFiles() { return disk_->list("temporary")->size(); }

  // What happens soon on the server's threads.
  template <typename Condition> static bool eventually(Condition condition) {
    for (int i = 0; i < 500; ++i) {
      if (condition())
        return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  TemporaryDirectory directory_;
  Metrics metrics_;
  const TimePoint start_ = std::chrono::steady_clock::now();
  std::atomic<int> elapsed_ = 0; // seconds
  BlobStoreOptions storeOptions_;
  BlobServiceOptions serviceOptions_;
  std::unique_ptr<FaultyDisk> disk_;
  std::unique_ptr<BlobStore> store_;
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<BlobService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::BlobService::Stub> stub_;
};

std::string pattern(size_t size) {
  std::string content(size, '\0');
  for (size_t i = 0; i < size; ++i)
    content[i] = static_cast<char>('a' + (i * 7 + i / 1000) % 26);
  return content;
}

TEST_F(BlobServiceTest, BlobsGoUpAndComeDown) {
  const std::string one = pattern(2500), two = "two", none;
  EXPECT_EQ(findMissing({one, two}).missing_size(), 2);
  EXPECT_EQ(findMissing({one, two}).lease_seconds(), 300u);
  v1::UploadResponse response;
  grpc::Status status =
      upload({header(one), data(one.substr(0, 1000)), data(one.substr(1000, 1000)),
              data(one.substr(2000)), header(two), data(two), header(none)},
             &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.digests_size(), 3);
  EXPECT_EQ(response.digests(0), sha256(one).hex());
  EXPECT_EQ(response.digests(2), sha256(none).hex());
  EXPECT_EQ(findMissing({one, two, none}).missing_size(), 0);

  Downloaded whole = download(sha256(one).hex());
  ASSERT_TRUE(whole.status.ok()) << whole.status.error_message();
  EXPECT_EQ(whole.content, one);
  EXPECT_EQ(whole.size, one.size());
  EXPECT_EQ(whole.messages, 3);
  EXPECT_EQ(download(sha256(one).hex(), 1234).content, one.substr(1234));
  EXPECT_EQ(download(sha256(one).hex(), 10, 20).content, one.substr(10, 20));
  EXPECT_EQ(download(sha256(one).hex(), 2490, 2000).content, one.substr(2490));
  EXPECT_EQ(download(sha256(one).hex(), 2500).content, "");
  Downloaded empty = download(sha256(none).hex());
  EXPECT_TRUE(empty.status.ok());
  EXPECT_EQ(empty.messages, 1);
  EXPECT_EQ(metrics_.blobBytesIn.Value(), 2503);
}

TEST_F(BlobServiceTest, ManySmallBlobsShareAStream) {
  std::vector<v1::UploadRequest> requests;
  for (int i = 0; i < 200; ++i) {
    const std::string content = absl::StrCat("blob ", i);
    requests.push_back(header(content));
    requests.push_back(data(content));
  }
  v1::UploadResponse response;
  ASSERT_TRUE(upload(requests, &response).ok());
  EXPECT_EQ(response.digests_size(), 200);
  EXPECT_EQ(store_->usage().blobs, 200u);
  EXPECT_EQ(temporaryFiles(), 0u);
}

TEST_F(BlobServiceTest, TellsWhatIsWrongWithAnUpload) {
  const std::string content = pattern(100);
  auto fails = [&](const std::vector<v1::UploadRequest> &requests, grpc::StatusCode code,
                   const char *text) {
    grpc::Status status = upload(requests);
    EXPECT_EQ(status.error_code(), code) << status.error_message();
    EXPECT_THAT(status.error_message(), HasSubstr(text));
  };
  const grpc::StatusCode invalid = grpc::StatusCode::INVALID_ARGUMENT;
  fails({data(content)}, invalid, "without the header");
  fails({v1::UploadRequest()}, invalid, "neither a header nor data");
  fails({header(content), data(pattern(1001))}, invalid, "at most 1000");
  fails({header(content), data(pattern(101))}, invalid, "announced with 100 bytes");
  fails({header(content), data(std::string(100, 'x'))}, invalid, "have the SHA-256");
  fails({header(content), header("other")}, invalid, "the header of another blob");
  fails({header(content, 5)}, grpc::StatusCode::OUT_OF_RANGE, "FindMissing");
  v1::UploadRequest wrong;
  wrong.mutable_header()->set_digest("ABC");
  fails({wrong}, invalid, "not a digest");
  v1::UploadRequest huge = header(content);
  huge.mutable_header()->set_size(uint64_t{1} << 40);
  fails({huge}, grpc::StatusCode::RESOURCE_EXHAUSTED, "--store-size");
  EXPECT_EQ(temporaryFiles(), 0u);
  EXPECT_EQ(store_->usage().bytes, 0u);
}

TEST_F(BlobServiceTest, WholeBlobsOfAFailedStreamStay) {
  EXPECT_FALSE(upload({header("good"), data("good"), data("stray")}).ok());
  EXPECT_EQ(findMissing({"good"}).missing_size(), 0);
}

TEST_F(BlobServiceTest, GoesOnAfterABrokenStream) {
  const std::string content = pattern(3000);
  {
    grpc::ClientContext context;
    v1::UploadResponse response;
    auto writer = stub_->Upload(&context, &response);
    writer->Write(header(content));
    writer->Write(data(content.substr(0, 1000)));
    EXPECT_TRUE(eventually([&] { return metrics_.blobBytesIn.Value() == 1000; }));
    context.TryCancel();
    EXPECT_FALSE(writer->Finish().ok());
  }
  EXPECT_TRUE(
      eventually([&] { return findMissing({content}).missing(0).uploaded_bytes() == 1000; }));
  ASSERT_TRUE(
      upload({header(content, 1000), data(content.substr(1000, 1000)), data(content.substr(2000))})
          .ok());
  EXPECT_EQ(download(sha256(content).hex()).content, content);
  EXPECT_EQ(temporaryFiles(), 0u);
}

TEST_F(BlobServiceTest, AnInterruptedUploadIsForgottenInTime) {
  EXPECT_FALSE(upload({header("content"), data("con")}).ok());
  EXPECT_EQ(temporaryFiles(), 1u);
  elapsed_ = 61;
  store_->expire();
  EXPECT_EQ(temporaryFiles(), 0u);
}

TEST_F(BlobServiceTest, EndsAnUploadThatStandsStill) {
  grpc::ClientContext context;
  v1::UploadResponse response;
  auto writer = stub_->Upload(&context, &response);
  writer->Write(header("content"));
  writer->Write(data("con"));
  EXPECT_TRUE(eventually([&] { return metrics_.blobBytesIn.Value() == 3; }));
  service_->expire(); // it has not waited for long
  elapsed_ = 31;
  EXPECT_TRUE(eventually([&] {
    service_->expire();
    return findMissing({"content"}).missing(0).uploaded_bytes() == 3;
  }));
  EXPECT_EQ(writer->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(BlobServiceTest, EndsADownloadThatNobodyReads) {
  const std::string content = pattern(10 << 20);
  std::vector<v1::UploadRequest> requests = {header(content)};
  for (size_t at = 0; at < content.size(); at += 1000)
    requests.push_back(data(content.substr(at, 1000)));
  ASSERT_TRUE(upload(requests).ok());
  v1::DownloadRequest request;
  request.set_digest(sha256(content).hex());
  grpc::ClientContext context;
  auto reader = stub_->Download(&context, request);
  v1::DownloadResponse response;
  ASSERT_TRUE(reader->Read(&response));
  // The window fills, and the server waits: nothing has gone out for a while.
  double out = -1;
  int same = 0;
  EXPECT_TRUE(eventually([&] {
    const double before = std::exchange(out, metrics_.blobBytesOut.Value());
    same = before == out ? same + 1 : 0;
    return same == 60;
  }));
  EXPECT_LT(out, static_cast<double>(content.size()));
  elapsed_ = 31;
  service_->expire();
  while (reader->Read(&response)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(BlobServiceTest, LimitsStreams) {
  stop();
  serviceOptions_.maxStreams = 1;
  start();
  grpc::ClientContext context;
  v1::UploadResponse response;
  auto writer = stub_->Upload(&context, &response);
  writer->Write(header("content"));
  EXPECT_TRUE(eventually(
      [&] { return download(sha256("x").hex()).status.error_code() == grpc::RESOURCE_EXHAUSTED; }));
  writer->Write(data("content"));
  writer->WritesDone();
  EXPECT_TRUE(writer->Finish().ok());
  EXPECT_TRUE(eventually([&] { return download(sha256("content").hex()).status.ok(); }));
}

TEST_F(BlobServiceTest, NeverEndsWithDamagedBytes) {
  const std::string content = pattern(2500);
  ASSERT_TRUE(upload({header(content), data(content.substr(0, 1000)),
                      data(content.substr(1000, 1000)), data(content.substr(2000))})
                  .ok());
  {
    std::fstream file(directory_.path() / "blobs" / sha256(content).hex());
    file.seekp(500);
    file.put('~');
  }
  Downloaded damaged = download(sha256(content).hex());
  EXPECT_EQ(damaged.status.error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_LT(damaged.content.size(), content.size());
  EXPECT_EQ(download(sha256(content).hex()).status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(metrics_.blobsCorrupt.Value(), 1);
}

TEST_F(BlobServiceTest, APartIsVerifiedBeforeItIsSent) {
  ASSERT_TRUE(upload({header("content"), data("content")}).ok());
  stop();
  {
    std::fstream file(directory_.path() / "blobs" / sha256("content").hex());
    file.put('~');
  }
  start();
  Downloaded part = download(sha256("content").hex(), 3, 2);
  EXPECT_EQ(part.status.error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_THAT(part.content, IsEmpty());
}

TEST_F(BlobServiceTest, RefusesBadRequests) {
  EXPECT_EQ(download("xyz").status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(download(sha256("x").hex()).status.error_code(), grpc::StatusCode::NOT_FOUND);
  ASSERT_TRUE(upload({header("content"), data("content")}).ok());
  EXPECT_EQ(download(sha256("content").hex(), 8).status.error_code(),
            grpc::StatusCode::OUT_OF_RANGE);
  v1::FindMissingRequest request;
  v1::FindMissingResponse response;
  for (int i = 0; i < 11; ++i)
    request.add_digests(sha256("content").hex());
  grpc::ClientContext context;
  EXPECT_EQ(stub_->FindMissing(&context, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(BlobServiceTest, AFullDiskIsToldAndLeavesNothing) {
  disk_->fault = [](std::string_view operation, const std::string &) {
    return operation == "write" ? absl::ResourceExhaustedError("No space left on device")
                                : absl::OkStatus();
  };
  EXPECT_EQ(upload({header("content"), data("content")}).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(temporaryFiles(), 0u);
}

} // namespace
} // namespace linalgd
