#include "proto/marshal.h"
#include "server/job_flights.h"
#include "server/logging.h"

#include "google/protobuf/util/time_util.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <future>
#include <span>

namespace linalgd {
namespace {

using google::protobuf::util::TimeUtil;

// Status details travel as HTTP/2 headers, of which peers take 8 KiB.
constexpr size_t kMaxNamedBlobs = 32;

constexpr char kMissingBlobs[] = "type.googleapis.com/linalgd.v1.MissingBlobs";

absl::Status missingBlobs(const std::vector<Digest> &digests) {
  absl::Status status = absl::FailedPreconditionError(absl::StrCat(
      digests.size(), " blobs of the model are missing; upload them, then submit again"));
  v1::MissingBlobs missing;
  for (const Digest &digest : std::span(digests).first(std::min(digests.size(), kMaxNamedBlobs)))
    missing.add_digests(digest.hex());
  status.SetPayload(kMissingBlobs, absl::Cord(absl::string_view(missing.SerializeAsString())));
  return status;
}

void describe(const CachedArtifact &artifact, const Inspection &inspection, bool cached,
              v1::Artifact *proto) {
  proto->set_key(artifact.key.hex());
  proto->set_stage(std::string(stageName(artifact.stage)));
  proto->set_cached(cached);
  for (const CachedFile &file : artifact.files) {
    v1::ArtifactFile *out = proto->add_files();
    out->set_name(file.name);
    out->set_digest(file.digest.hex());
    out->set_size(file.size);
    out->set_media_type(file.mediaType);
  }
  for (const WeightBinding &weight : inspection.weights)
    toProto(weight, proto->add_weights());
  proto->set_signature_json(inspection.signature);
  proto->set_target(inspection.target);
}

} // namespace

JobWatch::Next JobWatch::next(v1::JobEvent *event) {
  std::lock_guard lock(manager_->mutex_);
  if (const v1::JobEvent *next = job_->eventAfter(after_)) {
    *event = *next;
    after_ = next->sequence();
    return Next::Event;
  }
  return job_->ended() ? Next::End : Next::Nothing;
}

JobManager::JobManager(JobOptions options, BlobStore &blobs, ArtifactCache &cache,
                       JobJournal &journal, Metrics &metrics, MakeWorker makeWorker)
    : options_(std::move(options)), blobs_(blobs), cache_(cache), journal_(journal),
      metrics_(metrics), makeWorker_(std::move(makeWorker)),
      runner_(blobs, cache, metrics, options_.failureTtl),
      table_(options_.history, options_.historyAge) {}

JobManager::~JobManager() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const std::shared_ptr<Flight> &flight : running_)
      flight->task.cancel.cancel();
  }
  queueChanged_.notify_all();
  deadlinesChanged_.notify_all();
  for (std::thread &thread : threads_)
    thread.join();
  // Acknowledgements that are under way name this object.
  auto written = std::make_shared<std::promise<void>>();
  journal_.sync([written](const absl::Status &) { written->set_value(); });
  written->get_future().wait();
}

// --- Start ---

absl::Status JobManager::start() {
  if (absl::Status recovered = recover(); !recovered.ok())
    return recovered;
  for (uint32_t i = 0; i < options_.workers; ++i)
    threads_.emplace_back([this] { workerLoop(); });
  threads_.emplace_back([this] { housekeep(); });
  std::unique_lock lock(mutex_);
  workersReported_.wait(lock, [this] { return info_ || workersFailed_ == options_.workers; });
  return info_ ? absl::OkStatus() : workerError_;
}

CompilerInfo JobManager::compilerInfo() const {
  std::lock_guard lock(mutex_);
  return *info_;
}

absl::Status JobManager::recover() {
  absl::StatusOr<std::vector<v1::JobRecord>> records = journal_.load();
  if (!records.ok())
    return records.status();
  std::ranges::sort(*records, [](const v1::JobRecord &a, const v1::JobRecord &b) {
    return a.job().created() < b.job().created();
  });
  Section section(*this);
  for (v1::JobRecord &record : *records)
    restore(std::move(record));
  prune(std::chrono::steady_clock::now());
  return absl::OkStatus();
}

