// Builders of decompositions and lowerings (builders.h).
#include "compiler/dialect/builders.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Complex/IR/Complex.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;

namespace linalgd::torch {

//===-- torch ---------------------------------------------------------------------------------===//

Value TorchBuilder::constInt(int64_t value) {
  return ConstantIntOp::create(*this, getI64IntegerAttr(value));
}
Value TorchBuilder::constFloat(double value) {
  return ConstantFloatOp::create(*this, getF64FloatAttr(value));
}
Value TorchBuilder::constBool(bool value) {
  return ConstantBoolOp::create(*this, getBoolAttr(value));
}
Value TorchBuilder::constNone() { return ConstantNoneOp::create(*this); }
Value TorchBuilder::constDtype(Type dtype) {
  std::optional<int64_t> kind = scalarKindFromDtype(dtype);
  return kind ? constInt(*kind) : constNone();
}

Value TorchBuilder::list(ValueRange elements, Type elementType) {
  return ListConstructOp::create(*this, ListType::get(elementType), elements);
}
Value TorchBuilder::intList(ValueRange values) {
  return list(values, torch::IntType::get(getContext()));
}
Value TorchBuilder::intList(ArrayRef<int64_t> values) {
  SmallVector<Value> elements;
  for (int64_t value : values)
    elements.push_back(constInt(value));
  return intList(elements);
}

// Ops of families are built by name here: the dialect's own library cannot see their classes.
static Operation *createNamed(TorchBuilder &b, StringRef name, ValueRange operands, Type result) {
  OperationState state(b.getLoc(), name, operands, result);
  return b.create(state);
}

Value TorchBuilder::size(Value tensor, int64_t dim) {
  if (Sizes sizes = sizesOf(tensor); sizes && !ShapedType::isDynamic((*sizes)[dim]))
    return constInt((*sizes)[dim]);
  return createNamed(*this, "torch.aten.size.int", {tensor, constInt(dim)},
                     torch::IntType::get(getContext()))
      ->getResult(0);
}

Value TorchBuilder::sizeList(Value tensor) {
  Sizes sizes = sizesOf(tensor);
  if (!sizes)
    return createNamed(*this, "torch.aten.size", tensor,
                       ListType::get(torch::IntType::get(getContext())))
        ->getResult(0);
  SmallVector<Value> elements;
  for (size_t dim = 0; dim < sizes->size(); ++dim)
    elements.push_back(size(tensor, dim));
  return intList(elements);
}

Value TorchBuilder::toDtype(Value tensor, Type dtype) {
  auto type = cast<BaseTensorType>(tensor.getType());
  if (!dtype || type.getDtype() == dtype)
    return tensor;
  Value no = constBool(false);
  return createNamed(*this, "torch.aten.to.dtype", {tensor, constDtype(dtype), no, no, constNone()},
                     type.withDtype(dtype))
      ->getResult(0);
}

Value TorchBuilder::staticCast(Value tensor, Type type) {
  if (tensor.getType() == type)
    return tensor;
  return TensorStaticInfoCastOp::create(*this, type, tensor);
}

LogicalResult Decomposition::replace(ValueRange values) {
  SmallVector<Value> casted;
  for (auto [value, result] : llvm::zip_equal(values, op->getResults())) {
    bool castable = isTensor(value.getType()) && isTensor(result.getType());
    casted.push_back(castable ? staticCast(value, result.getType()) : value);
  }
  rewriter.replaceOp(op, casted);
  return success();
}

//===-- scalars -------------------------------------------------------------------------------===//

Type lowerDtype(Type dtype) {
  if (auto integer = dyn_cast_if_present<IntegerType>(dtype))
    return IntegerType::get(dtype.getContext(), integer.getWidth());
  return dtype;
}

static Value convertToBool(ImplicitLocOpBuilder &b, Value value) {
  Type type = value.getType();
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
  if (isa<mlir::FloatType>(type))
    return arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, value, zero);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, value, zero);
}

static Value convertComplex(ImplicitLocOpBuilder &b, Value value, Type from, Type to) {
  auto target = dyn_cast<ComplexType>(to);
  if (!isComplexDtype(from)) {
    Value real = convertScalar(b, value, from, target.getElementType());
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(target.getElementType()));
    return complex::CreateOp::create(b, target, real, zero);
  }
  Type element = cast<ComplexType>(from).getElementType();
  Value real = complex::ReOp::create(b, element, value);
  if (!target)
    return convertScalar(b, real, element, to);
  Value imaginary = complex::ImOp::create(b, element, value);
  return complex::CreateOp::create(b, target,
                                   convertScalar(b, real, element, target.getElementType()),
                                   convertScalar(b, imaginary, element, target.getElementType()));
}

