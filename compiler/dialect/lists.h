// Lists that a program writes to.
#pragma once

#include "mlir/IR/Operation.h"

namespace linalgd::torch {

// Whether an op writes to the list or dict that is its first operand.
bool isListWrite(mlir::Operation *op);
// Whether a list is written to under this name: what it holds depends on the point of the program.
bool isWrittenList(mlir::Value list);

} // namespace linalgd::torch