void JobManager::restore(v1::JobRecord record) {
  auto job = std::make_shared<Job>(record.client());
  job->state() = std::move(*record.mutable_job());
  job->restarts = record.restarts();
  if (absl::StatusOr<Digest> digest = Digest::fromHex(record.request_digest()); digest.ok())
    job->digest = *digest;
  table_.add(job);
  TimePoint now = std::chrono::steady_clock::now();
  if (job->ended()) {
    auto age = TimeUtil::DurationToMilliseconds(currentTimestamp() - job->state().finished());
    job->endedAt = now - std::chrono::milliseconds(std::max<int64_t>(age, 0));
    job->restoreEnd();
    table_.ended(job);
    return;
  }

  unfinished_.insert(job);
  job->request = std::move(*record.mutable_request());
  job->resumeNumbering();
  job->state().clear_timings();
  job->state().clear_diagnostics();
  job->state().clear_state();
  change(*job, v1::JOB_STATE_QUEUED);
  absl::StatusOr<JobRequest> request =
      parseRequest(job->request, {options_.timeout, options_.defaultTarget});
  if (!request.ok())
    return fail(job, problemOf(request.status(), "invalid-request",
                               "The server's settings changed since it was submitted"));
  std::vector<Digest> missing;
  job->pins = blobs_.pin(request->blobs(), &missing);
  if (!missing.empty())
    return fail(job, problemOf(missingBlobs(missing), "missing-blobs",
                               "Upload the model again, and submit under a new job id"));
  job->deadline = now + request->timeout;
  journal_.put(job->record(), nullptr);
  takeOff(job, *std::move(request));
}

// --- Submit ---

void JobManager::submit(const v1::SubmitRequest &proto, const std::string &client, Done done) {
  absl::StatusOr<JobRequest> request =
      parseRequest(proto, {options_.timeout, options_.defaultTarget});
  if (!request.ok())
    return done(request.status());

  // A known id is answered whatever has become of its blobs since.
  std::shared_ptr<Job> job;
  {
    std::lock_guard lock(mutex_);
    job = table_.lookUp(request->id);
  }
  std::optional<Outcome> outcome;
  std::shared_ptr<const Inspection> inspection;
  BlobPins pins;
  if (!job) {
    std::vector<Digest> missing;
    std::vector<Digest> blobs = request->blobs();
    for (const MissingBlob &blob : blobs_.findMissing(blobs))
      missing.push_back(blob.digest);
    if (missing.empty())
      pins = blobs_.pin(blobs, &missing);
    if (!missing.empty())
      return done(missingBlobs(missing));
    for (const Blob &blob : request->model.blobs)
      if (blobs_.sizeOf(blob.digest) != blob.size)
        return done(absl::InvalidArgumentError(
            absl::StrCat("model.blobs: ", blob.digest.hex(), " is not of ", blob.size, " bytes")));
    Digest digest = request->inspectionDigest();
    inspection = cache_.findInspection(digest);
    outcome = runner_.lookUp(inspection ? inspection->keys.back().key : digest);
  }

  absl::Status refused;
  std::optional<v1::Job> answer;
  {
    Section section(*this);
    if (std::shared_ptr<Job> known = table_.lookUp(request->id)) {
      job = known;
      if (job->digest != request->digest())
        refused = absl::AlreadyExistsError(absl::StrCat(
            "job ", request->id, " exists, with another request; choose a new job id"));
    } else if (refused = admit(!outcome); refused.ok()) {
      job = createJob(*request, proto, client);
      job->pins = std::move(pins);
      job->inspection = std::move(inspection);
      if (!outcome) {
        // The record goes ahead of all that may happen to the job.
        journal_.put(job->record(), acknowledgement(job, std::move(done)));
        takeOff(job, *std::move(request));
        return;
      }
      // An end that the cache gave can be had again: its record is not waited for.
      if (auto *served = std::get_if<Served>(&*outcome)) {
        metrics_.cacheHits.Increment();
        succeed(job, served->artifact, true);
      } else {
        fail(job, std::get<Problem>(*outcome));
      }
      answer = job->state();
    }
  }
  if (!refused.ok())
    return done(refused);
  if (answer)
    return done(*std::move(answer));
  journal_.sync(acknowledgement(job, std::move(done)));
}

