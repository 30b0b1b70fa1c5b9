// CompileService: the RPCs of the jobs.
#pragma once

#include "server/executor.h"
#include "server/jobs.h"

#include "linalgd/v1/compile.grpc.pb.h"

namespace linalgd {

// No blob rides in a message: this is for the names of a model's blobs, its slots and its
// signature.
inline constexpr int kMaxMessageBytes = 16 << 20;

class CompileService final : public v1::CompileService::CallbackService {
public:
  // The jobs and the executor must outlive the service and the server that it is in. The executor
  // waits for the disk, so that gRPC's threads need not.
  CompileService(JobManager &jobs, Executor &executor) : jobs_(jobs), executor_(executor) {}

  grpc::ServerUnaryReactor *Submit(grpc::CallbackServerContext *context,
                                   const v1::SubmitRequest *request, v1::Job *response) override;
  grpc::ServerUnaryReactor *Get(grpc::CallbackServerContext *context, const v1::GetRequest *request,
                                v1::Job *response) override;
  grpc::ServerWriteReactor<v1::JobEvent> *Watch(grpc::CallbackServerContext *context,
                                                const v1::WatchRequest *request) override;
  grpc::ServerUnaryReactor *Cancel(grpc::CallbackServerContext *context,
                                   const v1::CancelRequest *request, v1::Job *response) override;
  grpc::ServerUnaryReactor *List(grpc::CallbackServerContext *context,
                                 const v1::ListRequest *request,
                                 v1::ListResponse *response) override;

private:
  JobManager &jobs_;
  Executor &executor_;
};

} // namespace linalgd
