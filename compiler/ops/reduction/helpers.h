// What the records of the reduction family call.
#pragma once

#include "compiler/dialect/builders.h"

namespace linalgd::torch {

// The dtype of a sum: int64 of integers and bool, else that of the tensor.
mlir::Type sumDtype(mlir::Value tensor);

// The sizes without `dims` (a list of ints; null, none or empty: all), or 1 there with `keep`.
llvm::LogicalResult inferReduced(Inference &r, mlir::Value self, mlir::Value dims, mlir::Value keep,
                                 mlir::Type dtype);

// The number of elements that `dims` of `tensor` hold, as torch.int; null where its rank is
// unknown.
mlir::Value numElements(TorchBuilder &b, mlir::Value tensor, mlir::Value dims);

} // namespace linalgd::torch