absl::Status JobManager::admit(bool queues) {
  if (draining_ || stopping_)
    return absl::UnavailableError("the server is about to stop and takes no new jobs");
  if (queues && queued_ >= static_cast<int>(options_.maxQueue))
    return absl::ResourceExhaustedError(
        absl::StrCat("the queue is full: ", options_.maxQueue, " jobs wait; try again later"));
  return absl::OkStatus();
}

std::shared_ptr<Job> JobManager::createJob(const JobRequest &request,
                                           const v1::SubmitRequest &proto,
                                           const std::string &client) {
  auto job = std::make_shared<Job>(client);
  job->digest = request.digest();
  job->request = proto;
  job->deadline = std::chrono::steady_clock::now() + request.timeout;
  job->state().set_job_id(request.id);
  job->state().set_label(request.label);
  *job->state().mutable_created() = currentTimestamp();
  toProto(request.options, job->state().mutable_options());
  table_.add(job);
  unfinished_.insert(job);
  metrics_.jobsSubmitted.Increment();
  change(*job, v1::JOB_STATE_QUEUED);
  return job;
}

// Answers once the job is on disk.
JobJournal::Done JobManager::acknowledgement(const std::shared_ptr<Job> &job, Done done) {
  return [this, job, done = std::move(done)](const absl::Status &written) {
    absl::StatusOr<v1::Job> answer = absl::ResourceExhaustedError(
        absl::StrCat("the job cannot be kept on disk: ", std::string(written.message())));
    {
      Section section(*this);
      if (!written.ok())
        forget(job);
      else if (!job->forgotten)
        answer = job->state();
    }
    done(std::move(answer));
  };
}

// --- Ends ---

void JobManager::succeed(const std::shared_ptr<Job> &job, const CachedArtifact &artifact,
                         bool cached) {
  describe(artifact, *job->inspection, cached, job->state().mutable_artifact());
  metrics_.jobsSucceeded.Increment();
  end(job, v1::JOB_STATE_SUCCEEDED);
}

void JobManager::fail(const std::shared_ptr<Job> &job, const Problem &problem) {
  *job->state().mutable_failure() =
      toFailure(problem, job->inspection ? &job->inspection->sourceMap : nullptr);
  metrics_.jobsFailed.Increment();
  logInfo("job failed", {{"job", job->state().job_id()},
                         {"code", job->state().failure().code()},
                         {"error", job->state().failure().message()}});
  end(job, v1::JOB_STATE_FAILED);
}

void JobManager::end(const std::shared_ptr<Job> &job, v1::JobState state) {
  change(*job, state);
  job->endedAt = std::chrono::steady_clock::now();
  job->flight.reset();
  job->inspection.reset();
  job->request.Clear();
  job->pins = BlobPins();
  unfinished_.erase(job);
  table_.ended(job);
  journal_.put(job->record(), nullptr);
  prune(job->endedAt);
  if (unfinished_.empty())
    idle_.notify_all();
}

// As if the job had never been.
void JobManager::forget(const std::shared_ptr<Job> &job) {
  job->forgotten = true;
  leave(job);
  if (!job->ended())
    change(*job, v1::JOB_STATE_CANCELLED);
  unfinished_.erase(job);
  table_.remove(job);
  if (unfinished_.empty())
    idle_.notify_all();
}

void JobManager::prune(TimePoint now) {
  for (const std::string &id : table_.prune(now))
    journal_.remove(id);
}

