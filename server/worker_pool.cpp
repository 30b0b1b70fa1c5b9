#include "server/worker_pool.h"

#include "proto/marshal.h"
#include "server/logging.h"

#include "absl/strings/str_cat.h"

#include <sys/stat.h>

namespace linalgd {
namespace {

constexpr size_t kMaxFiles = 64;
constexpr size_t kMaxNameBytes = 256;
// What a request may say, all in all.
constexpr int kMaxMessages = 100'000;

absl::Status garbled(const std::string &what) {
  return faultStatus(Fault::Garbled, absl::StrCat("the worker garbled the protocol: ", what));
}

absl::StatusOr<ArtifactFile> takeFile(const v1::ArtifactFile &proto, UniqueFd fd) {
  struct stat info{};
  if (fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode) || info.st_size < 0 ||
      static_cast<uint64_t>(info.st_size) < proto.size())
    return garbled("a file is shorter than it is said to be");
  if (proto.name().empty() || proto.name().size() > kMaxNameBytes ||
      proto.name().find('/') != std::string::npos || proto.media_type().size() > kMaxNameBytes)
    return garbled("a file has an impossible name");
  return ArtifactFile{proto.name(), proto.media_type(), proto.size(), std::move(fd)};
}

absl::StatusOr<Artifact>
takeArtifact(const google::protobuf::RepeatedPtrField<v1::ArtifactFile> &files,
             std::vector<UniqueFd> descriptors) {
  if (files.empty() || static_cast<size_t>(files.size()) > kMaxFiles ||
      static_cast<size_t>(files.size()) != descriptors.size())
    return garbled("an artifact's files and descriptors do not agree");
  Artifact artifact;
  for (int i = 0; i < files.size(); ++i) {
    absl::StatusOr<ArtifactFile> file =
        takeFile(files[i], std::move(descriptors[static_cast<size_t>(i)]));
    if (!file.ok())
      return file.status();
    artifact.files.push_back(*std::move(file));
  }
  return artifact;
}

absl::StatusOr<Inspection> takeInspection(const v1::Inspected &proto, Stage emit) {
  absl::StatusOr<Inspection> inspection = fromProto(proto);
  if (!inspection.ok())
    return garbled(std::string(inspection.status().message()));
  const std::vector<StageKey> &keys = inspection->keys;
  bool inOrder = std::ranges::is_sorted(keys, std::less(), &StageKey::stage);
  if (keys.empty() || keys.back().stage != emit || !inOrder)
    return garbled("the keys do not lead to the stage asked for");
  return inspection;
}

// The compiler's own refusal.
absl::Status takeFailure(const v1::WorkerFailure &failure) {
  for (int code = 1; code <= 16; ++code)
    if (failure.code() == absl::StatusCodeToString(static_cast<absl::StatusCode>(code)))
      return absl::Status(static_cast<absl::StatusCode>(code), failure.message());
  return garbled("a failure without a known code");
}

std::vector<int> descriptorsOf(const Model &model) {
  std::vector<int> descriptors;
  descriptors.reserve(model.blobs.size());
  for (const Blob &blob : model.blobs)
    descriptors.push_back(blob.fd.get());
  return descriptors;
}

// Follows the messages of one answer; what the compiler said at its end is left in `failure`.
struct Answer {
  StageSink &sink;
  Stage emit;
  bool compiling;
  int messages = 0;
  absl::Status failure = {};
  std::optional<Inspection> inspection = {};
  std::optional<Artifact> artifact = {};

  // Whether it was the last one.
  absl::StatusOr<bool> take(const v1::WorkerResponse &response, std::vector<UniqueFd> descriptors);

private:
  absl::Status progress(const v1::WorkerResponse &response);
  absl::Status stageArtifact(const v1::StageArtifact &message, std::vector<UniqueFd> descriptors);
};

absl::StatusOr<bool> Answer::take(const v1::WorkerResponse &response,
                                  std::vector<UniqueFd> descriptors) {
  if (++messages > kMaxMessages)
    return garbled("it talks without end");
  if (response.has_failure()) {
    failure = takeFailure(response.failure());
    if (faultOf(failure))
      return failure;
    if (descriptors.size() == 1) {
      absl::StatusOr<ArtifactFile> file =
          takeFile(response.failure().reproducer(), std::move(descriptors.front()));
      if (!file.ok())
        return file.status();
      sink.reproducer(*std::move(file));
    }
    return true;
  }
  if (compiling && response.has_compiled()) {
    absl::StatusOr<Artifact> taken =
        takeArtifact(response.compiled().files(), std::move(descriptors));
    if (!taken.ok())
      return taken.status();
    artifact = *std::move(taken);
    return true;
  }
  if (compiling && response.has_stage_artifact()) {
    absl::Status taken = stageArtifact(response.stage_artifact(), std::move(descriptors));
    return taken.ok() ? absl::StatusOr<bool>(false) : taken;
  }
  if (!descriptors.empty())
    return garbled("descriptors that belong to nothing");
  if (!compiling && response.has_inspected()) {
    absl::StatusOr<Inspection> taken = takeInspection(response.inspected(), emit);
    if (!taken.ok())
      return taken.status();
    inspection = *std::move(taken);
    return true;
  }
  absl::Status taken = progress(response);
  return taken.ok() ? absl::StatusOr<bool>(false) : taken;
}

absl::Status Answer::progress(const v1::WorkerResponse &response) {
  if (response.has_diagnostic()) {
    sink.diagnostic(fromProto(response.diagnostic()));
    return absl::OkStatus();
  }
  bool started = response.response_case() == v1::WorkerResponse::kStageStarted;
  if (!started && !response.has_stage_finished())
    return garbled("a message that does not belong here");
  std::optional<Stage> stage =
      parseStage(started ? response.stage_started() : response.stage_finished().stage());
  if (!stage)
    return garbled("a stage that does not exist");
  if (started)
    sink.stageStarted(*stage);
  else
    sink.stageFinished(*stage, fromProto(response.stage_finished().elapsed()));
  return absl::OkStatus();
}

absl::Status Answer::stageArtifact(const v1::StageArtifact &message,
                                   std::vector<UniqueFd> descriptors) {
  std::optional<Stage> stage = parseStage(message.stage());
  if (!stage || *stage >= emit)
    return garbled("an artifact of a stage that is none before the last");
  absl::StatusOr<Artifact> taken = takeArtifact(message.files(), std::move(descriptors));
  if (!taken.ok())
    return taken.status();
  sink.stageArtifact(*stage, *std::move(taken));
  return absl::OkStatus();
}

} // namespace

