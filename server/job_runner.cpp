#include "server/job_runner.h"

#include "server/logging.h"

#include "absl/strings/str_cat.h"

#include <algorithm>

namespace linalgd {
namespace {

constexpr size_t kMaxDiagnostics = 1000;
constexpr size_t kMaxTextBytes = 16 << 10;

// A problem that the daemon itself knows the name of rides along as the code's payload.
constexpr char kProblemCode[] = "linalgd.problem";

absl::Status named(const absl::Status &status, std::string_view code) {
  absl::Status result = status;
  result.SetPayload(kProblemCode, absl::Cord(absl::string_view(code.data(), code.size())));
  return result;
}

void cut(std::string &text) {
  if (text.size() > kMaxTextBytes)
    text.resize(kMaxTextBytes);
}

// Runs again what fails by a fault that may be the worker's own.
template <typename Call>
auto withRetry(const CompileTask &task, TaskListener &listener, Call call) {
  auto result = call();
  std::optional<Fault> fault = faultOf(result.status());
  if (fault != Fault::Crashed && fault != Fault::Garbled && fault != Fault::NotStarted)
    return result;
  if (task.cancel.cancelled())
    return result;
  Diagnostic diagnostic;
  diagnostic.severity = Severity::Warning;
  diagnostic.code = "worker-retried";
  diagnostic.message = absl::StrCat("tried again, since ", std::string(result.status().message()));
  listener.diagnosed(diagnostic);
  return call();
}

} // namespace

// Passes on what the worker tells, keeps its diagnostics, and stores stages as they come.
class JobRunner::Sink : public StageSink {
public:
  Sink(JobRunner &runner, TaskListener &listener) : runner_(runner), listener_(listener) {}

  void stageStarted(Stage stage) override { listener_.stepStarted(stageName(stage)); }

  void stageFinished(Stage stage, std::chrono::microseconds elapsed) override {
    runner_.metrics_.stageFinished(stageName(stage), elapsed);
    listener_.stepFinished(stageName(stage), elapsed);
  }

  void stageArtifact(Stage stage, Artifact artifact) override {
    if (!inspection)
      return;
    auto key = std::ranges::find(inspection->keys, stage, &StageKey::stage);
    if (key == inspection->keys.end())
      return;
    absl::StatusOr<CachedArtifact> stored = runner_.cache_.put(key->key, stage, artifact);
    // The compile does without.
    if (!stored.ok())
      logWarning("stage not cached",
                 {{"stage", stageName(stage)}, {"error", std::string(stored.status().message())}});
  }

  void diagnostic(Diagnostic diagnostic) override {
    if (diagnostics.size() >= kMaxDiagnostics)
      return;
    for (std::string *text : {&diagnostic.code, &diagnostic.message, &diagnostic.op,
                              &diagnostic.node, &diagnostic.hint})
      cut(*text);
    // Errors are told once, with the failure.
    if (diagnostic.severity != Severity::Error)
      listener_.diagnosed(diagnostic);
    diagnostics.push_back(std::move(diagnostic));
  }

  void reproducer(ArtifactFile file) override {
    BlobSource source{file.fd.get(), file.size};
    absl::StatusOr<std::vector<BlobInfo>> stored = runner_.blobs_.put({&source, 1});
    if (stored.ok())
      reproducerFile = CachedFile{file.name, file.mediaType, stored->front().digest, file.size};
  }

  void startAgain() {
    diagnostics.clear();
    reproducerFile.reset();
  }

