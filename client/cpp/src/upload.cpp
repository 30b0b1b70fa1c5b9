// Uploads: only what the server lacks, going on where a broken stream ended.
#include "client/cpp/src/connection.h"

#include "absl/strings/str_cat.h"

#include <algorithm>

namespace linalgd::client {
namespace {

struct PendingBlob {
  const ModelSource::Part *part;
  uint64_t offset; // what an interrupted upload left on the server
};

bool isBroken(const grpc::Status &status) {
  switch (status.error_code()) {
  case grpc::StatusCode::UNAVAILABLE:
  case grpc::StatusCode::OUT_OF_RANGE: // what we took as uploaded is gone: ask again
  case grpc::StatusCode::ABORTED:
    return true;
  default:
    return false;
  }
}

class Uploader {
public:
  Uploader(Connection &connection, const ModelSource &model, std::vector<Digest> digests,
           const TransferCallback &progress)
      : connection_(connection), model_(model), digests_(std::move(digests)), progress_(progress),
        backoff_(connection.options().retryFor) {
    std::ranges::sort(digests_);
    digests_.erase(std::ranges::unique(digests_).begin(), digests_.end());
  }

  absl::StatusOr<uint64_t> run() {
    absl::StatusOr<size_t> chunk = connection_.chunkBytes();
    if (!chunk.ok())
      return chunk.status();
    chunk_ = *chunk;
    while (true) {
      absl::StatusOr<std::vector<PendingBlob>> pending = findMissing();
      if (!pending.ok())
        return pending.status();
      if (pending->empty())
        return sent_;
      grpc::Status status = sendAll(*pending);
      if (absl::Status unchanged = model_.checkUnchanged(); !unchanged.ok())
        return unchanged;
      if (cancelled_)
        return absl::CancelledError("the upload was cancelled");
      if (status.ok())
        return sent_;
      if (!isBroken(status) || !backoff_.pause())
        return connection_.error(status);
    }
  }

private:
  absl::StatusOr<std::vector<PendingBlob>> findMissing() {
    v1::FindMissingRequest request;
    for (const Digest &digest : digests_)
      request.add_digests(digest.hex());
    v1::FindMissingResponse response;
    grpc::Status status = connection_.call(
        connection_.blobs(), &v1::BlobService::StubInterface::FindMissing, request, &response);
    if (!status.ok())
      return connection_.error(status);
    std::vector<PendingBlob> pending;
    for (const v1::MissingBlob &missing : response.missing()) {
      absl::StatusOr<Digest> digest = Digest::fromHex(missing.digest());
      const ModelSource::Part *part = digest.ok() ? model_.find(*digest) : nullptr;
      if (!part)
        return absl::InternalError(
            absl::StrCat("the server asks for a blob that the model has not: ", missing.digest()));
      uint64_t there = missing.uploaded_bytes();
      pending.push_back({part, there <= part->bytes.size() ? there : 0});
    }
    return pending;
  }

  grpc::Status sendAll(const std::vector<PendingBlob> &pending) {
    uint64_t left = 0;
    for (const PendingBlob &blob : pending)
      left += blob.part->bytes.size() - blob.offset;
    total_ = std::max(total_, left);
    done_ = total_ - left;
    grpc::ClientContext context;
    v1::UploadResponse response;
    auto stream = connection_.blobs().Upload(&context, &response);
    IdleWatch watch(context, connection_.options().idleTimeout);
    for (const PendingBlob &blob : pending)
      if (!sendOne(*stream, blob, watch))
        break; // Finish says why
    if (cancelled_)
      context.TryCancel();
    stream->WritesDone();
    grpc::Status status = stream->Finish();
    if (watch.fired())
      return {grpc::StatusCode::UNAVAILABLE, "the server takes no more data"};
    return status;
  }

  bool sendOne(grpc::ClientWriterInterface<v1::UploadRequest> &stream, const PendingBlob &blob,
               IdleWatch &watch) {
    v1::UploadRequest request;
    v1::BlobHeader *header = request.mutable_header();
    header->set_digest(blob.part->digest.hex());
    header->set_size(blob.part->bytes.size());
    header->set_offset(blob.offset);
    if (!stream.Write(request))
      return false;
    for (std::string_view rest = blob.part->bytes.substr(blob.offset); !rest.empty();) {
      std::string_view piece = rest.substr(0, chunk_);
      request.set_data(piece.data(), piece.size());
      if (!stream.Write(request))
        return false;
      rest.remove_prefix(piece.size());
      watch.moved();
      backoff_.reset();
      sent_ += piece.size();
      done_ += piece.size();
      if (progress_ && !progress_(done_, total_)) {
        cancelled_ = true;
        return false;
      }
    }
    return true;
  }

  Connection &connection_;
  const ModelSource &model_;
  std::vector<Digest> digests_;
  const TransferCallback &progress_;
  Backoff backoff_;
  size_t chunk_ = 0;
  uint64_t sent_ = 0;
  uint64_t done_ = 0, total_ = 0;
  bool cancelled_ = false;
};

} // namespace

absl::StatusOr<uint64_t> uploadBlobs(Connection &connection, const ModelSource &model,
                                     std::vector<Digest> digests,
                                     const TransferCallback &progress) {
  return Uploader(connection, model, std::move(digests), progress).run();
}

} // namespace linalgd::client
