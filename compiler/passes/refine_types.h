// What InferTypes and Decompose share: types that say more than before.
#pragma once

#include "mlir/IR/BuiltinOps.h"

namespace linalgd {

// Refines an op's result types by inference from its operands. True: they changed. An error, which
// has been emitted: inference contradicts them.
llvm::FailureOr<bool> refineResultTypes(mlir::Operation *op);

// Makes each function's results those that it returns.
void matchFunctionResults(mlir::ModuleOp module);

} // namespace linalgd
