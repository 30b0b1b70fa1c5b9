#include "client/cpp/testing/fake_server.h"

#include <thread>

namespace linalgd::client {
namespace {

constexpr size_t kChunk = 1000;

grpc::Status unavailable(const char *why) { return {grpc::StatusCode::UNAVAILABLE, why}; }

} // namespace

FakeServer::FakeServer() {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(static_cast<v1::CompileService::Service *>(this));
  builder.RegisterService(static_cast<v1::BlobService::Service *>(this));
  builder.RegisterService(static_cast<v1::ServerService::Service *>(this));
  server_ = builder.BuildAndStart();
  address_ = "127.0.0.1:" + std::to_string(port);
}

FakeServer::~FakeServer() { server_->Shutdown(std::chrono::system_clock::now()); }

v1::JobEvent &FakeServer::addEvent() {
  v1::JobEvent &event = events.emplace_back();
  event.set_sequence(events.size());
  return event;
}

std::string FakeServer::addBlob(const std::string &bytes) {
  std::string digest = sha256(bytes).hex();
  blobs[digest] = bytes;
  return digest;
}

grpc::Status FakeServer::Submit(grpc::ServerContext *, const v1::SubmitRequest *request,
                                v1::Job *response) {
  submits.push_back(*request);
  if (unavailableSubmits > 0) {
    --unavailableSubmits;
    return unavailable("not now");
  }
  v1::MissingBlobs missing;
  for (const v1::NamedBlob &blob : request->model().blobs())
    if (!blobs.contains(blob.digest()))
      missing.add_digests(blob.digest());
  if (missing.digests_size()) {
    v1::StatusDetails details;
    details.add_details()->PackFrom(missing);
    return {grpc::StatusCode::FAILED_PRECONDITION, "blobs are missing",
            details.SerializeAsString()};
  }
  *response = submitted;
  response->set_job_id(request->job_id());
  return grpc::Status::OK;
}

grpc::Status FakeServer::Get(grpc::ServerContext *, const v1::GetRequest *request,
                             v1::Job *response) {
  if (request->job_id() == "unknown")
    return {grpc::StatusCode::NOT_FOUND, "there is no job 'unknown'"};
  *response = submitted;
  response->set_job_id(request->job_id());
  return grpc::Status::OK;
}

grpc::Status FakeServer::Watch(grpc::ServerContext *, const v1::WatchRequest *request,
                               grpc::ServerWriter<v1::JobEvent> *writer) {
  watches.push_back(*request);
  int left = breakWatchAfterEvents ? breakWatchAfterEvents : -1;
  breakWatchAfterEvents = 0;
  for (const v1::JobEvent &event : events) {
    if (event.sequence() <= request->after_sequence())
      continue;
    if (left-- == 0)
      return unavailable("broken watch");
    writer->Write(event);
  }
  return grpc::Status::OK;
}

grpc::Status FakeServer::Cancel(grpc::ServerContext *, const v1::CancelRequest *request,
                                v1::Job *response) {
  response->set_job_id(request->job_id());
  response->set_state(v1::JOB_STATE_CANCELLED);
  return grpc::Status::OK;
}

grpc::Status FakeServer::List(grpc::ServerContext *, const v1::ListRequest *request,
                              v1::ListResponse *response) {
  for (const v1::SubmitRequest &submit : submits)
    response->add_jobs()->set_job_id(submit.job_id());
  if (!request->page_token().empty())
    response->set_next_page_token(request->page_token() + "x");
  return grpc::Status::OK;
}

grpc::Status FakeServer::FindMissing(grpc::ServerContext *, const v1::FindMissingRequest *request,
                                     v1::FindMissingResponse *response) {
  ++findMissingCalls;
  for (const std::string &digest : request->digests()) {
    if (blobs.contains(digest))
      continue;
    v1::MissingBlob *missing = response->add_missing();
    missing->set_digest(digest);
    missing->set_uploaded_bytes(partial[digest].size());
  }
  return grpc::Status::OK;
}

grpc::Status FakeServer::Upload(grpc::ServerContext *,
                                grpc::ServerReader<v1::UploadRequest> *reader,
                                v1::UploadResponse *response) {
  v1::UploadRequest request;
  v1::BlobHeader header;
  int left = breakUploadAfterChunks ? breakUploadAfterChunks : -1;
  breakUploadAfterChunks = 0;
  auto store = [&]() -> grpc::Status {
    if (header.digest().empty())
      return grpc::Status::OK;
    std::string bytes = std::move(partial[header.digest()]);
    partial.erase(header.digest());
    if (bytes.size() != header.size() || sha256(bytes).hex() != header.digest())
      return {grpc::StatusCode::INVALID_ARGUMENT, "wrong digest"};
    blobs[header.digest()] = bytes;
    response->add_digests(header.digest());
    return grpc::Status::OK;
  };
  while (reader->Read(&request)) {
    if (request.has_header()) {
      if (grpc::Status status = store(); !status.ok())
        return status;
      header = request.header();
      if (header.offset() != partial[header.digest()].size())
        return {grpc::StatusCode::OUT_OF_RANGE, "no such offset"};
      continue;
    }
    if (left-- == 0)
      return unavailable("broken upload");
    bytesReceived += request.data().size();
    partial[header.digest()] += request.data();
  }
  return store();
}

grpc::Status FakeServer::Download(grpc::ServerContext *context, const v1::DownloadRequest *request,
                                  grpc::ServerWriter<v1::DownloadResponse> *writer) {
  downloads.push_back(*request);
  auto found = blobs.find(request->digest());
  if (found == blobs.end())
    return {grpc::StatusCode::NOT_FOUND, "no such blob"};
  while (stallDownloads && !context->IsCancelled())
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  std::string rest = found->second.substr(request->offset());
  if (request->length())
    rest.resize(std::min<size_t>(rest.size(), request->length()));
  if (corruptDownloads && !rest.empty())
    rest[0] ^= 1;
  size_t limit = breakDownloadAfterBytes ? static_cast<size_t>(breakDownloadAfterBytes) : SIZE_MAX;
  breakDownloadAfterBytes = 0;
  v1::DownloadResponse response;
  response.set_size(found->second.size());
  for (size_t at = 0; at < rest.size(); at += kChunk) {
    if (at >= limit)
      return unavailable("broken download");
    response.set_data(rest.substr(at, kChunk));
    writer->Write(response);
    response.clear_size();
  }
  return grpc::Status::OK;
}

grpc::Status FakeServer::GetServerInfo(grpc::ServerContext *, const v1::GetServerInfoRequest *,
                                       v1::ServerInfo *response) {
  response->set_version("0.1.0");
  response->set_protocol("linalgd.v1");
  (*response->mutable_libraries())["llvm"] = "22.1.8";
  response->add_stages()->set_name("linalg");
  response->mutable_limits()->set_max_chunk_bytes(kChunk);
  return grpc::Status::OK;
}

grpc::Status FakeServer::GetStats(grpc::ServerContext *, const v1::GetStatsRequest *,
                                  v1::Stats *response) {
  response->set_cache_hits(7);
  response->set_draining(true);
  return grpc::Status::OK;
}

grpc::Status FakeServer::Drain(grpc::ServerContext *, const v1::DrainRequest *request,
                               v1::DrainResponse *response) {
  response->set_drained(request->grace().seconds() == 2);
  response->set_jobs_left(1);
  return grpc::Status::OK;
}

} // namespace linalgd::client
