// Permutations of dimensions and broadcasts.
#include "compiler/dialect/layout.h"
#include "compiler/ops/view/helpers.h"
#include "compiler/ops/view/view.h"

#include <numeric>

using namespace mlir;

namespace linalgd::torch {

std::optional<int64_t> matchDim(Value dim, Value self) {
  Sizes sizes = sizesOf(self);
  std::optional<int64_t> index = matchInt(dim);
  return sizes && index ? normalizeDim(*index, sizes->size()) : std::nullopt;
}

//===-- orders --------------------------------------------------------------------------------===//

static DimOrder identityOrder(Value self) {
  Sizes sizes = sizesOf(self);
  if (!sizes)
    return std::nullopt;
  SmallVector<int64_t> order(sizes->size());
  std::iota(order.begin(), order.end(), 0);
  return order;
}

DimOrder swapDims(Value self, Value dim0, Value dim1) {
  DimOrder order = identityOrder(self);
  std::optional<int64_t> a = matchDim(dim0, self), b = matchDim(dim1, self);
  if (!order || !a || !b)
    return std::nullopt;
  if (!order->empty())
    std::swap((*order)[*a], (*order)[*b]);
  return order;
}

DimOrder swapLastDims(Value self) {
  DimOrder order = identityOrder(self);
  if (!order || order->size() < 2)
    return std::nullopt;
  std::swap(order->back(), *(order->end() - 2));
  return order;
}

DimOrder reverseDims(Value self) {
  DimOrder order = identityOrder(self);
  if (order)
    std::reverse(order->begin(), order->end());
  return order;
}

static std::optional<SmallVector<int64_t>> matchIntOrList(Value value) {
  if (std::optional<int64_t> single = matchInt(value))
    return SmallVector<int64_t>{*single};
  return matchIntList(value);
}

DimOrder moveDims(Value self, Value source, Value destination) {
  Sizes sizes = sizesOf(self);
  auto from = matchIntOrList(source), to = matchIntOrList(destination);
  if (!sizes || !from || !to || from->size() != to->size())
    return std::nullopt;
  int64_t rank = sizes->size();
  SmallVector<int64_t> order(rank, -1);
  SmallVector<bool> moved(rank);
  for (auto [source, target] : llvm::zip(*from, *to)) {
    std::optional<int64_t> a = normalizeDim(source, rank), b = normalizeDim(target, rank);
    if (!a || !b)
      return std::nullopt;
    if (rank == 0)
      continue;
    order[*b] = *a;
    moved[*a] = true;
  }
  int64_t next = 0;
  for (int64_t &dim : order) {
    if (dim >= 0)
      continue;
    while (moved[next])
      ++next;
    dim = next++;
  }
  return order;
}

static DimOrder matchOrder(PermuteOp op, Value self) {
  Sizes sizes = sizesOf(self);
  std::optional<SmallVector<int64_t>> dims = matchIntList(op.getDims());
  if (!sizes || !dims || dims->size() != sizes->size())
    return std::nullopt;
  for (int64_t &dim : *dims) {
    std::optional<int64_t> normal = normalizeDim(dim, sizes->size());
    if (!normal)
      return std::nullopt;
    dim = *normal;
  }
  return dims;
}

LogicalResult inferPermuted(Inference &r, Value self, const DimOrder &order, ValueRange dims) {
  Sizes sizes = sizesOf(self);
  bool known = sizes.has_value();
  for (Value given : dims) {
    if (failed(r.hasDims(self, given)))
      return failure();
    known &= matchInt(given) || matchIntList(given);
  }
  if (known && !order)
    return r.error("has dimensions that do not go together");
  if (!sizes || !order)
    return r.tensor(std::nullopt, dtypeOf(self));
  SmallVector<int64_t> result;
  for (int64_t dim : *order)
    result.push_back((*sizes)[dim]);
  return r.tensor(result, dtypeOf(self));
}

LogicalResult decomposePermuted(Decomposition &b, Value self, const DimOrder &order) {
  if (!order)
    return failure();
  if (llvm::equal(*order, llvm::seq<int64_t>(0, order->size())))
    return b.replace(self);
  return b.replace(PermuteOp::create(b, self, b.intList(ArrayRef<int64_t>(*order))));
}

Value unpermute(TorchBuilder &b, Value update, const DimOrder &order) {
  if (!order)
    return nullptr;
  SmallVector<int64_t> inverse(order->size());
  for (auto [index, dim] : llvm::enumerate(*order))
    inverse[dim] = index;
  return PermuteOp::create(b, update, b.intList(ArrayRef<int64_t>(inverse)));
}

//===-- permute -------------------------------------------------------------------------------===//

LogicalResult PermuteOp::infer(Adaptor op, Inference &r) {
  Sizes sizes = sizesOf(op.getSelf());
  std::optional<SmallVector<int64_t>> dims = matchIntList(op.getDims());
  if (!sizes || !dims)
    return r.tensor(std::nullopt, dtypeOf(op.getSelf()));
  int64_t rank = sizes->size();
  if (static_cast<int64_t>(dims->size()) != rank)
    return r.error("must name every dimension once");
  SmallVector<bool> seen(rank);
  for (int64_t &dim : *dims) {
    std::optional<int64_t> normal = normalizeDim(dim, rank);
    if (!normal || seen[*normal])
      return r.error("must name every dimension once");
    dim = *normal;
    seen[dim] = true;
  }
  return inferPermuted(r, op.getSelf(), dims, {});
}

Value PermuteOp::scatter(TorchBuilder &b, Value base, Value update, unsigned /*index*/) {
  return unpermute(b, update, matchOrder(*this, base));
}

LogicalResult PermuteOp::lowerToLinalg(Lowering &b) {
  Value self = Adaptor(b.operands).getSelf();
  DimOrder order = matchOrder(*this, getSelf());
  if (!order || !b.resultType())
    return b.unsupported("the dimensions or the rank of the operand are not constant");
  IndexList inSizes = b.sizes(self), outSizes;
  SmallVector<int64_t> moved; // leaving out sizes of one
  for (int64_t dim : *order) {
    outSizes.push_back(inSizes[dim]);
    if (!isOneInteger(inSizes[dim]))
      moved.push_back(dim);
  }
  if (llvm::is_sorted(moved))
    return b.replace(reshape(b, self, inSizes, outSizes));
  Type element = cast<RankedTensorType>(self.getType()).getElementType();
  return b.replace(
      linalg::TransposeOp::create(b, self, b.empty(outSizes, element), *order).getResult());
}

//===-- expand --------------------------------------------------------------------------------===//

static LogicalResult inferExpanded(Inference &r, Value self, const Sizes &given) {
  Sizes sizes = sizesOf(self);
  if (!given || !sizes)
    return r.tensor(std::nullopt, dtypeOf(self));
  if (given->size() < sizes->size())
    return r.error("has fewer sizes than the operand has dimensions");
  SmallVector<int64_t> result(*given);
  size_t added = given->size() - sizes->size();
  for (auto [index, size] : llvm::enumerate(*sizes)) {
    int64_t &into = result[added + index];
    if (into == -1 || (ShapedType::isDynamic(into) && size != 1))
      into = size;
    else if (size != 1 && !ShapedType::isDynamic(size) && size != into)
      return r.error(Twine("cannot expand size ") + Twine(size) + " to " + Twine(into));
  }
  return r.tensor(result, dtypeOf(self));
}

LogicalResult ExpandOp::infer(Adaptor op, Inference &r) {
  return inferExpanded(r, op.getSelf(), matchSizes(op.getSize()));
}
LogicalResult ExpandAsOp::infer(Adaptor op, Inference &r) {
  return inferExpanded(r, op.getSelf(), sizesOf(op.getOther()));
}
LogicalResult BroadcastToOp::infer(Adaptor op, Inference &r) {
  return inferExpanded(r, op.getSelf(), matchSizes(op.getSize()));
}

// Several elements of the result are one of the operand: PyTorch does not write there either.
Value ExpandOp::scatter(TorchBuilder &, Value, Value, unsigned) { return nullptr; }
Value ExpandAsOp::scatter(TorchBuilder &, Value, Value, unsigned) { return nullptr; }
Value BroadcastToOp::scatter(TorchBuilder &, Value, Value, unsigned) { return nullptr; }

LogicalResult ExpandAsOp::decompose(Decomposition &b) {
  if (!sizesOf(getOther()))
    return failure();
  return b.replace(ExpandOp::create(b, getSelf(), b.sizeList(getOther()), b.constBool(false)));
}
LogicalResult BroadcastToOp::decompose(Decomposition &b) {
  return b.replace(ExpandOp::create(b, getSelf(), getSize(), b.constBool(false)));
}

LogicalResult ExpandOp::lowerToLinalg(Lowering &b) {
  Value self = Adaptor(b.operands).getSelf();
  std::optional<SmallVector<Value>> given = matchList(getSize());
  auto type = dyn_cast<RankedTensorType>(self.getType());
  if (!given || !type || !b.resultType())
    return b.unsupported("the rank of the operand or of the result is unknown");
  int64_t rank = given->size(), added = rank - type.getRank();
  IndexList sizes;
  SmallVector<AffineExpr> exprs;
  bool stretches = false;
  for (int64_t dim = 0; dim < rank; ++dim) {
    int64_t from = dim < added ? 1 : type.getDimSize(dim - added);
    int64_t known = b.resultType().getDimSize(dim);
    if (ShapedType::isDynamic(from) && matchInt((*given)[dim]) != -1)
      requireEqual(b, b.dim(self, dim - added), b.index((*given)[dim]),
                   "a size that is not 1 cannot be expanded");
    if (from != 1 || matchInt((*given)[dim]) == -1) // unknown sizes are not 1
      sizes.push_back(b.dim(self, dim - added));
    else
      sizes.push_back(ShapedType::isDynamic(known) ? b.index((*given)[dim])
                                                   : OpFoldResult(b.getIndexAttr(known)));
    if (dim < added)
      continue;
    bool stretched = from == 1 && !isOneInteger(sizes.back());
    stretches |= stretched;
    exprs.push_back(stretched ? b.getAffineConstantExpr(0) : b.getAffineDimExpr(dim));
  }
  if (added == 0 && !stretches)
    return b.replace(self);
  if (!stretches) {
    Value init = b.empty(sizes, type.getElementType());
    SmallVector<int64_t> dims = llvm::to_vector(llvm::seq<int64_t>(0, added));
    return b.replace(linalg::BroadcastOp::create(b, self, init, dims).getResults());
  }
  AffineMap map = AffineMap::get(rank, 0, exprs, getContext());
  return b.replace(mapped(b, self, map, sizes, type.getElementType()));
}

} // namespace linalgd::torch
