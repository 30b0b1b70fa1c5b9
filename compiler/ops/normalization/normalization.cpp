// Normalisations onto reductions and elementwise ops, in float32 for half types.
#include "compiler/ops/normalization/normalization.h"
#include "compiler/dialect/builders.h"
#include "compiler/ops/binary/arithmetic.h"
#include "compiler/ops/creation/creation.h"
#include "compiler/ops/elementwise/elementwise.h"
#include "compiler/ops/normalization/helpers.h"
#include "compiler/ops/reduction/reduction.h"
#include "compiler/ops/view/view.h"

#include <limits>

using namespace mlir;

namespace linalgd::torch {

//===-- checks --------------------------------------------------------------------------------===//

LogicalResult checkChannels(Inference &r, Value input, ValueRange parameters) {
  Sizes sizes = sizesOf(input);
  if (failed(r.hasRank(input, 2, INT64_MAX, "the input")))
    return failure();
  for (Value parameter : parameters)
    if (sizes && failed(r.hasSizes(parameter, (*sizes)[1], "a parameter")))
      return failure();
  return success();
}

LogicalResult checkGroups(Inference &r, Value input, Value groups, ValueRange parameters) {
  if (failed(checkChannels(r, input, parameters)))
    return failure();
  Sizes sizes = sizesOf(input);
  std::optional<int64_t> count = matchInt(groups);
  int64_t channels = sizes ? (*sizes)[1] : ShapedType::kDynamic;
  if (count && (*count < 1 || (!ShapedType::isDynamic(channels) && channels % *count != 0)))
    return r.error(Twine("cannot divide the channels into ") + Twine(*count) + " groups");
  return success();
}

LogicalResult checkNormalized(Inference &r, Value input, Value shape, ValueRange parameters) {
  Sizes sizes = sizesOf(input), normalized = matchSizes(shape);
  if (!normalized)
    return success();
  size_t count = normalized->size();
  if (count == 0)
    return r.error("normalizes no dimension");
  if (sizes) {
    bool fits =
        count <= sizes->size() &&
        llvm::none_of(llvm::zip(*normalized, ArrayRef(*sizes).take_back(count)),
                      [](auto pair) { return differ(std::get<0>(pair), std::get<1>(pair)); });
    if (!fits)
      return r.error("normalizes " + toString(*normalized) + ", which an input of sizes " +
                     toString(*sizes) + " does not end with");
  }
  for (Value parameter : parameters)
    if (failed(r.hasSizes(parameter, *normalized, "a parameter")))
      return failure();
  return success();
}

Value reciprocalRoot(Decomposition &b, Value variance, Value eps) {
  return RsqrtOp::create(b, AddScalarOp::create(b, variance, eps, b.constInt(1)));
}

Value alongChannels(Decomposition &b, Value vector, int64_t rank) {
  for (int64_t i = 2; i < rank; ++i)
    vector = UnsqueezeOp::create(b, vector, b.constInt(-1));
  return vector;
}

namespace {

// x less its mean, over its standard deviation, along `dims`, which stay as ones.
Standardized standardize(Decomposition &b, Value x, Value dims, Value eps) {
  Value keep = b.constBool(true), none = b.constNone();
  Value mean = MeanDimOp::create(b, x, dims, keep, none);
  Value centred = sub(b, x, mean);
  Value variance = MeanDimOp::create(b, mul(b, centred, centred), dims, keep, none);
  Value rstd = reciprocalRoot(b, variance, eps);
  return {mul(b, centred, rstd), mean, rstd};
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

std::optional<Standardized> layerNorm(Decomposition &b, Value input, Value shape, Value weight,
                                      Value bias, Value eps) {
  Value dims = lastDims(b, shape);
  Type dtype = b.resultDtype();
  if (!dims || !dtype || !sizesOf(input))
    return std::nullopt;
  Type compute = computeDtype(dtype);
  Standardized result = standardize(b, b.toDtype(input, compute), dims, eps);
  result.x = scaleAndShift(b, result.x, weight, bias, compute, same);
  return result;
}

LogicalResult replaceAll(Decomposition &b, const std::optional<Standardized> &values) {
  if (!values)
    return failure();
  Type dtype = b.resultDtype();
  return b.replace({b.toDtype(values->x, dtype), b.toDtype(values->mean, dtype),
                    b.toDtype(values->rstd, dtype)});
}

} // namespace

std::optional<Standardized> groupNorm(Decomposition &b, Value input, Value groups, Value weight,
                                      Value bias, Value eps) {
  Sizes sizes = sizesOf(input);
  Type dtype = b.resultDtype();
  if (!sizes || sizes->size() < 2 || !dtype)
    return std::nullopt;
  Type compute = computeDtype(dtype);
  auto rank = static_cast<int64_t>(sizes->size());
  Value size = b.sizeList(input);
  Value grouped =
      ReshapeOp::create(b, b.toDtype(input, compute),
                        b.intList(ValueRange{b.size(input, 0), groups, b.constInt(-1)}));
  Standardized result = standardize(b, grouped, b.intList(ArrayRef<int64_t>{-1}), eps);
  result.x = scaleAndShift(b, ReshapeOp::create(b, result.x, size), weight, bias, compute,
                           [&](Value vector) { return alongChannels(b, vector, rank); });
  return result;
}

LogicalResult LayerNormOp::decompose(Decomposition &b) {
  auto values = layerNorm(b, getInput(), getNormalizedShape(), getWeight(), getBias(), getEps());
  return values ? b.replace(b.toDtype(values->x, b.resultDtype())) : failure();
}

LogicalResult NativeLayerNormOp::infer(Adaptor op, Inference &r) {
  if (failed(checkNormalized(r, op.getInput(), op.getNormalizedShape(),
                             {op.getWeight(), op.getBias()})))
    return failure();
  Sizes sizes = sizesOf(op.getInput());
  std::optional<SmallVector<Value>> shape = matchList(op.getNormalizedShape());
  if (sizes && shape && shape->size() <= sizes->size())
    std::fill(sizes->end() - shape->size(), sizes->end(), 1);
  else
    sizes = std::nullopt;
  Type dtype = dtypeOf(op.getInput());
  return success(succeeded(r.same(op.getInput())) && succeeded(r.tensor(sizes, dtype)) &&
                 succeeded(r.tensor(sizes, dtype)));
}
LogicalResult NativeLayerNormOp::decompose(Decomposition &b) {
  return replaceAll(
      b, layerNorm(b, getInput(), getNormalizedShape(), getWeight(), getBias(), getEps()));
}

LogicalResult GroupNormOp::decompose(Decomposition &b) {
  auto values = groupNorm(b, getInput(), getNumGroups(), getWeight(), getBias(), getEps());
  return values ? b.replace(b.toDtype(values->x, b.resultDtype())) : failure();
}

LogicalResult NativeGroupNormOp::infer(Adaptor op, Inference &r) {
  if (failed(checkGroups(r, op.getInput(), op.getGroup(), {op.getWeight(), op.getBias()})))
    return failure();
  SmallVector<int64_t> sizes = {matchInt(op.getN()).value_or(ShapedType::kDynamic),
                                matchInt(op.getGroup()).value_or(ShapedType::kDynamic)};
  Type dtype = dtypeOf(op.getInput());
  return success(succeeded(r.same(op.getInput())) && succeeded(r.tensor(sizes, dtype)) &&
                 succeeded(r.tensor(sizes, dtype)));
}
LogicalResult NativeGroupNormOp::decompose(Decomposition &b) {
  auto values = groupNorm(b, getInput(), getGroup(), getWeight(), getBias(), getEps());
  if (values) {
    Value last = b.constInt(-1);
    values->mean = SqueezeDimOp::create(b, values->mean, last);
    values->rstd = SqueezeDimOp::create(b, values->rstd, last);
  }
  return replaceAll(b, values);
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