class WorkerPool::PooledWorker : public Worker {
public:
  explicit PooledWorker(WorkerPool &pool) : pool_(pool) {}

  absl::Status prepare() override {
    if (process_ && (process_->requests() >= pool_.options_.maxRequests ||
                     process_->memory() > pool_.options_.recycleBytes)) {
      process_.reset();
      replaced("recycled");
    }
    if (process_)
      return absl::OkStatus();
    absl::StatusOr<std::unique_ptr<WorkerProcess>> started = WorkerProcess::start(pool_.options_);
    if (!started.ok())
      return started.status();
    if (absl::Status checked = pool_.checkBuild((*started)->info()); !checked.ok())
      return checked;
    process_ = *std::move(started);
    logInfo("worker started", {{"pid", process_->pid()}});
    return absl::OkStatus();
  }

  absl::StatusOr<CompilerInfo> info() override {
    if (absl::Status prepared = prepare(); !prepared.ok())
      return prepared;
    return process_->info();
  }

  absl::StatusOr<Inspection> inspect(const Model &model, const Options &options,
                                     const RunContext &context, StageSink &sink) override {
    v1::WorkerRequest request;
    toProto(model, request.mutable_inspect()->mutable_model());
    toProto(options, request.mutable_inspect()->mutable_options());
    Answer answer{sink, options.emit, false};
    absl::Status called = call(request, descriptorsOf(model), context, answer);
    if (!called.ok())
      return called;
    return *std::move(answer.inspection);
  }

  absl::StatusOr<Artifact> compile(const Model &model, const Options &options,
                                   const std::optional<ResumePoint> &resume,
                                   const RunContext &context, StageSink &sink) override {
    v1::WorkerRequest request;
    toProto(model, request.mutable_compile()->mutable_model());
    toProto(options, request.mutable_compile()->mutable_options());
    std::vector<int> descriptors = descriptorsOf(model);
    if (resume) {
      request.mutable_compile()->set_resume_stage(std::string(stageName(resume->stage)));
      request.mutable_compile()->set_resume_size(resume->size);
      descriptors.push_back(resume->fd.get());
    }
    Answer answer{sink, options.emit, true};
    absl::Status called = call(request, descriptors, context, answer);
    if (!called.ok())
      return called;
    return *std::move(answer.artifact);
  }

private:
  absl::Status call(const v1::WorkerRequest &request, const std::vector<int> &descriptors,
                    const RunContext &context, Answer &answer) {
    if (absl::Status prepared = prepare(); !prepared.ok())
      return prepared;
    pid_t pid = process_->pid();
    absl::Status status =
        process_->call(request, descriptors, context,
                       [&](const v1::WorkerResponse &response, std::vector<UniqueFd> received) {
                         return answer.take(response, std::move(received));
                       });
    if (status.ok())
      return answer.failure;
    Fault fault = *faultOf(status);
    logWarning("worker replaced", {{"pid", pid},
                                   {"reason", faultName(fault)},
                                   {"job", context.job},
                                   {"text", std::string(status.message())}});
    process_.reset();
    replaced(faultName(fault));
    return status;
  }

  void replaced(std::string_view reason) {
    if (pool_.options_.onReplaced)
      pool_.options_.onReplaced(reason);
  }

  WorkerPool &pool_;
  std::unique_ptr<WorkerProcess> process_;
};

std::unique_ptr<Worker> WorkerPool::makeWorker() { return std::make_unique<PooledWorker>(*this); }

absl::Status WorkerPool::checkBuild(const CompilerInfo &info) {
  std::lock_guard lock(mutex_);
  if (!buildId_)
    buildId_ = info.buildId;
  if (*buildId_ == info.buildId)
    return absl::OkStatus();
  return faultStatus(Fault::NotStarted,
                     absl::StrCat("the worker at ", options_.path,
                                  " or its libraries were replaced while the daemon ran; restart "
                                  "the daemon"));
}

} // namespace linalgd
