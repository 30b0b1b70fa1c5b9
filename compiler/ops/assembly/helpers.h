// What the records of the assembly family call.
#pragma once

#include "compiler/dialect/builders.h"

namespace linalgd::torch {

// Sizes with as many dimensions as atleast_1d, 2d and 3d give.
Sizes atLeast(const Sizes &sizes, int64_t rank);
mlir::Value makeAtLeast(TorchBuilder &b, mlir::Value tensor, int64_t rank); // null: rank unknown

std::optional<int64_t> hstackDim(mlir::Value tensors);
llvm::LogicalResult inferJoined(Inference &r, mlir::Value tensors, int64_t leastRank,
                                std::optional<int64_t> dim);
llvm::LogicalResult decomposeJoined(Decomposition &b, int64_t leastRank,
                                    std::optional<int64_t> dim);

// `pad`: before and behind the last dimension, then the one before it, and so on.
llvm::LogicalResult inferPadded(Inference &r, mlir::Value self, mlir::Value pad);
enum class Edge { Reflect, Replicate, Circular };
llvm::LogicalResult inferEdgePadded(Inference &r, mlir::Value self, mlir::Value pad, Edge edge);
llvm::LogicalResult lowerEdgePadded(Lowering &b, mlir::Value pad, Edge edge);

} // namespace linalgd::torch
