// linalgd-worker: compiles for linalgd in a process of its own.
#include "compiler/api/worker.h"
#include "compiler/worker/process.h"

#include "llvm/Support/ErrorHandling.h"

#include <cstdio>
#include <unistd.h>

namespace {

// Neither abort, which dumps a stack by way of handlers that may hang, nor exit, which runs
// destructors.
void endAfterFatalError(void *, const char *reason, bool) {
  fprintf(stderr, "LLVM ERROR: %s\n", reason);
  _exit(linalgd::kExitFatalError);
}

void endWithoutMemory(void *, const char *, bool) { _exit(linalgd::kExitOutOfMemory); }

} // namespace

int main(int argc, char **argv) {
  llvm::install_fatal_error_handler(endAfterFatalError);
  llvm::install_bad_alloc_error_handler(endWithoutMemory);
  return linalgd::runWorker(argc, argv, linalgd::createCompiler);
}
