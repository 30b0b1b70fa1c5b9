// Views of some of the elements, and their inverses.
#include "compiler/dialect/layout.h"
#include "compiler/ops/view/helpers.h"
#include "compiler/ops/view/view.h"

using namespace mlir;

namespace linalgd::torch {

//===-- select --------------------------------------------------------------------------------===//

// The sizes without the dimension that is selected from; null where an argument is out of range.
static std::optional<Sizes> selectedSizes(Inference &r, Value self, Value dim, Value index) {
  Sizes sizes = sizesOf(self);
  std::optional<int64_t> at = matchDim(dim, self), place = matchInt(index);
  if (failed(r.hasDims(self, dim)) || failed(r.hasRank(self, 1, INT64_MAX)))
    return std::nullopt;
  if (!at)
    return Sizes();
  int64_t size = (*sizes)[*at];
  if (place && !ShapedType::isDynamic(size) && (*place < -size || *place >= size)) {
    (void)r.error(Twine("has index ") + Twine(*place) + ", out of range for size " + Twine(size));
    return std::nullopt;
  }
  sizes->erase(sizes->begin() + *at);
  return sizes;
}

LogicalResult SelectIntOp::infer(Adaptor op, Inference &r) {
  auto sizes = selectedSizes(r, op.getSelf(), op.getDim(), op.getIndex());
  return sizes ? r.tensor(*sizes, dtypeOf(op.getSelf())) : failure();
}

// `self` with a part replaced, whose sizes are given where the arguments are in range.
static LogicalResult inferScattered(Inference &r, Value self, Value src,
                                    const std::optional<Sizes> &part) {
  if (!part || (*part && failed(r.hasSizes(src, **part, "src"))))
    return failure();
  return r.same(self);
}

LogicalResult SelectScatterOp::infer(Adaptor op, Inference &r) {
  return inferScattered(r, op.getSelf(), op.getSrc(),
                        selectedSizes(r, op.getSelf(), op.getDim(), op.getIndex()));
}

bool SelectIntOp::isContiguous(bool contiguous) { return contiguous && matchInt(getDim()) == 0; }

Value SelectIntOp::scatter(TorchBuilder &b, Value base, Value update, unsigned) {
  return SelectScatterOp::create(b, base, update, getDim(), getIndex());
}

namespace {
// Where index `index` of dimension `dim` is.
struct SelectedPart {
  IndexList offsets, sizes, strides;
  RankedTensorType type; // without the dimension

