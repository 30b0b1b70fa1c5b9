// One job as the daemon keeps it, and the record of what happened to it. Nothing here locks: all of
// it is guarded by the JobManager's mutex.
#pragma once

#include "server/blob_store.h"
#include "server/clock.h"
#include "server/job_failures.h"

#include "linalgd/v1/journal.pb.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace linalgd {

struct Flight;
class JobWatch;

bool hasEnded(v1::JobState state);

// The wall clock, to the nanosecond (TimeUtil::GetCurrentTime has whole seconds only).
google::protobuf::Timestamp currentTimestamp();

class Job {
public:
  explicit Job(std::string client) : client(std::move(client)) {}

  // As Get answers.
  const v1::Job &state() const { return state_; }
  v1::Job &state() { return state_; }
  bool ended() const { return hasEnded(state_.state()); }
  // As List answers.
  v1::Job summary() const;
  v1::JobRecord record() const;

  // Each of these is an event; the watches that want to hear of it are appended to `woken`.
  using Woken = std::vector<std::shared_ptr<JobWatch>>;
  void setState(v1::JobState state, Woken *woken);
  void stepStarted(std::string_view step, Woken *woken);
  void stepFinished(std::string_view step, std::chrono::microseconds elapsed, Woken *woken);
  void diagnosed(const Diagnostic &diagnostic, Woken *woken);

  // Goes on after a restart of the daemon: sequence numbers grow, with a gap.
  void resumeNumbering();
  // Of a job that ended before a restart, only its end is known.
  void restoreEnd();

  // The first event after a sequence number, or null.
  const v1::JobEvent *eventAfter(uint64_t sequence) const;

  const std::string client;
  uint64_t number = 0; // in the order of submission
  Digest digest;       // of the request
  v1::SubmitRequest request;
  uint32_t restarts = 0;
  bool forgotten = false; // its record could not be written, and it was never acknowledged
  TimePoint deadline;
  TimePoint endedAt;
  BlobPins pins;
  std::shared_ptr<Flight> flight;               // while queued or running
  std::shared_ptr<const Inspection> inspection; // once known
  std::vector<std::weak_ptr<JobWatch>> watches;

private:
  v1::JobEvent &addEvent(Woken *woken);
  const SourceMap *places() const { return inspection ? &inspection->sourceMap : nullptr; }

  v1::Job state_;
  std::vector<v1::JobEvent> events_;
};

} // namespace linalgd
