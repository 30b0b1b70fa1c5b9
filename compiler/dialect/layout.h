// Lowerings that move elements: index arithmetic, reshapes, slices, reads at computed positions.
#pragma once

#include "compiler/dialect/builders.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace linalgd::torch {

using IndexList = llvm::SmallVector<mlir::OpFoldResult>;

// Arithmetic on `index`, folded where constant.
mlir::OpFoldResult addIndex(Lowering &b, mlir::OpFoldResult x, mlir::OpFoldResult y);
mlir::OpFoldResult subIndex(Lowering &b, mlir::OpFoldResult x, mlir::OpFoldResult y);
mlir::OpFoldResult mulIndex(Lowering &b, mlir::OpFoldResult x, mlir::OpFoldResult y);
mlir::OpFoldResult minIndex(Lowering &b, mlir::OpFoldResult x, mlir::OpFoldResult y);
mlir::OpFoldResult maxIndex(Lowering &b, mlir::OpFoldResult x, mlir::OpFoldResult y);
mlir::OpFoldResult floorDivIndex(Lowering &b, mlir::OpFoldResult x, mlir::OpFoldResult y);
// Of a non-negative number by a positive one.
mlir::OpFoldResult ceilDivIndex(Lowering &b, mlir::OpFoldResult x, mlir::OpFoldResult y);
// Counts a negative index from `size`.
mlir::OpFoldResult wrapIndex(Lowering &b, mlir::OpFoldResult index, mlir::OpFoldResult size);

// Ends the run with an error unless `least` is at most `most`: keeps reads inside of tensors whose
// sizes are unknown.
void requireAtMost(Lowering &b, mlir::OpFoldResult least, mlir::OpFoldResult most,
                   llvm::StringRef message);
// The same unless both are equal.
void requireEqual(Lowering &b, mlir::OpFoldResult x, mlir::OpFoldResult y, llvm::StringRef message);

// Sizes for a result: the result type's where it knows them.
IndexList refineSizes(Lowering &b, llvm::ArrayRef<mlir::OpFoldResult> sizes);
// The tensor type of `sizes`.
mlir::RankedTensorType typeOfSizes(llvm::ArrayRef<mlir::OpFoldResult> sizes,
                                   mlir::Type elementType);

// Dimensions [inFirst, inLast) of a tensor that become dimensions [outFirst, outLast) of another.
struct ReshapeGroup {
  int64_t inFirst, inLast, outFirst, outLast;
};
// `tensor` in the given sizes, of the same number of elements. Sizes that are the very OpFoldResult
// of `inSizes` (which are the tensor's) are known to be equal.
mlir::Value reshape(Lowering &b, mlir::Value tensor, llvm::ArrayRef<mlir::OpFoldResult> inSizes,
                    llvm::ArrayRef<mlir::OpFoldResult> outSizes);
// The same with the correspondence of dimensions given.
mlir::Value reshapeGroups(Lowering &b, mlir::Value tensor, llvm::ArrayRef<ReshapeGroup> groups,
                          llvm::ArrayRef<mlir::OpFoldResult> outSizes);

// Part of one dimension: the elements start, start + step, ...
struct Slice {
  mlir::OpFoldResult start, size, step;
};
// PyTorch's [start:end:step] of a dimension of `size` elements; `start` and `end` may be none.
Slice normalizeSlice(Lowering &b, mlir::OpFoldResult size, mlir::Value start, mlir::Value end,
                     mlir::Value step);
mlir::Value extractSlice(Lowering &b, mlir::Value tensor, int64_t dim, const Slice &slice);
// `base` with a slice of it replaced.
mlir::Value insertSlice(Lowering &b, mlir::Value base, mlir::Value part, int64_t dim,
                        const Slice &slice);

// One parallel linalg.generic that reads through `maps`, one for each of `inputs`, in the result's
// dimensions. Null body: the first input as it is.
mlir::Value mapped(Lowering &b, mlir::ValueRange inputs, llvm::ArrayRef<mlir::AffineMap> maps,
                   llvm::ArrayRef<mlir::OpFoldResult> sizes, mlir::Type elementType,
                   ElementwiseBody body = nullptr);
// The same without inputs: each element is computed from its position (`index` values).
mlir::Value generate(Lowering &b, llvm::ArrayRef<mlir::OpFoldResult> sizes, mlir::Type elementType,
                     ElementwiseBody body);
// The same, each element read from `tensor` at the place (`index` values within it) that `place`
// makes of the result's position.
using Places = llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::ImplicitLocOpBuilder &,
                                                                 mlir::ValueRange)>;
mlir::Value readFrom(Lowering &b, mlir::Value tensor, llvm::ArrayRef<mlir::OpFoldResult> sizes,
                     Places place);

} // namespace linalgd::torch
