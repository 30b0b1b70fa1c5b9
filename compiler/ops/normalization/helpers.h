// What the records of the normalization family call, and what its files share.
#pragma once

#include "compiler/dialect/builders.h"

namespace linalgd::torch {

// One element a channel, dimension 1 of the input.
llvm::LogicalResult checkChannels(Inference &r, mlir::Value input, mlir::ValueRange parameters);
llvm::LogicalResult checkGroups(Inference &r, mlir::Value input, mlir::Value groups,
                                mlir::ValueRange parameters);
// Parameters have the shape that is normalized, the input's last dimensions.
llvm::LogicalResult checkNormalized(Inference &r, mlir::Value input, mlir::Value shape,
                                    mlir::ValueRange parameters);
// Of _native_batch_norm_legit_functional and what differs from it in the running statistics alone:
// without any, or without their new values.
llvm::LogicalResult inferBatchNorm(Inference &r, mlir::ValueRange operands);

mlir::Value reciprocalRoot(Decomposition &b, mlir::Value variance, mlir::Value eps);
// (C) as (C, 1, ...): against dimension 1 of a tensor of `rank` dimensions.
mlir::Value alongChannels(Decomposition &b, mlir::Value vector, int64_t rank);

struct Standardized {
  mlir::Value x, mean, rstd; // `rstd`: the reciprocal of the standard deviation
};
// The statistics are those of each sample's groups: (N, groups, 1). Nothing where types are
// unknown.
std::optional<Standardized> groupNorm(Decomposition &b, mlir::Value input, mlir::Value groups,
                                      mlir::Value weight, mlir::Value bias, mlir::Value eps);

} // namespace linalgd::torch
