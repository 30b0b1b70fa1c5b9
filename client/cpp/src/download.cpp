// Downloads: verified, going on where a broken stream ended.
#include "client/cpp/src/connection.h"
#include "client/cpp/src/file.h"

#include "absl/strings/str_cat.h"

namespace linalgd::client {
namespace {

// A blob of `length` bytes, or `length` bytes of one from `offset` on, to a sink.
class Downloader {
public:
  Downloader(Connection &connection, const Digest &digest, uint64_t offset, uint64_t length,
             const ByteSink &sink)
      : connection_(connection), digest_(digest), offset_(offset), length_(length), sink_(sink),
        backoff_(connection.options().retryFor) {}
  Downloader(Connection &connection, const ArtifactFile &file, const ByteSink &sink,
             const TransferCallback &progress)
      : Downloader(connection, file.digest, 0, file.size, sink) {
    whole_ = true;
    progress_ = progress;
  }

  absl::Status run() {
    while (true) {
      grpc::Status status = receive();
      if (!sunk_.ok())
        return sunk_;
      if (done_ > length_)
        return absl::DataLossError(absl::StrCat("the server sends more of blob ", digest_.hex(),
                                                " than the ", length_, " bytes asked for"));
      if (status.ok() && done_ < length_)
        return absl::DataLossError(absl::StrCat("blob ", digest_.hex(), " ends after ",
                                                offset_ + done_, " bytes on the server"));
      if (status.ok())
        return verify();
      if (status.error_code() != grpc::StatusCode::UNAVAILABLE || !backoff_.pause())
        return connection_.error(status);
    }
  }

private:
  grpc::Status receive() {
    grpc::ClientContext context;
    IdleWatch watch(context, connection_.options().idleTimeout);
    v1::DownloadRequest request;
    request.set_digest(digest_.hex());
    request.set_offset(offset_ + done_);
    request.set_length(length_ - done_);
    if (length_ == done_) // all is here, and 0 would ask for the rest
      return grpc::Status::OK;
    auto stream = connection_.blobs().Download(&context, request);
    v1::DownloadResponse response;
    while (sunk_.ok() && done_ <= length_ && stream->Read(&response)) {
      watch.moved();
      backoff_.reset();
      if (response.size())
        blobSize_ = response.size();
      done_ += response.data().size();
      if (done_ > length_)
        break;
      hasher_.update(response.data());
      sunk_ = sink_(response.data());
      if (sunk_.ok() && progress_ && !progress_(done_, length_))
        sunk_ = absl::CancelledError("the download was cancelled");
    }
    if (!sunk_.ok() || done_ > length_)
      context.TryCancel();
    grpc::Status status = stream->Finish();
    if (watch.fired())
      return {grpc::StatusCode::UNAVAILABLE, "the server sends no more data"};
    return status;
  }

  absl::Status verify() {
    bool whole = whole_ || (offset_ == 0 && blobSize_ == length_);
    if (!whole || hasher_.finish() == digest_)
      return absl::OkStatus();
    return absl::DataLossError(
        absl::StrCat("the bytes received for blob ", digest_.hex(), " do not match it"));
  }

  Connection &connection_;
  const Digest digest_;
  const uint64_t offset_;
  const uint64_t length_;
  const ByteSink &sink_;
  TransferCallback progress_;
  bool whole_ = false; // to be verified
  Backoff backoff_;
  Hasher hasher_;
  uint64_t done_ = 0;
  uint64_t blobSize_ = 0;
  absl::Status sunk_;
};

} // namespace

absl::Status Client::download(const ArtifactFile &file, const ByteSink &sink,
                              const TransferCallback &progress) {
  return Downloader(*connection_, file, sink, progress).run();
}

absl::Status Client::downloadRange(const Digest &digest, uint64_t offset, uint64_t length,
                                   const ByteSink &sink) {
  if (length == 0)
    return absl::OkStatus();
  return Downloader(*connection_, digest, offset, length, sink).run();
}

absl::Status Client::download(const ArtifactFile &file, const std::string &path,
                              const TransferCallback &progress) {
  absl::StatusOr<PendingFile> pending =
      PendingFile::create(path, file.mediaType == "application/x-sharedlib");
  if (!pending.ok())
    return pending.status();
  absl::Status status =
      download(file, [&](std::string_view data) { return pending->write(data); }, progress);
  return status.ok() ? pending->commit() : status;
}

absl::Status Client::download(const ArtifactFile &file, int fd) {
  return download(file, [&](std::string_view data) { return writeAll(fd, data, file.name); });
}

} // namespace linalgd::client
