// MLIR's diagnostics as the API's.
#pragma once

#include "compiler/api/compiler.h"

#include "mlir/IR/Diagnostics.h"

#include <string>
#include <utility>
#include <vector>

namespace linalgd {

// The code of a diagnostic about an op that cannot be compiled.
inline constexpr std::string_view kUnsupportedOp = "unsupported-op";

// The id of the node that an op comes from ("n12"), whatever its location is wrapped in; empty
// where it comes from none.
std::string nodeOf(mlir::Location location);

// Collects what is emitted in a context while it lives.
class DiagnosticCollector {
public:
  explicit DiagnosticCollector(mlir::MLIRContext &context);

  // Whether there was an error: passes go on after some.
  bool hasErrors() const;
  // What came since the start, or since it was last taken.
  std::vector<Diagnostic> take() { return std::exchange(diagnostics_, {}); }
  // What there is to say about a stage that failed: everything goes to the sink, the result sums it
  // up. Unimplemented where ops are not supported, InvalidArgument for a fault of the model, else
  // Internal.
  absl::Status fail(Stage stage, bool isFaultOfModel, StageSink &sink);

private:
  std::vector<Diagnostic> diagnostics_;
  mlir::ScopedDiagnosticHandler handler_;
};

} // namespace linalgd
