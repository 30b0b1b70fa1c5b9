// absl::Status, as the server's internals answer, to grpc::Status, as its clients see it.
#pragma once

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace linalgd {

// The codes of both are the same numbers. Payloads that are messages (their type URLs begin with
// type.googleapis.com/) become the details of `grpc-status-details-bin`.
grpc::Status toGrpc(const absl::Status &status);

} // namespace linalgd
