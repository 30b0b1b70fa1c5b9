// What reads and writes at computed places share.
#pragma once

#include "compiler/dialect/builders.h"

namespace linalgd::torch {

// `index` of any integer type as a place in a dimension of `size`, where negative ones may count
// from the end. Asserts that it is one, so that no access leaves the tensor.
mlir::Value place(mlir::ImplicitLocOpBuilder &b, mlir::Value index, mlir::Value size, bool wraps);

// Makes `size` of the indices' broadcast dimension that of `other`, which is not 1.
void requireBroadcast(Lowering &b, mlir::OpFoldResult &size, mlir::OpFoldResult other);

// Where the dimensions of broadcast index tensors go in the result of self[indices], and which
// dimensions of self they replace.
struct Advanced {
  llvm::SmallVector<int64_t> dims; // of self, with an index
  int64_t first = 0;               // of the result, where the indices' dimensions begin

  // `indices` are types or values, null where there is none.
  template <typename Index> explicit Advanced(llvm::ArrayRef<Index> indices) {
    for (size_t i = 0; i < indices.size(); ++i)
      if (indices[i])
        dims.push_back(static_cast<int64_t>(i));
    // Apart from each other, they go to the front.
    if (!dims.empty() && dims.back() - dims.front() + 1 == static_cast<int64_t>(dims.size()))
      first = dims.front();
  }
};

// The lowered index tensors of self[indices], one for each dimension of self, null where there is
// none: a mask is the places where it is true. Nothing where the rank or dtype of one is unknown.
std::optional<llvm::SmallVector<mlir::Value>> lowerIndices(Lowering &b,
                                                           llvm::ArrayRef<mlir::Value> indices);

} // namespace linalgd::torch
