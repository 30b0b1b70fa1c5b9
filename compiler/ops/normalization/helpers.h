// What the records of the normalization family call: checks of the parameters' sizes.
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

} // namespace linalgd::torch
