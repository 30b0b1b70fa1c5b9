// A compile worker as a thread of the daemon sees it: it answers, or it is at fault and is
// replaced.
#pragma once

#include "compiler/api/compiler.h"
#include "server/clock.h"

#include <optional>
#include <string>
#include <string_view>

namespace linalgd {

// Why a worker gave no answer.
enum class Fault : uint8_t { Crashed, TimedOut, OutOfMemory, Garbled, Cancelled, NotStarted };

// As metrics and logs name it: "crashed" "timeout" "memory" "protocol" "cancelled" "not-started".
std::string_view faultName(Fault fault);

// A status that a fault explains, told from a compiler's own refusals by faultOf().
absl::Status faultStatus(Fault fault, const std::string &message);
std::optional<Fault> faultOf(const absl::Status &status);

// Asks a running request to end. Thread-safe.
class CancelEvent {
public:
  CancelEvent();
  CancelEvent(const CancelEvent &) = delete;
  CancelEvent &operator=(const CancelEvent &) = delete;

  void cancel();
  bool cancelled() const;
  // Readable once cancelled.
  int fd() const { return event_.get(); }

private:
  UniqueFd event_;
};

struct RunContext {
  std::string job; // for the log
  const CancelEvent &cancel;
};

// Owned and used by one thread. Each call first sees to it that there is a process.
class Worker {
public:
  virtual ~Worker() = default;
  // Gets a process ready while there is nothing else to do: starts one, or replaces one that is at
  // the end of its term.
  virtual absl::Status prepare() = 0;
  virtual absl::StatusOr<CompilerInfo> info() = 0;
  virtual absl::StatusOr<Inspection> inspect(const Model &model, const Options &options,
                                             const RunContext &context, StageSink &sink) = 0;
  virtual absl::StatusOr<Artifact> compile(const Model &model, const Options &options,
                                           const std::optional<ResumePoint> &resume,
                                           const RunContext &context, StageSink &sink) = 0;
};

} // namespace linalgd
