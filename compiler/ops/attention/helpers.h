// What the records of the attention family call.
#pragma once

#include "compiler/dialect/builders.h"

namespace linalgd::torch {

llvm::LogicalResult inferSoftmax(Inference &r, mlir::Value self, mlir::Value dim, mlir::Type dtype);

} // namespace linalgd::torch
