// Writes at computed places: loops over the elements to write, one after another, since places may
// repeat.
#include "compiler/dialect/layout.h"
#include "compiler/dialect/pointwise.h"
#include "compiler/ops/indexing/helpers.h"
#include "compiler/ops/indexing/indexing.h"
#include "compiler/ops/selection/helpers.h"
#include "compiler/ops/view/helpers.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace linalgd::torch {
namespace {

struct Element {
  SmallVector<Value> places; // in self
  Value value;
};
using ElementAt = llvm::function_ref<Element(ImplicitLocOpBuilder &, ValueRange at)>;

// `self` after one write for each position within `sizes`.
Value writeAll(Lowering &b, Value self, ArrayRef<OpFoldResult> sizes, bool adds,
               ElementAt element) {
  Type dtype = b.resultDtype();
  Value zero = b.indexValue(b.getIndexAttr(0)), one = b.indexValue(b.getIndexAttr(1));
  SmallVector<Value> begins(sizes.size(), zero), ends, steps(sizes.size(), one);
  for (OpFoldResult size : sizes)
    ends.push_back(b.indexValue(size));
  scf::LoopNest nest = scf::buildLoopNest(
      b, b.getLoc(), begins, ends, steps, self,
      [&](OpBuilder &nested, Location loc, ValueRange at, ValueRange state) -> scf::ValueVector {
        ScalarBuilder s(loc, nested, dtype);
        Element written = element(s, at);
        Value value = written.value;
        if (adds)
          value = s.add(tensor::ExtractOp::create(s, state[0], written.places), value);
        return {tensor::InsertOp::create(s, value, state[0], written.places).getResult()};
      });
  return nest.results.front();
}

bool isRanked(Value value) { return isa<RankedTensorType>(value.getType()); }
int64_t rankOf(Value value) { return cast<RankedTensorType>(value.getType()).getRank(); }

// `source` is a tensor that is read at the positions of `index`, or a scalar.
LogicalResult lowerScatter(Lowering &b, Value dimension, Value source, bool adds) {
  Value self = b.operands[0], index = b.operands[2];
  std::optional<int64_t> dim = matchDim(dimension, b.op->getOperand(0));
  if (!isRanked(self) || !isRanked(index) || !dim)
    return b.unsupported("the rank of an operand or the dimension is unknown");
  bool isTensor = isa<TensorType>(source.getType());
  if (rankOf(self) != rankOf(index) || rankOf(self) == 0 ||
      (isTensor && (!isRanked(source) || rankOf(source) != rankOf(self))))
    return b.unsupported("the operands are not of one rank, or are scalars");
  SmallVector<OpFoldResult> sizes = b.sizes(index), selfSizes = b.sizes(self);
  for (int64_t i = 0; i < rankOf(self); ++i) {
    if (i != *dim)
      requireAtMost(b, sizes[i], selfSizes[i], "the index of a scatter is larger than its operand");
    if (isTensor)
      requireAtMost(b, sizes[i], b.dim(source, i),
                    "the index of a scatter is larger than its source");
  }
  Value extent = b.indexValue(selfSizes[*dim]);
  return b.replace(
      writeAll(b, self, sizes, adds, [&](ImplicitLocOpBuilder &inner, ValueRange at) -> Element {
        SmallVector<Value> places(at);
        places[*dim] = place(inner, tensor::ExtractOp::create(inner, index, at), extent, false);
        Value value = isTensor ? tensor::ExtractOp::create(inner, source, at).getResult() : source;
        return {places, value};
      }));
}

// The parts of self along `dim` that `index` names, from those of `source` (or from a scalar).
LogicalResult lowerIndexed(Lowering &b, Value dimension, Value source, bool adds) {
  Value self = b.operands[0], index = b.operands[2];
  std::optional<int64_t> dim = matchDim(dimension, b.op->getOperand(0));
  if (!isRanked(self) || !isRanked(index) || !dim)
    return b.unsupported("the rank of an operand or the dimension is unknown");
  bool isTensor = isa<TensorType>(source.getType());
  if (rankOf(self) == 0 || rankOf(index) > 1 ||
      (isTensor && (!isRanked(source) || rankOf(source) != rankOf(self))))
    return b.unsupported("an operand is a scalar, or the operands are not of one rank");
  SmallVector<OpFoldResult> sizes = b.sizes(self), given = isTensor ? b.sizes(source) : sizes;
  OpFoldResult count = rankOf(index) ? b.dim(index, 0) : OpFoldResult(b.getIndexAttr(1));
  for (int64_t i = 0; isTensor && i < rankOf(self); ++i) {
    constexpr StringLiteral kUnequal = "what an index names and what is written have other sizes";
    OpFoldResult expected = i == *dim ? count : sizes[i];
    requireAtMost(b, given[i], expected, kUnequal);
    requireAtMost(b, expected, given[i], kUnequal);
  }
  Value extent = b.indexValue(sizes[*dim]);
  sizes[*dim] = count;
  return b.replace(
      writeAll(b, self, sizes, adds, [&](ImplicitLocOpBuilder &inner, ValueRange at) -> Element {
        SmallVector<Value> places(at);
        SmallVector<Value> named(rankOf(index), at[*dim]);
        places[*dim] = place(inner, tensor::ExtractOp::create(inner, index, named), extent, false);
        Value value = isTensor ? tensor::ExtractOp::create(inner, source, at).getResult() : source;
        return {places, value};
      }));
}

// self[mask] = value for one value: the same as where(mask, value, self).
Value writeMasked(Lowering &b, Value self, Value mask, Type maskDtype, Value value) {
  int64_t rank = rankOf(self);
  AffineMap all = b.getMultiDimIdentityMap(rank), leading = all.getMajorSubMap(rankOf(mask)),
            none = AffineMap::get(rank, 0, b.getContext());
  return mapped(b, {self, mask, value}, {all, leading, none}, b.sizes(self),
                getElementTypeOrSelf(self),
                [&](ImplicitLocOpBuilder &inner, ValueRange x) -> Value {
                  Value chosen = convertScalar(inner, x[1], maskDtype, inner.getI1Type());
                  return arith::SelectOp::create(inner, chosen, x[2], x[0]);
                });
}

} // namespace

