// What the records of the resize family call.
#pragma once

#include "compiler/dialect/builders.h"

namespace linalgd::torch {

// Numbers or none, one an axis; none of them where there is no list.
using Scales = llvm::SmallVector<mlir::Value>;
Scales listedScales(mlir::Value list);

llvm::LogicalResult inferResized(Inference &r, mlir::Value self, mlir::Value outputSize,
                                 const Scales &scales);

enum class Filter { Nearest, NearestExact, Linear };
// `alignCorners` is a bool, or null.
llvm::LogicalResult lowerResized(Lowering &b, mlir::Value outputSize, const Scales &scales,
                                 Filter filter, mlir::Value alignCorners);

} // namespace linalgd::torch
