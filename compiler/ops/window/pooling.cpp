// Max and average pooling.
#include "compiler/dialect/pointwise.h"
#include "compiler/ops/window/helpers.h"
#include "compiler/ops/window/window.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <limits>

using namespace mlir;

namespace linalgd::torch {
namespace {

// A pooling window; lists have one entry a spatial dimension.
struct Pool {
  SmallVector<int64_t> kernel, stride, padding, dilation;
  bool ceil = false;

  int64_t spatial() const { return static_cast<int64_t>(kernel.size()); }
  int64_t reach(int64_t i) const { return dilation[i] * (kernel[i] - 1) + 1; }

  // PyTorch's pooling_output_shape: with ceil_mode the last window begins inside the input or the
  // padding before it.
  int64_t outputSize(int64_t i, int64_t in) const {
    int64_t room = in + 2 * padding[i] - reach(i) + (ceil ? stride[i] - 1 : 0);
    int64_t out = llvm::divideFloorSigned(room, stride[i]) + 1;
    return ceil && (out - 1) * stride[i] >= in + padding[i] ? out - 1 : out;
  }
};

std::optional<Pool> matchPool(int64_t spatial, Value kernel, Value stride, Value padding,
                              Value dilation, Value ceilMode) {
  auto kernels = matchWindowList(kernel, spatial), paddings = matchWindowList(padding, spatial);
  std::optional<bool> ceil = matchBool(ceilMode);
  // No stride: the kernel's.
  auto strides = matchIntList(stride);
  if (strides && strides->empty())
    strides = kernels;
  else
    strides = matchWindowList(stride, spatial);
  SmallVector<int64_t> ones(spatial, 1);
  auto dilations = dilation ? matchWindowList(dilation, spatial) : ones;
  if (!kernels || !strides || !paddings || !dilations || !ceil)
    return std::nullopt;
  return Pool{*kernels, *strides, *paddings, *dilations, *ceil};
}

template <typename Adaptor> std::optional<Pool> matchMaxPool(Adaptor op, int64_t spatial) {
  return matchPool(spatial, op.getKernelSize(), op.getStride(), op.getPadding(), op.getDilation(),
                   op.getCeilMode());
}
template <typename Adaptor> std::optional<Pool> matchAvgPool(Adaptor op, int64_t spatial) {
  return matchPool(spatial, op.getKernelSize(), op.getStride(), op.getPadding(), nullptr,
                   op.getCeilMode());
}

// Null where the window contradicts PyTorch's rules.
std::optional<Sizes> poolSizes(Inference &r, Value self, int64_t spatial,
                               const std::optional<Pool> &pool) {
  if (failed(r.hasRank(self, spatial + 1, spatial + 2)))
    return std::nullopt;
  auto fail = [&](const Twine &message) {
    (void)r.error(message);
    return std::nullopt;
  };
  for (int64_t i = 0; pool && i < spatial; ++i) {
    if (pool->kernel[i] < 1 || pool->stride[i] < 1 || pool->dilation[i] < 1)
      return fail("kernel size, stride and dilation must be positive");
    if (pool->padding[i] < 0 || pool->padding[i] > pool->reach(i) / 2)
      return fail("padding must be at most half of the kernel");
  }
  Sizes sizes = sizesOf(self);
  if (!sizes)
    return sizes;
  int64_t first = static_cast<int64_t>(sizes->size()) - spatial;
  for (int64_t i = 0; i < spatial; ++i) {
    int64_t &size = (*sizes)[first + i];
    if (ShapedType::isDynamic(size))
      continue;
    if (pool && pool->outputSize(i, size) < 1)
      return fail(Twine("has a window larger than the padded input, of size ") + Twine(size));
    size = pool ? pool->outputSize(i, size) : ShapedType::kDynamic;
  }
  return sizes;
}

// The input as (N, C, spatial...): an absent batch dimension becomes 1.
Value addBatch(Lowering &b, Value input, int64_t spatial) {
  auto type = cast<RankedTensorType>(input.getType());
  if (type.getRank() == spatial + 2)
    return input;
  SmallVector<int64_t> shape = {1};
  shape.append(type.getShape().begin(), type.getShape().end());
  SmallVector<ReassociationIndices> parts = {{0, 1}};
  for (int64_t i = 1; i < type.getRank(); ++i)
    parts.push_back({i + 1});
  SmallVector<OpFoldResult> sizes = b.sizes(input);
  sizes.insert(sizes.begin(), b.getIndexAttr(1));
  return tensor::ExpandShapeOp::create(b, RankedTensorType::get(shape, type.getElementType()),
                                       input, parts, sizes);
}

Value dropBatch(Lowering &b, Value result, int64_t rank) {
  auto type = cast<RankedTensorType>(result.getType());
  if (type.getRank() == rank)
    return result;
  SmallVector<ReassociationIndices> parts = {{0, 1}};
  for (int64_t i = 2; i < type.getRank(); ++i)
    parts.push_back({i});
  return tensor::CollapseShapeOp::create(
      b, RankedTensorType::get(type.getShape().drop_front(), type.getElementType()), result, parts);
}

SmallVector<OpFoldResult> outputSizes(Lowering &b, Value input, const Pool &pool) {
  SmallVector<OpFoldResult> sizes = b.sizes(input);
  AffineExpr in = b.getAffineSymbolExpr(0);
  for (int64_t i = 0; i < pool.spatial(); ++i) {
    OpFoldResult &size = sizes[i + 2];
    if (std::optional<int64_t> known = getConstantIntValue(size)) {
      size = b.getIndexAttr(pool.outputSize(i, *known));
      continue;
    }
    AffineExpr room = in + (2 * pool.padding[i] - pool.reach(i));
    if (!pool.ceil) {
      size = b.affine(room.floorDiv(pool.stride[i]) + 1, {size});
      continue;
    }
    OpFoldResult all = b.affine(room.ceilDiv(pool.stride[i]) + 1, {size});
    OpFoldResult begun =
        b.affine((in + (pool.padding[i] - 1)).floorDiv(pool.stride[i]) + 1, {size});
    size = arith::MinSIOp::create(b, b.indexValue(all), b.indexValue(begun)).getResult();
  }
  return sizes;
}

// The input with what windows overlap on both sides.
Value pad(Lowering &b, Value input, const Pool &pool, Value fill) {
  SmallVector<int64_t> low = {0, 0}, high = {0, 0};
  for (int64_t i = 0; i < pool.spatial(); ++i) {
    low.push_back(pool.padding[i]);
    high.push_back(pool.padding[i] + (pool.ceil ? pool.stride[i] - 1 : 0));
  }
  return padOrCrop(b, input, low, high, fill);
}

using PoolBody = llvm::function_ref<void(ImplicitLocOpBuilder &, ValueRange)>;

// A generic over (n, c, output..., kernel...): the body gets the element, the shape-only window's,
// and the accumulators.
SmallVector<Value> slide(Lowering &b, Value input, const Pool &pool, ValueRange inits,
                         PoolBody body) {
  int64_t spatial = pool.spatial(), count = 2 + 2 * spatial;
  auto d = [&](int64_t i) { return b.getAffineDimExpr(i); };
  SmallVector<AffineExpr> in = {d(0), d(1)}, kernel, out = {d(0), d(1)};
  for (int64_t i = 0; i < spatial; ++i) {
    in.push_back(d(2 + i) * pool.stride[i] + d(2 + spatial + i) * pool.dilation[i]);
    kernel.push_back(d(2 + spatial + i));
    out.push_back(d(2 + i));
  }
  SmallVector<AffineMap> maps = {AffineMap::get(count, 0, in, b.getContext()),
                                 AffineMap::get(count, 0, kernel, b.getContext())};
  maps.append(inits.size(), AffineMap::get(count, 0, out, b.getContext()));
  SmallVector<utils::IteratorType> iterators(2 + spatial, utils::IteratorType::parallel);
  iterators.append(spatial, utils::IteratorType::reduction);
  Type elementType = cast<RankedTensorType>(input.getType()).getElementType();
  Value window = tensor::EmptyOp::create(b, pool.kernel, elementType);
  auto generic =
      linalg::GenericOp::create(b, TypeRange(inits), ValueRange{input, window}, inits, maps,
                                iterators, [&](OpBuilder &nested, Location loc, ValueRange x) {
                                  ImplicitLocOpBuilder inner(loc, nested);
                                  body(inner, x);
                                });
  return SmallVector<Value>(generic.getResults());
}

template <typename Op> Value named(Lowering &b, Value input, Value init, const Pool &pool) {
  Type elementType = cast<RankedTensorType>(input.getType()).getElementType();
  Value window = tensor::EmptyOp::create(b, pool.kernel, elementType);
  return Op::create(b, TypeRange{init.getType()}, ValueRange{input, window}, ValueRange{init},
                    b.getI64TensorAttr(pool.stride), b.getI64TensorAttr(pool.dilation))
      .getResult(0);
}

// The least value of a dtype: what max pooling starts from and pads with.
Value least(Lowering &b, Type dtype) {
  Type type = lowerDtype(dtype);
  if (isFloatDtype(dtype))
    return b.scalar(type, -std::numeric_limits<double>::infinity());
  unsigned width = type.getIntOrFloatBitWidth();
  APInt value =
      isUnsignedDtype(dtype) ? APInt::getMinValue(width) : APInt::getSignedMinValue(width);
  return arith::ConstantOp::create(b, b.getIntegerAttr(type, value));
}

Value poolMax(Lowering &b, Value input, const Pool &pool, Type dtype) {
  Value start = least(b, dtype);
  Value init = b.filled(outputSizes(b, input, pool), start);
  Value padded = pad(b, input, pool, start);
  if (!isUnsignedDtype(dtype) && pool.spatial() == 1)
    return named<linalg::PoolingNcwMaxOp>(b, padded, init, pool);
  if (!isUnsignedDtype(dtype) && pool.spatial() == 2)
    return named<linalg::PoolingNchwMaxOp>(b, padded, init, pool);
  return slide(b, padded, pool, init, [&](ImplicitLocOpBuilder &nested, ValueRange x) {
    ScalarBuilder s(nested.getLoc(), nested, dtype);
    linalg::YieldOp::create(s, s.max(x[0], x[2]));
  })[0];
}

Value poolSum(Lowering &b, Value input, const Pool &pool, Type dtype) {
  Value init = b.zeros(outputSizes(b, input, pool), lowerDtype(dtype));
  Value padded = pad(b, input, pool, b.scalar(lowerDtype(dtype), 0));
  if (pool.spatial() == 1)
    return named<linalg::PoolingNcwSumOp>(b, padded, init, pool);
  if (pool.spatial() == 2)
    return named<linalg::PoolingNchwSumOp>(b, padded, init, pool);
  return slide(b, padded, pool, init, [&](ImplicitLocOpBuilder &nested, ValueRange x) {
    ScalarBuilder s(nested.getLoc(), nested, dtype);
    linalg::YieldOp::create(s, s.add(x[0], x[2]));
  })[0];
}

// Keeps the larger of the accumulated and a new element with its index. NaN wins; the first element
// inside the input wins over nothing.
void yieldLarger(ScalarBuilder &s, Value element, Value index, Value inside, Value largest,
                 Value largestIndex) {
  Value none =
      s.make<arith::CmpIOp>(arith::CmpIPredicate::slt, largestIndex,
                            arith::ConstantOp::create(s, s.getI64IntegerAttr(0)).getResult());
  Value larger = s.make<arith::OrIOp>(s.gt(element, largest), none);
  if (s.isFloat())
    larger = s.make<arith::OrIOp>(larger, s.isNan(element));
  larger = s.make<arith::AndIOp>(larger, inside);
  linalg::YieldOp::create(
      s, ValueRange{s.select(larger, element, largest), s.select(larger, index, largestIndex)});
}

Value indexConstant(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

// Whether `position` is in [0, size).
Value isInside(ImplicitLocOpBuilder &b, Value position, Value size) {
  // Negative numbers are large ones without a sign.
  return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, position, size);
}

// The largest elements and their indices in the flattened spatial dimensions of the input.
SmallVector<Value> poolMaxWithIndices(Lowering &b, Value input, const Pool &pool, Type dtype) {
  int64_t spatial = pool.spatial();
  SmallVector<OpFoldResult> sizes = outputSizes(b, input, pool);
  Value start = least(b, dtype);
  Value values = b.filled(sizes, start), indices = b.filled(sizes, b.scalar(b.getI64Type(), -1));
  SmallVector<Value> extents;
  for (int64_t i = 0; i < spatial; ++i)
    extents.push_back(b.indexValue(b.dim(input, i + 2)));
  Value padded = pad(b, input, pool, start);
  return slide(b, padded, pool, {values, indices}, [&](ImplicitLocOpBuilder &nested, ValueRange x) {
    ScalarBuilder s(nested.getLoc(), nested, dtype);
    Value flat, inside;
    for (int64_t i = 0; i < spatial; ++i) {
      Value out = linalg::IndexOp::create(s, 2 + i),
            in = linalg::IndexOp::create(s, 2 + spatial + i);
      Value at =
          s.make<arith::AddIOp>(s.make<arith::MulIOp>(out, indexConstant(s, pool.stride[i])),
                                s.make<arith::MulIOp>(in, indexConstant(s, pool.dilation[i])));
      at = s.make<arith::SubIOp>(at, indexConstant(s, pool.padding[i]));
      Value here = isInside(s, at, extents[i]);
      inside = inside ? s.make<arith::AndIOp>(inside, here) : here;
      flat = flat ? s.make<arith::AddIOp>(s.make<arith::MulIOp>(flat, extents[i]), at) : at;
    }
    Value index = s.make<arith::IndexCastOp>(s.getI64Type(), flat);
    yieldLarger(s, x[0], index, inside, x[2], x[3]);
  });
}

// Divides sums by the number of elements that PyTorch counts in each window.
Value divide(Lowering &b, Value sums, Value input, const Pool &pool, bool includePad,
             std::optional<int64_t> divisor, Type dtype) {
  bool padded = llvm::any_of(pool.padding, [](int64_t padding) { return padding != 0; });
  if (!divisor && !pool.ceil && (includePad || !padded)) {
    divisor = 1;
    for (int64_t size : pool.kernel)
      *divisor *= size;
  }
  SmallVector<Value> extents;
  for (int64_t i = 0; i < pool.spatial() && !divisor; ++i)
    extents.push_back(b.indexValue(b.dim(input, i + 2)));
  return b.elementwise(sums, lowerDtype(dtype), [&](ImplicitLocOpBuilder &nested, ValueRange x) {
    ScalarBuilder s(nested.getLoc(), nested, dtype);
    if (divisor)
      return s.div(x[0], s.constant(static_cast<double>(*divisor)));
    Value count;
    for (int64_t i = 0; i < pool.spatial(); ++i) {
      Value out = linalg::IndexOp::create(s, 2 + i), pad = indexConstant(s, pool.padding[i]);
      Value begin =
          s.make<arith::SubIOp>(s.make<arith::MulIOp>(out, indexConstant(s, pool.stride[i])), pad);
      Value end = s.make<arith::AddIOp>(begin, indexConstant(s, pool.kernel[i]));
      Value limit = includePad ? s.make<arith::AddIOp>(extents[i], pad) : extents[i];
      end = s.make<arith::MinSIOp>(end, limit);
      if (!includePad)
        begin = s.make<arith::MaxSIOp>(begin, indexConstant(s, 0));
      Value length = s.make<arith::SubIOp>(end, begin);
      count = count ? s.make<arith::MulIOp>(count, length) : length;
    }
    count = s.make<arith::IndexCastOp>(s.getI64Type(), count);
    return s.div(x[0], s.make<arith::SIToFPOp>(s.type, count));
  });
}

bool hasSpatialRank(Value input, int64_t spatial) {
  auto type = dyn_cast<RankedTensorType>(input.getType());
  return type && (type.getRank() == spatial + 1 || type.getRank() == spatial + 2);
}

template <typename Op> LogicalResult lowerMaxPool(Op op, Lowering &b, int64_t spatial) {
  Value self = typename Op::Adaptor(b.operands).getSelf();
  std::optional<Pool> pool = matchMaxPool(op, spatial);
  if (!pool || !hasSpatialRank(self, spatial))
    return b.unsupported("the window is not constant or the rank of the input is unknown");
  int64_t rank = cast<RankedTensorType>(self.getType()).getRank();
  Value input = addBatch(b, self, spatial);
  Type dtype = b.resultDtype();
  if (op->getNumResults() == 1)
    return b.replace(dropBatch(b, poolMax(b, input, *pool, dtype), rank));
  SmallVector<Value> results = poolMaxWithIndices(b, input, *pool, dtype);
  for (Value &result : results)
    result = dropBatch(b, result, rank);
  return b.replace(results);
}

template <typename Op>
LogicalResult lowerAvgPool(Op op, Lowering &b, int64_t spatial, Value divisorOverride) {
  Value self = typename Op::Adaptor(b.operands).getSelf();
  std::optional<Pool> pool = matchAvgPool(op, spatial);
  std::optional<bool> includePad = matchBool(op.getCountIncludePad());
  std::optional<int64_t> divisor;
  if (divisorOverride && !isNone(divisorOverride)) {
    divisor = matchInt(divisorOverride);
    if (!divisor)
      return b.unsupported("the divisor is not constant");
  }
  if (!pool || !includePad || !hasSpatialRank(self, spatial))
    return b.unsupported("the window is not constant or the rank of the input is unknown");
  Type dtype = b.resultDtype(), compute = computeDtype(dtype);
  if (!isFloatDtype(dtype))
    return b.unsupported("average pooling is for floating point only");
  int64_t rank = cast<RankedTensorType>(self.getType()).getRank();
  Value input = b.convert(addBatch(b, self, spatial), dtype, compute);
  Value sums = poolSum(b, input, *pool, compute);
  Value means = divide(b, sums, input, *pool, *includePad, divisor, compute);
  return b.replace(dropBatch(b, b.convert(means, compute, dtype), rank));
}

//===-- adaptive ------------------------------------------------------------------------------===//

std::optional<Sizes> adaptiveSizes(Inference &r, Value self, Value outputSize, int64_t spatial) {
  Sizes sizes = sizesOf(self), out = matchSizes(outputSize);
  if (failed(r.hasRank(self, spatial + 1, spatial + 2)))
    return std::nullopt;
  if (out && static_cast<int64_t>(out->size()) != spatial) {
    (void)r.error(Twine("needs ") + Twine(spatial) + " output sizes");
    return std::nullopt;
  }
  if (!sizes || !out)
    return Sizes();
  for (auto [from, to] : llvm::zip(ArrayRef(*sizes).take_back(spatial), *out))
    if (from == 0 && to != 0) {
      (void)r.error("has an input without elements");
      return std::nullopt;
    }
  llvm::copy(*out, sizes->end() - out->size());
  return sizes;
}

using AdaptiveBody = llvm::function_ref<void(ScalarBuilder &, Value element, Value index,
                                             Value inside, ValueRange accumulators)>;

// Windows of unequal sizes: output o covers floor(o * in / out) to ceil((o + 1) * in / out). A
// generic over (n, c, output..., longest window...).
SmallVector<Value> slideAdaptively(Lowering &b, Value input, ArrayRef<int64_t> out,
                                   ValueRange inits, Type dtype, AdaptiveBody body) {
  auto type = cast<RankedTensorType>(input.getType());
  int64_t spatial = static_cast<int64_t>(out.size()), count = 2 + 2 * spatial;
  SmallVector<int64_t> longest;
  SmallVector<AffineExpr> windowExprs, outExprs = {b.getAffineDimExpr(0), b.getAffineDimExpr(1)};
  for (int64_t i = 0; i < spatial; ++i) {
    int64_t in = type.getDimSize(i + 2), length = 0;
    for (int64_t o = 0; o < out[i]; ++o)
      length = std::max(length, llvm::divideCeilSigned((o + 1) * in, out[i]) - o * in / out[i]);
    longest.push_back(length);
    outExprs.push_back(b.getAffineDimExpr(2 + i));
    windowExprs.push_back(b.getAffineDimExpr(2 + spatial + i));
  }
  SmallVector<AffineMap> maps = {AffineMap::get(count, 0, windowExprs, b.getContext())};
  maps.append(inits.size(), AffineMap::get(count, 0, outExprs, b.getContext()));
  SmallVector<utils::IteratorType> iterators(2 + spatial, utils::IteratorType::parallel);
  iterators.append(spatial, utils::IteratorType::reduction);
  Value window = tensor::EmptyOp::create(b, longest, type.getElementType());
  auto build = [&](OpBuilder &nested, Location loc, ValueRange x) {
    ScalarBuilder s(loc, nested, dtype);
    SmallVector<Value> at = {linalg::IndexOp::create(s, 0), linalg::IndexOp::create(s, 1)};
    Value inside, flat;
    for (int64_t i = 0; i < spatial; ++i) {
      Value in = indexConstant(s, type.getDimSize(i + 2)), total = indexConstant(s, out[i]);
      Value o = linalg::IndexOp::create(s, 2 + i), k = linalg::IndexOp::create(s, 2 + spatial + i);
      Value begin = s.make<arith::DivUIOp>(s.make<arith::MulIOp>(o, in), total);
      Value next = s.make<arith::AddIOp>(o, indexConstant(s, 1));
      Value end = s.make<arith::CeilDivUIOp>(s.make<arith::MulIOp>(next, in), total);
      Value position = s.make<arith::AddIOp>(begin, k);
      Value here = isInside(s, position, end);
      inside = inside ? s.make<arith::AndIOp>(inside, here) : here;
      position = s.make<arith::MinUIOp>(position, s.make<arith::SubIOp>(end, indexConstant(s, 1)));
      at.push_back(position);
      flat = flat ? s.make<arith::AddIOp>(s.make<arith::MulIOp>(flat, in), position) : position;
    }
    Value element = tensor::ExtractOp::create(s, input, at);
    body(s, element, s.make<arith::IndexCastOp>(s.getI64Type(), flat), inside, x.drop_front());
  };
  auto generic = linalg::GenericOp::create(b, TypeRange(inits), ValueRange{window}, inits, maps,
                                           iterators, build);
  return SmallVector<Value>(generic.getResults());
}

// Where every window has one size, an ordinary pooling does it.
std::optional<Pool> evenPool(RankedTensorType input, ArrayRef<int64_t> out) {
  Pool pool;
  for (size_t i = 0; i < out.size(); ++i) {
    int64_t in = input.getDimSize(static_cast<int64_t>(i) + 2);
    if (out[i] == 0 || in % out[i] != 0)
      return std::nullopt;
    pool.kernel.push_back(in / out[i]);
  }
  pool.stride = pool.kernel;
  pool.padding.assign(out.size(), 0);
  pool.dilation.assign(out.size(), 1);
  return pool;
}

// The mean over all spatial dimensions, which then have size 1.
Value globalMean(Lowering &b, Value input, int64_t spatial, Type dtype) {
  SmallVector<OpFoldResult> sizes = b.sizes(input);
  Value count = b.toInt(sizes[2]);
  for (int64_t i = 1; i < spatial; ++i)
    count = arith::MulIOp::create(b, count, b.toInt(sizes[i + 2]));
  SmallVector<int64_t> reduced = llvm::to_vector(llvm::seq<int64_t>(2, spatial + 2));
  Value init = b.zeros(ArrayRef(sizes).take_front(2), lowerDtype(dtype));
  Value sums = linalg::ReduceOp::create(b, ValueRange{input}, ValueRange{init}, reduced,
                                        [&](OpBuilder &nested, Location loc, ValueRange x) {
                                          ScalarBuilder s(loc, nested, dtype);
                                          linalg::YieldOp::create(s, s.add(x[0], x[1]));
                                        })
                   .getResult(0);
  Value means =
      b.elementwise(sums, lowerDtype(dtype), [&](ImplicitLocOpBuilder &nested, ValueRange x) {
        ScalarBuilder s(nested.getLoc(), nested, dtype);
        return s.div(x[0], s.make<arith::SIToFPOp>(s.type, count));
      });
  auto type = cast<RankedTensorType>(means.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape.append(spatial, 1);
  ReassociationIndices last = {1};
  for (int64_t i : reduced)
    last.push_back(i);
  sizes.resize(2);
  sizes.append(spatial, b.getIndexAttr(1));
  return tensor::ExpandShapeOp::create(b, RankedTensorType::get(shape, type.getElementType()),
                                       means, SmallVector<ReassociationIndices>{{0}, last}, sizes);
}

template <typename Op> LogicalResult lowerAdaptiveAvgPool(Op op, Lowering &b, int64_t spatial) {
  Value self = typename Op::Adaptor(b.operands).getSelf();
  std::optional<SmallVector<int64_t>> out = matchWindowList(op.getOutputSize(), spatial);
  if (!out || !hasSpatialRank(self, spatial))
    return b.unsupported("the output size is not constant or the rank of the input is unknown");
  Type dtype = b.resultDtype(), compute = computeDtype(dtype);
  int64_t rank = cast<RankedTensorType>(self.getType()).getRank();
  Value input = b.convert(addBatch(b, self, spatial), dtype, compute), means;
  auto type = cast<RankedTensorType>(input.getType());
  if (llvm::all_of(*out, [](int64_t size) { return size == 1; })) {
    means = globalMean(b, input, spatial, compute);
  } else if (llvm::any_of(type.getShape().drop_front(2), ShapedType::isDynamic)) {
    return b.unsupported("the spatial sizes are dynamic");
  } else if (std::optional<Pool> pool = evenPool(type, *out)) {
    means = divide(b, poolSum(b, input, *pool, compute), input, *pool, true, std::nullopt, compute);
  } else {
    SmallVector<OpFoldResult> sizes = {b.dim(input, 0), b.dim(input, 1)};
    for (int64_t size : *out)
      sizes.push_back(b.getIndexAttr(size));
    Value zeros = b.zeros(sizes, lowerDtype(compute));
    auto sum = [](ScalarBuilder &s, Value element, Value, Value inside, ValueRange sums) {
      linalg::YieldOp::create(s, s.add(sums[0], s.select(inside, element, s.constant(0))));
    };
    auto count = [](ScalarBuilder &s, Value, Value, Value inside, ValueRange counts) {
      linalg::YieldOp::create(s, s.add(counts[0], s.select(inside, s.constant(1), s.constant(0))));
    };
    Value sums = slideAdaptively(b, input, *out, zeros, compute, sum)[0];
    Value counts = slideAdaptively(b, input, *out, zeros, compute, count)[0];
    means = b.elementwise({sums, counts}, lowerDtype(compute),
                          [&](ImplicitLocOpBuilder &nested, ValueRange x) {
                            return ScalarBuilder(nested.getLoc(), nested, compute).div(x[0], x[1]);
                          });
  }
  return b.replace(dropBatch(b, b.convert(means, compute, dtype), rank));
}

template <typename Op> LogicalResult lowerAdaptiveMaxPool(Op op, Lowering &b, int64_t spatial) {
  Value self = typename Op::Adaptor(b.operands).getSelf();
  std::optional<SmallVector<int64_t>> out = matchWindowList(op.getOutputSize(), spatial);
  if (!out || !hasSpatialRank(self, spatial))
    return b.unsupported("the output size is not constant or the rank of the input is unknown");
  int64_t rank = cast<RankedTensorType>(self.getType()).getRank();
  Value input = addBatch(b, self, spatial);
  auto type = cast<RankedTensorType>(input.getType());
  if (llvm::any_of(type.getShape().drop_front(2), ShapedType::isDynamic))
    return b.unsupported("the spatial sizes are dynamic");
  Type dtype = b.resultDtype();
  SmallVector<OpFoldResult> sizes = {b.dim(input, 0), b.dim(input, 1)};
  for (int64_t size : *out)
    sizes.push_back(b.getIndexAttr(size));
  Value values = b.filled(sizes, least(b, dtype)),
        indices = b.filled(sizes, b.scalar(b.getI64Type(), -1));
  SmallVector<Value> results = slideAdaptively(
      b, input, *out, {values, indices}, dtype,
      [](ScalarBuilder &s, Value element, Value index, Value inside, ValueRange largest) {
        yieldLarger(s, element, index, inside, largest[0], largest[1]);
      });
  for (Value &result : results)
    result = dropBatch(b, result, rank);
  return b.replace(results);
}

} // namespace

#define LINALGD_MAX_POOL(Op, spatial)                                                              \
  LogicalResult Op::infer(Adaptor op, Inference &r) {                                              \
    auto sizes = poolSizes(r, op.getSelf(), spatial, matchMaxPool(op, spatial));                   \
    return sizes ? r.tensor(*sizes, dtypeOf(op.getSelf())) : failure();                            \
  }                                                                                                \
  LogicalResult Op::lowerToLinalg(Lowering &b) { return lowerMaxPool(*this, b, spatial); }
LINALGD_MAX_POOL(MaxPool1dOp, 1)
LINALGD_MAX_POOL(MaxPool2dOp, 2)
LINALGD_MAX_POOL(MaxPool3dOp, 3)
#undef LINALGD_MAX_POOL

#define LINALGD_MAX_POOL_WITH_INDICES(Op, spatial)                                                 \
  LogicalResult Op::infer(Adaptor op, Inference &r) {                                              \
    auto sizes = poolSizes(r, op.getSelf(), spatial, matchMaxPool(op, spatial));                   \
    return failure(!sizes || failed(r.tensor(*sizes, dtypeOf(op.getSelf()))) ||                    \
                   failed(r.tensor(*sizes, r.si64())));                                            \
  }                                                                                                \
  LogicalResult Op::lowerToLinalg(Lowering &b) { return lowerMaxPool(*this, b, spatial); }
LINALGD_MAX_POOL_WITH_INDICES(MaxPool2dWithIndicesOp, 2)
LINALGD_MAX_POOL_WITH_INDICES(MaxPool3dWithIndicesOp, 3)
#undef LINALGD_MAX_POOL_WITH_INDICES

#define LINALGD_AVG_POOL(Op, spatial, divisor)                                                     \
  LogicalResult Op::infer(Adaptor op, Inference &r) {                                              \
    auto sizes = poolSizes(r, op.getSelf(), spatial, matchAvgPool(op, spatial));                   \
    return sizes ? r.tensor(*sizes, dtypeOf(op.getSelf())) : failure();                            \
  }                                                                                                \
  LogicalResult Op::lowerToLinalg(Lowering &b) { return lowerAvgPool(*this, b, spatial, divisor); }
LINALGD_AVG_POOL(AvgPool1dOp, 1, nullptr)
LINALGD_AVG_POOL(AvgPool2dOp, 2, getDivisorOverride())
LINALGD_AVG_POOL(AvgPool3dOp, 3, getDivisorOverride())
#undef LINALGD_AVG_POOL

#define LINALGD_ADAPTIVE_AVG_POOL(Op, spatial)                                                     \
  LogicalResult Op::infer(Adaptor op, Inference &r) {                                              \
    auto sizes = adaptiveSizes(r, op.getSelf(), op.getOutputSize(), spatial);                      \
    return sizes ? r.tensor(*sizes, dtypeOf(op.getSelf())) : failure();                            \
  }                                                                                                \
  LogicalResult Op::lowerToLinalg(Lowering &b) { return lowerAdaptiveAvgPool(*this, b, spatial); }
LINALGD_ADAPTIVE_AVG_POOL(AdaptiveAvgPool1dOp, 1)
LINALGD_ADAPTIVE_AVG_POOL(AdaptiveAvgPool2dOp, 2)
LINALGD_ADAPTIVE_AVG_POOL(AdaptiveAvgPool3dOp, 3)
#undef LINALGD_ADAPTIVE_AVG_POOL

LogicalResult RawAdaptiveAvgPool2dOp::infer(Adaptor op, Inference &r) {
  auto sizes = adaptiveSizes(r, op.getSelf(), op.getOutputSize(), 2);
  return sizes ? r.tensor(*sizes, dtypeOf(op.getSelf())) : failure();
}
LogicalResult RawAdaptiveAvgPool2dOp::decompose(Decomposition &b) {
  return b.replace(AdaptiveAvgPool2dOp::create(b, getSelf(), getOutputSize()).getResult());
}

#define LINALGD_ADAPTIVE_MAX_POOL(Op, spatial)                                                     \
  LogicalResult Op::infer(Adaptor op, Inference &r) {                                              \
    auto sizes = adaptiveSizes(r, op.getSelf(), op.getOutputSize(), spatial);                      \
    return failure(!sizes || failed(r.tensor(*sizes, dtypeOf(op.getSelf()))) ||                    \
                   failed(r.tensor(*sizes, r.si64())));                                            \
  }                                                                                                \
  LogicalResult Op::lowerToLinalg(Lowering &b) { return lowerAdaptiveMaxPool(*this, b, spatial); }
LINALGD_ADAPTIVE_MAX_POOL(AdaptiveMaxPool1dOp, 1)
LINALGD_ADAPTIVE_MAX_POOL(AdaptiveMaxPool2dOp, 2)
#undef LINALGD_ADAPTIVE_MAX_POOL

} // namespace linalgd::torch