LogicalResult ScatterSrcOp::lowerToLinalg(Lowering &b) {
  return lowerScatter(b, getDim(), b.operands[3], false);
}
LogicalResult ScatterAddOp::lowerToLinalg(Lowering &b) {
  return lowerScatter(b, getDim(), b.operands[3], true);
}
LogicalResult ScatterValueOp::lowerToLinalg(Lowering &b) {
  Value value = convertScalar(b, b.operands[3], dtypeOf(getValue()), b.resultDtype());
  return lowerScatter(b, getDim(), value, false);
}

LogicalResult IndexCopyOp::lowerToLinalg(Lowering &b) {
  return lowerIndexed(b, getDim(), b.operands[3], false);
}
LogicalResult IndexAddOp::lowerToLinalg(Lowering &b) {
  if (matchInt(getAlpha()) != 1 && matchFloat(getAlpha()) != 1.0)
    return b.unsupported("alpha is not 1");
  return lowerIndexed(b, getDim(), b.operands[3], true);
}
LogicalResult IndexFillIntScalarOp::lowerToLinalg(Lowering &b) {
  Value value = convertScalar(b, b.operands[3], dtypeOf(getValue()), b.resultDtype());
  return lowerIndexed(b, getDim(), value, false);
}

LogicalResult IndexPutOp::lowerToLinalg(Lowering &b) {
  Value self = b.operands[0], values = b.operands[2];
  std::optional<SmallVector<Value>> torchIndices = matchList(getIndices());
  std::optional<bool> adds = matchBool(getAccumulate());
  if (!torchIndices || !adds || !isRanked(self) || !isRanked(values))
    return b.unsupported("the rank of an operand, the indices or `accumulate` are unknown");
  values = b.convert(values, dtypeOf(getValues()), b.resultDtype());
  if (torchIndices->size() == 1 && rankOf(values) == 0 && !*adds) {
    Value torchMask = strip(torchIndices->front()), mask = b.lowered(torchMask);
    Type dtype = dtypeOf(torchMask);
    if (dtype && isUnsignedDtype(dtype) && mask && isRanked(mask) && rankOf(mask) <= rankOf(self))
      return b.replace(writeMasked(b, self, mask, dtype, values));
  }
  std::optional<SmallVector<Value>> lowered = lowerIndices(b, *torchIndices);
  if (!lowered || static_cast<int64_t>(lowered->size()) > rankOf(self))
    return b.unsupported("the rank or the dtype of an index is unknown");
  Advanced advanced((ArrayRef<Value>(*lowered)));
  SmallVector<Value> indices;
  int64_t broadcastRank = 0, selfRank = rankOf(self);
  for (int64_t dim : advanced.dims) {
    indices.push_back((*lowered)[dim]);
    broadcastRank = std::max(broadcastRank, rankOf(indices.back()));
  }
  SmallVector<OpFoldResult> selfSizes = b.sizes(self), sizes,
                            indexSizes(broadcastRank, b.getIndexAttr(1));
  for (Value index : indices)
    for (int64_t i = 0, rank = rankOf(index); i < rank; ++i)
      if (cast<RankedTensorType>(index.getType()).getDimSize(i) != 1)
        requireBroadcast(b, indexSizes[broadcastRank - rank + i], b.dim(index, i));
  for (int64_t i = 0; i < selfRank; ++i)
    if (!llvm::is_contained(advanced.dims, i))
      sizes.push_back(selfSizes[i]);
  sizes.insert(sizes.begin() + advanced.first, indexSizes.begin(), indexSizes.end());
  if (rankOf(values) > static_cast<int64_t>(sizes.size()))
    return b.unsupported("the values have more dimensions than what they are written to");

  for (int64_t i = 0, rank = rankOf(values), skipped = sizes.size() - rank; i < rank; ++i)
    if (cast<RankedTensorType>(values.getType()).getDimSize(i) != 1)
      requireEqual(b, b.dim(values, i), sizes[skipped + i],
                   "the values to write do not broadcast to the places");
  SmallVector<Value> extents;
  for (int64_t dim : advanced.dims)
    extents.push_back(b.indexValue(selfSizes[dim]));
  return b.replace(
      writeAll(b, self, sizes, *adds, [&](ImplicitLocOpBuilder &inner, ValueRange at) -> Element {
        ValueRange indexed = at.slice(advanced.first, broadcastRank);
        SmallVector<Value> plain(at.take_front(advanced.first)), places;
        llvm::append_range(plain, at.drop_front(advanced.first + broadcastRank));
        for (int64_t i = 0, next = 0, unindexed = 0; i < selfRank; ++i) {
          if (!llvm::is_contained(advanced.dims, i)) {
            places.push_back(plain[unindexed++]);
            continue;
          }
          places.push_back(
              place(inner, readBroadcast(inner, indices[next], indexed), extents[next], true));
          ++next;
        }
        return {places, readBroadcast(inner, values, at)};
      }));
}

} // namespace linalgd::torch
