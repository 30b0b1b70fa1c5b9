// Convolutions: all of them become aten.convolution, which becomes a named linalg convolution over
// a padded input.
#include "compiler/ops/view/view.h"
#include "compiler/ops/window/helpers.h"
#include "compiler/ops/window/window.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace linalgd::torch {
namespace {

// What a convolution is told beside its tensors; lists have one entry a spatial dimension.
struct Geometry {
  SmallVector<int64_t> stride, padding, dilation, outputPadding;
  bool transposed = false;
  int64_t groups = 1;
};

std::optional<Geometry> matchGeometry(int64_t spatial, Value stride, Value padding, Value dilation,
                                      Value groups, Value transposed = nullptr,
                                      Value outputPadding = nullptr) {
  SmallVector<int64_t> none(spatial, 0);
  auto strides = matchWindowList(stride, spatial), paddings = matchWindowList(padding, spatial),
       dilations = matchWindowList(dilation, spatial),
       outputPaddings = outputPadding ? matchWindowList(outputPadding, spatial) : none;
  std::optional<bool> turned = transposed ? matchBool(transposed) : false;
  std::optional<int64_t> groupCount = matchInt(groups);
  if (!strides || !paddings || !dilations || !outputPaddings || !turned || !groupCount)
    return std::nullopt;
  return Geometry{*strides, *paddings, *dilations, *outputPaddings, *turned, *groupCount};
}

std::optional<Geometry> matchGeometry(ConvolutionOp::Adaptor op, int64_t spatial) {
  return matchGeometry(spatial, op.getStride(), op.getPadding(), op.getDilation(), op.getGroups(),
                       op.getTransposed(), op.getOutputPadding());
}

using MatchGeometry = llvm::function_ref<std::optional<Geometry>(int64_t spatial)>;

LogicalResult checkGeometry(Inference &r, const Geometry &g) {
  auto least = [](ArrayRef<int64_t> values) { return *llvm::min_element(values); };
  if (least(g.stride) < 1 || least(g.dilation) < 1 || g.groups < 1)
    return r.error("stride, dilation and groups must be positive");
  if (least(g.padding) < 0 || least(g.outputPadding) < 0)
    return r.error("padding must not be negative");
  for (auto [extra, stride, dilation] : llvm::zip(g.outputPadding, g.stride, g.dilation))
    if (g.transposed && extra >= std::max(stride, dilation))
      return r.error("output padding must be less than stride or dilation");
  return success();
}

// `input` is (N, C, ...), `weight` (F, C / groups, ...) or, transposed, (C, F / groups, ...).
LogicalResult checkChannels(Inference &r, const Geometry &g, ArrayRef<int64_t> input,
                            ArrayRef<int64_t> weight, Value bias) {
  int64_t perGroup = weight[1], channels = g.transposed ? weight[0] : perGroup,
          features = g.transposed ? perGroup : weight[0];
  int64_t &divided = g.transposed ? channels : features,
          &multiplied = g.transposed ? features : channels;
  if (!ShapedType::isDynamic(multiplied) &&
      __builtin_mul_overflow(multiplied, g.groups, &multiplied))
    return r.error("groups are out of range");
  if (!ShapedType::isDynamic(divided) && (divided % g.groups != 0 || divided == 0))
    return r.error("a weight of sizes " + toString(weight) + " cannot be divided into " +
                   Twine(g.groups) + " groups");
  if (differ(input[1], channels))
    return r.error(Twine("has an input of ") + Twine(input[1]) +
                   " channels, and a weight of sizes " + toString(weight) + " for " +
                   Twine(channels));
  for (int64_t size : weight.drop_front(2))
    if (size == 0)
      return r.error("has a kernel without elements");
  return r.hasSizes(bias, features, "the bias");
}

// The result's type. An input may lack the batch dimension.
LogicalResult inferConvolution(Inference &r, Value inputTensor, Value weightTensor, Value bias,
                               MatchGeometry match) {
  Type dtype = dtypeOf(inputTensor);
  Sizes input = sizesOf(inputTensor), weight = sizesOf(weightTensor);
  if (failed(r.areOfOneDtype({inputTensor, weightTensor, bias})))
    return failure();
  if (!input || !weight)
    return r.tensor(std::nullopt, dtype);
  bool batched = input->size() == weight->size();
  if (!batched)
    input->insert(input->begin(), 1);
  if (input->size() != weight->size() || weight->size() < 3 || weight->size() > 5)
    return r.error("an input of sizes " + toString(*sizesOf(inputTensor)) +
                   " does not go with a weight of sizes " + toString(*weight));
  int64_t spatial = static_cast<int64_t>(weight->size()) - 2;
  SmallVector<int64_t> sizes(input->size(), ShapedType::kDynamic);
  sizes[0] = (*input)[0];
  if (std::optional<Geometry> g = match(spatial)) {
    if (failed(checkGeometry(r, *g)) || failed(checkChannels(r, *g, *input, *weight, bias)))
      return failure();
    int64_t features = (*weight)[g->transposed ? 1 : 0];
    if (!ShapedType::isDynamic(features))
      sizes[1] = g->transposed ? features * g->groups : features;
    for (int64_t i = 0; i < spatial; ++i) {
      int64_t in = (*input)[i + 2], kernel = (*weight)[i + 2];
      if (ShapedType::isDynamic(in) || ShapedType::isDynamic(kernel))
        continue;
      int64_t reach = g->dilation[i] * (kernel - 1) + 1;
      int64_t room = in + 2 * g->padding[i] - reach;
      if (!g->transposed && room < 0)
        return r.error("the kernel is larger than the padded input");
      sizes[i + 2] = g->transposed
                         ? (in - 1) * g->stride[i] - 2 * g->padding[i] + reach + g->outputPadding[i]
                         : room / g->stride[i] + 1;
    }
  }
  if (!batched)
    sizes.erase(sizes.begin());
  return r.tensor(sizes, dtype);
}

// The input of a transposed convolution as that of an ordinary one of stride 1: its elements
// `stride` apart among zeros, with what the kernel overlaps around them.
Value spread(Lowering &b, Value input, ArrayRef<int64_t> kernel, const Geometry &g) {
  auto type = cast<RankedTensorType>(input.getType());
  SmallVector<OpFoldResult> sizes = b.sizes(input), spreadSizes = sizes;
  SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0)),
      strides(sizes.size(), b.getIndexAttr(1));
  SmallVector<int64_t> low(sizes.size(), 0), high(sizes.size(), 0);
  AffineExpr size = b.getAffineSymbolExpr(0);
  for (size_t i = 0; i < kernel.size(); ++i) {
    spreadSizes[i + 2] = b.affine((size - 1) * g.stride[i] + 1, {sizes[i + 2]});
    strides[i + 2] = b.getIndexAttr(g.stride[i]);
    low[i + 2] = g.dilation[i] * (kernel[i] - 1) - g.padding[i];
    high[i + 2] = low[i + 2] + g.outputPadding[i];
  }
  if (!llvm::all_of(g.stride, [](int64_t stride) { return stride == 1; })) {
    Value zeros = b.zeros(spreadSizes, type.getElementType());
    input = tensor::InsertSliceOp::create(b, input, zeros, offsets, sizes, strides);
  }
  return padOrCrop(b, input, low, high, b.scalar(type.getElementType(), 0));
}

