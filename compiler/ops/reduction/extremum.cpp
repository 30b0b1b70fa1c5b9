// Largest and least elements together with their positions.
#include "compiler/dialect/pointwise.h"
#include "compiler/ops/reduction/helpers.h"
#include "compiler/ops/reduction/reduction.h"
#include "compiler/ops/view/helpers.h"
#include "compiler/ops/view/view.h"

using namespace mlir;

namespace linalgd::torch {

template <typename Adaptor> static LogicalResult inferPlaced(Adaptor op, Inference &r) {
  if (failed(inferReduced(r, op.getSelf(), op.getDim(), op.getKeepdim(), dtypeOf(op.getSelf()))))
    return failure();
  return inferReduced(r, op.getSelf(), op.getDim(), op.getKeepdim(), r.si64());
}
LogicalResult MaxDimOp::infer(Adaptor op, Inference &r) { return inferPlaced(op, r); }
LogicalResult MinDimOp::infer(Adaptor op, Inference &r) { return inferPlaced(op, r); }

static LogicalResult lowerPlaced(Lowering &b, Value given, Value keep, bool largest) {
  Value self = b.operands[0];
  auto type = dyn_cast<RankedTensorType>(self.getType());
  std::optional<int64_t> dim = matchDim(given, b.op->getOperand(0));
  std::optional<bool> keepDim = matchBool(keep);
  Type dtype = b.resultDtype();
  if (!type || !dim || !keepDim || !dtype)
    return b.unsupported("the rank of the operand or the dimension is unknown");
  int64_t rank = type.getRank();
  if (rank == 0)
    return b.replace({self, b.zeros({}, b.getI64Type())});
  SmallVector<OpFoldResult> kept = b.sizes(self);
  kept.erase(kept.begin() + *dim);
  Value values = b.filled(kept, extremeValue(b, dtype, !largest));
  Value places = b.zeros(kept, b.getI64Type());
  SmallVector<AffineExpr> exprs;
  for (int64_t i = 0; i < rank; ++i)
    if (i != *dim)
      exprs.push_back(b.getAffineDimExpr(i));
  AffineMap map = AffineMap::get(rank, 0, exprs, b.getContext());
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  iterators[*dim] = utils::IteratorType::reduction;
  auto generic = linalg::GenericOp::create(
      b, TypeRange{values.getType(), places.getType()}, ValueRange{self},
      ValueRange{values, places}, {b.getMultiDimIdentityMap(rank), map, map}, iterators,
      [&](OpBuilder &nested, Location loc, ValueRange x) {
        ScalarBuilder s(loc, nested, dtype);
        Value better = largest ? s.gt(x[0], x[1]) : s.lt(x[0], x[1]);
        if (s.isFloat()) {
          Value isFirstNan =
              s.make<arith::AndIOp>(s.isNan(x[0]), s.eq(x[1], x[1])); // x[1] is a number
          better = s.make<arith::OrIOp>(better, isFirstNan);
        }
        Value at = arith::IndexCastOp::create(s, s.getI64Type(), linalg::IndexOp::create(s, *dim));
        linalg::YieldOp::create(
            s, ValueRange{s.select(better, x[0], x[1]), s.select(better, at, x[2])});
      });
  SmallVector<Value> results(generic.getResults());
  if (*keepDim)
    for (Value &result : results)
      result = keepReduced(b, result, self, *dim);
  return b.replace(results);
}
LogicalResult MaxDimOp::lowerToLinalg(Lowering &b) {
  return lowerPlaced(b, getDim(), getKeepdim(), true);
}
LogicalResult MinDimOp::lowerToLinalg(Lowering &b) {
  return lowerPlaced(b, getDim(), getKeepdim(), false);
}

// `Placed` is MaxDimOp or MinDimOp. Without a dimension the position is that in memory.
template <typename Placed>
static LogicalResult decomposePlace(Decomposition &b, Value self, Value dim, Value keep) {
  Sizes sizes = sizesOf(self);
  if (!sizes)
    return failure();
  if (!isNone(dim))
    return b.replace(Placed::create(b, self, strip(dim), keep).getIndices());
  std::optional<bool> keepDims = matchBool(keep);
  if (!keepDims)
    return failure();
  Value flat = FlattenUsingIntsOp::create(b, self, b.constInt(0), b.constInt(-1));
  Value place = Placed::create(b, flat, b.constInt(0), b.constBool(false)).getIndices();
  for (size_t i = 0; *keepDims && i < sizes->size(); ++i)
    place = UnsqueezeOp::create(b, place, b.constInt(0));
  return b.replace(place);
}
LogicalResult ArgmaxOp::decompose(Decomposition &b) {
  return decomposePlace<MaxDimOp>(b, getSelf(), getDim(), getKeepdim());
}
LogicalResult ArgminOp::decompose(Decomposition &b) {
  return decomposePlace<MinDimOp>(b, getSelf(), getDim(), getKeepdim());
}

LogicalResult AminmaxOp::infer(Adaptor op, Inference &r) {
  for (int i = 0; i < 2; ++i)
    if (failed(inferReduced(r, op.getSelf(), op.getDim(), op.getKeepdim(), dtypeOf(op.getSelf()))))
      return failure();
  return success();
}
LogicalResult AminmaxOp::decompose(Decomposition &b) {
  Value dims = isNone(getDim()) ? b.intList(ArrayRef<int64_t>()) : b.intList(strip(getDim()));
  Value least = AminOp::create(b, getSelf(), dims, getKeepdim());
  return b.replace({least, AmaxOp::create(b, getSelf(), dims, getKeepdim())});
}

} // namespace linalgd::torch
