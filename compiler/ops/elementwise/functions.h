// Scalar functions of elementwise ops, as PyTorch computes them.
#pragma once

#include "compiler/dialect/pointwise.h"

namespace linalgd::torch {

mlir::Value sign(ScalarBuilder &s, mlir::Value x);
mlir::Value bitwiseNot(ScalarBuilder &s, mlir::Value x); // logical on bool
mlir::Value isInf(ScalarBuilder &s, mlir::Value x);      // +infinity
mlir::Value isFinite(ScalarBuilder &s, mlir::Value x);
mlir::Value signBit(ScalarBuilder &s, mlir::Value x);
// A null `eps`, `nan`, `posinf` or `neginf` is PyTorch's None.
mlir::Value logit(ScalarBuilder &s, mlir::Value x, mlir::Value eps);
mlir::Value nanToNum(ScalarBuilder &s, mlir::Value x, mlir::Value nan, mlir::Value posinf,
                     mlir::Value neginf);

mlir::Value gelu(ScalarBuilder &s, mlir::Value x, bool tanh);
mlir::Value hardSigmoid(ScalarBuilder &s, mlir::Value x);
mlir::Value elu(ScalarBuilder &s, mlir::Value x, mlir::Value alpha, mlir::Value scale,
                mlir::Value inputScale);
mlir::Value selu(ScalarBuilder &s, mlir::Value x);
mlir::Value celu(ScalarBuilder &s, mlir::Value x, mlir::Value alpha);
mlir::Value softplus(ScalarBuilder &s, mlir::Value x, mlir::Value beta, mlir::Value threshold);
mlir::Value softShrink(ScalarBuilder &s, mlir::Value x, mlir::Value lambda);

} // namespace linalgd::torch
