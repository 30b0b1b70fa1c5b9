// Scalar functions of binary ops, as PyTorch computes them.
#pragma once

#include "compiler/dialect/pointwise.h"

namespace linalgd::torch {

llvm::LogicalResult inferDivision(Inference &r, mlir::ValueRange operands, mlir::Value mode);
// `mode`: none, "trunc" or "floor".
mlir::Value divide(ScalarBuilder &s, mlir::Value a, mlir::Value b,
                   std::optional<llvm::StringRef> mode);
mlir::Value floorDiv(ScalarBuilder &s, mlir::Value a, mlir::Value b);
mlir::Value fmod(ScalarBuilder &s, mlir::Value a, mlir::Value b);      // the sign of a
mlir::Value remainder(ScalarBuilder &s, mlir::Value a, mlir::Value b); // the sign of b
// `constant` is the exponent where it is known.
mlir::Value power(ScalarBuilder &s, mlir::Value a, mlir::Value exponent,
                  std::optional<double> constant);
// By a negative amount as by one that leaves no bit of `a`.
mlir::Value shiftLeft(ScalarBuilder &s, mlir::Value a, mlir::Value amount);
mlir::Value shiftRight(ScalarBuilder &s, mlir::Value a, mlir::Value amount);
mlir::Value xlogy(ScalarBuilder &s, mlir::Value a, mlir::Value b);
mlir::Value logAddExp(ScalarBuilder &s, mlir::Value a, mlir::Value b);
mlir::Value lerp(ScalarBuilder &s, mlir::Value start, mlir::Value end, mlir::Value weight);
// A null bound is none.
mlir::Value clamp(ScalarBuilder &s, mlir::Value x, mlir::Value min, mlir::Value max);

} // namespace linalgd::torch
