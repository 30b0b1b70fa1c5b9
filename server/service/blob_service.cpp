#include "server/service/blob_service.h"

#include "server/logging.h"
#include "server/metrics.h"
#include "server/service/status.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <memory>

namespace linalgd {

using grpc::CallbackServerContext;

// What uploads and downloads have in common: at any time, a stream waits for its client, or works
// on an executor's thread, or is over. One that has waited too long is ended from outside.
class BlobService::Stream {
public:
  Stream(BlobService &service, CallbackServerContext *context)
      : service_(service), context_(context) {
    std::lock_guard lock(service_.mutex_);
    admitted_ = service_.streams_.size() < service_.options_.maxStreams;
    service_.streams_.insert(this);
  }
  virtual ~Stream() {
    std::lock_guard lock(service_.mutex_);
    service_.streams_.erase(this);
  }

  // Called with the table of streams locked, and so on a stream that has not gone. True where
  // cancel() is to follow.
  bool claimIfIdle(TimePoint now) {
    std::lock_guard lock(mutex_);
    if (!waiting_ || claimed_ || now - waitingSince_ < service_.options_.idleTimeout)
      return false;
    return claimed_ = true;
  }

  // The stream cannot go before this is done: of this and returned(), the one that comes last goes
  // on.
  void cancel() {
    logInfo("a stream of blobs is ended: its client keeps it waiting",
            {{"peer", context_->peer()}});
    context_->TryCancel();
    endClaim();
  }

protected:
  absl::Status admission() const {
    return admitted_ ? absl::OkStatus()
                     : absl::ResourceExhaustedError(
                           absl::StrCat("the server takes ", service_.options_.maxStreams,
                                        " uploads and downloads at a time; try again later"));
  }

  // Before the stream begins to wait for its client.
  void wait() {
    std::lock_guard lock(mutex_);
    waiting_ = true;
    waitingSince_ = service_.options_.clock();
  }

  // The client has answered: goes on with `task` on an executor's thread.
  void returned(std::function<void()> task) {
    {
      std::lock_guard lock(mutex_);
      waiting_ = false;
      if (claimed_ && !claimEnded_) {
        afterClaim_ = std::move(task);
        return;
      }
    }
    service_.executor_.run(std::move(task));
  }

  BlobStore &store() { return service_.store_; }
  Metrics &metrics() { return service_.metrics_; }
  size_t maxChunkBytes() const { return service_.options_.maxChunkBytes; }

private:
  void endClaim() {
    std::function<void()> task;
    {
      std::lock_guard lock(mutex_);
      claimEnded_ = true;
      task = std::move(afterClaim_);
    }
    if (task)
      service_.executor_.run(std::move(task));
  }

