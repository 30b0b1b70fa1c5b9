#include "compiler/import/mlir/diagnostics.h"
#include "compiler/api/readable.h"
#include "compiler/import/text.h"

#include "mlir/IR/Location.h"
#include "llvm/ADT/StringRef.h"

using namespace mlir;

namespace linalgd {
namespace {

constexpr size_t kMaxDiagnostics = 1000;
constexpr size_t kMaxMessageBytes = 2000;

// What the message contains, and what to do; the first that fits.
constexpr std::pair<const char *, const char *> kHints[] = {
    {"bytecode", "bytecode is for the linalgd that wrote it; send text, which passes between "
                 "versions"},
    {"ialect",
     "linalgd reads the torch dialect as torch-mlir prints it (emit=torch, torch-raw), or "
     "func, linalg, tensor, arith, math, complex, scf and affine.apply on tensors; lower "
     "the module to one of these first"},
    {"unregistered operation", "write an op that torch-mlir gives a form of its own in the generic "
                               "form: torch.operator \"torch.NAMESPACE.OP\"(…)"},
    {"function", "name the function to compile in the option `entry`, or leave just one public"},
};
constexpr const char *kDefaultHint = "what torch-mlir-opt (for the torch dialect) or mlir-opt of "
                                     "LLVM 22 (for linalg) accepts can be "
                                     "read here";

} // namespace

const char *hintFor(StringRef message) {
  for (auto [pattern, hint] : kHints)
    if (message.contains(pattern))
      return hint;
  return kDefaultHint;
}

std::optional<SourceLocation> placeOf(Location location) {
  constexpr int kMaxSteps = 64;
  LocationAttr at = location;
  std::string function;
  for (int i = 0; i < kMaxSteps; ++i) {
    if (auto place = dyn_cast<FileLineColLoc>(at)) {
      SourceLocation result;
      result.file = readable(place.getFilename().getValue());
      result.line = place.getLine();
      result.column = place.getColumn();
      result.function = std::move(function);
      return result;
    }
    if (auto name = dyn_cast<NameLoc>(at))
      at = name.getChildLoc();
    else if (auto call = dyn_cast<CallSiteLoc>(at))
      at = call.getCallee();
    else if (auto fused = dyn_cast<FusedLoc>(at); fused && !fused.getLocations().empty())
      at = fused.getLocations().front();
    else
      return std::nullopt;
  }
  return std::nullopt;
}

MlirDiagnostics::MlirDiagnostics(MLIRContext &context)
    : handler_(&context, [this](mlir::Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() != DiagnosticSeverity::Error ||
            diagnostics_.size() >= kMaxDiagnostics)
          return success();
        Diagnostic result;
        result.code = "invalid-model";
        result.message = readable(StringRef(diagnostic.str()).take_front(kMaxMessageBytes).str());
        result.hint = hintFor(result.message);
        result.location = placeOf(diagnostic.getLocation());
        diagnostics_.push_back(std::move(result));
        return success();
      }) {}

absl::Status MlirDiagnostics::fail(StageSink &sink) {
  std::string summary = "it does not say why";
  if (!diagnostics_.empty()) {
    const Diagnostic &first = diagnostics_.front();
    summary = first.location ? concat(first.location->file, ":", first.location->line, ":",
                                      first.location->column, ": ", first.message)
                             : first.message;
  }
  for (const Diagnostic &diagnostic : diagnostics_)
    sink.diagnostic(diagnostic);
  return absl::InvalidArgumentError("the model cannot be read as MLIR: " + summary);
}

} // namespace linalgd
