#include "client/cli/session.h"

#include "client/cli/format.h"
#include "client/cli/interrupt.h"

#include <cstdio>

namespace linalgd::cli {

absl::StatusOr<client::Client> Session::connect() const {
  return client::Client::connect(server, {.retryFor = std::chrono::milliseconds(3000)});
}

int exitCodeOf(const absl::Status &status) {
  if (Interrupt::requested())
    return kInterrupted;
  switch (status.code()) {
  case absl::StatusCode::kOk:
    return kOk;
  case absl::StatusCode::kInvalidArgument:
  case absl::StatusCode::kNotFound:
  case absl::StatusCode::kAlreadyExists:
  case absl::StatusCode::kPermissionDenied:
  case absl::StatusCode::kFailedPrecondition:
    return kUsage;
  case absl::StatusCode::kUnavailable:
  case absl::StatusCode::kResourceExhausted:
    return kUnavailable;
  case absl::StatusCode::kCancelled:
  case absl::StatusCode::kDeadlineExceeded:
    return kStopped;
  default:
    return kOther;
  }
}

int Session::fail(const absl::Status &status) const {
  std::string message(status.message());
  if (status.code() == absl::StatusCode::kUnavailable)
    message +=
        "\n    hint: see that it runs and takes jobs, or name another one by --server HOST:PORT or "
        "$LINALGD_ADDRESS";
  std::string code = absl::StatusCodeToString(status.code());
  if (json)
    printJson({{"error", {{"code", code}, {"message", std::string(status.message())}}}});
  std::fprintf(stderr, "linalgc: error: %s\n", message.c_str());
  return exitCodeOf(status);
}

} // namespace linalgd::cli
