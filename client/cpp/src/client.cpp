#include "linalgd/client.h"

#include "client/cpp/src/connection.h"
#include "client/cpp/src/convert.h"
#include "proto/marshal.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <cstdlib>
#include <random>

namespace linalgd::client {
namespace {

// How often blobs may vanish between their upload and the submit before we give up.
constexpr int kSubmitAttempts = 4;

std::string randomUuid() {
  std::random_device random;
  std::string uuid;
  for (int i = 0; i < 4; ++i)
    absl::StrAppend(&uuid, absl::Hex(random(), absl::kZeroPad8));
  uuid[12] = '4';
  uuid[16] = "89ab"[static_cast<unsigned>(uuid[16]) % 4];
  for (size_t at : {8, 13, 18, 23})
    uuid.insert(at, 1, '-');
  return uuid;
}

void setDuration(milliseconds value, google::protobuf::Duration *proto) {
  linalgd::toProto(std::chrono::duration_cast<microseconds>(value), proto);
}

// The digests that a Submit's FAILED_PRECONDITION names; empty where it has another reason.
std::vector<Digest> missingBlobs(const grpc::Status &status) {
  v1::StatusDetails details;
  std::vector<Digest> missing;
  if (status.error_code() != grpc::StatusCode::FAILED_PRECONDITION ||
      !details.ParseFromString(status.error_details()))
    return missing;
  for (const google::protobuf::Any &any : details.details()) {
    v1::MissingBlobs blobs;
    if (!any.UnpackTo(&blobs))
      continue;
    for (const std::string &hex : blobs.digests())
      if (absl::StatusOr<Digest> digest = Digest::fromHex(hex); digest.ok())
        missing.push_back(*digest);
  }
  return missing;
}

v1::SubmitRequest makeRequest(const ModelSource &model, const SubmitOptions &options) {
  v1::SubmitRequest request;
  request.set_job_id(options.jobId.empty() ? randomUuid() : options.jobId);
  request.set_label(options.label);
  if (options.timeout)
    setDuration(*options.timeout, request.mutable_timeout());
  linalgd::toProto(options.options, request.mutable_options());
  v1::Model *proto = request.mutable_model();
  proto->set_format(static_cast<v1::ModelFormat>(model.format()));
  for (const ModelSource::Part &part : model.parts()) {
    v1::NamedBlob *blob = proto->add_blobs();
    blob->set_name(part.name);
    blob->set_digest(part.digest.hex());
    blob->set_size(part.bytes.size());
  }
  return request;
}

bool isAddress(const std::string &address) {
  size_t colon = address.rfind(':');
  std::string_view port =
      std::string_view(address).substr(colon == std::string::npos ? 0 : colon + 1);
  return colon != std::string::npos && colon > 0 && !port.empty() && port.size() <= 5 &&
         std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; });
}

} // namespace

absl::StatusOr<Client> Client::connect(const std::string &address, const ClientOptions &options) {
  std::string chosen = address;
  if (const char *fromEnvironment = std::getenv("LINALGD_ADDRESS");
      chosen.empty() && fromEnvironment)
    chosen = fromEnvironment;
  if (chosen.empty())
    chosen = "localhost:8470";
  bool isSocket = chosen.starts_with("unix:");
  if (!isSocket && !isAddress(chosen))
    return absl::InvalidArgumentError(
        absl::StrCat("'", chosen, "' is no address of a server; write HOST:PORT"));
  return Client(std::make_shared<Connection>(chosen, options));
}

const std::string &Client::address() const { return connection_->address(); }

