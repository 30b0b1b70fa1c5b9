// Reads at computed places: a linalg.generic over the result that extracts from the operand.
#include "compiler/ops/indexing/indexing.h"
#include "compiler/dialect/layout.h"
#include "compiler/ops/indexing/helpers.h"
#include "compiler/ops/selection/helpers.h"
#include "compiler/ops/view/helpers.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace linalgd::torch {

Value place(ImplicitLocOpBuilder &b, Value index, Value size, bool wraps) {
  if (!index.getType().isIndex())
    index = arith::IndexCastOp::create(b, b.getIndexType(), index);
  if (wraps) {
    Value zero = arith::ConstantIndexOp::create(b, 0);
    Value negative = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, index, zero);
    index = arith::SelectOp::create(b, negative, arith::AddIOp::create(b, index, size), index);
  }
  Value inside = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, index, size);
  cf::AssertOp::create(b, inside, "an index is out of range");
  return index;
}

void requireBroadcast(Lowering &b, OpFoldResult &size, OpFoldResult other) {
  if (!isOneInteger(size))
    requireEqual(b, other, size, "the indices of a tensor do not broadcast");
  size = other;
}

namespace {

// The indices of one result dimension each, read by `maps` over the result's `sizes`; `at` makes
// the place in `self` from the result's own and the indices.
using Places = llvm::function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, ValueRange indices)>;

Value readAt(Lowering &b, Value self, ArrayRef<OpFoldResult> sizes, ValueRange indices,
             SmallVector<AffineMap> maps, Places at) {
  auto type = cast<RankedTensorType>(self.getType());
  auto rank = static_cast<int64_t>(sizes.size());
  Value result = b.empty(sizes, type.getElementType());
  maps.push_back(b.getMultiDimIdentityMap(rank));
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, result.getType(), indices, ValueRange{result}, maps, iterators,
             [&](OpBuilder &nested, Location loc, ValueRange x) {
               ImplicitLocOpBuilder inner(loc, nested);
               SmallVector<Value> places = at(inner, x.drop_back());
               linalg::YieldOp::create(inner,
                                       tensor::ExtractOp::create(inner, self, places).getResult());
             })
      .getResult(0);
}

AffineMap dimsMap(Lowering &b, int64_t rank, ArrayRef<int64_t> dims) {
  SmallVector<AffineExpr> exprs;
  for (int64_t dim : dims)
    exprs.push_back(b.getAffineDimExpr(dim));
  return AffineMap::get(rank, 0, exprs, b.getContext());
}

// self.index_select with an index of any rank, whose dimensions stand in the place of `dim`.
LogicalResult lowerSelect(Lowering &b, Value self, int64_t dim, Value index) {
  auto selfRank = cast<RankedTensorType>(self.getType()).getRank();
  auto indexRank = cast<RankedTensorType>(index.getType()).getRank();
  SmallVector<OpFoldResult> selfSizes = b.sizes(self), sizes(selfSizes);
  sizes.erase(sizes.begin() + dim);
  SmallVector<OpFoldResult> indexSizes = b.sizes(index);
  sizes.insert(sizes.begin() + dim, indexSizes.begin(), indexSizes.end());
  SmallVector<int64_t> indexDims = llvm::to_vector(llvm::seq<int64_t>(dim, dim + indexRank));
  Value extent = b.indexValue(selfSizes[dim]);
  auto at = [&](ImplicitLocOpBuilder &inner, ValueRange indices) {
    SmallVector<Value> places;
    for (int64_t i = 0; i < selfRank; ++i)
      places.push_back(
          i == dim ? place(inner, indices[0], extent, false)
                   : linalg::IndexOp::create(inner, i < dim ? i : i + indexRank - 1).getResult());
    return places;
  };
  auto rank = static_cast<int64_t>(sizes.size());
  return b.replace(readAt(b, self, sizes, index, {dimsMap(b, rank, indexDims)}, at));
}

bool areRanked(ValueRange values) {
  return llvm::all_of(values, [](Value v) { return isa<RankedTensorType>(v.getType()); });
}