// The weight of a transposed convolution, (C, F / groups, kernel...), as that of an ordinary one,
// (F, C / groups, kernel...), its kernel turned around.
Value turnAround(Lowering &b, Value weight, const Geometry &g) {
  auto type = cast<RankedTensorType>(weight.getType());
  int64_t rank = type.getRank(), inPerGroup = type.getDimSize(0) / g.groups,
          outPerGroup = type.getDimSize(1);
  SmallVector<int64_t> shape(type.getShape());
  shape[0] = outPerGroup * g.groups;
  shape[1] = inPerGroup;
  // Result (f, c, k...) reads weight (f / outPerGroup * inPerGroup + c, f % outPerGroup, K - 1 -
  // k...).
  AffineExpr f = b.getAffineDimExpr(0), c = b.getAffineDimExpr(1);
  SmallVector<AffineExpr> from = {f.floorDiv(outPerGroup) * inPerGroup + c, f % outPerGroup};
  for (int64_t i = 2; i < rank; ++i)
    from.push_back(type.getDimSize(i) - 1 - b.getAffineDimExpr(i));
  auto result = tensor::EmptyOp::create(b, shape, type.getElementType());
  SmallVector<AffineMap> maps = {AffineMap::get(rank, 0, from, b.getContext()),
                                 b.getMultiDimIdentityMap(rank)};
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  return linalg::GenericOp::create(b, result.getType(), ValueRange{weight}, ValueRange{result},
                                   maps, iterators,
                                   [](OpBuilder &nested, Location loc, ValueRange x) {
                                     linalg::YieldOp::create(nested, loc, x[0]);
                                   })
      .getResult(0);
}