absl::StatusOr<Job> Client::submit(const ModelSource &model, const SubmitOptions &options,
                                   const TransferCallback &progress) {
  v1::SubmitRequest request = makeRequest(model, options);
  for (int attempt = 1;; ++attempt) {
    v1::Job response;
    grpc::Status status = connection_->call(
        connection_->compile(), &v1::CompileService::StubInterface::Submit, request, &response);
    if (status.ok()) {
      absl::StatusOr<JobInfo> job = jobFromProto(response);
      if (!job.ok())
        return job.status();
      return Job(connection_, std::move(*job));
    }
    // The status names the first missing blobs only; upload() asks for all.
    if (missingBlobs(status).empty() || attempt == kSubmitAttempts)
      return connection_->error(status);
    absl::StatusOr<uint64_t> sent = upload(model, progress);
    if (!sent.ok())
      return sent.status();
  }
}

absl::StatusOr<uint64_t> Client::upload(const ModelSource &model,
                                        const TransferCallback &progress) {
  std::vector<Digest> digests;
  for (const ModelSource::Part &part : model.parts())
    digests.push_back(part.digest);
  return uploadBlobs(*connection_, model, std::move(digests), progress);
}

absl::StatusOr<Job> Client::attach(const std::string &jobId) {
  v1::GetRequest request;
  request.set_job_id(jobId);
  v1::Job response;
  grpc::Status status = connection_->call(
      connection_->compile(), &v1::CompileService::StubInterface::Get, request, &response);
  if (!status.ok())
    return connection_->error(status);
  absl::StatusOr<JobInfo> job = jobFromProto(response);
  if (!job.ok())
    return job.status();
  return Job(connection_, std::move(*job));
}

absl::StatusOr<JobInfo> Client::cancel(const std::string &jobId) {
  v1::CancelRequest request;
  request.set_job_id(jobId);
  v1::Job response;
  grpc::Status status = connection_->call(
      connection_->compile(), &v1::CompileService::StubInterface::Cancel, request, &response);
  if (!status.ok())
    return connection_->error(status);
  return jobFromProto(response);
}

absl::StatusOr<JobList> Client::list(const std::vector<JobState> &states, uint32_t pageSize,
                                     const std::string &pageToken) {
  v1::ListRequest request;
  for (JobState state : states)
    request.add_states(toProto(state));
  request.set_page_size(pageSize);
  request.set_page_token(pageToken);
  v1::ListResponse response;
  grpc::Status status = connection_->call(
      connection_->compile(), &v1::CompileService::StubInterface::List, request, &response);
  if (!status.ok())
    return connection_->error(status);
  JobList list;
  list.nextPageToken = response.next_page_token();
  for (const v1::Job &proto : response.jobs()) {
    absl::StatusOr<JobInfo> job = jobFromProto(proto);
    if (!job.ok())
      return job.status();
    list.jobs.push_back(std::move(*job));
  }
  return list;
}

absl::StatusOr<ServerInfo> Client::serverInfo() {
  v1::ServerInfo response;
  grpc::Status status =
      connection_->call(connection_->server(), &v1::ServerService::StubInterface::GetServerInfo,
                        v1::GetServerInfoRequest(), &response);
  if (!status.ok())
    return connection_->error(status);
  return serverInfoFromProto(response);
}

absl::StatusOr<ServerStats> Client::stats() {
  v1::Stats response;
  grpc::Status status =
      connection_->call(connection_->server(), &v1::ServerService::StubInterface::GetStats,
                        v1::GetStatsRequest(), &response);
  if (!status.ok())
    return connection_->error(status);
  return statsFromProto(response);
}

absl::StatusOr<DrainResult> Client::drain(std::optional<milliseconds> grace) {
  // The answer may take the whole grace period, which is the server's where none is given.
  constexpr milliseconds kLongestGrace = std::chrono::hours(24);
  v1::DrainRequest request;
  if (grace)
    setDuration(*grace, request.mutable_grace());
  v1::DrainResponse response;
  grpc::Status status = connection_->call(
      connection_->server(), &v1::ServerService::StubInterface::Drain, request, &response,
      grace ? *grace + connection_->options().rpcTimeout : kLongestGrace);
  if (!status.ok())
    return connection_->error(status);
  return DrainResult{response.drained(), response.jobs_left()};
}

} // namespace linalgd::client
