// Views that are lists of slices along a dimension.
#include "compiler/ops/scalar/scalar.h"
#include "compiler/ops/view/helpers.h"
#include "compiler/ops/view/view.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace linalgd::torch {

namespace {
// The first element of a part and the one behind its last, as torch ints.
struct Bounds {
  Value start, end;
};
using BoundsList = std::optional<SmallVector<Bounds>>;

// Knows the parts of one op, of which `count` are used where that is known.
class PartBounds {
public:
  // Without `dim` where the rank is not known: sizes and places that are given tell enough.
  PartBounds(TorchBuilder &b, Operation *op, Value self, std::optional<int64_t> dim,
             std::optional<unsigned> count)
      : b_(b), op_(op), self_(self), dim_(dim),
        size_(dim ? (*sizesOf(self))[*dim] : ShapedType::kDynamic), count_(count) {}

  BoundsList get();

private:
  BoundsList ofSize(Value partSize);
  BoundsList chunks(Value chunks);
  BoundsList sections(Value sections);
  BoundsList ofSizes(Value partSizes);
  BoundsList atIndices(Value indices);
  BoundsList between(ArrayRef<int64_t> cuts);
  BoundsList betweenValues(llvm::function_ref<Value(int64_t)> cutAt);

  TorchBuilder &b_;
  Operation *op_;
  Value self_;
  std::optional<int64_t> dim_;
  int64_t size_;
  std::optional<unsigned> count_;
};
} // namespace

BoundsList PartBounds::get() {
  return TypeSwitch<Operation *, BoundsList>(op_)
      .Case<SplitTensorOp, UnsafeSplitTensorOp>([&](auto op) { return ofSize(op.getSplitSize()); })
      .Case([&](SplitSizesOp op) { return ofSizes(op.getSplitSize()); })
      .Case<SplitWithSizesOp, UnsafeSplitWithSizesOp>(
          [&](auto op) { return ofSizes(op.getSplitSizes()); })
      .Case<ChunkOp, UnsafeChunkOp>([&](auto op) { return chunks(op.getChunks()); })
      .Case([&](TensorSplitSectionsOp op) { return sections(op.getSections()); })
      .Case([&](TensorSplitIndicesOp op) { return atIndices(op.getIndices()); })
      .Default([](Operation *) { return std::nullopt; });
}

// One part from each cut to the next.
BoundsList PartBounds::between(ArrayRef<int64_t> cuts) {
  SmallVector<Bounds> bounds;
  for (size_t i = 0; i + 1 < cuts.size(); ++i)
    bounds.push_back({b_.constInt(cuts[i]), b_.constInt(cuts[i + 1])});
  return bounds;
}

// The same with cuts that depend on an unknown size; as many parts as are used.
BoundsList PartBounds::betweenValues(llvm::function_ref<Value(int64_t)> cutAt) {
  if (!count_)
    return std::nullopt;
  SmallVector<Bounds> bounds;
  Value start = b_.constInt(0);
  for (int64_t i = 1; i <= *count_; ++i) {
    Value end = cutAt(i);
    bounds.push_back({start, end});
    start = end;
  }
  return bounds;
}

BoundsList PartBounds::ofSize(Value partSize) {
  std::optional<int64_t> step = matchInt(partSize);
  if (!step || *step < 0 || (ShapedType::isDynamic(size_) && !count_))
    return std::nullopt;
  int64_t count = 1;
  if (ShapedType::isDynamic(size_))
    count = *count_;
  else if (*step > 0)
    count = std::max<int64_t>(llvm::divideCeil(size_, *step), 1);
  SmallVector<int64_t> cuts = {0};
  for (int64_t i = 1; i < count; ++i)
    cuts.push_back(i * *step);
  cuts.push_back(INT64_MAX);
  return between(cuts);
}

BoundsList PartBounds::chunks(Value chunks) {
  std::optional<int64_t> count = matchInt(chunks);
  if (!dim_ || !count || *count <= 0)
    return std::nullopt;
  if (ShapedType::isDynamic(size_)) {
    Value size = b_.size(self_, *dim_);
    Value rounded = AddIntOp::create(b_, size, b_.constInt(*count - 1));
    Value step = FloordivIntOp::create(b_, rounded, chunks);
    return betweenValues(
        [&](int64_t i) -> Value { return MulIntOp::create(b_, step, b_.constInt(i)); });
  }
  int64_t step = llvm::divideCeil(size_, *count);
  // Of nothing, PyTorch makes as many parts as asked for.
  int64_t parts = step ? llvm::divideCeil(size_, step) : *count;
  SmallVector<int64_t> cuts;
  for (int64_t i = 0; i <= parts; ++i)
    cuts.push_back(std::min(i * step, size_));
  return between(cuts);
}

BoundsList PartBounds::sections(Value sections) {
  std::optional<int64_t> count = matchInt(sections);
  if (!dim_ || !count || *count <= 0)
    return std::nullopt;
  if (ShapedType::isDynamic(size_)) {
    Value size = b_.size(self_, *dim_);
    Value step = FloordivIntOp::create(b_, size, sections);
    Value longer = RemainderIntOp::create(b_, size, sections); // parts with one element more
    return betweenValues([&](int64_t i) -> Value {
      Value at = b_.constInt(i);
      return AddIntOp::create(b_, MulIntOp::create(b_, step, at), MinIntOp::create(b_, at, longer));
    });
  }
  SmallVector<int64_t> cuts = {0};
  for (int64_t i = 0; i < *count; ++i)
    cuts.push_back(cuts.back() + size_ / *count + (i < size_ % *count));
  return between(cuts);
}