// There must be something to read where there is an index.
LogicalResult checkReadable(Inference &r, Value self, std::optional<int64_t> dim, Value index) {
  Sizes sizes = sizesOf(self), at = sizesOf(index);
  if (!sizes || sizes->empty() || !at || !dim || (*sizes)[*dim] != 0 ||
      llvm::is_contained(*at, 0) || llvm::is_contained(*at, ShapedType::kDynamic))
    return success();
  return r.error(Twine("reads from dimension ") + Twine(*dim) + ", which has no elements");
}

} // namespace

LogicalResult EmbeddingOp::infer(Adaptor op, Inference &r) {
  if (failed(r.hasRank(op.getWeight(), 2, 2, "the weight")) ||
      failed(r.isIndex(op.getIndices(), "indices")) ||
      failed(checkReadable(r, op.getWeight(), 0, op.getIndices())))
    return failure();
  Sizes sizes = sizesOf(op.getIndices()), weight = sizesOf(op.getWeight());
  if (sizes && weight)
    sizes->push_back(weight->back());
  else
    sizes = std::nullopt;
  return r.tensor(sizes, dtypeOf(op.getWeight()));
}
LogicalResult EmbeddingOp::lowerToLinalg(Lowering &b) {
  Adaptor op(b.operands);
  if (!areRanked({op.getWeight(), op.getIndices()}))
    return b.unsupported("the rank of an operand is unknown");
  return lowerSelect(b, op.getWeight(), 0, op.getIndices());
}

LogicalResult IndexSelectOp::infer(Adaptor op, Inference &r) {
  Sizes sizes = sizesOf(op.getSelf()), index = sizesOf(op.getIndex());
  std::optional<int64_t> dim = matchDim(op.getDim(), op.getSelf());
  if (failed(r.hasDims(op.getSelf(), op.getDim())) ||
      failed(r.isIndex(op.getIndex(), "the index")) ||
      failed(r.hasRank(op.getIndex(), 0, 1, "the index")) ||
      (sizes && sizes->empty() && index && !index->empty() &&
       failed(r.hasSizes(op.getIndex(), 1, "the index of a scalar"))) ||
      failed(checkReadable(r, op.getSelf(), dim, op.getIndex())))
    return failure();
  if (!sizes || !dim)
    return r.tensor(std::nullopt, dtypeOf(op.getSelf()));
  if (!sizes->empty())
    (*sizes)[*dim] = index ? (index->empty() ? 1 : index->front()) : ShapedType::kDynamic;
  return r.tensor(sizes, dtypeOf(op.getSelf()));
}
LogicalResult IndexSelectOp::lowerToLinalg(Lowering &b) {
  Adaptor op(b.operands);
  std::optional<int64_t> dim = matchDim(getDim(), getSelf());
  if (!areRanked({op.getSelf(), op.getIndex()}) || !dim)
    return b.unsupported("the rank of an operand or the dimension is unknown");
  if (cast<RankedTensorType>(op.getSelf().getType()).getRank() == 0)
    return b.replace(op.getSelf());
  Value index = op.getIndex();
  if (auto type = cast<RankedTensorType>(index.getType()); type.getRank() == 0)
    index = tensor::ExpandShapeOp::create(b, RankedTensorType::get({1}, type.getElementType()),
                                          index, ArrayRef<ReassociationIndices>());
  return lowerSelect(b, op.getSelf(), *dim, index);
}