  SelectedPart(Lowering &b, Value tensor, int64_t dim, Value torchIndex)
      : sizes(b.sizes(tensor)), strides(sizes.size(), b.getIndexAttr(1)) {
    offsets.assign(sizes.size(), b.getIndexAttr(0));
    OpFoldResult index = wrapIndex(b, b.index(torchIndex), sizes[dim]);
    requireAtMost(b, b.getIndexAttr(0), index, "an index to select is out of range");
    requireAtMost(b, addIndex(b, index, b.getIndexAttr(1)), sizes[dim],
                  "there are fewer elements than the index to select asks for");
    offsets[dim] = index;
    IndexList rest(sizes);
    rest.erase(rest.begin() + dim);
    type = typeOfSizes(rest, cast<RankedTensorType>(tensor.getType()).getElementType());
    sizes[dim] = b.getIndexAttr(1);
  }
};
} // namespace

LogicalResult SelectIntOp::lowerToLinalg(Lowering &b) {
  Value self = Adaptor(b.operands).getSelf();
  std::optional<int64_t> dim = matchDim(getDim(), getSelf());
  if (!dim || !b.resultType())
    return b.unsupported("the dimension or the rank of the operand is not constant");
  SelectedPart part(b, self, *dim, getIndex());
  return b.replace(
      tensor::ExtractSliceOp::create(b, part.type, self, part.offsets, part.sizes, part.strides)
          .getResult());
}

LogicalResult SelectScatterOp::lowerToLinalg(Lowering &b) {
  Adaptor op(b.operands);
  std::optional<int64_t> dim = matchDim(getDim(), getSelf());
  if (!dim || !b.resultType())
    return b.unsupported("the dimension or the rank of the operand is not constant");
  SelectedPart part(b, op.getSelf(), *dim, getIndex());
  Value src = b.convert(op.getSrc(), dtypeOf(getSrc()), b.resultDtype());
  return b.replace(tensor::InsertSliceOp::create(b, b.tensorCast(src, part.type), op.getSelf(),
                                                 part.offsets, part.sizes, part.strides)
                       .getResult());
}

//===-- slice ---------------------------------------------------------------------------------===//

// The number of elements in [start:end:step] of a dimension; dynamic where unknown.
static int64_t inferSliceSize(int64_t size, Value start, Value end, Value step) {
  std::optional<int64_t> first = isNone(start) ? 0 : matchInt(start);
  std::optional<int64_t> last = isNone(end) ? INT64_MAX : matchInt(end);
  std::optional<int64_t> stride = matchInt(step);
  if (first == 0 && last == INT64_MAX && stride == 1)
    return size;
  if (!first || !last || !stride || *stride <= 0 || ShapedType::isDynamic(size))
    return ShapedType::kDynamic;
  auto clamp = [&](int64_t position, int64_t least) {
    if (position < 0)
      position += size;
    return std::min(std::max(position, least), size);
  };
  int64_t from = clamp(*first, 0);
  return llvm::divideCeil(clamp(*last, from) - from, *stride);
}

static std::optional<Sizes> slicedSizes(Inference &r, Value self, Value dim, Value start, Value end,
                                        Value step) {
  Sizes sizes = sizesOf(self);
  if (failed(r.hasDims(self, dim)) || failed(r.hasRank(self, 1, INT64_MAX)))
    return std::nullopt;
  if (std::optional<int64_t> stride = matchInt(step); stride && *stride <= 0) {
    (void)r.error("must have a positive step");
    return std::nullopt;
  }
  if (!sizes)
    return sizes;
  std::optional<int64_t> at = matchDim(dim, self);
  if (!at)
    return Sizes(SmallVector<int64_t>(sizes->size(), ShapedType::kDynamic));
  (*sizes)[*at] = inferSliceSize((*sizes)[*at], start, end, step);
  return sizes;
}

LogicalResult SliceTensorOp::infer(Adaptor op, Inference &r) {
  auto sizes = slicedSizes(r, op.getSelf(), op.getDim(), op.getStart(), op.getEnd(), op.getStep());
  return sizes ? r.tensor(*sizes, dtypeOf(op.getSelf())) : failure();
}
LogicalResult SliceScatterOp::infer(Adaptor op, Inference &r) {
  return inferScattered(
      r, op.getSelf(), op.getSrc(),
      slicedSizes(r, op.getSelf(), op.getDim(), op.getStart(), op.getEnd(), op.getStep()));
}

Value SliceTensorOp::scatter(TorchBuilder &b, Value base, Value update, unsigned) {
  return SliceScatterOp::create(b, base, update, getDim(), getStart(), getEnd(), getStep());
}

// The whole of a dimension, as torch values say it.
static bool isWhole(Value start, Value end, Value step) {
  return (isNone(start) || matchInt(start) == 0) && (isNone(end) || matchInt(end) == INT64_MAX) &&
         matchInt(step) == 1;
}

LogicalResult SliceTensorOp::lowerToLinalg(Lowering &b) {
  Value self = Adaptor(b.operands).getSelf();
  std::optional<int64_t> dim = matchDim(getDim(), getSelf());
  if (!dim || !b.resultType())
    return b.unsupported("the dimension or the rank of the operand is not constant");
  if (isWhole(getStart(), getEnd(), getStep()))
    return b.replace(self);
  OpFoldResult size = b.dim(self, *dim);
  int64_t known = b.resultType().getDimSize(*dim);
  Slice slice = normalizeSlice(b, size, getStart(), getEnd(), getStep());
  if (!ShapedType::isDynamic(known)) {
    requireAtMost(b, b.getIndexAttr(known), slice.size, "a slice has fewer elements than it must");
    slice.size = b.getIndexAttr(known);
  }
  return b.replace(extractSlice(b, self, *dim, slice));
}

LogicalResult SliceScatterOp::lowerToLinalg(Lowering &b) {
  Adaptor op(b.operands);
  std::optional<int64_t> dim = matchDim(getDim(), getSelf());
  auto srcType = dyn_cast<RankedTensorType>(op.getSrc().getType());
  if (!dim || !srcType || !b.resultType())
    return b.unsupported("the dimension or the rank of an operand is not constant");
  Value src = b.convert(op.getSrc(), dtypeOf(getSrc()), b.resultDtype());
  if (isWhole(getStart(), getEnd(), getStep()))
    return b.replace(src);
  Slice slice = normalizeSlice(b, b.dim(op.getSelf(), *dim), getStart(), getEnd(), getStep());
  return b.replace(insertSlice(b, op.getSelf(), src, *dim, slice));
}

//===-- narrow --------------------------------------------------------------------------------===//

LogicalResult NarrowOp::infer(Adaptor op, Inference &r) {
  Value self = op.getSelf();
  Sizes sizes = sizesOf(self);
  std::optional<int64_t> dim = matchDim(op.getDim(), self), start = matchInt(op.getStart()),
                         length = matchInt(op.getLength());
  if (failed(r.hasDims(self, op.getDim())) || failed(r.hasRank(self, 1, INT64_MAX)))
    return failure();
  if (length && *length < 0)
    return r.error(Twine("has a length of ") + Twine(*length));
  if (!dim)
    return r.tensor(std::nullopt, dtypeOf(self));
  int64_t size = (*sizes)[*dim];
  if (!ShapedType::isDynamic(size)) {
    int64_t first = start.value_or(0);
    if (first < -size || first > size)
      return r.error(Twine("starts at ") + Twine(first) + ", out of range for size " + Twine(size));
    if (length && *length > size - (first < 0 ? first + size : first))
      return r.error(Twine("takes ") + Twine(*length) + " elements from " + Twine(first) +
                     " on, of a dimension of size " + Twine(size));
  }
  (*sizes)[*dim] = length.value_or(ShapedType::kDynamic);
  return r.tensor(sizes, dtypeOf(self));
}

// A slice of the same elements, where its end is known.
Value NarrowOp::scatter(TorchBuilder &b, Value base, Value update, unsigned) {
  std::optional<int64_t> start = matchInt(getStart()), length = matchInt(getLength());
  if (!start || !length)
    return nullptr;
  int64_t end = *start + *length;
  Value stop = b.constInt(*start < 0 && end == 0 ? INT64_MAX : end);
  return SliceScatterOp::create(b, base, update, getDim(), getStart(), stop, b.constInt(1));
}

LogicalResult NarrowOp::lowerToLinalg(Lowering &b) {
  Value self = Adaptor(b.operands).getSelf();
  std::optional<int64_t> dim = matchDim(getDim(), getSelf());
  if (!dim || !b.resultType())
    return b.unsupported("the dimension or the rank of the operand is not constant");
  OpFoldResult size = b.dim(self, *dim), zero = b.getIndexAttr(0);
  OpFoldResult start =
      minIndex(b, maxIndex(b, wrapIndex(b, b.index(getStart()), size), zero), size);
  OpFoldResult length = minIndex(b, b.index(getLength()), subIndex(b, size, start));
  if (int64_t known = b.resultType().getDimSize(*dim); !ShapedType::isDynamic(known)) {
    requireAtMost(b, b.getIndexAttr(known), length, "narrow takes more elements than there are");
    length = b.getIndexAttr(known);
  }
  return b.replace(extractSlice(b, self, *dim, {start, length, b.getIndexAttr(1)}));
}

//===-- diagonal ------------------------------------------------------------------------------===//

namespace {
// The dimensions of a diagonal and where it begins.
struct DiagonalAt {
  int64_t dim1, dim2, first1, first2;
};
} // namespace

static std::optional<DiagonalAt> matchDiagonal(Value self, Value offset, Value dim1, Value dim2) {
  std::optional<int64_t> shift = matchInt(offset), a = matchDim(dim1, self),
                         b = matchDim(dim2, self);
  if (!shift || !a || !b || *a == *b)
    return std::nullopt;
  return DiagonalAt{*a, *b, std::max<int64_t>(-*shift, 0), std::max<int64_t>(*shift, 0)};
}

static std::optional<Sizes> diagonalSizes(Inference &r, Value self, Value offset, Value dim1,
                                          Value dim2) {
  if (failed(r.hasRank(self, 2, INT64_MAX)) || failed(r.hasDims(self, dim1)) ||
      failed(r.hasDims(self, dim2)))
    return std::nullopt;
  Sizes sizes = sizesOf(self);
  std::optional<int64_t> first = matchDim(dim1, self), second = matchDim(dim2, self);
  if (first && first == second) {
    (void)r.error("needs two dimensions");
    return std::nullopt;
  }
  auto at = matchDiagonal(self, offset, dim1, dim2);
  if (!sizes || !at)
    return Sizes();
  SmallVector<int64_t> result;
  for (auto [dim, size] : llvm::enumerate(*sizes))
    if (static_cast<int64_t>(dim) != at->dim1 && static_cast<int64_t>(dim) != at->dim2)
      result.push_back(size);
  int64_t size1 = (*sizes)[at->dim1], size2 = (*sizes)[at->dim2];
  bool unknown = ShapedType::isDynamic(size1) || ShapedType::isDynamic(size2);
  result.push_back(unknown
                       ? ShapedType::kDynamic
                       : std::max<int64_t>(std::min(size1 - at->first1, size2 - at->first2), 0));
  return Sizes(result);
}

LogicalResult DiagonalOp::infer(Adaptor op, Inference &r) {
  auto sizes = diagonalSizes(r, op.getSelf(), op.getOffset(), op.getDim1(), op.getDim2());
  return sizes ? r.tensor(*sizes, dtypeOf(op.getSelf())) : failure();
}
LogicalResult DiagonalScatterOp::infer(Adaptor op, Inference &r) {
  return inferScattered(r, op.getSelf(), op.getSrc(),
                        diagonalSizes(r, op.getSelf(), op.getOffset(), op.getDim1(), op.getDim2()));
}

Value DiagonalOp::scatter(TorchBuilder &b, Value base, Value update, unsigned) {
  return DiagonalScatterOp::create(b, base, update, getOffset(), getDim1(), getDim2());
}

static OpFoldResult diagonalLength(Lowering &b, Value self, const DiagonalAt &at) {
  OpFoldResult rows = subIndex(b, b.dim(self, at.dim1), b.getIndexAttr(at.first1));
  OpFoldResult columns = subIndex(b, b.dim(self, at.dim2), b.getIndexAttr(at.first2));
  return maxIndex(b, minIndex(b, rows, columns), b.getIndexAttr(0));
}

LogicalResult DiagonalOp::lowerToLinalg(Lowering &b) {
  Value self = Adaptor(b.operands).getSelf();
  auto at = matchDiagonal(getSelf(), getOffset(), getDim1(), getDim2());
  if (!at || !b.resultType())
    return b.unsupported("the dimensions or the rank of the operand are not constant");
  Type element = b.resultType().getElementType();
  IndexList sizes;
  SmallVector<AffineExpr> exprs;
  int64_t rank = b.resultType().getRank();
  for (int64_t dim = 0; dim <= rank; ++dim) {
    bool isDiagonal = dim == at->dim1 || dim == at->dim2;
    exprs.push_back(b.getAffineDimExpr(isDiagonal ? rank - 1 : sizes.size()));
    if (!isDiagonal)
      sizes.push_back(b.dim(self, dim));
  }
  OpFoldResult length = diagonalLength(b, self, *at), one = b.getIndexAttr(1);
  sizes.push_back(length);
  if (isZeroInteger(length))
    return b.replace(b.empty(sizes, element));
  // The square that holds the diagonal, from corner to corner.
  self = extractSlice(b, self, at->dim1, {b.getIndexAttr(at->first1), length, one});
  self = extractSlice(b, self, at->dim2, {b.getIndexAttr(at->first2), length, one});
  return b.replace(mapped(b, self, AffineMap::get(rank, 0, exprs, getContext()), sizes, element));
}

LogicalResult DiagonalScatterOp::lowerToLinalg(Lowering &b) {
  Adaptor op(b.operands);
  auto at = matchDiagonal(getSelf(), getOffset(), getDim1(), getDim2());
  auto srcType = dyn_cast<RankedTensorType>(op.getSrc().getType());
  if (!at || !srcType || !b.resultType())
    return b.unsupported("the dimensions or the rank of an operand are not constant");
  Value src = b.convert(op.getSrc(), dtypeOf(getSrc()), b.resultDtype()), self = op.getSelf();
  OpFoldResult length = diagonalLength(b, self, *at);
  if (isZeroInteger(length))
    return b.replace(self);
  // Position i of the diagonal is row first1 + i, column first2 + i; elsewhere any one is read.
  Value last = b.indexValue(maxIndex(b, subIndex(b, length, b.getIndexAttr(1)), b.getIndexAttr(0)));
  IndexList sizes = b.sizes(self);
  AffineMap identity = b.getMultiDimIdentityMap(sizes.size());
  Value result = mapped(b, self, identity, sizes, b.resultType().getElementType(),
                        [&](ImplicitLocOpBuilder &n, ValueRange x) -> Value {
                          auto relative = [&](int64_t dim, int64_t first) -> Value {
                            Value start = arith::ConstantIndexOp::create(n, first);
                            return arith::SubIOp::create(n, linalg::IndexOp::create(n, dim), start);
                          };
                          Value row = relative(at->dim1, at->first1),
                                column = relative(at->dim2, at->first2);
                          Value zero = arith::ConstantIndexOp::create(n, 0);
                          Value position =
                              arith::MaxSIOp::create(n, arith::MinSIOp::create(n, row, last), zero);
                          SmallVector<Value> indices;
                          for (int64_t dim = 0; dim < static_cast<int64_t>(sizes.size()); ++dim)
                            if (dim != at->dim1 && dim != at->dim2)
                              indices.push_back(linalg::IndexOp::create(n, dim));
                          indices.push_back(position);
                          Value update = tensor::ExtractOp::create(n, src, indices);
                          Value onDiagonal = arith::AndIOp::create(
                              n, arith::CmpIOp::create(n, arith::CmpIPredicate::eq, row, column),
                              arith::CmpIOp::create(n, arith::CmpIPredicate::eq, row, position));
                          return arith::SelectOp::create(n, onDiagonal, update, x[0]);
                        });
  return b.replace(result);
}

//===-- unfold and as_strided -----------------------------------------------------------------===//

LogicalResult UnfoldOp::infer(Adaptor op, Inference &r) {
  Sizes sizes = sizesOf(op.getSelf());
  std::optional<int64_t> dim = matchDim(op.getDimension(), op.getSelf());
  std::optional<int64_t> window = matchInt(op.getSize()), step = matchInt(op.getStep());
  if (failed(r.hasDims(op.getSelf(), op.getDimension())))
    return failure();
  if ((window && *window < 0) || (step && *step <= 0))
    return r.error("has a negative size or a step that is not positive");
  if (!sizes || !dim)
    return r.tensor(std::nullopt, dtypeOf(op.getSelf()));
  if (window && !ShapedType::isDynamic(sizes->empty() ? 1 : (*sizes)[*dim]) &&
      *window > (sizes->empty() ? 1 : (*sizes)[*dim]))
    return r.error("has a window larger than the dimension");
  if (!sizes->empty()) {
    int64_t &size = (*sizes)[*dim];
    if (!window || !step || ShapedType::isDynamic(size))
      size = ShapedType::kDynamic;
    else
      size = (size - *window) / *step + 1;
  }
  sizes->push_back(window.value_or(ShapedType::kDynamic));
  return r.tensor(sizes, dtypeOf(op.getSelf()));
}

// Windows may overlap.
Value UnfoldOp::scatter(TorchBuilder &, Value, Value, unsigned) { return nullptr; }

LogicalResult UnfoldOp::lowerToLinalg(Lowering &b) {
  Value self = Adaptor(b.operands).getSelf();
  std::optional<int64_t> dim = matchDim(getDimension(), getSelf()), window = matchInt(getSize()),
                         step = matchInt(getStep());
  if (!dim || !window || !step || !b.resultType())
    return b.unsupported("the dimension, window or step is not constant");
  IndexList sizes = b.sizes(self);
  int64_t rank = sizes.size();
  if (rank == 0)
    return b.replace(*window ? reshape(b, self, {}, {b.getIndexAttr(1)})
                             : b.empty({b.getIndexAttr(0)}, b.resultType().getElementType()));
  SmallVector<AffineExpr> exprs;
  for (int64_t i = 0; i < rank; ++i)
    exprs.push_back(b.getAffineDimExpr(i));
  exprs[*dim] = exprs[*dim] * *step + b.getAffineDimExpr(rank);
  OpFoldResult room = subIndex(b, sizes[*dim], b.getIndexAttr(*window));
  sizes[*dim] = addIndex(b, floorDivIndex(b, room, b.getIndexAttr(*step)), b.getIndexAttr(1));
  sizes.push_back(b.getIndexAttr(*window));
  return b.replace(mapped(b, self, AffineMap::get(rank + 1, 0, exprs, getContext()), sizes,
                          b.resultType().getElementType()));
}

LogicalResult AsStridedOp::infer(Adaptor op, Inference &r) {
  Sizes sizes = matchSizes(op.getSize());
  std::optional<SmallVector<Value>> strides = matchList(op.getStride());
  if (sizes && strides && sizes->size() != strides->size())
    return r.error("needs a stride for each size");
  for (Value stride : strides.value_or(SmallVector<Value>()))
    if (matchInt(stride).value_or(0) < 0)
      return r.error("has a negative stride");
  if (matchInt(op.getStorageOffset()).value_or(0) < 0)
    return r.error("has a negative offset");
  return r.tensor(matchSizes(op.getSize()), dtypeOf(op.getSelf()));
}

// Elements may overlap.
Value AsStridedOp::scatter(TorchBuilder &, Value, Value, unsigned) { return nullptr; }

LogicalResult AsStridedOp::lowerToLinalg(Lowering &b) {
  Value self = Adaptor(b.operands).getSelf();
  auto type = dyn_cast<RankedTensorType>(self.getType());
  auto sizes = b.indexList(getSize());
  auto strides = matchIntList(getStride());
  std::optional<int64_t> offset = isNone(getStorageOffset()) ? 0 : matchInt(getStorageOffset());
  if (!type || !type.hasStaticShape() || !b.resultType() || !b.resultType().hasStaticShape() ||
      !sizes || !strides || !offset)
    return b.unsupported("sizes, strides and offset must be constant");
  // The elements in order, as a contiguous operand has them in memory.
  int64_t elements = type.getNumElements(), rank = sizes->size(), last = *offset;
  AffineExpr position = b.getAffineConstantExpr(*offset);
  for (int64_t dim = 0; dim < rank; ++dim) {
    position = position + b.getAffineDimExpr(dim) * (*strides)[dim];
    int64_t reach = 0;
    if (__builtin_mul_overflow(b.resultType().getDimSize(dim) - 1, (*strides)[dim], &reach) ||
        __builtin_add_overflow(last, reach, &last))
      last = INT64_MAX;
  }
  if (b.resultType().getNumElements() == 0)
    return b.replace(b.empty(*sizes, type.getElementType()));
  if (last >= elements)
    return b.unsupported("it reaches beyond its operand, which is only supported where that is the "
                         "whole of its storage");
  Value flat = reshape(b, self, b.sizes(self), {b.getIndexAttr(elements)});
  return b.replace(
      mapped(b, flat, AffineMap::get(rank, 0, position), *sizes, type.getElementType()));
}

} // namespace linalgd::torch
