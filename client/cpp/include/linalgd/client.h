// The C++ client of a linalgd server.
//
//   absl::StatusOr<linalgd::Client> client = linalgd::Client::connect("localhost:8470");
//   auto model = linalgd::client::ModelSource::fromFile("resnet18.pt2");
//   auto job = client->submit(*model, {.options = {.emit = linalgd::Stage::Executable}});
//   auto artifact = job->result();
//   absl::Status saved = client->download(artifact->files[0], "resnet18.so");
//
// Every call may be made from any thread. A call that cannot reach the server is repeated, with
// growing pauses, for as long as ClientOptions says; every one of them is safe to repeat.
//
// Status codes: Unavailable (no server, or it drains), DeadlineExceeded, Cancelled, NotFound,
// AlreadyExists, InvalidArgument, ResourceExhausted (the server's queue or store is full), DataLoss
// (bytes that do not match their digest). A job that fails is no error of the call that reports it.
#pragma once

#include "linalgd/model_source.h"

#include "compiler/api/types.h"

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace linalgd::client {

using Clock = std::chrono::system_clock;
using std::chrono::microseconds;
using std::chrono::milliseconds;

struct ClientOptions {
  milliseconds rpcTimeout{30'000};  // of one attempt of a call that does not stream
  milliseconds idleTimeout{60'000}; // of a transfer on which no byte moves
  milliseconds retryFor{10'000};    // how long a server that cannot be reached is tried; 0: once
};

struct ArtifactFile {
  std::string name; // "model.mlir", "model.so"
  Digest digest;
  uint64_t size = 0;
  std::string mediaType;
};

struct Artifact {
  std::string key;
  std::string stage;
  bool cached = false;             // served without compiling for this job
  std::vector<ArtifactFile> files; // the first one is the artifact proper
  std::vector<WeightBinding> weights;
  std::string signature; // JSON: Signature::parse (linalgd/signature.h)
  std::string target;
};

struct Failure {
  std::string code; // a canonical status code's name: "UNIMPLEMENTED"
  std::string message;
  std::vector<Diagnostic> diagnostics;
  std::optional<ArtifactFile> reproducer;
};

struct StageTiming {
  std::string stage; // "inspect", or a stage's name
  microseconds elapsed{0};
};

enum class JobState : uint8_t { Unknown, Queued, Running, Succeeded, Failed, Cancelled };

std::string_view jobStateName(JobState state); // "queued" …
std::optional<JobState> parseJobState(std::string_view name);

struct JobInfo {
  std::string id;
  JobState state = JobState::Unknown;
  std::string label;
  std::string step; // "inspect", or the stage that is running
  std::optional<Clock::time_point> created, started, finished;
  std::vector<StageTiming> timings;
  std::optional<Artifact> artifact; // Succeeded
  std::optional<Failure> failure;   // Failed
  std::vector<Diagnostic> diagnostics;
  std::string emit; // as asked for, as are the next two
  std::string target;
  WeightsMode weights = WeightsMode::Embed;

  bool done() const { return state >= JobState::Succeeded; }
};

struct JobEvent {
  enum class Kind : uint8_t { State, StageStarted, StageFinished, Diagnostic };

  uint64_t sequence = 0;
  Kind kind = Kind::State;
  JobInfo job;           // State
  StageTiming stage;     // StageStarted (without a time), StageFinished
  Diagnostic diagnostic; // Diagnostic
};
using EventCallback = std::function<void(const JobEvent &)>;

struct SubmitOptions {
  Options options = {};
  std::string jobId = {};                   // empty: a random UUID
  std::optional<milliseconds> timeout = {}; // of the job; unset: the server's
  std::string label = {};                   // shown by list
};

struct Limits {
  uint64_t maxBlobBytes = 0, maxChunkBytes = 0, storeBytes = 0, workerMemoryBytes = 0;
  uint32_t maxQueuedJobs = 0, workers = 0;
  microseconds jobTimeout{0};
};

struct StageDescription {
  std::string name;
  std::string description;
  std::string artifactName;
};

struct ServerInfo {
  std::string version, protocol, buildId;
  std::map<std::string, std::string> libraries;
  std::vector<StageDescription> stages;
  std::vector<std::string> targets;
  std::string defaultTarget;
  Limits limits;
};

struct ServerStats {
  uint64_t jobsSubmitted = 0, jobsSucceeded = 0, jobsFailed = 0, jobsCancelled = 0;
  uint32_t jobsQueued = 0, jobsRunning = 0;
  uint64_t cacheHits = 0, cacheMisses = 0, cacheJoined = 0, stageResumes = 0;
  uint64_t artifacts = 0, blobs = 0, storeBytesUsed = 0, workerRestarts = 0;
  microseconds uptime{0};
  bool draining = false;
};

struct JobList {
  std::vector<JobInfo> jobs; // newest first, without artifacts and diagnostics
  std::string nextPageToken; // empty: that was all
};

struct DrainResult {
  bool drained = false;
  uint32_t jobsLeft = 0;
};

// Told how many bytes of how many have moved; false ends the transfer with Cancelled.
using TransferCallback = std::function<bool(uint64_t done, uint64_t total)>;
// Takes the bytes of a download in order; an error ends it.
using ByteSink = std::function<absl::Status(std::string_view)>;

class Connection;

// A job on a server. Cheap to copy.
class Job {
public:
  const std::string &id() const { return id_; }
  // As of Submit; final already where the artifact was cached.
  const JobInfo &submitted() const { return submitted_; }

  absl::StatusOr<JobInfo> get() const;
  // The job's final state. `events`, called on this thread, is told everything from the start,
  // once. A broken stream goes on where it ended. Without `timeout`, waits as long as it takes;
  // with it, DeadlineExceeded leaves the job running.
  absl::StatusOr<JobInfo> wait(const EventCallback &events = nullptr,
                               std::optional<milliseconds> timeout = {}) const;
  // `wait`, and a failed or cancelled job is an error: of the failure's code and sentence.
  absl::StatusOr<Artifact> result(std::optional<milliseconds> timeout = {}) const;
  // Asks for cancellation. A job that ended stays as it is.
  absl::StatusOr<JobInfo> cancel() const;

private:
  friend class Client;
  Job(std::shared_ptr<Connection> connection, JobInfo submitted)
      : connection_(std::move(connection)), id_(submitted.id), submitted_(std::move(submitted)) {}

  std::shared_ptr<Connection> connection_;
  std::string id_;
  JobInfo submitted_;
};

// A connection to a server. Cheap to copy.
class Client {
public:
  // `address`: "HOST:PORT". Empty: $LINALGD_ADDRESS, then "localhost:8470". Connects when first
  // used. Errors: InvalidArgument for an address that is none.
  static absl::StatusOr<Client> connect(const std::string &address = "",
                                        const ClientOptions &options = {});

  const std::string &address() const;

  // Asks for a compile and sends those blobs that the server lacks.
  absl::StatusOr<Job> submit(const ModelSource &model, const SubmitOptions &options = {},
                             const TransferCallback &progress = nullptr);
  // A job that is there already. Errors: NotFound.
  absl::StatusOr<Job> attach(const std::string &jobId);
  absl::StatusOr<JobInfo> cancel(const std::string &jobId);
  // `states` empty: all. `pageSize` 0: 100.
  absl::StatusOr<JobList> list(const std::vector<JobState> &states = {}, uint32_t pageSize = 0,
                               const std::string &pageToken = "");

  // Sends the blobs of a model that the server lacks, ahead of a submit. Answers with the bytes
  // sent.
  absl::StatusOr<uint64_t> upload(const ModelSource &model,
                                  const TransferCallback &progress = nullptr);

  // A file's bytes, verified by its digest, in order. Broken transfers go on where they ended.
  absl::Status download(const ArtifactFile &file, const ByteSink &sink,
                        const TransferCallback &progress = nullptr);
  // To a path: written beside it and renamed when verified, so that the path never holds a part.
  absl::Status download(const ArtifactFile &file, const std::string &path,
                        const TransferCallback &progress = nullptr);
  // Appends to a descriptor, which stays the caller's.
  absl::Status download(const ArtifactFile &file, int fd);
  // A part of a blob. Only the whole blob (offset 0, length its size) can be verified here; the
  // server verifies what it sends.
  absl::Status downloadRange(const Digest &digest, uint64_t offset, uint64_t length,
                             const ByteSink &sink);

  // Writes the bound weights of an artifact as safetensors, taking from `local`, where given, the
  // bytes that it has.
  absl::Status saveWeights(const Artifact &artifact, const std::string &path,
                           const ModelSource *local = nullptr,
                           const TransferCallback &progress = nullptr);

  absl::StatusOr<ServerInfo> serverInfo();
  absl::StatusOr<ServerStats> stats();
  // No new jobs from now on. Answers when the others have ended, or when `grace` (unset: the
  // server's) is over.
  absl::StatusOr<DrainResult> drain(std::optional<milliseconds> grace = {});

private:
  friend class Job;
  explicit Client(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}

  std::shared_ptr<Connection> connection_;
};

} // namespace linalgd::client

namespace linalgd {
using client::Client;
} // namespace linalgd