BoundsList PartBounds::ofSizes(Value partSizes) {
  std::optional<SmallVector<Value>> sizes = matchList(partSizes);
  if (!sizes)
    return std::nullopt;
  SmallVector<Bounds> bounds;
  Value start = b_.constInt(0);
  for (Value size : *sizes) {
    std::optional<int64_t> from = matchInt(start), length = matchInt(size);
    Value end;
    if (from && length) {
      end = b_.constInt(*from + *length);
    } else {
      end = AddIntOp::create(b_, start, size);
    }
    bounds.push_back({start, end});
    start = end;
  }
  return bounds;
}

BoundsList PartBounds::atIndices(Value indices) {
  std::optional<SmallVector<Value>> cuts = matchList(indices);
  if (!cuts)
    return std::nullopt;
  SmallVector<Bounds> bounds;
  Value start = b_.constInt(0);
  for (Value cut : *cuts) {
    bounds.push_back({start, cut});
    start = cut;
  }
  bounds.push_back({start, b_.constInt(INT64_MAX)});
  return bounds;
}

// How many tensors the users take from a list.
static std::optional<unsigned> unpackedCount(Value list) {
  for (Operation *user : list.getUsers())
    if (auto unpack = dyn_cast<ListUnpackOp>(user))
      return unpack.getNumResults();
  return std::nullopt;
}

static BoundsList partBounds(TorchBuilder &b, Operation *op, Value self, Value dim) {
  Sizes sizes = sizesOf(self);
  if (sizes && sizes->empty())
    return std::nullopt;
  return PartBounds(b, op, self, matchDim(dim, self), unpackedCount(op->getResult(0))).get();
}

LogicalResult inferParts(Inference &r, Value self, Value how, Value dim, int64_t least, bool sums) {
  if (failed(r.hasDims(self, dim)) || failed(r.hasRank(self, 1, INT64_MAX)))
    return failure();
  Sizes sizes = sizesOf(self);
  std::optional<int64_t> at = matchDim(dim, self), number = matchInt(how);
  if (number && (*number < least || (*number == 0 && at && differ((*sizes)[*at], 0))))
    return r.error(Twine("cannot make parts by ") + Twine(*number));
  if (at && sums)
    if (Sizes parts = matchSizes(how)) {
      int64_t sum = 0, size = (*sizes)[*at];
      bool negative = false, unknown = ShapedType::isDynamic(size);
      for (int64_t part : *parts) {
        unknown |= ShapedType::isDynamic(part);
        negative |= part < 0 && !ShapedType::isDynamic(part);
        sum = ShapedType::isDynamic(part) ? sum : sum + part;
      }
      if (negative || (!unknown && sum != size))
        return r.error("parts of sizes " + toString(*parts) + " do not make up size " +
                       Twine(size));
    }
  if (!at)
    sizes = std::nullopt;
  else
    (*sizes)[*at] = ShapedType::kDynamic;
  return r.tensorList(sizes, dtypeOf(self));
}

LogicalResult decomposeParts(Decomposition &b, Value dim) {
  Value self = b.op->getOperand(0);
  BoundsList bounds = partBounds(b, b.op, self, dim);
  if (!bounds)
    return failure();
  SmallVector<Value> parts;
  for (const Bounds &part : *bounds)
    parts.push_back(SliceTensorOp::create(b, self, dim, part.start, part.end, b.constInt(1)));
  return b.replace(ListConstructOp::create(b, b.op->getResult(0).getType(), parts).getResult());
}

Value scatterPart(TorchBuilder &b, Operation *op, Value base, Value update, Value dim,
                  unsigned index) {
  BoundsList bounds = partBounds(b, op, base, dim);
  if (!bounds || index >= bounds->size())
    return nullptr;
  const Bounds &part = (*bounds)[index];
  return SliceScatterOp::create(b, base, update, dim, part.start, part.end, b.constInt(1));
}

//===-- unbind --------------------------------------------------------------------------------===//

LogicalResult UnbindIntOp::infer(Adaptor op, Inference &r) {
  Sizes sizes = sizesOf(op.getSelf());
  std::optional<int64_t> dim = matchDim(op.getDim(), op.getSelf());
  if (failed(r.hasDims(op.getSelf(), op.getDim())) || failed(r.hasRank(op.getSelf(), 1, INT64_MAX)))
    return failure();
  if (!dim)
    sizes = std::nullopt;
  else
    sizes->erase(sizes->begin() + *dim);
  return r.tensorList(sizes, dtypeOf(op.getSelf()));
}

LogicalResult UnbindIntOp::decompose(Decomposition &b) {
  std::optional<int64_t> dim = matchDim(getDim(), getSelf());
  if (!dim)
    return failure();
  int64_t count = (*sizesOf(getSelf()))[*dim];
  if (ShapedType::isDynamic(count)) {
    std::optional<unsigned> used = unpackedCount(getResult());
    if (!used)
      return failure();
    count = *used;
  }
  SmallVector<Value> parts;
  for (int64_t i = 0; i < count; ++i)
    parts.push_back(SelectIntOp::create(b, getSelf(), getDim(), b.constInt(i)));
  return b.replace(ListConstructOp::create(b, getResult().getType(), parts).getResult());
}

Value UnbindIntOp::scatter(TorchBuilder &b, Value base, Value update, unsigned index) {
  return SelectScatterOp::create(b, base, update, getDim(), b.constInt(index));
}

} // namespace linalgd::torch
