// Views of some of the elements, and their inverses.
#include "compiler/dialect/layout.h"
#include "compiler/ops/view/helpers.h"
#include "compiler/ops/view/view.h"

using namespace mlir;

namespace linalgd::torch {

//===-- select --------------------------------------------------------------------------------===//

LogicalResult SelectIntOp::infer(Adaptor op, Inference &r) {
  Sizes sizes = sizesOf(op.getSelf());
  if (!sizes || !matchInt(op.getDim()))
    return r.tensor(std::nullopt, dtypeOf(op.getSelf()));
  std::optional<int64_t> dim = matchDim(op.getDim(), op.getSelf());
  if (!dim || sizes->empty())
    return r.error("has a dimension out of range");
  std::optional<int64_t> index = matchInt(op.getIndex());
  int64_t size = (*sizes)[*dim];
  if (index && !ShapedType::isDynamic(size) && (*index < -size || *index >= size))
    return r.error(Twine("has index ") + Twine(*index) + ", out of range for size " + Twine(size));
  sizes->erase(sizes->begin() + *dim);
  return r.tensor(sizes, dtypeOf(op.getSelf()));
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
    // PyTorch raises where the index is out of range; here the nearest one is meant.
    if (!getConstantIntValue(index) || !getConstantIntValue(sizes[dim])) {
      OpFoldResult last = subIndex(b, sizes[dim], b.getIndexAttr(1));
      index = maxIndex(b, minIndex(b, index, last), b.getIndexAttr(0));
    }
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

LogicalResult SliceTensorOp::infer(Adaptor op, Inference &r) {
  Sizes sizes = sizesOf(op.getSelf());
  if (!sizes)
    return r.tensor(std::nullopt, dtypeOf(op.getSelf()));
  std::optional<int64_t> dim = matchDim(op.getDim(), op.getSelf());
  if (matchInt(op.getDim()) && (!dim || sizes->empty()))
    return r.error("has a dimension out of range");
  if (std::optional<int64_t> step = matchInt(op.getStep()); step && *step <= 0)
    return r.error("must have a positive step");
  if (!dim)
    return r.tensor(SmallVector<int64_t>(sizes->size(), ShapedType::kDynamic),
                    dtypeOf(op.getSelf()));
  (*sizes)[*dim] = inferSliceSize((*sizes)[*dim], op.getStart(), op.getEnd(), op.getStep());
  return r.tensor(sizes, dtypeOf(op.getSelf()));
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
  if (!ShapedType::isDynamic(known))
    slice.size = b.getIndexAttr(known);
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
  Sizes sizes = sizesOf(op.getSelf());
  std::optional<int64_t> dim = matchDim(op.getDim(), op.getSelf());
  if (!sizes || !dim || sizes->empty())
    return r.tensor(std::nullopt, dtypeOf(op.getSelf()));
  (*sizes)[*dim] = matchInt(op.getLength()).value_or(ShapedType::kDynamic);
  return r.tensor(sizes, dtypeOf(op.getSelf()));
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
  if (int64_t known = b.resultType().getDimSize(*dim); !ShapedType::isDynamic(known))
    length = b.getIndexAttr(known);
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

LogicalResult DiagonalOp::infer(Adaptor op, Inference &r) {
  Sizes sizes = sizesOf(op.getSelf());
  auto at = matchDiagonal(op.getSelf(), op.getOffset(), op.getDim1(), op.getDim2());
  if (!sizes || !at)
    return r.tensor(std::nullopt, dtypeOf(op.getSelf()));
  SmallVector<int64_t> result;
  for (auto [dim, size] : llvm::enumerate(*sizes))
    if (static_cast<int64_t>(dim) != at->dim1 && static_cast<int64_t>(dim) != at->dim2)
      result.push_back(size);
  int64_t size1 = (*sizes)[at->dim1], size2 = (*sizes)[at->dim2];
  bool unknown = ShapedType::isDynamic(size1) || ShapedType::isDynamic(size2);
  int64_t length = std::min(size1 - at->first1, size2 - at->first2);
  result.push_back(unknown ? ShapedType::kDynamic : std::max<int64_t>(length, 0));
  return r.tensor(result, dtypeOf(op.getSelf()));
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
  if (!sizes || !dim)
    return r.tensor(std::nullopt, dtypeOf(op.getSelf()));
  if (!sizes->empty()) {
    int64_t &size = (*sizes)[*dim];
    if (!window || !step || ShapedType::isDynamic(size))
      size = ShapedType::kDynamic;
    else if (*window > size || *window < 0 || *step <= 0)
      return r.error("has a window larger than the dimension or a step that is not positive");
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
    last += (b.resultType().getDimSize(dim) - 1) * (*strides)[dim];
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
