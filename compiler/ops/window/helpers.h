// What convolutions and poolings share.
#pragma once

#include "compiler/dialect/builders.h"

namespace linalgd::torch {

// An int list of a window op, one entry a spatial dimension; one entry stands for all of them.
std::optional<llvm::SmallVector<int64_t>> matchWindowList(mlir::Value list, int64_t spatial);

// `tensor` with `low` and `high` elements of `fill` around it, by dimension; fewer than none crops
// it.
mlir::Value padOrCrop(Lowering &b, mlir::Value tensor, llvm::ArrayRef<int64_t> low,
                      llvm::ArrayRef<int64_t> high, mlir::Value fill);

// The sizes of the result of a window over a padded (N, C, spatial...) input; C stays.
llvm::SmallVector<mlir::OpFoldResult> windowSizes(Lowering &b, mlir::Value input,
                                                  llvm::ArrayRef<int64_t> kernel,
                                                  llvm::ArrayRef<int64_t> stride,
                                                  llvm::ArrayRef<int64_t> dilation);

} // namespace linalgd::torch
