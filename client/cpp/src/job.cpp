#include "client/cpp/src/connection.h"
#include "client/cpp/src/convert.h"

#include "absl/strings/str_cat.h"

namespace linalgd::client {
namespace {

absl::StatusCode codeNamed(const std::string &name) {
  for (int code = 1; code <= 16; ++code)
    if (absl::StatusCodeToString(static_cast<absl::StatusCode>(code)) == name)
      return static_cast<absl::StatusCode>(code);
  return absl::StatusCode::kUnknown;
}

// Follows a job's events to its end, over as many streams as it takes.
class Watcher {
public:
  Watcher(Connection &connection, const Job &job, const EventCallback &events,
          std::optional<milliseconds> timeout)
      : connection_(connection), job_(job), events_(events),
        backoff_(connection.options().retryFor) {
    if (timeout)
      deadline_ = Clock::now() + *timeout;
  }

  absl::StatusOr<JobInfo> run() {
    while (true) {
      grpc::Status status = follow();
      if (!malformed_.ok())
        return malformed_;
      if (final_)
        return *final_;
      if (Clock::now() >= deadline_)
        return absl::DeadlineExceededError(
            absl::StrCat("job ", job_.id(), " has not ended in time; it goes on on the server"));
      if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
        // A quiet stream may be a long step or a dead connection.
        if (absl::StatusOr<JobInfo> job = job_.get(); !job.ok())
          return job.status();
        continue;
      }
      // A server that shuts down cancels its streams.
      bool broken = status.ok() || status.error_code() == grpc::StatusCode::UNAVAILABLE ||
                    status.error_code() == grpc::StatusCode::CANCELLED;
      if (status.ok())
        status = {grpc::StatusCode::UNAVAILABLE, "the stream of events ended before the job"};
      if (!broken || !backoff_.pause())
        return connection_.error(status);
    }
  }

private:
  grpc::Status follow() {
    grpc::ClientContext context;
    context.set_deadline(std::min(deadline_, Clock::now() + connection_.options().idleTimeout));
    v1::WatchRequest request;
    request.set_job_id(job_.id());
    request.set_after_sequence(last_);
    auto stream = connection_.compile().Watch(&context, request);
    v1::JobEvent proto;
    while (malformed_.ok() && stream->Read(&proto)) {
      backoff_.reset();
      if (proto.sequence() > last_)
        take(proto);
    }
    if (!malformed_.ok())
      context.TryCancel();
    return stream->Finish();
  }

  void take(const v1::JobEvent &proto) {
    last_ = proto.sequence();
    absl::StatusOr<JobEvent> event = eventFromProto(proto);
    if (!event.ok()) {
      malformed_ = event.status();
      return;
    }
    if (events_)
      events_(*event);
    if (event->kind == JobEvent::Kind::State && event->job.done())
      final_ = std::move(event->job);
  }

  Connection &connection_;
  const Job &job_;
  const EventCallback &events_;
  Backoff backoff_;
  Clock::time_point deadline_ = Clock::time_point::max();
  uint64_t last_ = 0;
  std::optional<JobInfo> final_;
  absl::Status malformed_;
};

} // namespace

absl::StatusOr<JobInfo> Job::get() const {
  Client client(connection_);
  absl::StatusOr<Job> job = client.attach(id_);
  if (!job.ok())
    return job.status();
  return job->submitted_;
}

absl::StatusOr<JobInfo> Job::cancel() const { return Client(connection_).cancel(id_); }

absl::StatusOr<JobInfo> Job::wait(const EventCallback &events,
                                  std::optional<milliseconds> timeout) const {
  if (submitted_.done() && !events)
    return submitted_;
  return Watcher(*connection_, *this, events, timeout).run();
}

absl::StatusOr<Artifact> Job::result(std::optional<milliseconds> timeout) const {
  absl::StatusOr<JobInfo> job = wait(nullptr, timeout);
  if (!job.ok())
    return job.status();
  if (job->artifact)
    return std::move(*job->artifact);
  if (job->failure)
    return absl::Status(codeNamed(job->failure->code), job->failure->message);
  return absl::CancelledError(absl::StrCat("job ", id_, " was cancelled"));
}

} // namespace linalgd::client