void JobManager::expireJobs(TimePoint now) {
  std::vector<std::shared_ptr<Job>> late;
  std::ranges::copy_if(unfinished_, std::back_inserter(late),
                       [&](const std::shared_ptr<Job> &job) { return job->deadline <= now; });
  for (const std::shared_ptr<Job> &job : late) {
    bool queued = job->state().state() == v1::JOB_STATE_QUEUED;
    std::string where = queued ? "while it waited for a worker"
                               : absl::StrCat("in step '", job->state().step(), "'");
    leave(job);
    fail(job,
         problemOf(absl::DeadlineExceededError(absl::StrCat("the job's time was over ", where)),
                   queued ? "queue-timeout" : "worker-timeout",
                   "Ask for a longer timeout, up to the server's job-timeout"));
  }
}

void JobManager::housekeep() {
  TimePoint wakeAt = std::chrono::steady_clock::now();
  while (true) {
    {
      std::unique_lock lock(mutex_);
      if (stopping_)
        return;
      wakeAt = std::chrono::steady_clock::now() + std::chrono::seconds(1);
      for (const std::shared_ptr<Job> &job : unfinished_)
        wakeAt = std::min(wakeAt, job->deadline);
      deadlinesChanged_.wait_until(lock, wakeAt);
      if (stopping_)
        return;
    }
    Section section(*this);
    TimePoint now = std::chrono::steady_clock::now();
    expireJobs(now);
    prune(now);
  }
}

// --- Questions ---

absl::StatusOr<v1::Job> JobManager::get(const std::string &id) {
  std::lock_guard lock(mutex_);
  absl::StatusOr<std::shared_ptr<Job>> job = table_.find(id);
  if (!job.ok())
    return job.status();
  return (*job)->state();
}

absl::StatusOr<v1::Job> JobManager::cancel(const std::string &id) {
  Section section(*this);
  absl::StatusOr<std::shared_ptr<Job>> job = table_.find(id);
  if (!job.ok())
    return job.status();
  if (!(*job)->ended()) {
    leave(*job);
    metrics_.jobsCancelled.Increment();
    end(*job, v1::JOB_STATE_CANCELLED);
  }
  return (*job)->state();
}

absl::StatusOr<v1::ListResponse> JobManager::list(const v1::ListRequest &request) {
  std::lock_guard lock(mutex_);
  return table_.list(request);
}

absl::StatusOr<std::shared_ptr<JobWatch>>
JobManager::watch(const std::string &id, uint64_t afterSequence, std::function<void()> wake) {
  std::lock_guard lock(mutex_);
  absl::StatusOr<std::shared_ptr<Job>> job = table_.find(id);
  if (!job.ok())
    return job.status();
  auto watch = std::make_shared<JobWatch>();
  watch->manager_ = this;
  watch->job_ = *job;
  watch->after_ = afterSequence;
  watch->wake_ = std::move(wake);
  (*job)->watches.push_back(watch);
  return watch;
}

// --- Drain ---

void JobManager::drain() {
  std::lock_guard lock(mutex_);
  draining_ = true;
}

bool JobManager::draining() const {
  std::lock_guard lock(mutex_);
  return draining_;
}

bool JobManager::waitUntilIdle(TimePoint deadline) {
  std::unique_lock lock(mutex_);
  return idle_.wait_until(lock, deadline, [this] { return unfinished_.empty(); });
}

size_t JobManager::unfinished() const {
  std::lock_guard lock(mutex_);
  return unfinished_.size();
}

void JobManager::change(Job &job, v1::JobState state) {
  auto countIn = [this](v1::JobState which, int by) {
    if (which == v1::JOB_STATE_QUEUED)
      queued_ += by;
    if (which == v1::JOB_STATE_RUNNING)
      runningJobs_ += by;
  };
  countIn(job.state().state(), -1);
  job.setState(state, &woken_);
  countIn(state, 1);
  metrics_.jobsQueued.Set(queued_);
  metrics_.jobsRunning.Set(runningJobs_);
}

} // namespace linalgd