Value convertScalar(ImplicitLocOpBuilder &b, Value value, Type from, Type to) {
  Type target = lowerDtype(to);
  if (from == to)
    return value;
  if (isComplexDtype(from) || isComplexDtype(to))
    return convertComplex(b, value, from, to);
  if (isBoolDtype(to))
    return convertToBool(b, value);
  bool isUnsigned = isUnsignedDtype(from);
  if (isFloatDtype(from) && isFloatDtype(to)) {
    unsigned width = from.getIntOrFloatBitWidth(), targetWidth = to.getIntOrFloatBitWidth();
    if (width == targetWidth) { // float16 and bfloat16, through float32
      value = arith::ExtFOp::create(b, b.getF32Type(), value);
      return arith::TruncFOp::create(b, target, value);
    }
    if (width < targetWidth)
      return arith::ExtFOp::create(b, target, value);
    return arith::TruncFOp::create(b, target, value);
  }
  if (isFloatDtype(to)) {
    if (isUnsigned)
      return arith::UIToFPOp::create(b, target, value);
    return arith::SIToFPOp::create(b, target, value);
  }
  if (isFloatDtype(from)) {
    // Through int64, so that negative floats wrap as in PyTorch.
    Value wide = arith::FPToSIOp::create(b, b.getI64Type(), value);
    return target.isInteger(64) ? wide : arith::TruncIOp::create(b, target, wide);
  }
  unsigned width = from.getIntOrFloatBitWidth(), targetWidth = to.getIntOrFloatBitWidth();
  if (width == targetWidth)
    return value;
  if (width > targetWidth)
    return arith::TruncIOp::create(b, target, value);
  if (isUnsigned)
    return arith::ExtUIOp::create(b, target, value);
  return arith::ExtSIOp::create(b, target, value);
}

//===-- Lowering ------------------------------------------------------------------------------===//

LogicalResult Lowering::replace(ValueRange values) {
  SmallVector<Value> casted;
  for (auto [value, result] : llvm::zip_equal(values, op->getResults())) {
    Type type = types.convertType(result.getType());
    casted.push_back(isa<RankedTensorType>(value.getType()) ? tensorCast(value, type) : value);
  }
  rewriter.replaceOp(op, casted);
  return success();
}

LogicalResult Lowering::unsupported(const Twine &reason) {
  reasons_[op] = reason.str();
  return rewriter.notifyMatchFailure(op, reason);
}

RankedTensorType Lowering::resultType(unsigned index) const {
  return dyn_cast_if_present<RankedTensorType>(types.convertType(op->getResult(index).getType()));
}

Value Lowering::lowered(Value torchValue) { return rewriter.getRemappedValue(strip(torchValue)); }

OpFoldResult Lowering::dim(Value tensor, int64_t dim) {
  int64_t size = cast<RankedTensorType>(tensor.getType()).getDimSize(dim);
  if (!ShapedType::isDynamic(size))
    return getIndexAttr(size);
  return tensor::DimOp::create(*this, tensor, dim).getResult();
}

SmallVector<OpFoldResult> Lowering::sizes(Value tensor) {
  SmallVector<OpFoldResult> result;
  for (int64_t i = 0; i < cast<RankedTensorType>(tensor.getType()).getRank(); ++i)
    result.push_back(dim(tensor, i));
  return result;
}

OpFoldResult Lowering::index(Value torchInt) {
  if (std::optional<int64_t> constant = matchInt(torchInt))
    return getIndexAttr(*constant);
  return arith::IndexCastOp::create(*this, getIndexType(), lowered(torchInt)).getResult();
}

std::optional<SmallVector<OpFoldResult>> Lowering::indexList(Value torchList) {
  std::optional<SmallVector<Value>> elements = matchList(torchList);
  if (!elements)
    return std::nullopt;
  return llvm::map_to_vector(*elements, [&](Value element) { return index(element); });
}

OpFoldResult Lowering::affine(AffineExpr expr, ArrayRef<OpFoldResult> symbols) {
  return affine::makeComposedFoldedAffineApply(*this, getLoc(), expr, symbols);
}

