// BlobService: blobs in and out, one chunk of a stream in memory at a time. gRPC's threads only
// pass messages on; an Executor's threads hash, and wait for the disk.
#pragma once

#include "server/blob_store.h"
#include "server/executor.h"

#include "linalgd/v1/blob.grpc.pb.h"

#include <cstdint>
#include <mutex>
#include <set>

namespace linalgd {

struct Metrics;

struct BlobServiceOptions {
  size_t maxChunkBytes = 1 << 20; // up and down
  size_t maxDigests = 10000;      // of one FindMissing
  size_t maxStreams = 128;        // uploads and downloads at a time
  // How long a stream may wait for its client before it is ended.
  std::chrono::seconds idleTimeout{30};
  Clock clock = steadyClock();
};

class BlobService final : public v1::BlobService::CallbackService {
public:
  // The store, the executor and the metrics must outlive the service and the server that it is in.
  BlobService(BlobStore &store, Executor &executor, BlobServiceOptions options, Metrics &metrics)
      : store_(store), executor_(executor), options_(std::move(options)), metrics_(metrics) {}

  grpc::ServerUnaryReactor *FindMissing(grpc::CallbackServerContext *context,
                                        const v1::FindMissingRequest *request,
                                        v1::FindMissingResponse *response) override;
  grpc::ServerReadReactor<v1::UploadRequest> *Upload(grpc::CallbackServerContext *context,
                                                     v1::UploadResponse *response) override;
  grpc::ServerWriteReactor<v1::DownloadResponse> *
  Download(grpc::CallbackServerContext *context, const v1::DownloadRequest *request) override;

  // Ends the streams that have waited for too long. To be called about once a second.
  void expire();

  class Stream;

private:
  friend class Stream;

  BlobStore &store_;
  Executor &executor_;
  const BlobServiceOptions options_;
  Metrics &metrics_;

  std::mutex mutex_;
  std::set<Stream *> streams_; // guarded by mutex_
};

} // namespace linalgd