LogicalResult GatherOp::infer(Adaptor op, Inference &r) {
  Sizes sizes = sizesOf(op.getSelf()), index = sizesOf(op.getIndex());
  std::optional<int64_t> dim = matchDim(op.getDim(), op.getSelf());
  bool empty = index && llvm::is_contained(*index, 0);
  if (failed(r.hasDims(op.getSelf(), op.getDim())))
    return failure();
  // An index without elements may be anything.
  if (!empty && (failed(r.isIndex(op.getIndex(), "the index")) ||
                 failed(checkReadable(r, op.getSelf(), dim, op.getIndex()))))
    return failure();
  if (sizes && index && !empty) {
    auto rank = [](const Sizes &of) { return std::max<size_t>(of->size(), 1); };
    bool fits = rank(sizes) == rank(index);
    for (size_t i = 0; fits && i < std::min(sizes->size(), index->size()); ++i)
      fits = static_cast<int64_t>(i) == dim || (*index)[i] <= (*sizes)[i] ||
             !differ((*index)[i], (*sizes)[i]);
    if (!fits)
      return r.error(Twine("an index of sizes ") + toString(*index) +
                     " does not fit in self, of sizes " + toString(*sizes));
  }
  return r.tensor(sizesOf(op.getIndex()), dtypeOf(op.getSelf()));
}
LogicalResult GatherOp::lowerToLinalg(Lowering &b) {
  Adaptor op(b.operands);
  std::optional<int64_t> dim = matchDim(getDim(), getSelf());
  if (!areRanked({op.getSelf(), op.getIndex()}) || !dim)
    return b.unsupported("the rank of an operand or the dimension is unknown");
  auto rank = cast<RankedTensorType>(op.getIndex().getType()).getRank();
  if (rank == 0 || cast<RankedTensorType>(op.getSelf().getType()).getRank() != rank)
    return b.unsupported("the operand or the index is a scalar");
  SmallVector<OpFoldResult> sizes = b.sizes(op.getIndex()), selfSizes = b.sizes(op.getSelf());
  for (int64_t i = 0; i < rank; ++i)
    if (i != *dim)
      requireAtMost(b, sizes[i], selfSizes[i], "the index of a gather is larger than its operand");
  Value extent = b.indexValue(selfSizes[*dim]);
  auto at = [&](ImplicitLocOpBuilder &inner, ValueRange indices) {
    SmallVector<Value> places;
    for (int64_t i = 0; i < rank; ++i)
      places.push_back(i == *dim ? place(inner, indices[0], extent, false)
                                 : linalg::IndexOp::create(inner, i).getResult());
    return places;
  };
  return b.replace(
      readAt(b, op.getSelf(), sizes, op.getIndex(), {b.getMultiDimIdentityMap(rank)}, at));
}

// As many places as are true; uint8 is a mask, too.
static Type placesType(MLIRContext *context) {
  return ValueTensorType::get(context, true, {ShapedType::kDynamic},
                              IntegerType::get(context, 64, IntegerType::Signed));
}

std::optional<SmallVector<Value>> lowerIndices(Lowering &b, ArrayRef<Value> indices) {
  SmallVector<Value> lowered;
  for (Value torchIndex : indices) {
    if (isNone(torchIndex)) {
      lowered.push_back(nullptr);
      continue;
    }
    Value index = b.lowered(strip(torchIndex));
    Type dtype = dtypeOf(strip(torchIndex));
    if (!index || !areRanked(index) || !dtype)
      return std::nullopt;
    if (isUnsignedDtype(dtype))
      llvm::append_range(lowered, maskPlaces(b, index, dtype));
    else
      lowered.push_back(index);
  }
  return lowered;
}

LogicalResult IndexTensorOp::infer(Adaptor op, Inference &r) {
  Sizes sizes = sizesOf(op.getSelf());
  Type dtype = dtypeOf(op.getSelf());
  std::optional<SmallVector<Value>> indices = matchList(op.getIndices());
  if (!sizes || !indices)
    return r.tensor(std::nullopt, dtype);
  SmallVector<Type> types;
  bool known = true;
  for (Value index : *indices) {
    Type indexDtype = dtypeOf(strip(index));
    if (indexDtype && !isIntDtype(indexDtype) && !isBoolDtype(indexDtype))
      return r.error("has an index that is of no integer dtype");
    Sizes mask = sizesOf(strip(index));
    if (isNone(index))
      types.push_back(nullptr);
    else if (indexDtype && !isUnsignedDtype(indexDtype))
      types.push_back(strip(index).getType());
    else if (indexDtype && mask)
      types.append(mask->size(), placesType(r.context));
    else
      known = false;
  }
  if (!known)
    return r.tensor(std::nullopt, dtype);
  if (types.size() > sizes->size())
    return r.error(Twine("has ") + Twine(types.size()) + " indices for " + Twine(sizes->size()) +
                   " dimensions");
  Advanced advanced((ArrayRef<Type>(types)));
  SmallVector<Type> tensors =
      llvm::map_to_vector(advanced.dims, [&](int64_t dim) { return types[dim]; });
  std::string error;
  std::optional<Sizes> broadcast = broadcastSizes(tensors, error);
  if (!broadcast)
    return r.error(error);
  bool reads = *broadcast && !llvm::is_contained(**broadcast, 0);
  for (int64_t dim : advanced.dims)
    if (reads && dim < static_cast<int64_t>(sizes->size()) && (*sizes)[dim] == 0)
      return r.error(Twine("reads from dimension ") + Twine(dim) + ", which has no elements");
  if (!*broadcast || advanced.dims.empty() ||
      advanced.dims.back() >= static_cast<int64_t>(sizes->size()))
    return r.tensor(std::nullopt, dtype);
  for (int64_t dim : llvm::reverse(advanced.dims))
    sizes->erase(sizes->begin() + dim);
  sizes->insert(sizes->begin() + advanced.first, (*broadcast)->begin(), (*broadcast)->end());
  return r.tensor(sizes, dtype);
}

