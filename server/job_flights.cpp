// How jobs get their artifacts: they join flights, which the worker threads work on.
#include "server/job_flights.h"
#include "server/logging.h"

namespace linalgd {

class JobManager::FlightListener : public TaskListener {
public:
  FlightListener(JobManager &manager, std::shared_ptr<Flight> flight)
      : manager_(manager), flight_(std::move(flight)) {}

  void stepStarted(std::string_view step) override {
    Section section(manager_);
    flight_->step = step;
    for (const std::shared_ptr<Job> &job : flight_->waiters)
      job->stepStarted(step, &manager_.woken_);
  }

  void stepFinished(std::string_view step, std::chrono::microseconds elapsed) override {
    Section section(manager_);
    for (const std::shared_ptr<Job> &job : flight_->waiters)
      job->stepFinished(step, elapsed, &manager_.woken_);
  }

  void diagnosed(const Diagnostic &diagnostic) override {
    Section section(manager_);
    flight_->diagnostics.push_back(diagnostic);
    for (const std::shared_ptr<Job> &job : flight_->waiters)
      job->diagnosed(diagnostic, &manager_.woken_);
  }

  bool inspected(std::shared_ptr<const Inspection> inspection) override {
    return manager_.inspected(flight_, inspection);
  }

private:
  JobManager &manager_;
  std::shared_ptr<Flight> flight_;
};

// Lets a job join a flight that is under way, or one of its own.
void JobManager::takeOff(const std::shared_ptr<Job> &job, JobRequest request) {
  deadlinesChanged_.notify_one();
  if (job->inspection) {
    if (auto flight = byKey_.find(job->inspection->keys.back().key); flight != byKey_.end())
      return join(job, flight->second);
  }
  Digest digest = request.inspectionDigest();
  if (auto pending = byRequest_.find(digest); pending != byRequest_.end()) {
    if (pending->second.inspection)
      job->inspection = pending->second.inspection;
    return join(job, pending->second.flight);
  }
  auto flight = std::make_shared<Flight>();
  flight->task.name = request.id;
  flight->task.model = std::move(request.model);
  flight->task.options = std::move(request.options);
  flight->task.request = digest;
  flight->client = job->client;
  flight->requests.push_back(digest);
  byRequest_[digest] = {flight, nullptr};
  join(job, flight);
  queue_.push(flight->client, flight);
  queueChanged_.notify_one();
}

void JobManager::join(const std::shared_ptr<Job> &job, const std::shared_ptr<Flight> &flight) {
  job->flight = flight;
  flight->waiters.push_back(job);
  if (!flight->running)
    return;
  change(*job, v1::JOB_STATE_RUNNING);
  if (!flight->step.empty())
    job->stepStarted(flight->step, &woken_);
  for (const Diagnostic &diagnostic : flight->diagnostics)
    job->diagnosed(diagnostic, &woken_);
}

// Takes a job out of its flight, and ends the flight with its last job.
void JobManager::leave(const std::shared_ptr<Job> &job) {
  std::shared_ptr<Flight> flight = std::exchange(job->flight, nullptr);
  if (!flight)
    return;
  std::erase(flight->waiters, job);
  if (!flight->waiters.empty())
    return;
  flight->task.cancel.cancel();
  unregister(flight);
  if (!flight->running)
    queue_.remove(flight);
}

void JobManager::workerLoop() {
  std::unique_ptr<Worker> worker = makeWorker_();
  reportWorker(worker->info());
  while (std::shared_ptr<Flight> flight = nextFlight()) {
    FlightListener listener(*this, flight);
    flightEnded(flight, runner_.run(*worker, flight->task, listener));
    if (absl::Status prepared = worker->prepare(); !prepared.ok())
      logError("worker cannot be started", {{"error", std::string(prepared.message())}});
  }
}

void JobManager::reportWorker(const absl::StatusOr<CompilerInfo> &info) {
  std::lock_guard lock(mutex_);
  if (info.ok()) {
    info_ = *info;
  } else {
    ++workersFailed_;
    workerError_ = info.status();
    logError("worker cannot be started", {{"error", std::string(info.status().message())}});
  }
  workersReported_.notify_all();
}

std::shared_ptr<Flight> JobManager::nextFlight() {
  Section section(*this);
  section.wait(queueChanged_, [this] { return stopping_ || !queue_.empty(); });
  if (stopping_)
    return nullptr;
  std::shared_ptr<Flight> flight = queue_.pop();
  flight->running = true;
  running_.insert(flight);
  for (const std::shared_ptr<Job> &job : flight->waiters)
    change(*job, v1::JOB_STATE_RUNNING);
  return flight;
}

bool JobManager::inspected(const std::shared_ptr<Flight> &flight,
                           const std::shared_ptr<const Inspection> &inspection) {
  Section section(*this);
  if (flight->waiters.empty())
    return false;
  for (const std::shared_ptr<Job> &job : flight->waiters)
    job->inspection = inspection;
  flight->key = inspection->keys.back().key;
  auto [entry, first] = byKey_.try_emplace(*flight->key, flight);
  byRequest_[flight->task.request] = {entry->second, inspection};
  if (first)
    return true;
  // Another flight has the same key: its end will be ours as well.
  std::shared_ptr<Flight> other = entry->second;
  other->requests.push_back(flight->task.request);
  for (const std::shared_ptr<Job> &job : flight->waiters) {
    job->flight = other;
    other->waiters.push_back(job);
    for (const Diagnostic &diagnostic : other->diagnostics)
      job->diagnosed(diagnostic, &woken_);
  }
  flight->waiters.clear();
  return false;
}

void JobManager::flightEnded(const std::shared_ptr<Flight> &flight,
                             std::optional<Outcome> outcome) {
  Section section(*this);
  running_.erase(flight);
  unregister(flight);
  std::vector<std::shared_ptr<Job>> waiters = std::exchange(flight->waiters, {});
  // Killed because the daemon stops: the journal has the jobs.
  if (stopping_ && flight->task.cancel.cancelled())
    return;
  bool compiled = false;
  for (size_t i = 0; i < waiters.size() && outcome; ++i) {
    if (auto *served = std::get_if<Served>(&*outcome)) {
      compiled = !served->cached;
      succeed(waiters[i], served->artifact, served->cached || i > 0);
    } else {
      compiled = flight->key.has_value();
      fail(waiters[i], std::get<Problem>(*outcome));
    }
    (!compiled ? metrics_.cacheHits
     : i == 0  ? metrics_.cacheMisses
               : metrics_.cacheJoined)
        .Increment();
  }
}

void JobManager::unregister(const std::shared_ptr<Flight> &flight) {
  for (const Digest &request : flight->requests)
    if (auto entry = byRequest_.find(request);
        entry != byRequest_.end() && entry->second.flight == flight)
      byRequest_.erase(entry);
  if (!flight->key)
    return;
  if (auto entry = byKey_.find(*flight->key); entry != byKey_.end() && entry->second == flight)
    byKey_.erase(entry);
}

} // namespace linalgd
