// Scalar functions of elementwise ops (functions.h).
#include "compiler/ops/elementwise/functions.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace linalgd::torch {

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

static Value constantBool(ScalarBuilder &s, bool value) {
  return arith::ConstantOp::create(s, s.getBoolAttr(value));
}

Value sign(ScalarBuilder &s, Value x) {
  Value zero = s.constant(0), one = s.constant(1);
  if (s.isUnsigned())
    return s.select(s.ne(x, zero), one, zero);
  // Comparisons are false for NaN, whose sign is 0.
  return s.select(s.gt(x, zero), one, s.select(s.lt(x, zero), s.constant(-1), zero));
}

Value bitwiseNot(ScalarBuilder &s, Value x) {
  Value ones = arith::ConstantOp::create(
      s, s.getIntegerAttr(s.type, APInt::getAllOnes(s.type.getIntOrFloatBitWidth())));
  return s.make<arith::XOrIOp>(x, ones);
}

Value isInf(ScalarBuilder &s, Value x) {
  return s.isFloat() ? s.eq(x, s.constant(kInfinity)) : constantBool(s, false);
}
Value isFinite(ScalarBuilder &s, Value x) {
  return s.isFloat() ? s.lt(s.abs(x), s.constant(kInfinity)) : constantBool(s, true);
}

Value signBit(ScalarBuilder &s, Value x) {
  if (s.isUnsigned())
    return constantBool(s, false);
  if (!s.isFloat())
    return s.lt(x, s.constant(0));
  // The sign of a zero or NaN, too.
  Value one = s.make<math::CopySignOp>(s.constant(1), x);
  return s.lt(one, s.constant(0));
}

Value logit(ScalarBuilder &s, Value x, Value eps) {
  Value one = s.constant(1);
  if (eps) { // which may be more than a half: one of the bounds, whichever comes first
    Value most = s.sub(one, eps);
    x = s.select(s.lt(x, eps), eps, s.select(s.gt(x, most), most, x));
  }
  return s.make<math::LogOp>(s.div(x, s.sub(one, x)));
}

Value nanToNum(ScalarBuilder &s, Value x, Value nan, Value posinf, Value neginf) {
  if (!s.isFloat())
    return x;
  // float32 stands for half types here; their largest numbers then become infinite on the way back.
  auto largest = [&](bool negative) -> Value {
    const llvm::fltSemantics &semantics = cast<mlir::FloatType>(s.type).getFloatSemantics();
    return arith::ConstantOp::create(
        s, s.getFloatAttr(s.type, APFloat::getLargest(semantics, negative)));
  };
  nan = nan ? nan : s.constant(0);
  posinf = posinf ? posinf : largest(false);
  neginf = neginf ? neginf : largest(true);
  Value finite = s.select(s.eq(x, s.constant(kInfinity)), posinf,
                          s.select(s.eq(x, s.constant(-kInfinity)), neginf, x));
  return s.select(s.isNan(x), nan, finite);
}

Value gelu(ScalarBuilder &s, Value x, bool tanh) {
  Value inner;
  if (tanh) {
    Value cube = s.mul(s.mul(x, x), x);
    Value sum = s.add(x, s.mul(s.constant(0.044715), cube));
    inner = s.make<math::TanhOp>(s.mul(s.constant(std::sqrt(2.0 / M_PI)), sum));
  } else {
    inner = s.make<math::ErfOp>(s.mul(x, s.constant(std::sqrt(0.5))));
  }
  return s.mul(s.mul(s.constant(0.5), x), s.add(s.constant(1), inner));
}

Value hardSigmoid(ScalarBuilder &s, Value x) {
  Value clamped = s.min(s.max(s.add(x, s.constant(3)), s.constant(0)), s.constant(6));
  return s.div(clamped, s.constant(6));
}

Value elu(ScalarBuilder &s, Value x, Value alpha, Value scale, Value inputScale) {
  Value negative = s.make<math::ExpM1Op>(s.mul(x, inputScale));
  negative = s.mul(negative, s.mul(alpha, scale));
  return s.select(s.gt(x, s.constant(0)), s.mul(x, scale), negative);
}

Value selu(ScalarBuilder &s, Value x) {
  return elu(s, x, s.constant(1.6732632423543772848170429916717),
             s.constant(1.0507009873554804934193349852946), s.constant(1));
}

Value celu(ScalarBuilder &s, Value x, Value alpha) {
  Value negative = s.mul(alpha, s.make<math::ExpM1Op>(s.div(x, alpha)));
  return s.select(s.gt(x, s.constant(0)), x, negative);
}

Value softplus(ScalarBuilder &s, Value x, Value beta, Value threshold) {
  Value scaled = s.mul(x, beta);
  Value soft = s.div(s.make<math::Log1pOp>(s.make<math::ExpOp>(scaled)), beta);
  return s.select(s.gt(scaled, threshold), x, soft);
}

Value softShrink(ScalarBuilder &s, Value x, Value lambda) {
  // x * 0 is 0 and keeps NaN.
  Value inside = s.mul(x, s.constant(0));
  Value below = s.select(s.lt(x, s.neg(lambda)), s.add(x, lambda), inside);
  return s.select(s.gt(x, lambda), s.sub(x, lambda), below);
}

} // namespace linalgd::torch
