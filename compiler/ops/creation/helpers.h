// What the records of the creation family call.
#pragma once

#include "compiler/dialect/builders.h"

namespace linalgd::torch {

// The dtype that PyTorch gives a tensor made from a number; null where unknown.
mlir::Type scalarDtype(mlir::Value number);
Sizes sizesOfInts(mlir::ValueRange ints);
inline Sizes scalarSizes() { return llvm::SmallVector<int64_t>(); }

// The sizes of a tensor as a list; null where its rank is unknown.
mlir::Value sizesAs(TorchBuilder &b, mlir::Value tensor);
// `aten.full` of the result's dtype; fails where `size` is null.
llvm::LogicalResult decomposeFilled(Decomposition &b, mlir::Value size, mlir::Value value);

// Of what data, a number or nested lists of them, becomes.
llvm::LogicalResult inferData(Inference &r, mlir::Value data, mlir::Value dtype);
llvm::LogicalResult decomposeData(Decomposition &b, mlir::Value data);

} // namespace linalgd::torch
