// Reading constants out of torch IR; every function looks through derefine and unchecked_cast.
#pragma once

#include "compiler/dialect/torch.h"

namespace linalgd::torch {

// The value behind torch.derefine and torch.prim.unchecked_cast.
mlir::Value strip(mlir::Value value);
bool isNone(mlir::Value value);
std::optional<int64_t> matchInt(mlir::Value value);  // int, bool or an integral number
std::optional<double> matchFloat(mlir::Value value); // any number
std::optional<bool> matchBool(mlir::Value value);
std::optional<llvm::StringRef> matchString(mlir::Value value); // str or Device
// The elements of a list or tuple that is built here; its length is then known.
std::optional<llvm::SmallVector<mlir::Value>> matchList(mlir::Value value);
std::optional<llvm::SmallVector<int64_t>> matchIntList(mlir::Value value);
std::optional<llvm::SmallVector<bool>> matchBoolList(mlir::Value value);
// An optional dim or dims, normalised against `rank`; none or an empty list: all dims.
std::optional<llvm::SmallVector<int64_t>> matchDims(mlir::Value value, int64_t rank);
// The dtype that a ScalarType argument names; none: `otherwise`; null where it is not constant.
mlir::Type matchDtype(mlir::Value value, mlir::Type otherwise);
// Sizes given as a list of ints: dynamic where an element is not constant, absent for no list.
Sizes matchSizes(mlir::Value value);

} // namespace linalgd::torch
