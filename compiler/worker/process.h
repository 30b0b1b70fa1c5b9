// What makes a process a worker: its limits, and its end when the daemon's comes.
#pragma once

#include "compiler/api/compiler.h"

#include <functional>

namespace linalgd {

// The whole of a worker's main(): flags, limits, then serve() on kWorkerSocket.
//   --version                 the compiler's version and build id
//   --memory-limit BYTES      private writable memory (RLIMIT_DATA)
//   --cpu-limit SECONDS       processor time of one request
int runWorker(int argc, char **argv, const std::function<std::unique_ptr<Compiler>()> &create);

} // namespace linalgd
