// What the records of the view family call.
#pragma once

#include "compiler/dialect/builders.h"

namespace linalgd::torch {

// An order of dimensions: result dimension i is operand dimension order[i]. Absent where unknown.
using DimOrder = std::optional<llvm::SmallVector<int64_t>>;
DimOrder swapDims(mlir::Value self, mlir::Value dim0, mlir::Value dim1);
DimOrder swapLastDims(mlir::Value self);
DimOrder reverseDims(mlir::Value self);
// `source` and `destination` are ints or lists of them.
DimOrder moveDims(mlir::Value self, mlir::Value source, mlir::Value destination);

// `dims`: the arguments that name dimensions.
llvm::LogicalResult inferPermuted(Inference &r, mlir::Value self, const DimOrder &order,
                                  mlir::ValueRange dims);
llvm::LogicalResult decomposePermuted(Decomposition &b, mlir::Value self, const DimOrder &order);
// `update` in the order of the operand; null where the order is unknown.
mlir::Value unpermute(TorchBuilder &b, mlir::Value update, const DimOrder &order);

// Ops that cut their first operand in slices along `dim`.
// `how`: their number or sizes; a number is `least` or more, sizes make up the dimension if they
// are `sums`.
llvm::LogicalResult inferParts(Inference &r, mlir::Value self, mlir::Value how, mlir::Value dim,
                               int64_t least, bool sums);
llvm::LogicalResult decomposeParts(Decomposition &b, mlir::Value dim);
mlir::Value scatterPart(TorchBuilder &b, mlir::Operation *op, mlir::Value base, mlir::Value update,
                        mlir::Value dim, unsigned index);

// The op's dimension argument, of a tensor of known rank; nullopt where unknown or out of range.
std::optional<int64_t> matchDim(mlir::Value dim, mlir::Value self);

} // namespace linalgd::torch
