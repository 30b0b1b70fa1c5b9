#include "server/job.h"

#include "proto/marshal.h"

#include "google/protobuf/util/time_util.h"

#include <algorithm>
#include <chrono>

namespace linalgd {
namespace {

using google::protobuf::util::TimeUtil;

// Beyond, only changes of state are kept.
constexpr size_t kMaxEvents = 4000;
constexpr uint64_t kRestartGap = 1'000'000;

} // namespace

google::protobuf::Timestamp currentTimestamp() {
  auto sinceEpoch = std::chrono::system_clock::now().time_since_epoch();
  return TimeUtil::NanosecondsToTimestamp(
      std::chrono::duration_cast<std::chrono::nanoseconds>(sinceEpoch).count());
}

bool hasEnded(v1::JobState state) {
  return state == v1::JOB_STATE_SUCCEEDED || state == v1::JOB_STATE_FAILED ||
         state == v1::JOB_STATE_CANCELLED;
}

v1::Job Job::summary() const {
  v1::Job job;
  job.set_job_id(state_.job_id());
  job.set_state(state_.state());
  job.set_label(state_.label());
  job.set_step(state_.step());
  if (state_.has_created())
    *job.mutable_created() = state_.created();
  if (state_.has_started())
    *job.mutable_started() = state_.started();
  if (state_.has_finished())
    *job.mutable_finished() = state_.finished();
  *job.mutable_timings() = state_.timings();
  if (state_.has_failure()) {
    job.mutable_failure()->set_code(state_.failure().code());
    job.mutable_failure()->set_message(state_.failure().message());
  }
  job.set_last_sequence(state_.last_sequence());
  *job.mutable_options() = state_.options();
  return job;
}

v1::JobRecord Job::record() const {
  v1::JobRecord record;
  *record.mutable_job() = state_;
  if (!ended())
    *record.mutable_request() = request;
  record.set_request_digest(digest.hex());
  record.set_client(client);
  record.set_restarts(restarts);
  return record;
}

v1::JobEvent &Job::addEvent(Woken *woken) {
  v1::JobEvent &event = events_.emplace_back();
  state_.set_last_sequence(state_.last_sequence() + 1);
  event.set_sequence(state_.last_sequence());
  *event.mutable_time() = currentTimestamp();
  std::erase_if(watches, [](const std::weak_ptr<JobWatch> &watch) { return watch.expired(); });
  for (const std::weak_ptr<JobWatch> &watch : watches)
    if (std::shared_ptr<JobWatch> alive = watch.lock())
      woken->push_back(std::move(alive));
  return event;
}

void Job::setState(v1::JobState state, Woken *woken) {
  state_.set_state(state);
  if (state == v1::JOB_STATE_RUNNING)
    *state_.mutable_started() = currentTimestamp();
  if (hasEnded(state)) {
    *state_.mutable_finished() = currentTimestamp();
    state_.clear_step();
  }
  v1::JobEvent &event = addEvent(woken);
  *event.mutable_state() = state_;
}

void Job::stepStarted(std::string_view step, Woken *woken) {
  state_.set_step(std::string(step));
  if (events_.size() < kMaxEvents)
    addEvent(woken).set_stage_started(std::string(step));
}

void Job::stepFinished(std::string_view step, std::chrono::microseconds elapsed, Woken *woken) {
  v1::StageTiming timing;
  timing.set_stage(std::string(step));
  toProto(elapsed, timing.mutable_elapsed());
  if (events_.size() >= kMaxEvents)
    return;
  *state_.add_timings() = timing;
  *addEvent(woken).mutable_stage_finished() = timing;
}

void Job::diagnosed(const Diagnostic &diagnostic, Woken *woken) {
  if (events_.size() >= kMaxEvents)
    return;
  v1::Diagnostic resolved = toDiagnostic(diagnostic, places());
  *state_.add_diagnostics() = resolved;
  *addEvent(woken).mutable_diagnostic() = std::move(resolved);
}

void Job::resumeNumbering() {
  ++restarts;
  state_.set_last_sequence(restarts * kRestartGap);
}

void Job::restoreEnd() {
  v1::JobEvent &event = events_.emplace_back();
  event.set_sequence(state_.last_sequence());
  *event.mutable_time() = state_.finished();
  *event.mutable_state() = state_;
}

const v1::JobEvent *Job::eventAfter(uint64_t sequence) const {
  auto event = std::ranges::upper_bound(events_, sequence, std::less(), &v1::JobEvent::sequence);
  return event == events_.end() ? nullptr : &*event;
}

} // namespace linalgd