// Splits dimension `dim` into (groups, rest).
Value splitGroups(Lowering &b, Value tensor, int64_t dim, int64_t groups) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape[dim] /= groups;
  shape.insert(shape.begin() + dim, groups);
  SmallVector<ReassociationIndices> parts;
  for (int64_t i = 0; i < type.getRank(); ++i) {
    int64_t at = i + (i > dim);
    parts.push_back(i == dim ? ReassociationIndices{at, at + 1} : ReassociationIndices{at});
  }
  return tensor::ExpandShapeOp::create(b, RankedTensorType::get(shape, type.getElementType()),
                                       tensor, parts);
}

Value mergeGroups(Lowering &b, Value tensor, int64_t dim, RankedTensorType type) {
  SmallVector<ReassociationIndices> parts;
  for (int64_t i = 0; i < type.getRank(); ++i) {
    int64_t at = i + (i > dim);
    parts.push_back(i == dim ? ReassociationIndices{at, at + 1} : ReassociationIndices{at});
  }
  return tensor::CollapseShapeOp::create(b, type, tensor, parts);
}

template <typename Op>
Value named(Lowering &b, Value input, Value weight, Value init, const Geometry &g) {
  return Op::create(b, TypeRange{init.getType()}, ValueRange{input, weight}, ValueRange{init},
                    b.getI64TensorAttr(g.stride), b.getI64TensorAttr(g.dilation))
      .getResult(0);
}

Value convolve(Lowering &b, Value input, Value weight, Value init, const Geometry &g) {
  switch (g.stride.size()) {
  case 1:
    return named<linalg::Conv1DNcwFcwOp>(b, input, weight, init, g);
  case 2:
    return named<linalg::Conv2DNchwFchwOp>(b, input, weight, init, g);
  default:
    return named<linalg::Conv3DNcdhwFcdhwOp>(b, input, weight, init, g);
  }
}

