// What the records of the qdq family call.
#pragma once

#include "compiler/ops/quantization/affine.h"

namespace linalgd::torch {

// A parameter that may be a tensor of one element: a float32 tensor of rank 0 then.
mlir::Value bound(TorchBuilder &b, mlir::Value parameter);
std::optional<Affine> ofEachToken(TorchBuilder &b, mlir::Value scales, mlir::Value zeroPoints);
llvm::LogicalResult inferQparams(Inference &r);

} // namespace linalgd::torch