Value Lowering::indexValue(OpFoldResult index) {
  return getValueOrCreateConstantIndexOp(*this, getLoc(), index);
}

Value Lowering::toInt(OpFoldResult index) {
  if (std::optional<int64_t> constant = getConstantIntValue(index))
    return arith::ConstantIntOp::create(*this, *constant, 64);
  return arith::IndexCastOp::create(*this, getI64Type(), cast<Value>(index));
}

Value Lowering::scalar(Type elementType, double value) {
  if (isa<mlir::FloatType>(elementType))
    return arith::ConstantOp::create(*this, getFloatAttr(elementType, value));
  if (auto complexType = dyn_cast<ComplexType>(elementType)) {
    Type part = complexType.getElementType();
    return complex::ConstantOp::create(
        *this, complexType, getArrayAttr({getFloatAttr(part, value), getFloatAttr(part, 0.0)}));
  }
  return arith::ConstantOp::create(*this, getIntegerAttr(elementType, static_cast<int64_t>(value)));
}

Value Lowering::empty(ArrayRef<OpFoldResult> sizes, Type elementType) {
  return tensor::EmptyOp::create(*this, sizes, elementType);
}

Value Lowering::filled(ArrayRef<OpFoldResult> sizes, Value scalar) {
  return linalg::FillOp::create(*this, scalar, empty(sizes, scalar.getType())).getResult(0);
}

Value Lowering::zeros(ArrayRef<OpFoldResult> sizes, Type elementType) {
  return filled(sizes, scalar(elementType, 0.0));
}

Value Lowering::tensorCast(Value tensor, Type type) {
  if (tensor.getType() == type)
    return tensor;
  return tensor::CastOp::create(*this, type, tensor);
}

Value Lowering::elementwise(ValueRange inputs, Type elementType, ElementwiseBody body) {
  int64_t rank = 0;
  for (Value input : inputs)
    rank = std::max(rank, cast<RankedTensorType>(input.getType()).getRank());
  // Each result size comes from the input that says most of it.
  SmallVector<OpFoldResult> resultSizes;
  SmallVector<SmallVector<AffineExpr>> exprs(inputs.size());
  for (int64_t d = 0; d < rank; ++d) {
    int64_t best = 1, bestDim = 0;
    Value source;
    for (Value input : inputs) {
      auto type = cast<RankedTensorType>(input.getType());
      int64_t inputDim = d - (rank - type.getRank());
      if (inputDim < 0)
        continue;
      int64_t size = type.getDimSize(inputDim);
      if (!source || best == 1 ||
          (ShapedType::isDynamic(best) && size != 1 && !ShapedType::isDynamic(size))) {
        if (source && size == 1)
          continue;
        source = input, best = size, bestDim = inputDim;
      }
    }
    resultSizes.push_back(dim(source, bestDim));
    for (auto [index, input] : llvm::enumerate(inputs)) {
      auto type = cast<RankedTensorType>(input.getType());
      int64_t inputDim = d - (rank - type.getRank());
      if (inputDim < 0)
        continue;
      bool stretched = type.getDimSize(inputDim) == 1 && best != 1;
      exprs[index].push_back(stretched ? getAffineConstantExpr(0) : getAffineDimExpr(d));
    }
  }
  SmallVector<AffineMap> maps;
  for (ArrayRef<AffineExpr> expr : exprs)
    maps.push_back(AffineMap::get(rank, 0, expr, getContext()));
  maps.push_back(getMultiDimIdentityMap(rank));
  Value init = empty(resultSizes, elementType);
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  auto generic =
      linalg::GenericOp::create(*this, init.getType(), inputs, init, maps, iterators,
                                [&](OpBuilder &inner, Location loc, ValueRange args) {
                                  ImplicitLocOpBuilder nested(loc, inner);
                                  linalg::YieldOp::create(nested, body(nested, args.drop_back()));
                                });
  return generic.getResult(0);
}

Value Lowering::convert(Value tensor, Type from, Type to) {
  if (from == to || (lowerDtype(from) == lowerDtype(to)))
    return tensor;
  return elementwise(tensor, lowerDtype(to), [&](ImplicitLocOpBuilder &b, ValueRange x) {
    return convertScalar(b, x[0], from, to);
  });
}

} // namespace linalgd::torch
