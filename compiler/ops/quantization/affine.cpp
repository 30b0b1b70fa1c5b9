#include "compiler/ops/quantization/affine.h"
#include "compiler/ops/binary/binary.h"
#include "compiler/ops/elementwise/elementwise.h"
#include "compiler/ops/reduction/reduction.h"
#include "compiler/ops/scalar/scalar.h"
#include "compiler/ops/view/view.h"

using namespace mlir;

namespace linalgd::torch {

static Value multiply(TorchBuilder &b, Value tensor, Value factor) {
  return isTensor(factor.getType()) ? Value(MulTensorOp::create(b, tensor, factor))
                                    : Value(MulScalarOp::create(b, tensor, factor));
}

static Value shift(TorchBuilder &b, Value tensor, Value by, int64_t sign) {
  Value alpha = b.constInt(sign);
  return isTensor(by.getType()) ? Value(AddTensorOp::create(b, tensor, by, alpha))
                                : Value(AddScalarOp::create(b, tensor, by, alpha));
}

// PyTorch multiplies by the reciprocal of the scale.
static Value reciprocal(TorchBuilder &b, Value scale) {
  if (isTensor(scale.getType()))
    return ReciprocalOp::create(b, scale);
  return b.createOrFold<DivFloatOp>(b.constFloat(1), scale);
}

Value quantize(TorchBuilder &b, Value numbers, const Affine &affine, Value min, Value max) {
  Value scaled = multiply(b, b.toDtype(numbers, b.getF32Type()), reciprocal(b, affine.scale));
  Value shifted = shift(b, RoundOp::create(b, scaled), affine.zeroPoint, 1);
  return isTensor(min.getType()) ? Value(ClampTensorOp::create(b, shifted, min, max))
                                 : Value(ClampOp::create(b, shifted, min, max));
}

Value dequantize(TorchBuilder &b, Value integers, const Affine &affine) {
  Value shifted = shift(b, b.toDtype(integers, b.getF32Type()), affine.zeroPoint, -1);
  return multiply(b, shifted, affine.scale);
}

std::optional<Affine> alongAxis(TorchBuilder &b, Value tensor, Value scales, Value zeroPoints,
                                Value axis) {
  Sizes sizes = sizesOf(tensor);
  std::optional<int64_t> index = matchInt(axis);
  if (sizes && index)
    index = normalizeDim(*index, static_cast<int64_t>(sizes->size()));
  if (!sizes || sizes->empty() || !index)
    return std::nullopt;
  SmallVector<int64_t> shape(sizes->size(), 1);
  shape[static_cast<size_t>(*index)] = -1;
  auto along = [&](Value vector) {
    return ViewOp::create(b, b.toDtype(vector, b.getF32Type()), b.intList(shape));
  };
  Value zero = isNone(zeroPoints) ? b.constInt(0) : Value(along(zeroPoints));
  return Affine{along(scales), zero};
}

Affine chooseAffine(TorchBuilder &b, Value numbers, double min, double max) {
  Value zero = b.constInt(0), one = b.constInt(1);
  Value least = ClampMaxOp::create(b, MinOp::create(b, numbers), zero);
  Value most = ClampMinOp::create(b, MaxOp::create(b, numbers), zero);
  Value range = SubTensorOp::create(b, most, least, one);
  Value scale = DivScalarOp::create(b, range, b.constFloat(max - min));
  // Of numbers that are all 0.
  Value isZero = EqScalarOp::create(b, scale, zero);
  scale = WhereScalarSelfOp::create(b, isZero, b.constFloat(0.1), scale);
  // The end of the range that loses least becomes exact.
  Value inverse = ReciprocalOp::create(b, scale);
  Value below = MulTensorOp::create(b, least, inverse);
  Value above = MulTensorOp::create(b, most, inverse);
  auto error = [&](Value end, double bound) {
    return AddScalarOp::create(b, AbsOp::create(b, end), b.constFloat(std::abs(bound)), one);
  };
  Value fromLeast = RsubScalarOp::create(b, below, b.constFloat(min), one);
  Value fromMost = RsubScalarOp::create(b, above, b.constFloat(max), one);
  Value isBelow = LtTensorOp::create(b, error(below, min), error(above, max));
  Value zeroPoint = WhereSelfOp::create(b, isBelow, fromLeast, fromMost);
  zeroPoint =
      ClampOp::create(b, RoundOp::create(b, zeroPoint), b.constFloat(min), b.constFloat(max));
  return {scale, zeroPoint};
}

} // namespace linalgd::torch