// One input channel a group and one output channel each.
Value convolveDepthwise(Lowering &b, Value input, Value weight, Value init, const Geometry &g) {
  auto type = cast<RankedTensorType>(weight.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape.erase(shape.begin() + 1);
  SmallVector<ReassociationIndices> parts = {{0, 1}};
  for (int64_t i = 2; i < type.getRank(); ++i)
    parts.push_back({i});
  weight = tensor::CollapseShapeOp::create(b, RankedTensorType::get(shape, type.getElementType()),
                                           weight, parts);
  switch (g.stride.size()) {
  case 1:
    return named<linalg::DepthwiseConv1DNcwCwOp>(b, input, weight, init, g);
  case 2:
    return named<linalg::DepthwiseConv2DNchwChwOp>(b, input, weight, init, g);
  default:
    return named<linalg::DepthwiseConv3DNcdhwCdhwOp>(b, input, weight, init, g);
  }
}

// (N, G, C, spatial...) with (G, F, C, kernel...); linalg names the two-dimensional one only.
Value convolveGroups(Lowering &b, Value input, Value weight, Value init, const Geometry &g) {
  auto resultType = cast<RankedTensorType>(init.getType());
  input = splitGroups(b, input, 1, g.groups);
  weight = splitGroups(b, weight, 0, g.groups);
  init = splitGroups(b, init, 1, g.groups);
  if (g.stride.size() == 2) {
    Value result = named<linalg::Conv2DNgchwGfchwOp>(b, input, weight, init, g);
    return mergeGroups(b, result, 1, resultType);
  }
  // Dimensions: n, g, f, output..., then c, kernel....
  int64_t spatial = g.stride.size(), count = 4 + 2 * spatial;
  auto d = [&](int64_t i) { return b.getAffineDimExpr(i); };
  SmallVector<AffineExpr> in = {d(0), d(1), d(3 + spatial)}, kernel = {d(1), d(2), d(3 + spatial)},
                          out = {d(0), d(1), d(2)};
  for (int64_t i = 0; i < spatial; ++i) {
    in.push_back(d(3 + i) * g.stride[i] + d(4 + spatial + i) * g.dilation[i]);
    kernel.push_back(d(4 + spatial + i));
    out.push_back(d(3 + i));
  }
  SmallVector<utils::IteratorType> iterators(3 + spatial, utils::IteratorType::parallel);
  iterators.append(1 + spatial, utils::IteratorType::reduction);
  SmallVector<AffineMap> maps;
  for (ArrayRef<AffineExpr> exprs : {ArrayRef(in), ArrayRef(kernel), ArrayRef(out)})
    maps.push_back(AffineMap::get(count, 0, exprs, b.getContext()));
  auto body = [](OpBuilder &nested, Location loc, ValueRange x) {
    ImplicitLocOpBuilder inner(loc, nested);
    bool isFloat = isa<mlir::FloatType>(x[2].getType());
    auto widen = [&](Value value) -> Value {
      if (value.getType() == x[2].getType())
        return value;
      return isFloat ? arith::ExtFOp::create(inner, x[2].getType(), value).getResult()
                     : arith::ExtSIOp::create(inner, x[2].getType(), value).getResult();
    };
    Value sum;
    if (isFloat)
      sum = arith::AddFOp::create(inner, x[2],
                                  arith::MulFOp::create(inner, widen(x[0]), widen(x[1])));
    else
      sum = arith::AddIOp::create(inner, x[2],
                                  arith::MulIOp::create(inner, widen(x[0]), widen(x[1])));
    linalg::YieldOp::create(inner, sum);
  };
  Value result = linalg::GenericOp::create(b, init.getType(), ValueRange{input, weight},
                                           ValueRange{init}, maps, iterators, body)
                     .getResult(0);
  return mergeGroups(b, result, 1, resultType);
}

// The bias of each output channel, or zeros: what the convolution adds to.
Value accumulator(Lowering &b, ArrayRef<OpFoldResult> sizes, Value bias, Type dtype, Type compute) {
  if (isNone(bias))
    return b.zeros(sizes, lowerDtype(compute));
  bias = b.convert(bias, dtype, compute);
  SmallVector<int64_t> dimensions = {0};
  for (size_t i = 2; i < sizes.size(); ++i)
    dimensions.push_back(static_cast<int64_t>(i));
  return linalg::BroadcastOp::create(b, bias, b.empty(sizes, lowerDtype(compute)), dimensions)
      .getResults()[0];
}

} // namespace

LogicalResult ConvolutionOp::infer(Adaptor op, Inference &r) {
  return inferConvolution(r, op.getInput(), op.getWeight(), op.getBias(),
                          [&](int64_t spatial) { return matchGeometry(op, spatial); });
}

LogicalResult ConvolutionOp::lowerToLinalg(Lowering &b) {
  Adaptor op(b.operands);
  auto weightType = dyn_cast<RankedTensorType>(op.getWeight().getType());
  Type dtype = b.resultDtype();
  if (!b.resultType() || !weightType || !weightType.hasStaticShape())
    return b.unsupported("the rank of the input or the sizes of the weight are unknown");
  if (isComplexDtype(dtype))
    return b.unsupported("complex convolutions are not lowered");
  std::optional<Geometry> g =
      matchGeometry(Adaptor(getOperation()->getOperands()), weightType.getRank() - 2);
  if (!g)
    return b.unsupported("stride, padding, dilation or groups is not constant");

  Value input = op.getInput(), weight = op.getWeight();
  ArrayRef<int64_t> kernel = weightType.getShape().drop_front(2);
  if (g->transposed) {
    input = spread(b, input, kernel, *g);
    weight = turnAround(b, weight, *g);
    llvm::fill(g->stride, 1);
  } else {
    SmallVector<int64_t> around(2, 0);
    around.append(g->padding);
    input = padOrCrop(b, input, around, around, b.scalar(lowerDtype(dtype), 0));
  }
  SmallVector<OpFoldResult> sizes = windowSizes(b, input, kernel, g->stride, g->dilation);
  int64_t features = cast<RankedTensorType>(weight.getType()).getDimSize(0);
  sizes[1] = b.getIndexAttr(features);

  Type compute = computeDtype(dtype);
  Value init = accumulator(b, sizes, op.getBias(), dtype, compute);
  int64_t channels = cast<RankedTensorType>(input.getType()).getDimSize(1);
  Value result = g->groups == 1 ? convolve(b, input, weight, init, *g)
                 : g->groups == channels && g->groups == features
                     ? convolveDepthwise(b, input, weight, init, *g)
                     : convolveGroups(b, input, weight, init, *g);
  return b.replace(b.convert(result, compute, dtype));
}

