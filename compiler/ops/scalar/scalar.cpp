// Methods of ops on Python numbers and sizes.
#include "compiler/ops/scalar/scalar.h"
#include "compiler/ops/binary/functions.h"
#include "compiler/ops/scalar/functions.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace linalgd::torch {

//===-- folding -------------------------------------------------------------------------------===//

int64_t pythonModulo(int64_t a, int64_t b) {
  int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}
int64_t floorDivide(int64_t a, int64_t b) { return (a - pythonModulo(a, b)) / b; }
double pythonModulo(double a, double b) {
  double rest = std::fmod(a, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}
double floorDivide(double a, double b) { return std::floor(a / b); }

std::optional<double> constantNumber(Attribute attribute) {
  if (auto real = dyn_cast_if_present<FloatAttr>(attribute))
    return real.getValueAsDouble();
  return std::nullopt;
}

Attribute numberAttr(Operation *op, int64_t value) {
  Builder builder(op->getContext());
  if (isa<torch::BoolType>(op->getResult(0).getType()))
    return builder.getBoolAttr(value != 0);
  return builder.getI64IntegerAttr(value);
}
Attribute numberAttr(Operation *op, double value) {
  return Builder(op->getContext()).getF64FloatAttr(value);
}

bool isZeroDivisor(Operation *op, ArrayRef<Attribute> operands) {
  if (!isa<FloordivIntOp, RemainderIntOp, DivIntOp, DivFloatOp>(op))
    return false;
  if (auto integer = dyn_cast_if_present<IntegerAttr>(operands.back()))
    return integer.getValue().isZero();
  return constantNumber(operands.back()) == 0.0;
}

OpFoldResult foldSize(Value tensor, Value dim) {
  Sizes sizes = sizesOf(tensor);
  std::optional<int64_t> index = matchInt(dim);
  if (!sizes || !index || sizes->empty())
    return {};
  std::optional<int64_t> normal = normalizeDim(*index, sizes->size());
  if (!normal || ShapedType::isDynamic((*sizes)[*normal]))
    return {};
  return Builder(tensor.getContext()).getI64IntegerAttr((*sizes)[*normal]);
}

OpFoldResult foldNumel(Value tensor) {
  Sizes sizes = sizesOf(tensor);
  if (!sizes || llvm::any_of(*sizes, ShapedType::isDynamic))
    return {};
  int64_t count = 1;
  for (int64_t size : *sizes)
    count *= size;
  return Builder(tensor.getContext()).getI64IntegerAttr(count);
}

OpFoldResult MaxIntOp::fold(FoldAdaptor op) {
  return foldNumbers(*this, op.getOperands(), [](int64_t a, int64_t b) { return std::max(a, b); });
}
OpFoldResult MinIntOp::fold(FoldAdaptor op) {
  return foldNumbers(*this, op.getOperands(), [](int64_t a, int64_t b) { return std::min(a, b); });
}

//===-- lowering ------------------------------------------------------------------------------===//

static Type numberDtype(Value number) {
  Type type = number.getType();
  return type.isInteger(64) ? IntegerType::get(type.getContext(), 64, IntegerType::Signed) : type;
}
using Compute = Value (*)(ScalarBuilder &, Value, Value);
static Value divide(Lowering &b, Compute compute, Value x, Value y) {
  ScalarBuilder s(b.getLoc(), b, numberDtype(x));
  return compute(s, x, y);
}
Value lowerFloorDivide(Lowering &b, Value x, Value y) { return divide(b, floorDiv, x, y); }
Value lowerModulo(Lowering &b, Value x, Value y) { return divide(b, remainder, x, y); }

Value negated(TorchBuilder &b, Value number) {
  Value known = strip(number);
  if (isa<torch::IntType>(known.getType()))
    return NegIntOp::create(b, known);
  if (isa<torch::FloatType>(known.getType()))
    return NegFloatOp::create(b, known);
  return {};
}

Value toFloat(Lowering &b, Value number) {
  return convertScalar(b, number, numberDtype(number), b.getF64Type());
}
Value toInteger(Lowering &b, Value number) {
  return convertScalar(b, number, numberDtype(number), b.getIntegerType(64, /*isSigned=*/true));
}

LogicalResult MaxIntOp::lowerToLinalg(Lowering &b) {
  return b.replace(arith::MaxSIOp::create(b, b.operands[0], b.operands[1]).getResult());
}
LogicalResult MinIntOp::lowerToLinalg(Lowering &b) {
  return b.replace(arith::MinSIOp::create(b, b.operands[0], b.operands[1]).getResult());
}

LogicalResult inferItem(Inference &r, Value tensor) {
  Type dtype = dtypeOf(tensor);
  if (!dtype || isComplexDtype(dtype))
    return r.add(NumberType::get(r.context));
  return isFloatDtype(dtype) ? r.floating() : isBoolDtype(dtype) ? r.boolean() : r.integer();
}

LogicalResult lowerItem(Lowering &b) {
  auto type = dyn_cast<RankedTensorType>(b.operands[0].getType());
  Type to = b.resultDtype();
  if (!type || !to)
    return b.unsupported("the rank or dtype of the tensor is unknown");
  SmallVector<Value> zeros(type.getRank(), b.indexValue(b.getIndexAttr(0)));
  Value element = tensor::ExtractOp::create(b, b.operands[0], zeros);
  return b.replace(convertScalar(b, element, dtypeOf(b.op->getOperand(0)), to));
}

LogicalResult lowerSize(Lowering &b) {
  auto type = dyn_cast<RankedTensorType>(b.operands[0].getType());
  std::optional<int64_t> dim = matchInt(b.op->getOperand(1));
  if (!type || !dim)
    return b.unsupported("the rank of the tensor or the dimension is unknown");
  std::optional<int64_t> normal = normalizeDim(*dim, type.getRank());
  if (!normal || type.getRank() == 0)
    return b.unsupported("the dimension is out of range");
  return b.replace(b.toInt(b.dim(b.operands[0], *normal)));
}

LogicalResult lowerNumel(Lowering &b) {
  if (!isa<RankedTensorType>(b.operands[0].getType()))
    return b.unsupported("the rank of the tensor is unknown");
  Value product = b.toInt(b.getIndexAttr(1));
  for (OpFoldResult size : b.sizes(b.operands[0]))
    product = b.createOrFold<arith::MulIOp>(product, b.toInt(size));
  return b.replace(product);
}

LogicalResult NumToTensorOp::lowerToLinalg(Lowering &b) {
  Type from = dtypeOf(getA()), to = b.resultDtype();
  if (!from || !to)
    return b.unsupported("the type of the number is unknown");
  Value number = convertScalar(b, b.operands[0], from, to);
  return b.replace(tensor::FromElementsOp::create(b, number).getResult());
}

//===-- decomposition -------------------------------------------------------------------------===//

static LogicalResult decomposeSizes(Decomposition &b) {
  Value tensor = b.op->getOperand(0);
  if (!sizesOf(tensor))
    return failure();
  return b.replace(b.sizeList(tensor));
}
LogicalResult SizeOp::decompose(Decomposition &b) { return decomposeSizes(b); }
LogicalResult SymSizeOp::decompose(Decomposition &b) { return decomposeSizes(b); }

LogicalResult DimOp::decompose(Decomposition &b) {
  Sizes sizes = sizesOf(getSelf());
  return sizes ? b.replace(b.constInt(sizes->size())) : failure();
}

} // namespace linalgd::torch
