// What selects elements by data, here and where tensors are indexed by masks.
#pragma once

#include "compiler/dialect/builders.h"

namespace linalgd::torch {

llvm::LogicalResult inferNonzero(Inference &r, mlir::Value self);
// The columns of nonzero, as a list.
llvm::LogicalResult decomposeColumns(Decomposition &b, mlir::Value self);
llvm::LogicalResult inferUnique(Inference &r, mlir::Value self, mlir::Value inverse,
                                mlir::Value counts);
llvm::LogicalResult inferUniqueSlices(Inference &r, mlir::Value self, mlir::Value dim);

// The places where a mask is true, in order: for each of its dimensions a tensor (i64) of their
// positions in it. `dtype` is the mask's.
llvm::SmallVector<mlir::Value> maskPlaces(Lowering &b, mlir::Value mask, mlir::Type dtype);

// The element of `tensor`, whose dimensions broadcast to the last of `at`.
mlir::Value readBroadcast(mlir::ImplicitLocOpBuilder &b, mlir::Value tensor, mlir::ValueRange at);

} // namespace linalgd::torch
