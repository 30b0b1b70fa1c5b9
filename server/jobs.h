// The jobs: submitted, queued, worked on by threads that each own a worker, watched, cancelled,
// remembered. docs/protocol.md says what clients may rely on.
//
// Jobs wait in flights: a flight is one compile, which one job or many wait for. Jobs of the same
// request share a flight from the start; when inspection tells that two flights have the same key,
// one takes over the other's jobs. A flight is cancelled when its last job leaves.
#pragma once

#include "server/job.h"
#include "server/job_journal.h"
#include "server/job_queue.h"
#include "server/job_request.h"
#include "server/job_runner.h"
#include "server/job_table.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>

namespace linalgd {

struct JobOptions {
  uint32_t workers = 1;
  uint32_t maxQueue = 1000;
  std::chrono::milliseconds timeout{std::chrono::minutes(10)}; // the default, and the most
  std::string defaultTarget = "x86-64-v3";
  uint32_t history = 1000; // ended jobs that are remembered
  std::chrono::milliseconds historyAge{std::chrono::hours(24)};
  std::chrono::milliseconds failureTtl{std::chrono::minutes(1)};
};

class JobManager;

// Reads the events of a job, in order. Thread-safe; the manager must outlive it.
class JobWatch {
public:
  enum class Next : uint8_t { Event, Nothing, End };
  // Nothing: there will be more, and `wake` is called then. End: the job's last event has been
  // read.
  Next next(v1::JobEvent *event);

private:
  friend class JobManager;
  JobManager *manager_ = nullptr;
  std::shared_ptr<Job> job_;
  uint64_t after_ = 0;
  std::function<void()> wake_;
};

// Thread-safe.
class JobManager {
public:
  using MakeWorker = std::function<std::unique_ptr<Worker>()>;

  // All must outlive the manager. `makeWorker` is called on each worker thread.
  JobManager(JobOptions options, BlobStore &blobs, ArtifactCache &cache, JobJournal &journal,
             Metrics &metrics, MakeWorker makeWorker);
  // Kills what runs. Jobs that have not ended are queued again by the next start().
  ~JobManager();

  // Takes up the journal's jobs and starts the worker threads. An error: no worker can be started.
  absl::Status start();
  // Of the first worker.
  CompilerInfo compilerInfo() const;

  // `done` is called once, on any thread, when the job is on disk. Errors: see Submit in
  // compile.proto; MissingBlobs rides along as a payload.
  using Done = std::function<void(absl::StatusOr<v1::Job>)>;
  void submit(const v1::SubmitRequest &request, const std::string &client, Done done);
  absl::StatusOr<v1::Job> get(const std::string &id);
  absl::StatusOr<v1::Job> cancel(const std::string &id);
  absl::StatusOr<v1::ListResponse> list(const v1::ListRequest &request);
  // `wake` is called, on any thread and with no lock held, when there may be more events.
  absl::StatusOr<std::shared_ptr<JobWatch>> watch(const std::string &id, uint64_t afterSequence,
                                                  std::function<void()> wake);

  // No new jobs from now on.
  void drain();
  bool draining() const;
  // Whether all jobs ended by then.
  bool waitUntilIdle(TimePoint deadline);
  size_t unfinished() const;

private:
  friend class JobWatch;
  class Section;
  class FlightListener;

  // Where jobs of the same request go while a flight of it is under way.
  struct Pending {
    std::shared_ptr<Flight> flight;
    std::shared_ptr<const Inspection> inspection; // once known
  };

  absl::Status recover();
  void restore(v1::JobRecord record);
  void housekeep();
  void workerLoop();
  void reportWorker(const absl::StatusOr<CompilerInfo> &info);
  std::shared_ptr<Flight> nextFlight();
  void flightEnded(const std::shared_ptr<Flight> &flight, std::optional<Outcome> outcome);
  bool inspected(const std::shared_ptr<Flight> &flight,
                 const std::shared_ptr<const Inspection> &inspection);

  // All below: with mutex_ held.
  absl::Status admit(bool queues);
  std::shared_ptr<Job> createJob(const JobRequest &request, const v1::SubmitRequest &proto,
                                 const std::string &client);
  void takeOff(const std::shared_ptr<Job> &job, JobRequest request);
  void join(const std::shared_ptr<Job> &job, const std::shared_ptr<Flight> &flight);
  void leave(const std::shared_ptr<Job> &job);
  void unregister(const std::shared_ptr<Flight> &flight);
  void succeed(const std::shared_ptr<Job> &job, const CachedArtifact &artifact, bool cached);
  void fail(const std::shared_ptr<Job> &job, const Problem &problem);
  void end(const std::shared_ptr<Job> &job, v1::JobState state);
  void forget(const std::shared_ptr<Job> &job);
  void expireJobs(TimePoint now);
  void prune(TimePoint now);
  void change(Job &job, v1::JobState state);
  JobJournal::Done acknowledgement(const std::shared_ptr<Job> &job, Done done);

  const JobOptions options_;
  BlobStore &blobs_;
  ArtifactCache &cache_;
  JobJournal &journal_;
  Metrics &metrics_;
  const MakeWorker makeWorker_;
  JobRunner runner_;

  mutable std::mutex mutex_; // guards all below
  std::condition_variable queueChanged_;
  std::condition_variable deadlinesChanged_;
  std::condition_variable idle_;
  std::condition_variable workersReported_;
  bool draining_ = false;
  bool stopping_ = false;
  JobTable table_;
  std::set<std::shared_ptr<Job>> unfinished_;
  int queued_ = 0; // jobs, of the unfinished ones
  int runningJobs_ = 0;
  FairQueue<std::shared_ptr<Flight>> queue_;
  std::set<std::shared_ptr<Flight>> running_;
  std::map<Digest, Pending> byRequest_;
  std::map<Digest, std::shared_ptr<Flight>> byKey_;
  Job::Woken woken_; // watches to be told when the lock is released
  std::optional<CompilerInfo> info_;
  uint32_t workersFailed_ = 0;
  absl::Status workerError_;

  std::vector<std::thread> threads_;
};

} // namespace linalgd
