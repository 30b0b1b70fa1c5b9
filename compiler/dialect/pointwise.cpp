// Elementwise lowerings (pointwise.h).
#include "compiler/dialect/pointwise.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"

using namespace mlir;

namespace linalgd::torch {

Value ScalarBuilder::constant(double value) {
  if (isFloat())
    return arith::ConstantOp::create(*this, getFloatAttr(type, value));
  return arith::ConstantOp::create(*this, getIntegerAttr(type, static_cast<int64_t>(value)));
}

Value ScalarBuilder::truth(unsigned index) {
  return convertScalar(*this, raw[index], rawDtypes[index], getI1Type());
}

Value ScalarBuilder::add(Value a, Value b) {
  if (isFloat())
    return make<arith::AddFOp>(a, b);
  return isBoolDtype(dtype) ? make<arith::OrIOp>(a, b) : make<arith::AddIOp>(a, b);
}
Value ScalarBuilder::sub(Value a, Value b) {
  return isFloat() ? make<arith::SubFOp>(a, b) : make<arith::SubIOp>(a, b);
}
Value ScalarBuilder::mul(Value a, Value b) {
  if (isFloat())
    return make<arith::MulFOp>(a, b);
  return isBoolDtype(dtype) ? make<arith::AndIOp>(a, b) : make<arith::MulIOp>(a, b);
}
Value ScalarBuilder::div(Value a, Value b) {
  if (isFloat())
    return make<arith::DivFOp>(a, b);
  if (isUnsigned())
    return make<arith::DivUIOp>(a, divisor(b));
  Value quotient = make<arith::DivSIOp>(a, divisor(b));
  return select(eq(b, constant(-1)), neg(a), quotient);
}
Value ScalarBuilder::rem(Value a, Value b) {
  if (isFloat())
    return make<arith::RemFOp>(a, b);
  return isUnsigned() ? make<arith::RemUIOp>(a, divisor(b)) : make<arith::RemSIOp>(a, divisor(b));
}

// What the processor can divide by: not 0, nor -1, by which the least number has no quotient.
Value ScalarBuilder::divisor(Value b) {
  cf::AssertOp::create(*this, ne(b, constant(0)), "an integer is divided by zero");
  return isUnsigned() ? b : select(eq(b, constant(-1)), constant(1), b);
}
Value ScalarBuilder::neg(Value a) {
  return isFloat() ? make<arith::NegFOp>(a) : sub(constant(0), a);
}
Value ScalarBuilder::abs(Value a) {
  if (isFloat())
    return make<math::AbsFOp>(a);
  return isUnsigned() ? a : make<math::AbsIOp>(a);
}
Value ScalarBuilder::max(Value a, Value b) {
  if (isFloat())
    return make<arith::MaximumFOp>(a, b);
  return isUnsigned() ? make<arith::MaxUIOp>(a, b) : make<arith::MaxSIOp>(a, b);
}
Value ScalarBuilder::min(Value a, Value b) {
  if (isFloat())
    return make<arith::MinimumFOp>(a, b);
  return isUnsigned() ? make<arith::MinUIOp>(a, b) : make<arith::MinSIOp>(a, b);
}
Value ScalarBuilder::select(Value condition, Value a, Value b) {
  return make<arith::SelectOp>(condition, a, b);
}

Value ScalarBuilder::compare(arith::CmpFPredicate real, arith::CmpIPredicate isSignedPredicate,
                             arith::CmpIPredicate isUnsignedPredicate, Value a, Value b) {
  if (isa<mlir::FloatType>(a.getType()))
    return make<arith::CmpFOp>(real, a, b);
  return make<arith::CmpIOp>(isUnsigned() ? isUnsignedPredicate : isSignedPredicate, a, b);
}
Value ScalarBuilder::eq(Value a, Value b) {
  return compare(arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq, arith::CmpIPredicate::eq, a,
                 b);
}
Value ScalarBuilder::ne(Value a, Value b) {
  return compare(arith::CmpFPredicate::UNE, arith::CmpIPredicate::ne, arith::CmpIPredicate::ne, a,
                 b);
}
Value ScalarBuilder::lt(Value a, Value b) {
  return compare(arith::CmpFPredicate::OLT, arith::CmpIPredicate::slt, arith::CmpIPredicate::ult, a,
                 b);
}
Value ScalarBuilder::le(Value a, Value b) {
  return compare(arith::CmpFPredicate::OLE, arith::CmpIPredicate::sle, arith::CmpIPredicate::ule, a,
                 b);
}
Value ScalarBuilder::isNan(Value a) {
  if (isFloat())
    return make<arith::CmpFOp>(arith::CmpFPredicate::UNO, a, a);
  return arith::ConstantOp::create(*this, getBoolAttr(false));
}

Value ScalarBuilder::sigmoid(Value a) {
  Value one = constant(1);
  return div(one, add(one, make<math::ExpOp>(neg(a))));
}
Value ScalarBuilder::softplus(Value a) {
  // max(a, 0) + log1p(exp(-|a|))
  return add(max(a, constant(0)), make<math::Log1pOp>(make<math::ExpOp>(neg(abs(a)))));
}
Value ScalarBuilder::logSigmoid(Value a) { return neg(softplus(neg(a))); }

LogicalResult lowerPointwise(Lowering &b, PointwiseBody body, Type compute) {
  Type result = b.resultDtype();
  if (!result || !b.resultType())
    return b.unsupported("the rank or dtype of the result is unknown");
  if (!compute) {
    Type promoted = torch::resultDtype(b.op->getOperands());
    compute = isBoolDtype(result) && promoted ? promoted
                                              : promoteDtypes(promoted ? promoted : result, result);
    compute = computeDtype(compute);
  }
  if (isComplexDtype(compute))
    return b.unsupported("complex numbers are not supported yet");

  // Numbers are converted once, before the loop.
  SmallVector<Value> inputs, raw(b.operands.size()), values(b.operands.size());
  SmallVector<Type> dtypes(b.operands.size());
  SmallVector<unsigned> tensors;
  for (auto [index, operand] : llvm::enumerate(b.operands)) {
    Value original = strip(b.op->getOperand(index));
    dtypes[index] = dtypeOf(original);
    if (isTensor(original.getType())) {
      Value tensor = isTensor(operand.getType()) ? b.lowered(original) : operand;
      if (!isa<RankedTensorType>(tensor.getType()))
        return b.unsupported("the rank or dtype of an operand is unknown");
      inputs.push_back(tensor);
      tensors.push_back(index);
    } else if (dtypes[index]) {
      // An optional number arrives behind a derefine.
      raw[index] = operand.getType().isIntOrFloat() ? operand : b.lowered(original);
      values[index] = convertScalar(b, raw[index], dtypes[index], compute);
    }
  }
  if (inputs.empty())
    return b.unsupported("there is no tensor among the operands");
  Value output =
      b.elementwise(inputs, lowerDtype(result), [&](ImplicitLocOpBuilder &nested, ValueRange args) {
        ScalarBuilder scalar(nested.getLoc(), nested, compute);
        for (auto [arg, index] : llvm::zip_equal(args, tensors)) {
          raw[index] = arg;
          values[index] = convertScalar(scalar, arg, dtypes[index], compute);
        }
        scalar.raw = raw;
        scalar.rawDtypes = dtypes;
        Value value = body(scalar, values);
        bool isPredicate = value.getType().isInteger(1);
        return convertScalar(scalar, value, isPredicate ? scalar.getI1Type() : compute, result);
      });
  return b.replace(output);
}

} // namespace linalgd::torch