LogicalResult IndexTensorOp::lowerToLinalg(Lowering &b) {
  Value self = b.operands[0];
  std::optional<SmallVector<Value>> indices = matchList(getIndices());
  RankedTensorType resultType = b.resultType();
  if (!indices || !resultType || !areRanked(self))
    return b.unsupported("the rank of the operand or the indices are unknown");
  std::optional<SmallVector<Value>> lowered = lowerIndices(b, *indices);
  if (!lowered)
    return b.unsupported("the rank or the dtype of an index is unknown");
  Advanced advanced((ArrayRef<Value>(*lowered)));
  SmallVector<Value> tensors;
  int64_t broadcastRank = 0;
  for (int64_t dim : advanced.dims) {
    tensors.push_back((*lowered)[dim]);
    broadcastRank =
        std::max(broadcastRank, cast<RankedTensorType>(tensors.back().getType()).getRank());
  }

  int64_t rank = resultType.getRank(), selfRank = cast<RankedTensorType>(self.getType()).getRank();
  SmallVector<OpFoldResult> selfSizes = b.sizes(self), sizes;
  for (int64_t i = 0; i < selfRank; ++i)
    if (!llvm::is_contained(advanced.dims, i))
      sizes.push_back(selfSizes[i]);
  SmallVector<OpFoldResult> indexSizes(broadcastRank, b.getIndexAttr(1));
  SmallVector<AffineMap> maps;
  for (Value index : tensors) {
    auto type = cast<RankedTensorType>(index.getType());
    SmallVector<AffineExpr> exprs;
    for (int64_t i = 0; i < type.getRank(); ++i) {
      int64_t at = broadcastRank - type.getRank() + i;
      bool one = type.getDimSize(i) == 1;
      exprs.push_back(one ? b.getAffineConstantExpr(0) : b.getAffineDimExpr(advanced.first + at));
      if (one)
        continue;
      requireBroadcast(b, indexSizes[at], b.dim(index, i));
    }
    maps.push_back(AffineMap::get(rank, 0, exprs, b.getContext()));
  }
  sizes.insert(sizes.begin() + advanced.first, indexSizes.begin(), indexSizes.end());

  SmallVector<Value> extents;
  for (int64_t dim : advanced.dims) {
    extents.push_back(b.indexValue(selfSizes[dim]));
  }
  auto at = [&](ImplicitLocOpBuilder &inner, ValueRange values) {
    SmallVector<Value> places;
    for (int64_t i = 0, plain = 0, next = 0; i < selfRank; ++i) {
      if (llvm::is_contained(advanced.dims, i)) {
        places.push_back(place(inner, values[next], extents[next], true));
        ++next;
        continue;
      }
      int64_t resultDim = plain < advanced.first ? plain : plain + broadcastRank;
      places.push_back(linalg::IndexOp::create(inner, resultDim));
      ++plain;
    }
    return places;
  };
  return b.replace(readAt(b, self, sizes, tensors, maps, at));
}

} // namespace linalgd::torch
