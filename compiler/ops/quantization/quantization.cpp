// Quantized operators as operators on numbers, between dequantization and quantization.
#include "compiler/ops/quantization/quantization.h"
#include "compiler/ops/assembly/assembly.h"
#include "compiler/ops/binary/binary.h"
#include "compiler/ops/contraction/contraction.h"
#include "compiler/ops/elementwise/elementwise.h"
#include "compiler/ops/indexing/indexing.h"
#include "compiler/ops/quantization/affine.h"
#include "compiler/ops/quantization/helpers.h"
#include "compiler/ops/scalar/scalar.h"
#include "compiler/ops/view/view.h"
#include "compiler/ops/window/window.h"

using namespace mlir;

namespace linalgd::torch {

//===-- dtypes --------------------------------------------------------------------------------===//

Type integersOf(Type quantized) {
  if (!isQuantizedDtype(quantized))
    return nullptr;
  unsigned width = isa<QInt32Type>(quantized) ? 32 : 8;
  return IntegerType::get(quantized.getContext(), width,
                          isa<QUInt8Type>(quantized) ? IntegerType::Unsigned : IntegerType::Signed);
}

// The integers that a quantized tensor can hold.
static std::pair<Value, Value> boundsOf(TorchBuilder &b, Type quantized) {
  auto integers = cast<IntegerType>(integersOf(quantized));
  unsigned width = integers.getWidth();
  if (integers.isUnsigned())
    return {b.constInt(0), b.constInt((int64_t(1) << width) - 1)};
  return {b.constInt(-(int64_t(1) << (width - 1))), b.constInt((int64_t(1) << (width - 1)) - 1)};
}

Type dtypeOfFirst(Value list) {
  auto elements = matchList(list);
  return elements && !elements->empty() ? dtypeOf(elements->front()) : nullptr;
}

//===-- what a quantized tensor is made of ----------------------------------------------------===//

static Operation *makerOf(Value quantized) {
  while (auto cast = quantized.getDefiningOp<TensorStaticInfoCastOp>())
    quantized = cast.getOperand();
  return quantized.getDefiningOp();
}

static std::optional<Affine> affineOf(TorchBuilder &b, Operation *maker) {
  if (isa_and_present<QuantizePerTensorOp, PerTensorAffineCreateOp>(maker))
    return Affine{maker->getOperand(1), maker->getOperand(2)};
  if (isa_and_present<QuantizePerChannelOp, PerChannelAffineCreateOp>(maker))
    return alongAxis(b, maker->getOperand(0), maker->getOperand(1), maker->getOperand(2),
                     maker->getOperand(3));
  return std::nullopt;
}

// As float32.
static Value integers(TorchBuilder &b, Operation *maker, const Affine &affine) {
  if (isa<PerTensorAffineCreateOp, PerChannelAffineCreateOp>(maker))
    return b.toDtype(maker->getOperand(0), b.getF32Type());
  auto [min, max] = boundsOf(b, dtypeOf(maker->getResult(0)));
  return quantize(b, maker->getOperand(0), affine, min, max);
}

static LogicalResult dequantizeSelf(Decomposition &b, Value self) {
  Operation *maker = makerOf(self);
  std::optional<Affine> affine = affineOf(b, maker);
  if (affine)
    return b.replace(dequantize(b, integers(b, maker, *affine), *affine));
  return isFloatDtype(dtypeOf(self)) ? b.replace(b.toDtype(self, b.getF32Type())) : failure();
}
LogicalResult DequantizeSelfOp::decompose(Decomposition &b) { return dequantizeSelf(b, getSelf()); }
LogicalResult DequantizeTensorOp::decompose(Decomposition &b) {
  return dequantizeSelf(b, getQtensor());
}

LogicalResult IntReprOp::decompose(Decomposition &b) {
  Operation *maker = makerOf(getSelf());
  std::optional<Affine> affine = affineOf(b, maker);
  if (!affine)
    return failure();
  return b.replace(b.toDtype(integers(b, maker, *affine), integersOf(dtypeOf(getSelf()))));
}

static LogicalResult readParameter(Decomposition &b, Value self, unsigned index) {
  Operation *maker = makerOf(self);
  return isa_and_present<QuantizePerTensorOp, PerTensorAffineCreateOp>(maker)
             ? b.replace(maker->getOperand(index))
             : failure();
}
LogicalResult QScaleOp::decompose(Decomposition &b) { return readParameter(b, getSelf(), 1); }
LogicalResult QZeroPointOp::decompose(Decomposition &b) { return readParameter(b, getSelf(), 2); }

// These stay until nothing reads what they make.
LogicalResult QuantizePerTensorOp::decompose(Decomposition &) { return failure(); }
LogicalResult QuantizePerChannelOp::decompose(Decomposition &) { return failure(); }

LogicalResult QuantizePerTensorTensorOp::decompose(Decomposition &b) {
  return b.replace(QuantizePerTensorOp::create(b, getSelf(), FloatTensorOp::create(b, getScale()),
                                               IntTensorOp::create(b, getZeroPoint()), getDtype()));
}

//===-- ops on numbers ------------------------------------------------------------------------===//

Value numbersOf(TorchBuilder &b, Value value) {
  return isQuantizedDtype(dtypeOf(value)) ? Value(DequantizeSelfOp::create(b, value)) : value;
}

Value quantizeLike(TorchBuilder &b, Value numbers, Value like, Value scale, Value zeroPoint) {
  Type dtype = dtypeOf(like);
  if (!numbers || !isQuantizedDtype(dtype))
    return {};
  if (!scale)
    scale = QScaleOp::create(b, like);
  if (!zeroPoint)
    zeroPoint = QZeroPointOp::create(b, like);
  return QuantizePerTensorOp::create(b, numbers, scale, zeroPoint, b.constDtype(dtype));
}

Value requantize(TorchBuilder &b, Value numbers, Operation *op) {
  OperandRange operands = op->getOperands();
  return quantizeLike(b, numbers, operands.front(), operands.drop_back().back(), operands.back());
}

Value relu(TorchBuilder &b, Value numbers) {
  return numbers ? Value(ReluOp::create(b, numbers)) : Value();
}

Value add(TorchBuilder &b, Value x, Value y) {
  return x ? apply<AddTensorOp>(b, x, y, b.constInt(1)) : Value();
}

Value convolve(TorchBuilder &b, Value x, Value params, int64_t dims) {
  Operation *made = params.getDefiningOp();
  if (!isa_and_present<Conv2dParamsCreateOp, Conv3dParamsCreateOp>(made))
    return {};
  ValueRange packed = made->getOperands();
  Value weight = numbersOf(b, packed[0]), input = numbersOf(b, x);
  // One dimension is packed as the second of two.
  if (dims == 1)
    input = UnsqueezeOp::create(b, input, b.constInt(-2));
  Value result = ConvolutionOp::create(b, input, weight, packed[1], packed[2], packed[3], packed[5],
                                       packed[7], packed[4], packed[6]);
  return dims == 1 ? Value(SqueezeDimOp::create(b, result, b.constInt(-2))) : result;
}

Value linear(TorchBuilder &b, Value x, Value params) {
  auto made = params.getDefiningOp<LinearParamsCreateOp>();
  return made ? apply<LinearOp>(b, x, made.getWeight(), made.getBias()) : Value();
}

Value linearDynamic(TorchBuilder &b, Value x, Value params, Value reduceRange) {
  std::optional<bool> isReduced = matchBool(reduceRange);
  if (!isReduced)
    return {};
  Affine affine = chooseAffine(b, x, 0, *isReduced ? 127 : 255);
  Value integers = quantize(b, x, affine, b.constInt(0), b.constInt(255));
  return linear(b, dequantize(b, integers, affine), params);
}

// Only the rows that are looked up become numbers.
Value embed(TorchBuilder &b, Value params, Value indices) {
  auto made = params.getDefiningOp<EmbeddingParamsCreateOp>();
  auto weight = made ? made.getWeight().getDefiningOp<PerChannelAffineCreateOp>()
                     : PerChannelAffineCreateOp();
  if (!weight)
    return {};
  auto look = [&](Value table) -> Value {
    return EmbeddingOp::create(b, table, indices, b.constInt(-1), b.constBool(false),
                               b.constBool(false));
  };
  auto column = [&](Value vector) -> Value {
    return ViewOp::create(b, b.toDtype(vector, b.getF32Type()), b.intList({-1, 1}));
  };
  return dequantize(b, look(weight.getIntRepr()),
                    {look(column(weight.getScales())), look(column(weight.getZeroPoints()))});
}

Value concatenate(TorchBuilder &b, Operation *op, bool isRelu) {
  auto tensors = matchList(op->getOperand(0));
  if (!tensors || tensors->empty() || !isQuantizedDtype(dtypeOf(tensors->front())))
    return {};
  Value first = tensors->front(), scale = op->getOperand(2), zeroPoint = op->getOperand(3);
  SmallVector<Value> numbers =
      llvm::map_to_vector(*tensors, [&](Value tensor) { return numbersOf(b, tensor); });
  Value list = b.list(numbers, cast<BaseTensorType>(numbers.front().getType()).with({}, nullptr));
  Value result = CatOp::create(b, list, op->getOperand(1));
  return quantizeLike(b, isRelu ? relu(b, result) : result, first, isNone(scale) ? Value() : scale,
                      isNone(zeroPoint) ? Value() : zeroPoint);
}

} // namespace linalgd::torch
