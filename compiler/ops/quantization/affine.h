// Quantization as arithmetic: numbers to integers and back. Integers are float32 on the way.
#pragma once

#include "compiler/dialect/builders.h"

namespace linalgd::torch {

// A scale and a zero point: torch.float and torch.int, or float32 tensors that broadcast.
struct Affine {
  mlir::Value scale, zeroPoint;
};

// (numbers / scale + zeroPoint), rounded, and no less than `min`, no more than `max`.
mlir::Value quantize(TorchBuilder &b, mlir::Value numbers, const Affine &affine, mlir::Value min,
                     mlir::Value max);
// (integers - zeroPoint) * scale
mlir::Value dequantize(TorchBuilder &b, mlir::Value integers, const Affine &affine);

// One scale and one zero point for each index of a dimension of `tensor`; nothing where its rank is
// unknown. The zero point may be None: 0.
std::optional<Affine> alongAxis(TorchBuilder &b, mlir::Value tensor, mlir::Value scales,
                                mlir::Value zeroPoints, mlir::Value axis);

// As float32 tensors of rank 0, what covers all of `numbers` and 0: PyTorch's choice of dynamic
// quantization, for integers from `min` to `max`.
Affine chooseAffine(TorchBuilder &b, mlir::Value numbers, double min, double max);

} // namespace linalgd::torch
