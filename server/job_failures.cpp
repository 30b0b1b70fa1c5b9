#include "server/job_failures.h"

#include "proto/marshal.h"
#include "server/worker.h"

#include <algorithm>

namespace linalgd {
namespace {

struct Explanation {
  const char *code;
  const char *hint;
};

// In the order of Fault's enumerators.
constexpr Explanation kFaults[] = {
    {"worker-crashed",
     "This is a defect of the compiler: it crashed again when it was tried a second "
     "time. Please report it with the model; an earlier stage may still work"},
    {"worker-timeout", "Ask for a longer timeout, up to the server's job-timeout"},
    {"worker-memory", "The server's worker-memory setting bounds what a compile may hold; with "
                      "weights=external an executable needs less"},
    {"worker-protocol", "This is a defect of the worker. Please report it with the model"},
    {"cancelled", "Submit it again under a new job id"},
    {"worker-not-started", "The server cannot start its workers: its log says why"},
};

Explanation explainRefusal(const absl::Status &status) {
  switch (status.code()) {
  case absl::StatusCode::kInvalidArgument:
    return {"invalid-model", "Check the model file and the options"};
  case absl::StatusCode::kUnimplemented:
    return {"unsupported", "linalgd cannot compile this yet; an earlier stage may work"};
  case absl::StatusCode::kResourceExhausted:
    return {"too-large", "Make the model smaller, or raise the server's limits"};
  default:
    return {"internal", "This is a defect of the compiler. Please report it with the reproducer"};
  }
}

} // namespace

Problem problemOf(const absl::Status &status, const std::string &code, const std::string &hint) {
  Problem problem{status, {}, std::nullopt};
  Diagnostic &diagnostic = problem.diagnostics.emplace_back();
  diagnostic.code = code;
  diagnostic.message = std::string(status.message());
  diagnostic.hint = hint;
  return problem;
}

Problem explainProblem(Problem problem) {
  std::optional<Fault> fault = faultOf(problem.status);
  bool explained = std::ranges::any_of(problem.diagnostics, [](const Diagnostic &diagnostic) {
    return diagnostic.severity == Severity::Error;
  });
  if (!fault && explained)
    return problem;
  Explanation explanation =
      fault ? kFaults[static_cast<size_t>(*fault)] : explainRefusal(problem.status);
  Diagnostic &diagnostic = problem.diagnostics.emplace_back();
  diagnostic.code = explanation.code;
  diagnostic.message = std::string(problem.status.message());
  diagnostic.hint = explanation.hint;
  return problem;
}

bool isDeterministic(const Problem &problem) {
  return !faultOf(problem.status) &&
         (absl::IsInvalidArgument(problem.status) || absl::IsUnimplemented(problem.status));
}

v1::Diagnostic toDiagnostic(const Diagnostic &diagnostic, const SourceMap *places) {
  v1::Diagnostic proto;
  toProto(diagnostic, &proto);
  if (!places || proto.has_location())
    return proto;
  if (auto place = places->find(diagnostic.node); place != places->end())
    toProto(place->second, proto.mutable_location());
  return proto;
}

v1::Failure toFailure(const Problem &problem, const SourceMap *places) {
  v1::Failure failure;
  failure.set_code(absl::StatusCodeToString(problem.status.code()));
  failure.set_message(std::string(problem.status.message()));
  for (const Diagnostic &diagnostic : problem.diagnostics)
    *failure.add_diagnostics() = toDiagnostic(diagnostic, places);
  if (problem.reproducer) {
    failure.mutable_reproducer()->set_name(problem.reproducer->name);
    failure.mutable_reproducer()->set_media_type(problem.reproducer->mediaType);
    failure.mutable_reproducer()->set_digest(problem.reproducer->digest.hex());
    failure.mutable_reproducer()->set_size(problem.reproducer->size);
  }
  return failure;
}

} // namespace linalgd