  std::shared_ptr<const Inspection> inspection;
  std::vector<Diagnostic> diagnostics;
  std::optional<CachedFile> reproducerFile;

private:
  JobRunner &runner_;
  TaskListener &listener_;
};

std::optional<Outcome> JobRunner::lookUp(const Digest &key) {
  if (std::optional<CachedArtifact> artifact = cache_.find(key))
    return Served{*std::move(artifact), true};
  if (std::optional<CachedFailure> failure = cache_.findFailure(key))
    return Problem{failure->status, failure->diagnostics, std::nullopt};
  return std::nullopt;
}

std::optional<Outcome> JobRunner::run(Worker &worker, const CompileTask &task,
                                      TaskListener &listener) {
  Sink sink(*this, listener);
  std::shared_ptr<const Inspection> inspection = cache_.findInspection(task.request);
  if (!inspection) {
    absl::StatusOr<std::shared_ptr<const Inspection>> inspected =
        inspect(worker, task, listener, sink);
    if (!inspected.ok())
      return fail(inspected.status(), sink, task.request);
    inspection = *std::move(inspected);
    cache_.putInspection(task.request, inspection);
  }
  if (!listener.inspected(inspection))
    return std::nullopt;
  const Digest &key = inspection->keys.back().key;
  if (std::optional<Outcome> known = lookUp(key))
    return known;

  sink.inspection = inspection;
  absl::StatusOr<CachedArtifact> artifact =
      withRetry(task, listener, [&] { return compile(worker, task, *inspection, sink); });
  if (!artifact.ok())
    return fail(artifact.status(), sink, key);
  return Served{*std::move(artifact), false};
}

absl::StatusOr<std::shared_ptr<const Inspection>>
JobRunner::inspect(Worker &worker, const CompileTask &task, TaskListener &listener, Sink &sink) {
  listener.stepStarted("inspect");
  auto start = std::chrono::steady_clock::now();
  absl::StatusOr<Inspection> inspection =
      withRetry(task, listener, [&]() -> absl::StatusOr<Inspection> {
        sink.startAgain();
        absl::StatusOr<Model> model = openModel(task.model);
        if (!model.ok())
          return model.status();
        return worker.inspect(*model, task.options, {task.name, task.cancel}, sink);
      });
  if (!inspection.ok())
    return inspection.status();
  auto elapsed = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - start);
  metrics_.stageFinished("inspect", elapsed);
  listener.stepFinished("inspect", elapsed);
  return std::make_shared<const Inspection>(*std::move(inspection));
}

absl::StatusOr<CachedArtifact> JobRunner::compile(Worker &worker, const CompileTask &task,
                                                  const Inspection &inspection, Sink &sink) {
  sink.startAgain();
  absl::StatusOr<Model> model = openModel(task.model);
  if (!model.ok())
    return model.status();
  std::optional<ResumePoint> resume = findResumePoint(inspection);
  if (resume)
    metrics_.stageResumes.Increment();
  absl::StatusOr<Artifact> artifact =
      worker.compile(*model, task.options, resume, {task.name, task.cancel}, sink);
  if (!artifact.ok())
    return artifact.status();
  absl::StatusOr<CachedArtifact> stored =
      cache_.put(inspection.keys.back().key, inspection.keys.back().stage, *artifact);
  if (!stored.ok())
    return named(stored.status(), "store-full");
  return stored;
}

absl::StatusOr<Model> JobRunner::openModel(const Model &model) {
  Model opened;
  opened.format = model.format;
  for (const Blob &blob : model.blobs) {
    absl::StatusOr<OpenBlob> file = blobs_.open(blob.digest);
    if (absl::IsNotFound(file.status()) || absl::IsDataLoss(file.status()))
      return named(absl::FailedPreconditionError(
                       absl::StrCat("blob ", blob.digest.hex(), " of the model is not there")),
                   "missing-blobs");
    if (!file.ok())
      return named(file.status(), "store-unreadable");
    opened.blobs.push_back({blob.name, blob.digest, file->size, std::move(file->fd)});
  }
  return opened;
}

std::optional<ResumePoint> JobRunner::findResumePoint(const Inspection &inspection) {
  for (size_t i = inspection.keys.size() - 1; i-- > 0;) {
    if (inspection.keys[i].stage > kLastResumableStage)
      continue;
    std::optional<CachedArtifact> artifact = cache_.find(inspection.keys[i].key);
    if (!artifact)
      continue;
    absl::StatusOr<OpenBlob> file = blobs_.open(artifact->files.front().digest);
    if (file.ok())
      return ResumePoint{artifact->stage, std::move(file->fd), file->size};
  }
  return std::nullopt;
}

Problem JobRunner::fail(const absl::Status &status, Sink &sink, const Digest &key) {
  if (absl::optional<absl::Cord> code = status.GetPayload(kProblemCode)) {
    std::string name(*code);
    return problemOf(status, name,
                     name == "missing-blobs"
                         ? "Upload the model again, and submit under a new job id"
                         : "The server's disk is full or broken: see its log");
  }
  Problem problem{status, std::move(sink.diagnostics), sink.reproducerFile};
  problem = explainProblem(std::move(problem));
  if (isDeterministic(problem))
    cache_.putFailure(key, {problem.status, problem.diagnostics}, failureTtl_);
  return problem;
}

} // namespace linalgd
