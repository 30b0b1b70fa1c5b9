// Sorting by a bitonic network over positions: log2(n)^2 / 2 passes, each a parallel
// linalg.generic, for sizes known and unknown.
#include "compiler/ops/sorting/sorting.h"
#include "compiler/dialect/layout.h"
#include "compiler/dialect/pointwise.h"
#include "compiler/ops/view/helpers.h"
#include "compiler/ops/view/view.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace linalgd::torch {

static LogicalResult inferSorted(Inference &r, Value self, Value dim) {
  return success(succeeded(r.hasDims(self, dim)) && succeeded(r.same(self)) &&
                 succeeded(r.sameSizes(self, r.si64())));
}
LogicalResult SortOp::infer(Adaptor op, Inference &r) {
  return inferSorted(r, op.getSelf(), op.getDim());
}
LogicalResult SortStableOp::infer(Adaptor op, Inference &r) {
  return inferSorted(r, op.getSelf(), op.getDim());
}

LogicalResult TopkOp::infer(Adaptor op, Inference &r) {
  Sizes sizes = sizesOf(op.getSelf());
  std::optional<int64_t> dim = matchDim(op.getDim(), op.getSelf());
  if (sizes && !dim)
    sizes = std::nullopt;
  if (failed(r.hasDims(op.getSelf(), op.getDim())))
    return failure();
  std::optional<int64_t> count = matchInt(op.getK());
  int64_t size = !sizes ? ShapedType::kDynamic : sizes->empty() ? 1 : (*sizes)[*dim];
  if (count && (*count < 0 || (!ShapedType::isDynamic(size) && *count > size)))
    return r.error(Twine("takes ") + Twine(*count) + " elements of a dimension that has fewer");
  if (sizes && !sizes->empty())
    (*sizes)[*dim] = count.value_or(ShapedType::kDynamic);
  return success(succeeded(r.tensor(sizes, dtypeOf(op.getSelf()))) &&
                 succeeded(r.tensor(sizes, r.si64())));
}

LogicalResult SortOp::decompose(Decomposition &b) {
  auto sorted = SortStableOp::create(b, getSelf(), b.constBool(true), getDim(), getDescending());
  return b.replace({sorted.getValues(), sorted.getIndices()});
}

LogicalResult TopkOp::decompose(Decomposition &b) {
  Sizes sizes = sizesOf(getSelf());
  if (!sizes)
    return failure();
  auto sorted = SortStableOp::create(b, getSelf(), b.constBool(true), getDim(), getLargest());
  if (sizes->empty())
    return b.replace({sorted.getValues(), sorted.getIndices()});
  Value zero = b.constInt(0), one = b.constInt(1);
  auto first = [&](Value all) -> Value {
    return SliceTensorOp::create(b, all, getDim(), zero, getK(), one);
  };
  return b.replace({first(sorted.getValues()), first(sorted.getIndices())});
}

LogicalResult ArgsortOp::decompose(Decomposition &b) {
  return b.replace(SortStableOp::create(b, getSelf(), b.constBool(true), getDim(), getDescending())
                       .getIndices());
}
LogicalResult ArgsortStableOp::decompose(Decomposition &b) {
  return b.replace(
      SortStableOp::create(b, getSelf(), getStable(), getDim(), getDescending()).getIndices());
}

namespace {

// What one sort works on.
struct Network {
  Value self;
  Type dtype;
  int64_t dim;
  bool descending;
  Value count; // of elements along `dim`

