#include "client/cpp/src/convert.h"

#include "proto/marshal.h"

#include "absl/strings/str_cat.h"

#include <array>

namespace linalgd::client {
namespace {

constexpr std::array<std::string_view, 6> kStateNames = {"unknown",   "queued", "running",
                                                         "succeeded", "failed", "cancelled"};
static_assert(static_cast<int>(JobState::Cancelled) == v1::JOB_STATE_CANCELLED);

absl::Status unreadable(const absl::Status &status) {
  return absl::InternalError(
      absl::StrCat("the server's answer is malformed: ", std::string(status.message())));
}

absl::StatusOr<ArtifactFile> fileFromProto(const v1::ArtifactFile &proto) {
  absl::StatusOr<Digest> digest = Digest::fromHex(proto.digest());
  if (!digest.ok())
    return unreadable(digest.status());
  return ArtifactFile{proto.name(), *digest, proto.size(), proto.media_type()};
}

absl::StatusOr<Artifact> artifactFromProto(const v1::Artifact &proto) {
  Artifact artifact;
  artifact.key = proto.key();
  artifact.stage = proto.stage();
  artifact.cached = proto.cached();
  artifact.signature = proto.signature_json();
  artifact.target = proto.target();
  for (const v1::ArtifactFile &file : proto.files()) {
    absl::StatusOr<ArtifactFile> converted = fileFromProto(file);
    if (!converted.ok())
      return converted.status();
    artifact.files.push_back(std::move(*converted));
  }
  for (const v1::WeightBinding &weight : proto.weights()) {
    absl::StatusOr<WeightBinding> converted = fromProto(weight);
    if (!converted.ok())
      return unreadable(converted.status());
    artifact.weights.push_back(std::move(*converted));
  }
  if (artifact.files.empty())
    return absl::InternalError("the server's answer is malformed: an artifact without files");
  return artifact;
}

absl::StatusOr<Failure> failureFromProto(const v1::Failure &proto) {
  Failure failure;
  failure.code = proto.code();
  failure.message = proto.message();
  for (const v1::Diagnostic &diagnostic : proto.diagnostics())
    failure.diagnostics.push_back(fromProto(diagnostic));
  if (proto.has_reproducer()) {
    absl::StatusOr<ArtifactFile> file = fileFromProto(proto.reproducer());
    if (!file.ok())
      return file.status();
    failure.reproducer = std::move(*file);
  }
  return failure;
}

std::optional<Clock::time_point> timeFromProto(bool has, const google::protobuf::Timestamp &time) {
  if (!has)
    return std::nullopt;
  return Clock::time_point(
      std::chrono::seconds(time.seconds()) +
      std::chrono::duration_cast<Clock::duration>(std::chrono::nanoseconds(time.nanos())));
}

} // namespace

std::string_view jobStateName(JobState state) { return kStateNames.at(static_cast<size_t>(state)); }

std::optional<JobState> parseJobState(std::string_view name) {
  for (size_t i = 1; i < kStateNames.size(); ++i)
    if (kStateNames[i] == name)
      return static_cast<JobState>(i);
  return std::nullopt;
}

v1::JobState toProto(JobState state) { return static_cast<v1::JobState>(state); }

absl::StatusOr<JobInfo> jobFromProto(const v1::Job &proto) {
  JobInfo job;
  job.id = proto.job_id();
  if (proto.state() >= 0 && proto.state() <= v1::JOB_STATE_CANCELLED)
    job.state = static_cast<JobState>(proto.state());
  job.label = proto.label();
  job.step = proto.step();
  job.emit = proto.options().emit();
  job.target = proto.options().target();
  if (v1::WeightsMode_IsValid(proto.options().weights()))
    job.weights = static_cast<WeightsMode>(proto.options().weights());
  job.created = timeFromProto(proto.has_created(), proto.created());
  job.started = timeFromProto(proto.has_started(), proto.started());
  job.finished = timeFromProto(proto.has_finished(), proto.finished());
  for (const v1::StageTiming &timing : proto.timings())
    job.timings.push_back({timing.stage(), fromProto(timing.elapsed())});
  for (const v1::Diagnostic &diagnostic : proto.diagnostics())
    job.diagnostics.push_back(fromProto(diagnostic));
  if (proto.has_artifact()) {
    absl::StatusOr<Artifact> artifact = artifactFromProto(proto.artifact());
    if (!artifact.ok())
      return artifact.status();
    job.artifact = std::move(*artifact);
  }
  if (proto.has_failure()) {
    absl::StatusOr<Failure> failure = failureFromProto(proto.failure());
    if (!failure.ok())
      return failure.status();
    job.failure = std::move(*failure);
  }
  return job;
}

absl::StatusOr<JobEvent> eventFromProto(const v1::JobEvent &proto) {
  JobEvent event;
  event.sequence = proto.sequence();
  if (proto.has_state()) {
    absl::StatusOr<JobInfo> job = jobFromProto(proto.state());
    if (!job.ok())
      return job.status();
    event.job = std::move(*job);
  } else if (proto.has_stage_started()) {
    event.kind = JobEvent::Kind::StageStarted;
    event.stage.stage = proto.stage_started();
  } else if (proto.has_stage_finished()) {
    event.kind = JobEvent::Kind::StageFinished;
    event.stage = {proto.stage_finished().stage(), fromProto(proto.stage_finished().elapsed())};
  } else {
    event.kind = JobEvent::Kind::Diagnostic;
    event.diagnostic = fromProto(proto.diagnostic());
  }
  return event;
}

ServerInfo serverInfoFromProto(const v1::ServerInfo &proto) {
  ServerInfo info;
  info.version = proto.version();
  info.protocol = proto.protocol();
  info.buildId = proto.build_id();
  info.libraries = {proto.libraries().begin(), proto.libraries().end()};
  for (const v1::StageInfo &stage : proto.stages())
    info.stages.push_back({stage.name(), stage.description(), stage.artifact_name()});
  info.targets = {proto.targets().begin(), proto.targets().end()};
  info.defaultTarget = proto.default_target();
  const v1::Limits &limits = proto.limits();
  info.limits.maxBlobBytes = limits.max_blob_bytes();
  info.limits.maxChunkBytes = limits.max_chunk_bytes();
  info.limits.storeBytes = limits.store_bytes();
  info.limits.workerMemoryBytes = limits.worker_memory_bytes();
  info.limits.maxQueuedJobs = limits.max_queued_jobs();
  info.limits.workers = limits.workers();
  info.limits.jobTimeout = fromProto(limits.job_timeout());
  return info;
}

ServerStats statsFromProto(const v1::Stats &proto) {
  ServerStats stats;
  stats.jobsSubmitted = proto.jobs_submitted();
  stats.jobsSucceeded = proto.jobs_succeeded();
  stats.jobsFailed = proto.jobs_failed();
  stats.jobsCancelled = proto.jobs_cancelled();
  stats.jobsQueued = proto.jobs_queued();
  stats.jobsRunning = proto.jobs_running();
  stats.cacheHits = proto.cache_hits();
  stats.cacheMisses = proto.cache_misses();
  stats.cacheJoined = proto.cache_joined();
  stats.stageResumes = proto.stage_resumes();
  stats.artifacts = proto.artifacts();
  stats.blobs = proto.blobs();
  stats.storeBytesUsed = proto.store_bytes_used();
  stats.workerRestarts = proto.worker_restarts();
  stats.uptime = fromProto(proto.uptime());
  stats.draining = proto.draining();
  return stats;
}

} // namespace linalgd::client
