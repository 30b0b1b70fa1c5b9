// What MLIR says about a module while it is read, with places in the user's text.
#pragma once

#include "compiler/api/compiler.h"

#include "mlir/IR/Diagnostics.h"

#include <optional>
#include <vector>

namespace linalgd {

// What the text is called in places: a model has no file name.
inline constexpr const char *kMlirName = "model.mlir";

// The place that a location names first, without following it deeper than a few steps.
std::optional<SourceLocation> placeOf(mlir::Location location);

// What to do about a message.
const char *hintFor(llvm::StringRef message);

// Collects what is emitted in a context while it lives.
class MlirDiagnostics {
public:
  explicit MlirDiagnostics(mlir::MLIRContext &context);

  bool hasErrors() const { return !diagnostics_.empty(); }
  // Everything goes to the sink; the result sums it up.
  absl::Status fail(StageSink &sink);

private:
  std::vector<Diagnostic> diagnostics_;
  mlir::ScopedDiagnosticHandler handler_;
};

} // namespace linalgd
