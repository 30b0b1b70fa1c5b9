// Normalisations onto reductions and elementwise ops, in float32 for half types.
#include "compiler/ops/normalization/normalization.h"
#include "compiler/dialect/builders.h"
#include "compiler/ops/binary/binary.h"
#include "compiler/ops/elementwise/elementwise.h"
#include "compiler/ops/reduction/reduction.h"
#include "compiler/ops/view/view.h"

#include <limits>

using namespace mlir;

namespace linalgd::torch {
namespace {

Value add(Decomposition &b, Value x, Value y) {
  return AddTensorOp::create(b, x, y, b.constInt(1));
}
Value sub(Decomposition &b, Value x, Value y) {
  return SubTensorOp::create(b, x, y, b.constInt(1));
}
Value mul(Decomposition &b, Value x, Value y) { return MulTensorOp::create(b, x, y); }
Value reciprocalRoot(Decomposition &b, Value variance, Value eps) {
  return RsqrtOp::create(b, AddScalarOp::create(b, variance, eps, b.constInt(1)));
}

// x less its mean, over its standard deviation, along `dims`.
Value standardize(Decomposition &b, Value x, Value dims, Value eps) {
  Value keep = b.constBool(true), none = b.constNone();
  Value centred = sub(b, x, MeanDimOp::create(b, x, dims, keep, none));
  Value variance = MeanDimOp::create(b, mul(b, centred, centred), dims, keep, none);
  return mul(b, centred, reciprocalRoot(b, variance, eps));
}

// (C) as (C, 1, ...): against dimension 1 of a tensor of `rank` dimensions.
Value alongChannels(Decomposition &b, Value vector, int64_t rank) {
  for (int64_t i = 2; i < rank; ++i)
    vector = UnsqueezeOp::create(b, vector, b.constInt(-1));
  return vector;
}

// x * weight + bias, each where it is there; weights have the dtype `compute` while they are used.
Value scaleAndShift(Decomposition &b, Value x, Value weight, Value bias, Type compute,
                    llvm::function_ref<Value(Value)> shape) {
  if (!isNone(weight))
    x = mul(b, x, shape(b.toDtype(weight, compute)));
  if (!isNone(bias))
    x = add(b, x, shape(b.toDtype(bias, compute)));
  return x;
}

// The last dimensions, as many as `shape` has entries, as negative numbers.
Value lastDims(Decomposition &b, Value shape) {
  std::optional<SmallVector<Value>> list = matchList(shape);
  if (!list)
    return nullptr;
  SmallVector<int64_t> dims;
  for (int64_t i = static_cast<int64_t>(list->size()); i > 0; --i)
    dims.push_back(-i);
  return b.intList(dims);
}

Value same(Value value) { return value; }

} // namespace

LogicalResult BatchNormOp::decompose(Decomposition &b) {
  Sizes sizes = sizesOf(getInput());
  Type dtype = b.resultDtype();
  if (!sizes || !dtype || matchBool(getTraining()) != false || isNone(getRunningMean()) ||
      isNone(getRunningVar()))
    return failure();
  // One multiplication and one addition an element: the rest is on vectors of channels.
  Type compute = computeDtype(dtype);
  auto rank = static_cast<int64_t>(sizes->size());
  Value scale = reciprocalRoot(b, b.toDtype(getRunningVar(), compute), getEps());
  if (!isNone(getWeight()))
    scale = mul(b, scale, b.toDtype(getWeight(), compute));
  Value shift = NegOp::create(b, mul(b, b.toDtype(getRunningMean(), compute), scale));
  if (!isNone(getBias()))
    shift = add(b, shift, b.toDtype(getBias(), compute));
  Value x = mul(b, b.toDtype(getInput(), compute), alongChannels(b, scale, rank));
  return b.replace(b.toDtype(add(b, x, alongChannels(b, shift, rank)), dtype));
}

LogicalResult LayerNormOp::decompose(Decomposition &b) {
  Value dims = lastDims(b, getNormalizedShape());
  Type dtype = b.resultDtype();
  if (!dims || !dtype || !sizesOf(getInput()))
    return failure();
  Type compute = computeDtype(dtype);
  Value x = standardize(b, b.toDtype(getInput(), compute), dims, getEps());
  return b.replace(b.toDtype(scaleAndShift(b, x, getWeight(), getBias(), compute, same), dtype));
}

LogicalResult GroupNormOp::decompose(Decomposition &b) {
  Sizes sizes = sizesOf(getInput());
  Type dtype = b.resultDtype();
  if (!sizes || sizes->size() < 2 || !dtype)
    return failure();
  Type compute = computeDtype(dtype);
  auto rank = static_cast<int64_t>(sizes->size());
  Value size = b.sizeList(getInput());
  Value groups = ReshapeOp::create(
      b, b.toDtype(getInput(), compute),
      b.intList(ValueRange{b.size(getInput(), 0), getNumGroups(), b.constInt(-1)}));
  Value x = standardize(b, groups, b.intList(ArrayRef<int64_t>{-1}), getEps());
  x = ReshapeOp::create(b, x, size);
  x = scaleAndShift(b, x, getWeight(), getBias(), compute,
                    [&](Value vector) { return alongChannels(b, vector, rank); });
  return b.replace(b.toDtype(x, dtype));
}

LogicalResult RmsNormOp::decompose(Decomposition &b) {
  Value dims = lastDims(b, getNormalizedShape());
  Type dtype = b.resultDtype();
  if (!dims || !dtype || !sizesOf(getInput()))
    return failure();
  Type compute = computeDtype(dtype);
  // Without eps PyTorch takes the machine epsilon of the dtype.
  Value eps = getEps();
  if (isNone(eps)) {
    auto format = dyn_cast<mlir::FloatType>(lowerDtype(compute));
    if (!format)
      return failure();
    eps = b.constFloat(std::ldexp(1.0, 1 - static_cast<int>(format.getFPMantissaWidth())));
  }
  Value x = b.toDtype(getInput(), compute);
  Value square = MeanDimOp::create(b, mul(b, x, x), dims, b.constBool(true), b.constNone());
  x = mul(b, x, reciprocalRoot(b, square, eps));
  return b.replace(
      b.toDtype(scaleAndShift(b, x, getWeight(), b.constNone(), compute, same), dtype));
}

} // namespace linalgd::torch
