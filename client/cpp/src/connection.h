// One channel to a server, and how calls on it are repeated.
#pragma once

#include "linalgd/client.h"

#include "linalgd/v1/blob.grpc.pb.h"
#include "linalgd/v1/compile.grpc.pb.h"
#include "linalgd/v1/server.grpc.pb.h"

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

namespace linalgd::client {

using SteadyTime = std::chrono::steady_clock::time_point;

// Growing, jittered pauses between attempts, for a limited time since the last success.
class Backoff {
public:
  explicit Backoff(milliseconds retryFor);
  // Sleeps before the next attempt; false, without sleeping, when the time is over.
  bool pause();
  // Progress was made: the time begins anew.
  void reset();

private:
  milliseconds retryFor_;
  milliseconds delay_;
  SteadyTime since_;
};

// Cancels a call on which nothing moves for a time.
class IdleWatch {
public:
  IdleWatch(grpc::ClientContext &context, milliseconds limit);
  ~IdleWatch();
  void moved();
  // Whether it was this watch that cancelled the call.
  bool fired() const;

private:
  void run();

  grpc::ClientContext &context_;
  const milliseconds limit_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  SteadyTime last_;
  bool stop_ = false;
  bool fired_ = false;
  std::thread thread_;
};

class Connection {
public:
  Connection(std::string address, const ClientOptions &options);

  const std::string &address() const { return address_; }
  const ClientOptions &options() const { return options_; }
  v1::CompileService::StubInterface &compile() { return *compile_; }
  v1::BlobService::StubInterface &blobs() { return *blobs_; }
  v1::ServerService::StubInterface &server() { return *server_; }

  // The status of a failed call, with the server's address where it could not be reached.
  absl::Status error(const grpc::Status &status) const;

  // One call, repeated while the server cannot be reached. `timeout` of an attempt: rpcTimeout
  // unless given.
  template <typename Stub, typename Request, typename Response>
  grpc::Status
  call(Stub &stub, grpc::Status (Stub::*method)(grpc::ClientContext *, const Request &, Response *),
       const Request &request, Response *response, std::optional<milliseconds> timeout = {}) {
    for (Backoff backoff(options_.retryFor);;) {
      grpc::ClientContext context;
      context.set_deadline(Clock::now() + timeout.value_or(options_.rpcTimeout));
      grpc::Status status = (stub.*method)(&context, request, response);
      if (status.error_code() != grpc::StatusCode::UNAVAILABLE || !backoff.pause())
        return status;
    }
  }

  // The largest piece of a blob in one message.
  absl::StatusOr<size_t> chunkBytes();

private:
  const std::string address_;
  const ClientOptions options_;
  std::unique_ptr<v1::CompileService::StubInterface> compile_;
  std::unique_ptr<v1::BlobService::StubInterface> blobs_;
  std::unique_ptr<v1::ServerService::StubInterface> server_;
  std::mutex mutex_;
  size_t chunkBytes_ = 0; // guarded by mutex_; 0: not asked yet
};

// Sends those of the blobs that the server lacks, and goes on after broken streams. Answers with
// the bytes sent.
absl::StatusOr<uint64_t> uploadBlobs(Connection &connection, const ModelSource &model,
                                     std::vector<Digest> digests, const TransferCallback &progress);

} // namespace linalgd::client