//===-- the others ----------------------------------------------------------------------------===//

namespace {

// Replaces an op by aten.convolution. An input without a batch dimension gets one for the while.
Value makeConvolution(Decomposition &b, Value input, Value weight, Value bias, Value stride,
                      Value padding, Value dilation, Value transposed, Value outputPadding,
                      Value groups) {
  bool batched = sizesOf(input)->size() == sizesOf(weight)->size();
  Value zero = b.constInt(0);
  if (!batched)
    input = UnsqueezeOp::create(b, input, zero);
  Value result = ConvolutionOp::create(b, input, weight, bias, stride, padding, dilation,
                                       transposed, outputPadding, groups);
  return batched ? result : SqueezeDimOp::create(b, result, zero).getResult();
}

bool hasRanks(Value input, Value weight) { return sizesOf(input) && sizesOf(weight); }

Value zeroPerDimension(TorchBuilder &b, Value weight) {
  return b.intList(SmallVector<int64_t>(sizesOf(weight)->size() - 2, 0));
}

template <typename Adaptor> LogicalResult inferOrdinary(Adaptor op, Inference &r) {
  return inferConvolution(r, op.getInput(), op.getWeight(), op.getBias(), [&](int64_t spatial) {
    return matchGeometry(spatial, op.getStride(), op.getPadding(), op.getDilation(),
                         op.getGroups());
  });
}

template <typename Op> LogicalResult decomposeOrdinary(Op op, Decomposition &b) {
  if (!hasRanks(op.getInput(), op.getWeight()))
    return failure();
  return b.replace(makeConvolution(b, op.getInput(), op.getWeight(), op.getBias(), op.getStride(),
                                   op.getPadding(), op.getDilation(), b.constBool(false),
                                   zeroPerDimension(b, op.getWeight()), op.getGroups()));
}

template <typename Adaptor>
LogicalResult inferTransposed(Adaptor op, Inference &r, Value transposed) {
  return inferConvolution(r, op.getInput(), op.getWeight(), op.getBias(), [&](int64_t spatial) {
    auto g = matchGeometry(spatial, op.getStride(), op.getPadding(), op.getDilation(),
                           op.getGroups(), transposed, op.getOutputPadding());
    if (g && !transposed)
      g->transposed = true;
    return g;
  });
}

template <typename Op>
LogicalResult decomposeTransposed(Op op, Decomposition &b, Value transposed) {
  if (!hasRanks(op.getInput(), op.getWeight()))
    return failure();
  return b.replace(makeConvolution(b, op.getInput(), op.getWeight(), op.getBias(), op.getStride(),
                                   op.getPadding(), op.getDilation(), transposed,
                                   op.getOutputPadding(), op.getGroups()));
}

// Padding "same" keeps the sizes: the dilated kernel less one, spread over both ends.
std::optional<int64_t> samePadding(int64_t dilation, int64_t kernel) {
  if (ShapedType::isDynamic(kernel))
    return std::nullopt;
  return dilation * (kernel - 1);
}

template <typename Adaptor> LogicalResult inferPadded(Adaptor op, Inference &r) {
  if (matchString(op.getPadding()) == "same") {
    Sizes sizes = sizesOf(op.getInput()), weight = sizesOf(op.getWeight());
    if (sizes && weight && sizes->size() + 2 >= weight->size() && weight->size() >= 3)
      (*sizes)[sizes->size() + 1 - weight->size()] = (*weight)[0];
    return r.tensor(sizes, dtypeOf(op.getInput()));
  }
  return inferConvolution(r, op.getInput(), op.getWeight(), op.getBias(),
                          [&](int64_t spatial) -> std::optional<Geometry> {
                            SmallVector<int64_t> none(spatial, 0);
                            auto stride = matchWindowList(op.getStride(), spatial);
                            auto dilation = matchWindowList(op.getDilation(), spatial);
                            if (!stride || !dilation || matchString(op.getPadding()) != "valid")
                              return std::nullopt;
                            return Geometry{*stride, none, *dilation, none, false, 1};
                          });
}

template <typename Op> LogicalResult decomposePadded(Op op, Decomposition &b) {
  std::optional<StringRef> mode = matchString(op.getPadding());
  if (!hasRanks(op.getInput(), op.getWeight()) || !mode)
    return failure();
  int64_t spatial = static_cast<int64_t>(sizesOf(op.getWeight())->size()) - 2;
  SmallVector<int64_t> padding(spatial, 0), extra(spatial, 0);
  if (*mode == "same") {
    auto dilation = matchWindowList(op.getDilation(), spatial);
    if (!dilation)
      return failure();
    for (int64_t i = 0; i < spatial; ++i) {
      std::optional<int64_t> total = samePadding((*dilation)[i], (*sizesOf(op.getWeight()))[i + 2]);
      if (!total)
        return failure();
      // PyTorch puts the odd element behind: pad both ends with it and drop the first result.
      extra[i] = *total % 2;
      padding[i] = *total / 2 + extra[i];
    }
  }
  Value result = makeConvolution(b, op.getInput(), op.getWeight(), op.getBias(), op.getStride(),
                                 b.intList(padding), op.getDilation(), b.constBool(false),
                                 zeroPerDimension(b, op.getWeight()), op.getGroups());
  for (int64_t i = 0; i < spatial; ++i)
    if (extra[i])
      result = SliceTensorOp::create(b, result, b.constInt(i - spatial), b.constInt(1),
                                     b.constNone(), b.constInt(1));
  return b.replace(result);
}

} // namespace

