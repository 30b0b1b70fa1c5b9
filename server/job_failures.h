// What a client is told about a job that failed: a code, one sentence, diagnostics with hints.
#pragma once

#include "compiler/api/compiler.h"
#include "server/artifact_cache.h"

#include "linalgd/v1/compile.pb.h"

namespace linalgd {

// How a compile failed, for all jobs that waited for it: nodes are not resolved to places yet.
struct Problem {
  absl::Status status; // a fault of the worker (server/worker.h), or the compiler's refusal
  std::vector<Diagnostic> diagnostics;
  std::optional<CachedFile> reproducer;
};

// A problem that is not the compiler's word: with a diagnostic of the code, and a hint.
Problem problemOf(const absl::Status &status, const std::string &code, const std::string &hint);

// Completes what a fault or a refusal without diagnostics leaves open.
Problem explainProblem(Problem problem);

// Whether the same key would fail again the same way.
bool isDeterministic(const Problem &problem);

// As the client sees it. `places` may be null.
v1::Failure toFailure(const Problem &problem, const SourceMap *places);
v1::Diagnostic toDiagnostic(const Diagnostic &diagnostic, const SourceMap *places);

} // namespace linalgd