  // Whether the element at `x` stands before that at `y`, positions (index) along `dim` of which
  // those from `count` on hold nothing.
  Value isBefore(ScalarBuilder &s, ValueRange at, Value x, Value y) const {
    Value last = s.make<arith::SubIOp>(count, arith::ConstantIndexOp::create(s, 1));
    auto element = [&](Value position) -> Value {
      SmallVector<Value> place(at);
      place[dim] = s.make<arith::MinUIOp>(position, last);
      return tensor::ExtractOp::create(s, self, place);
    };
    Value a = element(x), b = element(y);
    Value less = descending ? s.gt(a, b) : s.lt(a, b);
    Value greater = descending ? s.lt(a, b) : s.gt(a, b);
    if (s.isFloat()) {
      // NaN against a number: the larger one.
      Value aOnly = s.make<arith::AndIOp>(s.isNan(a), s.eq(b, b)),
            bOnly = s.make<arith::AndIOp>(s.isNan(b), s.eq(a, a));
      less = s.make<arith::OrIOp>(less, descending ? aOnly : bOnly);
      greater = s.make<arith::OrIOp>(greater, descending ? bOnly : aOnly);
    }
    auto below = [&](Value p, Value q) -> Value {
      return arith::CmpIOp::create(s, arith::CmpIPredicate::ult, p, q);
    };
    // Equal elements, and the positions that hold nothing, in the order of positions.
    Value hold = s.make<arith::AndIOp>(below(x, count), below(y, count));
    Value differ = s.make<arith::AndIOp>(hold, s.make<arith::OrIOp>(less, greater));
    return s.select(differ, less, below(x, y));
  }

  // One pass: each place and the one `distance` away from it are put in order; runs of `run` places
  // alternate between ascending and descending.
  Value pass(OpBuilder &outer, Location loc, Value order, Value run, Value distance) const {
    auto type = cast<RankedTensorType>(order.getType());
    Value init = tensor::EmptyOp::create(outer, loc, tensor::getMixedSizes(outer, loc, order),
                                         type.getElementType());
    AffineMap map = outer.getMultiDimIdentityMap(type.getRank());
    SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
    Value next =
        linalg::GenericOp::create(
            outer, loc, type, ValueRange{order}, ValueRange{init}, {map, map}, iterators,
            [&](OpBuilder &nested, Location at, ValueRange x) {
              ScalarBuilder s(at, nested, dtype);
              SmallVector<Value> place;
              for (int64_t i = 0; i < type.getRank(); ++i)
                place.push_back(linalg::IndexOp::create(s, i));
              Value here = place[dim], zero = arith::ConstantIndexOp::create(s, 0);
              SmallVector<Value> other(place);
              other[dim] = s.make<arith::XOrIOp>(here, distance);
              Value mine = arith::IndexCastOp::create(s, s.getIndexType(), x[0]);
              Value theirs = arith::IndexCastOp::create(s, s.getIndexType(),
                                                        tensor::ExtractOp::create(s, order, other));
              auto isZero = [&](Value bit) -> Value {
                return arith::CmpIOp::create(s, arith::CmpIPredicate::eq,
                                             s.make<arith::AndIOp>(here, bit), zero);
              };
              // The lower place of a pair keeps the first of the two in an ascending run.
              Value first = isBefore(s, place, mine, theirs);
              Value wantsFirst =
                  arith::CmpIOp::create(s, arith::CmpIPredicate::eq, isZero(distance), isZero(run));
              Value keeps = arith::CmpIOp::create(s, arith::CmpIPredicate::eq, first, wantsFirst);
              Value kept = s.select(keeps, mine, theirs);
              linalg::YieldOp::create(
                  s, arith::IndexCastOp::create(s, s.getI64Type(), kept).getResult());
            })
            .getResult(0);
    // Back into the memory of `order`, so that the loop needs no more than two.
    return linalg::CopyOp::create(outer, loc, next, order).getResult(0);
  }
};

// The least power of two that is not below `size`.
OpFoldResult powerOfTwo(Lowering &b, OpFoldResult size) {
  if (std::optional<int64_t> known = getConstantIntValue(size))
    return b.getIndexAttr(static_cast<int64_t>(llvm::PowerOf2Ceil(std::max<int64_t>(*known, 1))));
  Value one = b.indexValue(b.getIndexAttr(1)), count = b.indexValue(size);
  auto loop = scf::WhileOp::create(
      b, TypeRange{b.getIndexType()}, ValueRange{one},
      [&](OpBuilder &nested, Location loc, ValueRange x) {
        Value less = arith::CmpIOp::create(nested, loc, arith::CmpIPredicate::slt, x[0], count);
        scf::ConditionOp::create(nested, loc, less, x);
      },
      [&](OpBuilder &nested, Location loc, ValueRange x) {
        scf::YieldOp::create(nested, loc,
                             arith::AddIOp::create(nested, loc, x[0], x[0]).getResult());
      });
  return loop.getResult(0);
}

// While `value` satisfies `predicate` against `bound`: body(value, order), value shifted by one
// bit.
Value shiftLoop(OpBuilder &b, Location loc, Value start, arith::CmpIPredicate predicate,
                Value bound, bool up, Value order,
                llvm::function_ref<Value(OpBuilder &, Value, Value)> body) {
  auto loop = scf::WhileOp::create(
      b, loc, TypeRange{start.getType(), order.getType()}, ValueRange{start, order},
      [&](OpBuilder &nested, Location at, ValueRange x) {
        Value goes = arith::CmpIOp::create(nested, at, predicate, x[0], bound);
        scf::ConditionOp::create(nested, at, goes, x);
      },
      [&](OpBuilder &nested, Location at, ValueRange x) {
        Value result = body(nested, x[0], x[1]);
        Value one = arith::ConstantIndexOp::create(nested, at, 1);
        Value next = up ? arith::ShLIOp::create(nested, at, x[0], one).getResult()
                        : arith::ShRUIOp::create(nested, at, x[0], one).getResult();
        scf::YieldOp::create(nested, at, ValueRange{next, result});
      });
  return loop.getResult(1);
}

} // namespace

