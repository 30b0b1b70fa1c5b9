// A compile on a worker: inspect, look into the cache, compile from the deepest cached stage on,
// store.
#pragma once

#include "server/artifact_cache.h"
#include "server/blob_store.h"
#include "server/job_failures.h"
#include "server/metrics.h"
#include "server/worker.h"

#include <variant>

namespace linalgd {

// What a worker thread works on, for one job or for many at once.
struct CompileTask {
  std::string name; // a job's id, for the log
  Model model;      // without descriptors
  Options options;
  Digest request; // of model and options
  CancelEvent cancel;
};

struct Served {
  CachedArtifact artifact;
  bool cached = false;
};
using Outcome = std::variant<Served, Problem>;

// Told how a task gets on, on the worker's thread.
class TaskListener {
public:
  virtual ~TaskListener() = default;
  // `step`: "inspect", or a stage.
  virtual void stepStarted(std::string_view step) = 0;
  virtual void stepFinished(std::string_view step, std::chrono::microseconds elapsed) = 0;
  virtual void diagnosed(const Diagnostic &diagnostic) = 0;
  // The key is known. False: there is nobody left who waits for it here.
  virtual bool inspected(std::shared_ptr<const Inspection> inspection) = 0;
};

// Thread-safe; the workers are not.
class JobRunner {
public:
  // All must outlive the runner.
  JobRunner(BlobStore &blobs, ArtifactCache &cache, Metrics &metrics,
            std::chrono::milliseconds failureTtl)
      : blobs_(blobs), cache_(cache), metrics_(metrics), failureTtl_(failureTtl) {}

  // Nothing: inspected() answered false.
  std::optional<Outcome> run(Worker &worker, const CompileTask &task, TaskListener &listener);

  // What is known without a worker.
  std::optional<Outcome> lookUp(const Digest &key);

private:
  class Sink;
  absl::StatusOr<std::shared_ptr<const Inspection>> inspect(Worker &worker, const CompileTask &task,
                                                            TaskListener &listener, Sink &sink);
  absl::StatusOr<CachedArtifact> compile(Worker &worker, const CompileTask &task,
                                         const Inspection &inspection, Sink &sink);
  absl::StatusOr<Model> openModel(const Model &model);
  std::optional<ResumePoint> findResumePoint(const Inspection &inspection);
  Problem fail(const absl::Status &status, Sink &sink, const Digest &key);

  BlobStore &blobs_;
  ArtifactCache &cache_;
  Metrics &metrics_;
  const std::chrono::milliseconds failureTtl_;
};

} // namespace linalgd
