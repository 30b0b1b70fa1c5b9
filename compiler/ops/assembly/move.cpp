// Elements in another order: flips, rolls, shuffles.
#include "compiler/dialect/layout.h"
#include "compiler/ops/assembly/assembly.h"
#include "compiler/ops/scalar/scalar.h"
#include "compiler/ops/view/view.h"

using namespace mlir;

namespace linalgd::torch {

LogicalResult FlipOp::infer(Adaptor op, Inference &r) {
  return success(succeeded(r.hasDims(op.getSelf(), op.getDims())) &&
                 succeeded(r.same(op.getSelf())));
}
LogicalResult FliplrOp::infer(Adaptor op, Inference &r) {
  return success(succeeded(r.hasRank(op.getSelf(), 2, INT64_MAX)) &&
                 succeeded(r.same(op.getSelf())));
}
LogicalResult FlipudOp::infer(Adaptor op, Inference &r) {
  return success(succeeded(r.hasRank(op.getSelf(), 1, INT64_MAX)) &&
                 succeeded(r.same(op.getSelf())));
}

LogicalResult FlipOp::lowerToLinalg(Lowering &b) {
  Value self = b.operands[0];
  auto type = dyn_cast<RankedTensorType>(self.getType());
  std::optional<SmallVector<int64_t>> given = matchIntList(getDims());
  if (!type || !given)
    return b.unsupported("the rank of the operand or the dimensions are unknown");
  // An empty list flips nothing.
  std::optional<SmallVector<int64_t>> dims = matchDims(getDims(), type.getRank());
  if (!dims)
    return b.unsupported("a dimension is out of range");
  if (given->empty() || type.getRank() == 0)
    return b.replace(self);
  IndexList sizes = b.sizes(self);
  SmallVector<Value> last(type.getRank());
  for (int64_t dim : *dims)
    last[dim] = b.indexValue(subIndex(b, sizes[dim], b.getIndexAttr(1)));
  return b.replace(readFrom(b, self, sizes, [&](ImplicitLocOpBuilder &n, ValueRange at) {
    SmallVector<Value> places(at);
    for (int64_t dim : *dims)
      places[dim] = arith::SubIOp::create(n, last[dim], at[dim]);
    return places;
  }));
}

LogicalResult FliplrOp::decompose(Decomposition &b) {
  return b.replace(FlipOp::create(b, getSelf(), b.intList(ArrayRef<int64_t>{1})).getResult());
}
LogicalResult FlipudOp::decompose(Decomposition &b) {
  return b.replace(FlipOp::create(b, getSelf(), b.intList(ArrayRef<int64_t>{0})).getResult());
}

// `tensor` with its last `shift` elements along `dim` in front of the others.
static Value rollDim(Decomposition &b, Value tensor, Value shift, int64_t dim) {
  Value at = b.constInt(dim), none = b.constNone(), one = b.constInt(1), size = b.size(tensor, dim);
  if (matchInt(size) == 0)
    return tensor;
  Value positive = b.createOrFold<MaxIntOp>(size, one); // no remainder by zero
  Value turned = b.createOrFold<RemainderIntOp>(shift, positive);
  Value start = b.createOrFold<SubIntOp>(size, turned);
  if (matchInt(turned) == 0)
    return tensor;
  Value front = SliceTensorOp::create(b, tensor, at, start, none, one);
  Value back = SliceTensorOp::create(b, tensor, at, b.constInt(0), start, one);
  Value list = b.list({front, back}, getTensorType(b.getContext(), std::nullopt, nullptr));
  return b.staticCast(CatOp::create(b, list, at), tensor.getType());
}

LogicalResult RollOp::infer(Adaptor op, Inference &r) {
  std::optional<SmallVector<Value>> shifts = matchList(op.getShifts());
  std::optional<SmallVector<int64_t>> dims = matchIntList(op.getDims());
  Sizes sizes = sizesOf(op.getSelf());
  for (int64_t dim : dims.value_or(SmallVector<int64_t>())) // which may name one twice
    if (sizes && !normalizeDim(dim, sizes->size()))
      return r.error(Twine("has a dimension out of range: ") + Twine(dim));
  if (shifts && dims && shifts->size() != std::max<size_t>(dims->size(), 1))
    return r.error("needs a shift for each dimension");
  return r.same(op.getSelf());
}

LogicalResult RollOp::decompose(Decomposition &b) {
  Sizes sizes = sizesOf(getSelf());
  std::optional<SmallVector<Value>> shifts = matchList(getShifts());
  std::optional<SmallVector<int64_t>> dims = matchIntList(getDims());
  if (!sizes || !shifts || !dims)
    return failure();
  auto rank = static_cast<int64_t>(sizes->size());
  if (rank == 0)
    return b.replace(getSelf());
  if (dims->empty()) { // in the order of memory
    if (shifts->size() != 1)
      return failure();
    Value flat = FlattenUsingIntsOp::create(b, getSelf(), b.constInt(0), b.constInt(-1));
    flat = rollDim(b, flat, shifts->front(), 0);
    return b.replace(ViewOp::create(b, flat, b.sizeList(getSelf())).getResult());
  }
  if (dims->size() != shifts->size())
    return failure();
  Value result = getSelf();
  for (auto [shift, dim] : llvm::zip(*shifts, *dims)) {
    std::optional<int64_t> at = normalizeDim(dim, rank);
    if (!at)
      return failure();
    result = rollDim(b, result, shift, *at);
  }
  return b.replace(result);
}

LogicalResult ChannelShuffleOp::infer(Adaptor op, Inference &r) {
  Sizes sizes = sizesOf(op.getSelf());
  std::optional<int64_t> groups = matchInt(op.getGroups());
  if (failed(r.hasRank(op.getSelf(), 3, INT64_MAX)))
    return failure();
  if (groups && *groups < 1)
    return r.error("needs a positive number of groups");
  if (sizes && groups && !ShapedType::isDynamic((*sizes)[1]) && (*sizes)[1] % *groups != 0)
    return r.error("the channels cannot be divided into the groups");
  return r.same(op.getSelf());
}

LogicalResult ChannelShuffleOp::decompose(Decomposition &b) {
  if (!sizesOf(getSelf()))
    return failure();
  Value one = b.constInt(1), two = b.constInt(2);
  Value groups = b.intList(ValueRange{getGroups(), b.constInt(-1)});
  Value split = UnflattenIntOp::create(b, getSelf(), one, groups);
  Value turned = TransposeIntOp::create(b, split, one, two);
  return b.replace(FlattenUsingIntsOp::create(b, turned, one, two).getResult());
}

//===-- pixels and channels -------------------------------------------------------------------===//

// (..., C, H, W) with C divided by `channels` and H and W multiplied by `pixels`, or the other way
// around where these are negative.
static LogicalResult inferShuffled(Inference &r, Value self, Value factor, bool upscale) {
  Sizes sizes = sizesOf(self);
  std::optional<int64_t> given = matchInt(factor);
  if (!sizes || !given || *given <= 0)
    return r.tensor(std::nullopt, dtypeOf(self));
  if (sizes->size() < 3)
    return r.error("needs three dimensions or more");
  size_t rank = sizes->size();
  auto scale = [](int64_t &size, int64_t by, bool up) {
    if (!ShapedType::isDynamic(size))
      size = up ? size * by : size / by;
  };
  int64_t channels = (*sizes)[rank - 3], square = 0;
  if (__builtin_mul_overflow(*given, *given, &square) ||
      (upscale && differ(channels % square, 0) && !ShapedType::isDynamic(channels)))
    return r.error("the channels cannot be divided by the square of the factor");
  for (int64_t size : ArrayRef(*sizes).take_back(2))
    if (!upscale && !ShapedType::isDynamic(size) && size % *given != 0)
      return r.error("height and width cannot be divided by the factor");
  scale((*sizes)[rank - 3], square, !upscale);
  scale((*sizes)[rank - 2], *given, upscale);
  scale((*sizes)[rank - 1], *given, upscale);
  return r.tensor(sizes, dtypeOf(self));
}

// The order of dimensions with the last ones in the given order.
static Value lastInOrder(Decomposition &b, size_t rank, ArrayRef<int64_t> last) {
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, rank - last.size()));
  for (int64_t dim : last)
    order.push_back(static_cast<int64_t>(rank) + dim);
  return b.intList(order);
}

