// A linalgd server in this process, with faults on demand, for tests of the client.
#pragma once

#include "compiler/api/digest.h"
#include "linalgd/v1/blob.grpc.pb.h"
#include "linalgd/v1/compile.grpc.pb.h"
#include "linalgd/v1/server.grpc.pb.h"

#include <grpcpp/grpcpp.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace linalgd::client {

class FakeServer final : public v1::CompileService::Service,
                         public v1::BlobService::Service,
                         public v1::ServerService::Service {
public:
  FakeServer();
  ~FakeServer() override;

  std::string address() const { return address_; }

  // What the server holds, and what it saw. Not to be touched while a call runs.
  std::map<std::string, std::string> blobs;   // hexadecimal digest → bytes
  std::map<std::string, std::string> partial; // of broken uploads
  std::vector<v1::SubmitRequest> submits;
  std::vector<v1::WatchRequest> watches;
  std::vector<v1::DownloadRequest> downloads;
  uint64_t bytesReceived = 0;
  int findMissingCalls = 0;

  // The events of every job; the last one is final.
  std::vector<v1::JobEvent> events;
  // What Submit answers.
  v1::Job submitted;

  // Faults, each spent when it happened.
  int unavailableSubmits = 0;
  int breakUploadAfterChunks = 0;
  int breakWatchAfterEvents = 0;
  int breakDownloadAfterBytes = 0;
  bool corruptDownloads = false;
  bool stallDownloads = false;

  // Appends an event with the next sequence number.
  v1::JobEvent &addEvent();
  std::string addBlob(const std::string &bytes);

  grpc::Status Submit(grpc::ServerContext *context, const v1::SubmitRequest *request,
                      v1::Job *response) override;
  grpc::Status Get(grpc::ServerContext *context, const v1::GetRequest *request,
                   v1::Job *response) override;
  grpc::Status Watch(grpc::ServerContext *context, const v1::WatchRequest *request,
                     grpc::ServerWriter<v1::JobEvent> *writer) override;
  grpc::Status Cancel(grpc::ServerContext *context, const v1::CancelRequest *request,
                      v1::Job *response) override;
  grpc::Status List(grpc::ServerContext *context, const v1::ListRequest *request,
                    v1::ListResponse *response) override;
  grpc::Status FindMissing(grpc::ServerContext *context, const v1::FindMissingRequest *request,
                           v1::FindMissingResponse *response) override;
  grpc::Status Upload(grpc::ServerContext *context, grpc::ServerReader<v1::UploadRequest> *reader,
                      v1::UploadResponse *response) override;
  grpc::Status Download(grpc::ServerContext *context, const v1::DownloadRequest *request,
                        grpc::ServerWriter<v1::DownloadResponse> *writer) override;
  grpc::Status GetServerInfo(grpc::ServerContext *context, const v1::GetServerInfoRequest *request,
                             v1::ServerInfo *response) override;
  grpc::Status GetStats(grpc::ServerContext *context, const v1::GetStatsRequest *request,
                        v1::Stats *response) override;
  grpc::Status Drain(grpc::ServerContext *context, const v1::DrainRequest *request,
                     v1::DrainResponse *response) override;

private:
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

} // namespace linalgd::client
