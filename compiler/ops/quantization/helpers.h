// What the records of the quantization family call: they build an op on the numbers that quantized
// tensors stand for. Null where it cannot be built.
#pragma once

#include "compiler/dialect/builders.h"

namespace linalgd::torch {

// si8 for qint8; null for null.
mlir::Type integersOf(mlir::Type quantized);
mlir::Type dtypeOfFirst(mlir::Value list);

// The numbers that a tensor stands for; the value itself where it is no quantized tensor.
mlir::Value numbersOf(TorchBuilder &b, mlir::Value value);

template <typename Op, typename... Args> mlir::Value apply(TorchBuilder &b, Args... args) {
  return Op::create(b, numbersOf(b, args)...);
}
mlir::Value relu(TorchBuilder &b, mlir::Value numbers);
mlir::Value add(TorchBuilder &b, mlir::Value x, mlir::Value y);
// The first dimensions of a convolution's `dims` are those of the packed parameters.
mlir::Value convolve(TorchBuilder &b, mlir::Value x, mlir::Value params, int64_t dims);
mlir::Value linear(TorchBuilder &b, mlir::Value x, mlir::Value params);
mlir::Value linearDynamic(TorchBuilder &b, mlir::Value x, mlir::Value params,
                          mlir::Value reduceRange);
mlir::Value embed(TorchBuilder &b, mlir::Value params, mlir::Value indices);
mlir::Value concatenate(TorchBuilder &b, mlir::Operation *op, bool isRelu);

// Quantizes `numbers` to the dtype of `like`, and by its scale and zero point where none is given.
mlir::Value quantizeLike(TorchBuilder &b, mlir::Value numbers, mlir::Value like,
                         mlir::Value scale = {}, mlir::Value zeroPoint = {});
// By the last two operands of `op`, to the dtype of its first one.
mlir::Value requantize(TorchBuilder &b, mlir::Value numbers, mlir::Operation *op);

} // namespace linalgd::torch
