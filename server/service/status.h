// absl::Status, as the server's internals answer, to grpc::Status, as its clients see it.
#pragma once

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

#include <string>

namespace linalgd {

// The codes of both are the same numbers.
inline grpc::Status toGrpc(const absl::Status &status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

} // namespace linalgd