#define LINALGD_ORDINARY(Op)                                                                       \
  LogicalResult Op::infer(Adaptor op, Inference &r) { return inferOrdinary(op, r); }               \
  LogicalResult Op::decompose(Decomposition &b) { return decomposeOrdinary(*this, b); }
LINALGD_ORDINARY(Conv1dOp)
LINALGD_ORDINARY(Conv2dOp)
LINALGD_ORDINARY(Conv3dOp)
#undef LINALGD_ORDINARY

#define LINALGD_PADDED(Op)                                                                         \
  LogicalResult Op::infer(Adaptor op, Inference &r) { return inferPadded(op, r); }                 \
  LogicalResult Op::decompose(Decomposition &b) { return decomposePadded(*this, b); }
LINALGD_PADDED(Conv1dPaddingOp)
LINALGD_PADDED(Conv2dPaddingOp)
LINALGD_PADDED(Conv3dPaddingOp)
#undef LINALGD_PADDED

#define LINALGD_TRANSPOSED(Op)                                                                     \
  LogicalResult Op::infer(Adaptor op, Inference &r) { return inferTransposed(op, r, nullptr); }    \
  LogicalResult Op::decompose(Decomposition &b) {                                                  \
    return decomposeTransposed(*this, b, b.constBool(true));                                       \
  }
LINALGD_TRANSPOSED(ConvTranspose1dOp)
LINALGD_TRANSPOSED(ConvTranspose2dOp)
LINALGD_TRANSPOSED(ConvTranspose3dOp)
#undef LINALGD_TRANSPOSED

#define LINALGD_RAW(Op)                                                                            \
  LogicalResult Op::infer(Adaptor op, Inference &r) {                                              \
    return inferTransposed(op, r, op.getTransposed());                                             \
  }                                                                                                \
  LogicalResult Op::decompose(Decomposition &b) {                                                  \
    return decomposeTransposed(*this, b, getTransposed());                                         \
  }
LINALGD_RAW(RawConvolutionOp)
LINALGD_RAW(RawConvolutionDeprecatedOp)
#undef LINALGD_RAW

} // namespace linalgd::torch