LogicalResult PixelShuffleOp::infer(Adaptor op, Inference &r) {
  return inferShuffled(r, op.getSelf(), op.getUpscaleFactor(), true);
}
LogicalResult PixelShuffleOp::decompose(Decomposition &b) {
  Sizes sizes = sizesOf(getSelf());
  if (!sizes)
    return failure();
  // (C, r, r, H, W) → (C, H, r, W, r)
  Value factor = getUpscaleFactor();
  Value split = UnflattenIntOp::create(b, getSelf(), b.constInt(-3),
                                       b.intList(ValueRange{b.constInt(-1), factor, factor}));
  Value order = lastInOrder(b, sizes->size() + 2, {-5, -2, -4, -1, -3});
  Value turned = PermuteOp::create(b, split, order);
  Value wide = FlattenUsingIntsOp::create(b, turned, b.constInt(-2), b.constInt(-1));
  return b.replace(FlattenUsingIntsOp::create(b, wide, b.constInt(-3), b.constInt(-2)).getResult());
}

LogicalResult PixelUnshuffleOp::infer(Adaptor op, Inference &r) {
  return inferShuffled(r, op.getSelf(), op.getDownscaleFactor(), false);
}
LogicalResult PixelUnshuffleOp::decompose(Decomposition &b) {
  Sizes sizes = sizesOf(getSelf());
  if (!sizes)
    return failure();
  // (C, H, r, W, r) → (C, r, r, H, W)
  Value parts = b.intList(ValueRange{b.constInt(-1), getDownscaleFactor()});
  Value split = UnflattenIntOp::create(b, getSelf(), b.constInt(-1), parts);
  split = UnflattenIntOp::create(b, split, b.constInt(-3), parts);
  Value order = lastInOrder(b, sizes->size() + 2, {-5, -3, -1, -4, -2});
  Value turned = PermuteOp::create(b, split, order);
  return b.replace(
      FlattenUsingIntsOp::create(b, turned, b.constInt(-5), b.constInt(-3)).getResult());
}

} // namespace linalgd::torch
