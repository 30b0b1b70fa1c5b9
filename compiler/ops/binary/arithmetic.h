// Sums, differences and products of tensors, as decompositions write them.
#pragma once

#include "compiler/dialect/builders.h"
#include "compiler/ops/binary/binary.h"

namespace linalgd::torch {

inline mlir::Value add(TorchBuilder &b, mlir::Value x, mlir::Value y) {
  return AddTensorOp::create(b, x, y, b.constInt(1));
}
inline mlir::Value sub(TorchBuilder &b, mlir::Value x, mlir::Value y) {
  return SubTensorOp::create(b, x, y, b.constInt(1));
}
inline mlir::Value mul(TorchBuilder &b, mlir::Value x, mlir::Value y) {
  return MulTensorOp::create(b, x, y);
}

} // namespace linalgd::torch
