// Scalar functions of binary ops (functions.h).
#include "compiler/ops/binary/functions.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace linalgd::torch {

LogicalResult inferDivision(Inference &r, ValueRange operands, Value mode) {
  return isNone(mode) ? r.broadcastFloat(operands) : r.broadcast(operands);
}

Value divide(ScalarBuilder &s, Value a, Value b, std::optional<StringRef> mode) {
  if (mode == "floor")
    return floorDiv(s, a, b);
  Value quotient = s.div(a, b);
  return mode == "trunc" && s.isFloat() ? s.make<math::TruncOp>(quotient) : quotient;
}

Value fmod(ScalarBuilder &s, Value a, Value b) { return s.rem(a, b); }

// Whether `rest` is not zero and has another sign than `b`.
static Value signsDiffer(ScalarBuilder &s, Value rest, Value b) {
  Value zero = s.constant(0);
  Value differ = s.make<arith::XOrIOp>(s.lt(rest, zero), s.lt(b, zero));
  return s.make<arith::AndIOp>(s.ne(rest, zero), differ);
}

Value remainder(ScalarBuilder &s, Value a, Value b) {
  Value rest = fmod(s, a, b);
  if (s.isUnsigned())
    return rest;
  return s.select(signsDiffer(s, rest, b), s.add(rest, b), rest);
}

Value floorDiv(ScalarBuilder &s, Value a, Value b) {
  if (s.isUnsigned())
    return s.div(a, b);
  Value rest = fmod(s, a, b);
  if (!s.isFloat()) {
    Value quotient = s.div(a, b);
    return s.select(signsDiffer(s, rest, b), s.sub(quotient, s.constant(1)), quotient);
  }
  // (a - rest) / b is an integer but for rounding; the plain quotient where b is zero.
  Value exact = s.div(s.sub(a, rest), b);
  exact = s.select(signsDiffer(s, rest, b), s.sub(exact, s.constant(1)), exact);
  Value floor = s.make<math::FloorOp>(exact);
  Value rounded =
      s.select(s.gt(s.sub(exact, floor), s.constant(0.5)), s.add(floor, s.constant(1)), floor);
  Value quotient = s.div(a, b);
  Value zero = s.make<math::CopySignOp>(s.constant(0), quotient);
  return s.select(s.isZero(b), quotient, s.select(s.isZero(exact), zero, rounded));
}

static Value integerPower(ScalarBuilder &s, Value a, unsigned exponent) {
  Value result = s.constant(1);
  for (Value square = a; exponent; exponent >>= 1) {
    if (exponent & 1)
      result = s.mul(result, square);
    if (exponent > 1)
      square = s.mul(square, square);
  }
  return result;
}

Value power(ScalarBuilder &s, Value a, Value exponent, std::optional<double> constant) {
  if (!s.isFloat()) {
    if (constant && *constant >= 0 && *constant <= 64)
      return integerPower(s, a, static_cast<unsigned>(*constant));
    // The op has no value where that is infinite.
    Value infinite = s.make<arith::AndIOp>(s.isZero(a), s.lt(exponent, s.constant(0)));
    return s.select(infinite, s.constant(0), s.make<math::IPowIOp>(a, exponent));
  }
  if (constant == 0.5)
    return s.make<math::SqrtOp>(a);
  if (constant == -0.5)
    return s.div(s.constant(1), s.make<math::SqrtOp>(a));
  if (constant && std::abs(*constant) <= 3 && *constant == std::trunc(*constant)) {
    Value whole = integerPower(s, a, static_cast<unsigned>(std::abs(*constant)));
    return *constant < 0 ? s.div(s.constant(1), whole) : whole;
  }
  return s.make<math::PowFOp>(a, exponent);
}

// Whether no bit is left.
static Value isTooFar(ScalarBuilder &s, Value amount) {
  return s.make<arith::OrIOp>(s.lt(amount, s.constant(0)),
                              s.ge(amount, s.constant(s.type.getIntOrFloatBitWidth())));
}

Value shiftLeft(ScalarBuilder &s, Value a, Value amount) {
  return s.select(isTooFar(s, amount), s.constant(0), s.make<arith::ShLIOp>(a, amount));
}

Value shiftRight(ScalarBuilder &s, Value a, Value amount) {
  if (s.isUnsigned())
    return s.select(isTooFar(s, amount), s.constant(0), s.make<arith::ShRUIOp>(a, amount));
  Value most = s.constant(s.type.getIntOrFloatBitWidth() - 1);
  return s.make<arith::ShRSIOp>(a, s.select(isTooFar(s, amount), most, amount));
}

Value xlogy(ScalarBuilder &s, Value a, Value b) {
  Value product = s.mul(a, s.make<math::LogOp>(b));
  Value result = s.select(s.isZero(a), s.constant(0), product);
  return s.select(s.isNan(b), b, result);
}

Value logAddExp(ScalarBuilder &s, Value a, Value b) {
  // Two equal infinities have no difference.
  Value infinite = s.make<arith::AndIOp>(
      s.eq(a, b), s.eq(s.abs(a), s.constant(std::numeric_limits<double>::infinity())));
  Value distance = s.neg(s.abs(s.sub(a, b)));
  Value sum = s.add(s.max(a, b), s.make<math::Log1pOp>(s.make<math::ExpOp>(distance)));
  return s.select(infinite, a, sum);
}

Value lerp(ScalarBuilder &s, Value start, Value end, Value weight) {
  Value distance = s.sub(end, start);
  Value fromStart = s.add(start, s.mul(weight, distance));
  Value fromEnd = s.sub(end, s.mul(distance, s.sub(s.constant(1), weight)));
  return s.select(s.lt(s.abs(weight), s.constant(0.5)), fromStart, fromEnd);
}

Value clamp(ScalarBuilder &s, Value x, Value min, Value max) {
  if (min)
    x = s.max(x, min);
  return max ? s.min(x, max) : x;
}

} // namespace linalgd::torch
