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

// `result`, which lacks the dimensions `dims` (in order) of `self`, with size 1 in their place.
mlir::Value keepReduced(Lowering &b, mlir::Value result, mlir::Value self,
                        llvm::ArrayRef<int64_t> dims);

// The largest or least number of a dtype.
mlir::Value extremeValue(Lowering &b, mlir::Type dtype, bool largest);

// What any() and all() return: uint8 of uint8, else bool.
mlir::Type truthDtype(Inference &r, mlir::Value tensor);

} // namespace linalgd::torch