  BlobService &service_;
  CallbackServerContext *const context_;
  bool admitted_ = false;
  std::mutex mutex_; // guards all below
  bool waiting_ = false;
  TimePoint waitingSince_;
  bool claimed_ = false;
  bool claimEnded_ = false;
  std::function<void()> afterClaim_;
};

namespace {

// Blobs of one stream that are made durable together, so that many small ones share the wait for
// the disk.
constexpr size_t kBatchBlobs = 64;
constexpr uint64_t kBatchBytes = 64 << 20;

class UploadStream final : public BlobService::Stream,
                           public grpc::ServerReadReactor<v1::UploadRequest> {
public:
  UploadStream(BlobService &service, CallbackServerContext *context, v1::UploadResponse *response)
      : Stream(service, context), response_(response) {
    if (absl::Status status = admission(); !status.ok())
      Finish(toGrpc(status));
    else
      next();
  }

  void OnReadDone(bool ok) override {
    returned([this, ok] { ok ? take() : end(); });
  }
  void OnDone() override { delete this; }

private:
  void next() {
    wait();
    StartRead(&request_);
  }

  void take() {
    absl::Status status;
    switch (request_.content_case()) {
    case v1::UploadRequest::kHeader:
      status = begin(request_.header());
      break;
    case v1::UploadRequest::kData:
      status = append(request_.data());
      break;
    case v1::UploadRequest::CONTENT_NOT_SET:
      status = absl::InvalidArgumentError("a message with neither a header nor data");
      break;
    }
    if (status.ok())
      next();
    else
      finish(std::move(status));
  }

  // The client has sent all, or has gone.
  void end() {
    finish(upload_ ? absl::InvalidArgumentError(
                         absl::StrCat("the stream ended within ", describeUpload(),
                                      "; FindMissing says for a while where to go on"))
                   : absl::OkStatus());
  }

  absl::Status begin(const v1::BlobHeader &header) {
    if (upload_)
      return absl::InvalidArgumentError(
          absl::StrCat("the header of another blob came within ", describeUpload()));
    absl::StatusOr<Digest> digest = Digest::fromHex(header.digest());
    if (!digest.ok())
      return digest.status();
    absl::StatusOr<std::unique_ptr<BlobUpload>> upload =
        store().beginUpload({*digest, header.size()}, header.offset());
    if (!upload.ok())
      return upload.status();
    upload_ = *std::move(upload);
    return completeIfWhole();
  }

  absl::Status append(const std::string &data) {
    if (!upload_)
      return absl::InvalidArgumentError("data came without the header of a blob before them");
    if (data.size() > maxChunkBytes())
      return absl::InvalidArgumentError(absl::StrCat("a chunk of ", data.size(), " bytes; at most ",
                                                     maxChunkBytes(),
                                                     " are taken (GetServerInfo tells)"));
    if (absl::Status status = upload_->append(data); !status.ok()) {
      upload_.reset();
      return status;
    }
    return completeIfWhole();
  }

  absl::Status completeIfWhole() {
    if (upload_->received() < upload_->info().size)
      return absl::OkStatus();
    absl::Status status = upload_->finish();
    if (!status.ok()) {
      upload_.reset();
      return status;
    }
    batchBytes_ += upload_->info().size;
    batch_.push_back(std::move(upload_));
    return batch_.size() < kBatchBlobs && batchBytes_ < kBatchBytes ? absl::OkStatus() : commit();
  }

  absl::Status commit() {
    absl::Status status = store().commit(batch_);
    if (status.ok())
      for (const std::unique_ptr<BlobUpload> &upload : batch_)
        response_->add_digests(upload->info().digest.hex());
    batch_.clear();
    batchBytes_ = 0;
    return status;
  }

  // Blobs that came whole are kept whatever happened later. Nothing may follow: the stream may go.
  void finish(absl::Status status) {
    upload_.reset();
    if (!batch_.empty()) {
      absl::Status committed = commit();
      if (status.ok())
        status = std::move(committed);
    }
    Finish(toGrpc(status));
  }

  std::string describeUpload() const {
    return absl::StrCat("blob ", upload_->info().digest.hex(), ", after ", upload_->received(),
                        " of ", upload_->info().size, " bytes");
  }

  v1::UploadResponse *const response_;
  v1::UploadRequest request_;
  std::unique_ptr<BlobUpload> upload_;
  std::vector<std::unique_ptr<BlobUpload>> batch_;
  uint64_t batchBytes_ = 0;
};

class DownloadStream final : public BlobService::Stream,
                             public grpc::ServerWriteReactor<v1::DownloadResponse> {
public:
  DownloadStream(BlobService &service, CallbackServerContext *context,
                 const v1::DownloadRequest *request)
      : Stream(service, context), request_(request) {
    if (absl::Status status = admission(); !status.ok())
      Finish(toGrpc(status));
    else
      returned([this] { begin(); });
  }

  void OnWriteDone(bool ok) override {
    returned([this, ok] {
      if (!ok)
        Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the client has gone"));
      else if (position_ == end_)
        Finish(grpc::Status::OK);
      else
        next();
    });
  }
  void OnDone() override { delete this; }

private:
  void begin() {
    if (absl::Status status = open(); !status.ok()) {
      Finish(toGrpc(status));
      return;
    }
    response_.set_size(blob_.size);
    next();
  }

  absl::Status open() {
    absl::StatusOr<Digest> digest = Digest::fromHex(request_->digest());
    if (!digest.ok())
      return digest.status();
    digest_ = *digest;
    const std::optional<uint64_t> size = store().sizeOf(digest_);
    // A whole blob is verified on its way out.
    whole_ =
        size && request_->offset() == 0 && (request_->length() == 0 || request_->length() >= *size);
    absl::StatusOr<OpenBlob> blob =
        whole_ ? store().openUnverified(digest_) : store().open(digest_);
    if (!blob.ok())
      return blob.status();
    blob_ = *std::move(blob);
    if (request_->offset() > blob_.size)
      return absl::OutOfRangeError(absl::StrCat("the offset ", request_->offset(),
                                                " is beyond the ", blob_.size, " bytes of blob ",
                                                digest_.hex()));
    position_ = request_->offset();
    end_ = request_->length() == 0
               ? blob_.size
               : position_ + std::min(request_->length(), blob_.size - position_);
    return absl::OkStatus();
  }

  void next() {
    if (absl::Status status = readChunk(); !status.ok()) {
      Finish(toGrpc(status));
      return;
    }
    wait();
    StartWrite(&response_);
  }

  // The last chunk of a whole blob is held back until the digest is known to be right.
  absl::Status readChunk() {
    if (position_ != request_->offset())
      response_.clear_size();
    std::string &data = *response_.mutable_data();
    data.resize(std::min<uint64_t>(maxChunkBytes(), end_ - position_));
    absl::StatusOr<size_t> read = readAt(blob_.fd.get(), data.data(), data.size(), position_);
    bool good = read.ok() && *read == data.size();
    position_ += data.size();
    if (whole_ && good) {
      hasher_.update(data);
      good = position_ < end_ || hasher_.finish() == digest_;
    }
    if (!good || (whole_ && position_ == end_))
      store().verified(digest_, good);
    if (!good)
      return absl::DataLossError(
          absl::StrCat("blob ", digest_.hex(), " was damaged on the server's disk and is dropped"));
    metrics().blobBytesOut.Increment(static_cast<double>(data.size()));
    return absl::OkStatus();
  }

  const v1::DownloadRequest *const request_;
  v1::DownloadResponse response_;
  Digest digest_;
  OpenBlob blob_;
  bool whole_ = false;
  uint64_t position_ = 0;
  uint64_t end_ = 0;
  Hasher hasher_;
};

} // namespace

grpc::ServerUnaryReactor *BlobService::FindMissing(CallbackServerContext *context,
                                                   const v1::FindMissingRequest *request,
                                                   v1::FindMissingResponse *response) {
  grpc::ServerUnaryReactor *reactor = context->DefaultReactor();
  auto answer = [&]() -> absl::Status {
    if (static_cast<size_t>(request->digests_size()) > options_.maxDigests)
      return absl::InvalidArgumentError(
          absl::StrCat("more than ", options_.maxDigests, " digests; ask in several requests"));
    std::vector<Digest> digests;
    for (const std::string &hex : request->digests()) {
      absl::StatusOr<Digest> digest = Digest::fromHex(hex);
      if (!digest.ok())
        return digest.status();
      digests.push_back(*digest);
    }
    for (const MissingBlob &missing : store_.findMissing(digests)) {
      v1::MissingBlob *proto = response->add_missing();
      proto->set_digest(missing.digest.hex());
      proto->set_uploaded_bytes(missing.uploadedBytes);
    }
    response->set_lease_seconds(static_cast<uint32_t>(store_.leaseTime().count()));
    return absl::OkStatus();
  };
  reactor->Finish(toGrpc(answer()));
  return reactor;
}

grpc::ServerReadReactor<v1::UploadRequest> *BlobService::Upload(CallbackServerContext *context,
                                                                v1::UploadResponse *response) {
  return new UploadStream(*this, context, response);
}

grpc::ServerWriteReactor<v1::DownloadResponse> *
BlobService::Download(CallbackServerContext *context, const v1::DownloadRequest *request) {
  return new DownloadStream(*this, context, request);
}

void BlobService::expire() {
  std::vector<Stream *> idle;
  {
    std::lock_guard lock(mutex_);
    for (Stream *stream : streams_)
      if (stream->claimIfIdle(options_.clock()))
        idle.push_back(stream);
  }
  for (Stream *stream : idle)
    stream->cancel();
}

} // namespace linalgd
