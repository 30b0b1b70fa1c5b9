#include "compiler/pipeline/diagnostics.h"

#include "mlir/IR/Location.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"

using namespace mlir;

namespace linalgd {
namespace {

constexpr size_t kMaxDiagnostics = 1000;
constexpr size_t kMaxOpsInSummary = 10;

bool isNodeId(StringRef name) {
  return name.consume_front("n") && !name.empty() &&
         llvm::all_of(name, [](char c) { return llvm::isDigit(c); });
}

// "torch.aten.foo" of a message that quotes it.
std::string quotedOp(StringRef message) {
  size_t at = message.find("'torch.");
  return at == StringRef::npos ? "" : message.drop_front(at + 1).split('\'').first.str();
}

Diagnostic convert(mlir::Diagnostic &diagnostic) {
  Diagnostic result;
  switch (diagnostic.getSeverity()) {
  case DiagnosticSeverity::Error:
    result.severity = Severity::Error;
    break;
  case DiagnosticSeverity::Warning:
    result.severity = Severity::Warning;
    break;
  default:
    result.severity = Severity::Note;
  }
  result.message = diagnostic.str();
  result.node = nodeOf(diagnostic.getLocation());
  result.op = quotedOp(result.message);
  StringRef message = result.message;
  if (message.starts_with("unsupported op ") || message.starts_with("cannot lower ")) {
    result.code = kUnsupportedOp;
    result.hint = message.contains("_functorch.predispatch")
                      ? "this is a part of torch.vmap: take it apart with "
                        "program.run_decompositions({}) before the program is saved"
                      : "keep_ops passes an op through to the output; otherwise write the model "
                        "without it, or add it to linalgd (docs/adding-an-op.md)";
  }
  return result;
}

} // namespace

std::string nodeOf(Location location) {
  std::string id;
  location->walk([&](Location inner) {
    auto name = dyn_cast<NameLoc>(inner);
    if (!name || !isNodeId(name.getName().getValue()))
      return WalkResult::advance();
    id = name.getName().str();
    return WalkResult::interrupt();
  });
  return id;
}

DiagnosticCollector::DiagnosticCollector(MLIRContext &context)
    : handler_(&context, [this](mlir::Diagnostic &diagnostic) {
        if (diagnostics_.size() < kMaxDiagnostics)
          diagnostics_.push_back(convert(diagnostic));
        return success();
      }) {}

bool DiagnosticCollector::hasErrors() const {
  return llvm::any_of(diagnostics_, [](const Diagnostic &diagnostic) {
    return diagnostic.severity == Severity::Error;
  });
}

absl::Status DiagnosticCollector::fail(Stage stage, bool isFaultOfModel, StageSink &sink) {
  std::vector<std::string> unsupported; // each op once
  std::string first;
  for (Diagnostic &diagnostic : diagnostics_) {
    if (diagnostic.severity == Severity::Error && first.empty())
      first = diagnostic.message;
    if (diagnostic.code == kUnsupportedOp && !llvm::is_contained(unsupported, diagnostic.op))
      unsupported.push_back(diagnostic.op);
    if (diagnostic.code.empty())
      diagnostic.code = isFaultOfModel ? "invalid-model" : "internal";
    sink.diagnostic(diagnostic);
  }
  if (!unsupported.empty()) {
    std::string names;
    for (const std::string &op : llvm::ArrayRef(unsupported).take_front(kMaxOpsInSummary))
      names += (names.empty() ? "" : ", ") + op;
    if (unsupported.size() > kMaxOpsInSummary)
      names += ", …";
    return absl::UnimplementedError(
        (unsupported.size() == 1
             ? "an op of the model is not supported: "
             : std::to_string(unsupported.size()) + " ops of the model are not supported: ") +
        names);
  }
  if (isFaultOfModel)
    return absl::InvalidArgumentError("the model is not valid: " + first);
  return absl::InternalError("the compiler failed on the way to " + std::string(stageName(stage)) +
                             ": " + (first.empty() ? "it does not say why" : first));
}

} // namespace linalgd
