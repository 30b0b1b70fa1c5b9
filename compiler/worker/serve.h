// The serving loop of a worker: requests of the daemon in, answers of a Compiler out
// (worker.proto).
#pragma once

#include "compiler/api/compiler.h"

#include <functional>

namespace linalgd {

// Says hello, then serves until the daemon closes the socket: OK. Any other status means that the
// daemon is gone or garbles the protocol, and that the process had better end.
// `beforeRequest` runs ahead of each request.
absl::Status serve(UniqueFd socket, Compiler &compiler,
                   const std::function<void()> &beforeRequest = nullptr);

} // namespace linalgd
