#include "server/worker.h"

#include "absl/strings/cord.h"

#include <array>
#include <poll.h>
#include <sys/eventfd.h>

namespace linalgd {
namespace {

constexpr char kPayload[] = "linalgd.fault";
constexpr std::array<std::string_view, 6> kNames = {"crashed",  "timeout",   "memory",
                                                    "protocol", "cancelled", "not-started"};
constexpr std::array<absl::StatusCode, 6> kCodes = {
    absl::StatusCode::kInternal,          absl::StatusCode::kDeadlineExceeded,
    absl::StatusCode::kResourceExhausted, absl::StatusCode::kInternal,
    absl::StatusCode::kCancelled,         absl::StatusCode::kUnavailable};

} // namespace

std::string_view faultName(Fault fault) { return kNames.at(static_cast<size_t>(fault)); }

absl::Status faultStatus(Fault fault, const std::string &message) {
  absl::Status status(kCodes.at(static_cast<size_t>(fault)), message);
  char byte = static_cast<char>(fault);
  status.SetPayload(kPayload, absl::Cord(absl::string_view(&byte, 1)));
  return status;
}

std::optional<Fault> faultOf(const absl::Status &status) {
  absl::optional<absl::Cord> payload = status.GetPayload(kPayload);
  if (!payload)
    return std::nullopt;
  return static_cast<Fault>((*payload)[0]);
}

CancelEvent::CancelEvent() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void CancelEvent::cancel() { (void)eventfd_write(event_.get(), 1); }

bool CancelEvent::cancelled() const {
  pollfd entry{event_.get(), POLLIN, 0};
  return poll(&entry, 1, 0) > 0;
}

} // namespace linalgd