LogicalResult SortStableOp::lowerToLinalg(Lowering &b) {
  Value self = b.operands[0];
  auto type = dyn_cast<RankedTensorType>(self.getType());
  std::optional<int64_t> dim = matchDim(getDim(), getSelf());
  std::optional<bool> descending = matchBool(getDescending());
  Type dtype = dtypeOf(getSelf());
  if (!type || !dim || !descending || !dtype)
    return b.unsupported("the rank of the operand, the dimension or the order is unknown");
  if (type.getRank() == 0)
    return b.replace({self, b.zeros({}, b.getI64Type())});
  IndexList sizes = b.sizes(self), padded(sizes);
  padded[*dim] = powerOfTwo(b, sizes[*dim]);
  Network network{self, dtype, *dim, *descending, b.indexValue(sizes[*dim])};
  Value order =
      generate(b, padded, b.getI64Type(), [&](ImplicitLocOpBuilder &n, ValueRange at) -> Value {
        return arith::IndexCastOp::create(n, n.getI64Type(), at[*dim]);
      });
  Location loc = b.getLoc();
  Value length = b.indexValue(padded[*dim]), zero = b.indexValue(b.getIndexAttr(0)),
        two = b.indexValue(b.getIndexAttr(2));
  order = shiftLoop(b, loc, two, arith::CmpIPredicate::ule, length, true, order,
                    [&](OpBuilder &outer, Value run, Value runs) {
                      Value half = arith::ShRUIOp::create(
                          outer, loc, run, arith::ConstantIndexOp::create(outer, loc, 1));
                      return shiftLoop(outer, loc, half, arith::CmpIPredicate::ugt, zero, false,
                                       runs, [&](OpBuilder &inner, Value distance, Value pairs) {
                                         return network.pass(inner, loc, pairs, run, distance);
                                       });
                    });
  Slice all{b.getIndexAttr(0), sizes[*dim], b.getIndexAttr(1)};
  Value indices = extractSlice(b, order, *dim, all);
  Value values = mapped(b, indices, b.getMultiDimIdentityMap(type.getRank()), sizes,
                        type.getElementType(), [&](ImplicitLocOpBuilder &n, ValueRange x) -> Value {
                          SmallVector<Value> place;
                          for (int64_t i = 0; i < type.getRank(); ++i)
                            place.push_back(linalg::IndexOp::create(n, i));
                          place[*dim] = arith::IndexCastOp::create(n, n.getIndexType(), x[0]);
                          return tensor::ExtractOp::create(n, self, place);
                        });
  return b.replace({values, indices});
}

} // namespace linalgd::torch
