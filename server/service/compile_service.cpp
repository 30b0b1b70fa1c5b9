#include "server/service/compile_service.h"

#include "server/service/status.h"

namespace linalgd {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;

namespace {

template <typename Message>
ServerUnaryReactor *answer(CallbackServerContext *context, absl::StatusOr<Message> result,
                           Message *response) {
  ServerUnaryReactor *reactor = context->DefaultReactor();
  grpc::Status status = toGrpc(result.status());
  if (result.ok())
    *response = *std::move(result);
  reactor->Finish(status);
  return reactor;
}

// Who shares a turn in the queue: all connections from one machine.
std::string clientOf(const CallbackServerContext &context) {
  std::string peer = context.peer(); // "ipv4:127.0.0.1:34567", "unix:/run/linalgd.sock"
  return peer.starts_with("ip") ? peer.substr(0, peer.rfind(':')) : peer;
}

// Sends a job's events, one at a time, as the client takes them.
class WatchReactor final : public grpc::ServerWriteReactor<v1::JobEvent> {
public:
  WatchReactor(JobManager &jobs, const v1::WatchRequest &request)
      : link_(std::make_shared<Link>()) {
    std::lock_guard lock(link_->mutex);
    link_->reactor = this;
    absl::StatusOr<std::shared_ptr<JobWatch>> watch =
        jobs.watch(request.job_id(), request.after_sequence(), [link = link_] { wake(*link); });
    if (!watch.ok()) {
      finish(toGrpc(watch.status()));
      return;
    }
    watch_ = *std::move(watch);
    pump();
  }

  void OnWriteDone(bool ok) override {
    std::lock_guard lock(link_->mutex);
    writing_ = false;
    if (!ok || cancelled_)
      return finish(grpc::Status::CANCELLED);
    pump();
  }

  void OnCancel() override {
    std::lock_guard lock(link_->mutex);
    cancelled_ = true;
    if (!writing_)
      finish(grpc::Status::CANCELLED);
  }

  void OnDone() override {
    {
      std::lock_guard lock(link_->mutex);
      link_->reactor = nullptr;
    }
    delete this;
  }

private:
  // What outlives the reactor: a watch may wake it while it goes.
  struct Link {
    std::mutex mutex;
    WatchReactor *reactor = nullptr;
  };

  static void wake(Link &link) {
    std::lock_guard lock(link.mutex);
    if (link.reactor && link.reactor->watch_)
      link.reactor->pump();
  }

  // Both: with the link's mutex held.
  void pump() {
    if (writing_ || finished_)
      return;
    switch (watch_->next(&event_)) {
    case JobWatch::Next::Event:
      writing_ = true;
      return StartWrite(&event_);
    case JobWatch::Next::End:
      return finish(grpc::Status::OK);
    case JobWatch::Next::Nothing:
      return;
    }
  }

  void finish(const grpc::Status &status) {
    if (std::exchange(finished_, true))
      return;
    Finish(status);
  }

  std::shared_ptr<Link> link_;
  std::shared_ptr<JobWatch> watch_;
  v1::JobEvent event_;
  bool writing_ = false;
  bool cancelled_ = false;
  bool finished_ = false;
};

} // namespace

ServerUnaryReactor *CompileService::Submit(CallbackServerContext *context,
                                           const v1::SubmitRequest *request, v1::Job *response) {
  ServerUnaryReactor *reactor = context->DefaultReactor();
  executor_.run([this, client = clientOf(*context), request, response, reactor] {
    jobs_.submit(*request, client, [response, reactor](absl::StatusOr<v1::Job> job) {
      grpc::Status status = toGrpc(job.status());
      if (job.ok())
        *response = *std::move(job);
      reactor->Finish(status);
    });
  });
  return reactor;
}

ServerUnaryReactor *CompileService::Get(CallbackServerContext *context,
                                        const v1::GetRequest *request, v1::Job *response) {
  return answer(context, jobs_.get(request->job_id()), response);
}

grpc::ServerWriteReactor<v1::JobEvent> *CompileService::Watch(CallbackServerContext *,
                                                              const v1::WatchRequest *request) {
  return new WatchReactor(jobs_, *request);
}

ServerUnaryReactor *CompileService::Cancel(CallbackServerContext *context,
                                           const v1::CancelRequest *request, v1::Job *response) {
  return answer(context, jobs_.cancel(request->job_id()), response);
}

ServerUnaryReactor *CompileService::List(CallbackServerContext *context,
                                         const v1::ListRequest *request,
                                         v1::ListResponse *response) {
  return answer(context, jobs_.list(*request), response);
}

} // namespace linalgd
