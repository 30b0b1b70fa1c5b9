// Methods of dtype conversions and of ops that overwrite a tensor's contents.
#include "compiler/ops/conversion/conversion.h"
#include "compiler/ops/conversion/lowering.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace linalgd::torch {

LogicalResult lowerConversion(Lowering &b) {
  Type from = dtypeOf(b.op->getOperand(0)), to = b.resultDtype();
  if (!from || !to || !b.resultType())
    return b.unsupported("the rank or dtype is unknown");
  return b.replace(b.convert(b.operands[0], from, to));
}

bool ContiguousOp::aliases(bool contiguous) { return contiguous; }
bool ContiguousOp::isContiguous(bool) { return true; }
Value ContiguousOp::scatter(TorchBuilder &, Value, Value update, unsigned) { return update; }

static LogicalResult lowerFill(Lowering &b, Value self, Value scalar, Type from) {
  Type dtype = b.resultDtype();
  if (!dtype || !b.resultType())
    return b.unsupported("the rank or dtype of the tensor is unknown");
  return b.replace(b.filled(b.sizes(self), convertScalar(b, scalar, from, dtype)));
}

LogicalResult FillScalarOp::lowerToLinalg(Lowering &b) {
  Adaptor op(b.operands);
  return lowerFill(b, op.getSelf(), op.getValue(), dtypeOf(getValue()));
}

LogicalResult FillTensorOp::lowerToLinalg(Lowering &b) {
  Adaptor op(b.operands);
  return lowerFill(b, op.getSelf(), tensor::ExtractOp::create(b, op.getValue(), ValueRange{}),
                   dtypeOf(getValue()));
}

LogicalResult ZeroOp::lowerToLinalg(Lowering &b) {
  return lowerFill(b, b.operands[0], arith::ConstantIntOp::create(b, 0, 64),
                   b.getIntegerType(64, /*isSigned=*/true));
}

LogicalResult CopyOp::lowerToLinalg(Lowering &b) {
  Adaptor op(b.operands);
  auto self = dyn_cast<RankedTensorType>(op.getSelf().getType());
  auto src = dyn_cast<RankedTensorType>(op.getSrc().getType());
  Type from = dtypeOf(getSrc()), to = dtypeOf(getSelf());
  if (!self || !src || !from || !to)
    return b.unsupported("the rank or dtype of an operand is unknown");
  if (self.getShape() == src.getShape())
    return b.replace(b.convert(op.getSrc(), from, to));
  // Self only lends its sizes.
  return b.replace(b.elementwise({op.getSelf(), op.getSrc()}, self.getElementType(),
                                 [&](ImplicitLocOpBuilder &nested, ValueRange x) {
                                   return convertScalar(nested, x[1], from, to);
                                 }));
}

} // namespace linalgd::torch
