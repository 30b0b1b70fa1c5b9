// Distinct elements or slices: the first of each run of equal ones, of the sorted tensor or as it
// is.
#include "compiler/ops/assembly/assembly.h"
#include "compiler/ops/binary/arithmetic.h"
#include "compiler/ops/control/control.h"
#include "compiler/ops/creation/creation.h"
#include "compiler/ops/indexing/indexing.h"
#include "compiler/ops/reduction/reduction.h"
#include "compiler/ops/scalar/scalar.h"
#include "compiler/ops/selection/helpers.h"
#include "compiler/ops/selection/selection.h"
#include "compiler/ops/sorting/sorting.h"
#include "compiler/ops/view/view.h"

using namespace mlir;

namespace linalgd::torch {

constexpr int64_t kDynamic = ShapedType::kDynamic;

LogicalResult inferUnique(Inference &r, Value self, Value inverse, Value counts) {
  auto lengthIf = [](Value wanted, int64_t length) {
    std::optional<bool> is = matchBool(wanted);
    return SmallVector<int64_t>{!is ? kDynamic : *is ? length : 0};
  };
  Sizes inverseSizes = matchBool(inverse) == true ? sizesOf(self) : lengthIf(inverse, kDynamic);
  return success(succeeded(r.tensor(SmallVector<int64_t>{kDynamic}, dtypeOf(self))) &&
                 succeeded(r.tensor(inverseSizes, r.si64())) &&
                 succeeded(r.tensor(lengthIf(counts, kDynamic), r.si64())));
}

// Where slices are compared, PyTorch gives all results, whatever is asked for.
LogicalResult inferUniqueSlices(Inference &r, Value self, Value dim) {
  Sizes sizes = sizesOf(self);
  std::optional<int64_t> position = matchInt(dim), normal;
  if (sizes && position)
    normal = normalizeDim(*position, sizes->size());
  int64_t length = kDynamic;
  if (normal)
    std::swap(length, (*sizes)[*normal]);
  else if (sizes)
    sizes->assign(sizes->size(), kDynamic);
  return success(succeeded(r.tensor(sizes, dtypeOf(self))) &&
                 succeeded(r.tensor(SmallVector<int64_t>{length}, r.si64())) &&
                 succeeded(r.tensor(SmallVector<int64_t>{kDynamic}, r.si64())));
}

namespace {

struct Runs {
  Value values;      // in the order in which runs are looked for: elements, or a slice in each row
  Value permutation; // where they were; null: in their own order
};

struct Found {
  Value starts; // of the runs
  Value inverse, counts;
};

// The runs, and where wanted the number of each element's run and how long the runs are.
Found findRuns(Decomposition &b, const Runs &runs, bool wantsInverse, bool wantsCounts) {
  Value none = b.constNone(), zero = b.constInt(0), one = b.constInt(1);
  Value isLong = b.constDtype(b.resultDtype(1)), first = b.intList(ArrayRef<int64_t>{0});
  Value length = b.size(runs.values, 0), all = b.intList(ArrayRef<int64_t>{-1});
  Value places = ArangeOp::create(b, length, isLong, none, none, none);
  // Each element against the one before it.
  Value before = ClampMinOp::create(b, SubScalarOp::create(b, places, one, one), zero);
  Value previous = IndexSelectOp::create(b, runs.values, zero, before);
  Value differs = NeTensorOp::create(b, runs.values, previous);
  if (sizesOf(runs.values)->size() == 2)
    differs = AnyDimOp::create(b, differs, one, b.constBool(false));
  Value begins = LogicalOrOp::create(b, differs, EqScalarOp::create(b, places, zero));
  Found found{ReshapeOp::create(b, NonzeroOp::create(b, begins), all), nullptr, nullptr};
  Value nothing = ZerosOp::create(b, first, isLong, none, none, none);
  found.inverse = found.counts = nothing;
  if (wantsInverse) {
    Value run = CumsumOp::create(b, b.toDtype(begins, b.resultDtype(1)), zero, none);
    found.inverse = SubScalarOp::create(b, run, one, one);
    if (runs.permutation)
      found.inverse = ScatterSrcOp::create(b, places, zero, runs.permutation, found.inverse);
  }
  if (wantsCounts) {
    Value later = SliceTensorOp::create(b, found.starts, zero, one, none, one);
    // None where there is no element.
    Value end = FullOp::create(b, b.intList(ValueRange{one}), length, isLong, none, none, none);
    Value ends = CatOp::create(
        b, b.list({later, end}, getTensorType(b.getContext(), std::nullopt, nullptr)), zero);
    Value number = b.size(found.starts, 0);
    found.counts = sub(b, SliceTensorOp::create(b, ends, zero, zero, number, one), found.starts);
  }
  return found;
}

LogicalResult replaceUnique(Decomposition &b, const Runs &runs, Value self, Value wantsInverse,
                            Value wantsCounts) {
  std::optional<bool> hasInverse = matchBool(wantsInverse), hasCounts = matchBool(wantsCounts);
  if (!hasInverse || !hasCounts)
    return failure();
  Found found = findRuns(b, runs, *hasInverse, *hasCounts);
  if (*hasInverse)
    found.inverse = ReshapeOp::create(b, found.inverse, b.sizeList(self));
  Value values = IndexSelectOp::create(b, runs.values, b.constInt(0), found.starts);
  return b.replace({values, found.inverse, found.counts});
}

Value flattened(Decomposition &b, Value self) {
  return ReshapeOp::create(b, self, b.intList(ArrayRef<int64_t>{-1}));
}

// The slices of a tensor along a dimension, each a row.
Value slicesAsRows(Decomposition &b, Value self, Value dim) {
  Value zero = b.constInt(0), front = MovedimIntOp::create(b, self, dim, zero);
  Value width = b.constInt(1); // -1 could not be told where there are no rows
  for (size_t i = 1; i < sizesOf(self)->size(); ++i)
    width = MulIntOp::create(b, width, b.size(front, i));
  return ReshapeOp::create(b, front, b.intList(ValueRange{b.size(front, 0), width}));
}

// The order of rows that compare as words do: sorted by each column, the last one first.
Value sortedOrder(Decomposition &b, Value rows) {
  Value none = b.constNone(), zero = b.constInt(0), one = b.constInt(1), yes = b.constBool(true);
  Value columns = b.size(rows, 1), isLong = b.constDtype(b.resultDtype(1));
  Value start = ArangeOp::create(b, b.size(rows, 0), isLong, none, none, none);
  auto loop = LoopOp::create(b, start.getType(), columns, yes, start);
  OpBuilder::InsertionGuard guard(b);
  Block &body = loop.getBody().emplaceBlock();
  Value round = body.addArgument(columns.getType(), b.getLoc());
  Value order = body.addArgument(start.getType(), b.getLoc());
  b.setInsertionPointToStart(&body);
  Value column = SubIntOp::create(b, SubIntOp::create(b, columns, one), round);
  Value keys = IndexSelectOp::create(b, SelectIntOp::create(b, rows, one, column), zero, order);
  auto sorted = SortStableOp::create(b, keys, yes, zero, b.constBool(false));
  Value next = IndexSelectOp::create(b, order, zero, sorted.getIndices());
  LoopConditionOp::create(b, yes, b.staticCast(next, start.getType()));
  return loop.getResult(0);
}

LogicalResult replaceUniqueSlices(Decomposition &b, Value self, Value dim, bool sorts) {
  Sizes sizes = sizesOf(self);
  if (!sizes || sizes->empty() || !dtypeOf(self) || !matchInt(dim))
    return failure();
  Value rows = slicesAsRows(b, self, dim), zero = b.constInt(0), order;
  if (sorts) {
    order = sortedOrder(b, rows);
    rows = IndexSelectOp::create(b, rows, zero, order);
  }
  Found found = findRuns(b, {rows, order}, true, true);
  Value places =
      sorts ? IndexSelectOp::create(b, order, zero, found.starts).getResult() : found.starts;
  return b.replace({IndexSelectOp::create(b, self, dim, places), found.inverse, found.counts});
}

} // namespace

LogicalResult Unique2Op::decompose(Decomposition &b) {
  if (!sizesOf(getSelf()) || !dtypeOf(getSelf()))
    return failure();
  auto sorted = SortStableOp::create(b, flattened(b, getSelf()), b.constBool(true), b.constInt(0),
                                     b.constBool(false));
  return replaceUnique(b, {sorted.getValues(), sorted.getIndices()}, getSelf(), getReturnInverse(),
                       getReturnCounts());
}

LogicalResult UniqueDimOp::decompose(Decomposition &b) {
  return replaceUniqueSlices(b, getSelf(), getDim(), /*sorts=*/true);
}

LogicalResult UniqueDimConsecutiveOp::decompose(Decomposition &b) {
  return replaceUniqueSlices(b, getSelf(), getDim(), /*sorts=*/false);
}

LogicalResult UniqueConsecutiveOp::infer(Adaptor op, Inference &r) {
  return isNone(op.getDim())
             ? inferUnique(r, op.getSelf(), op.getReturnInverse(), op.getReturnCounts())
             : inferUniqueSlices(r, op.getSelf(), op.getDim());
}

LogicalResult UniqueConsecutiveOp::decompose(Decomposition &b) {
  if (!isNone(getDim()))
    return replaceUniqueSlices(b, getSelf(), getDim(), /*sorts=*/false);
  if (!sizesOf(getSelf()) || !dtypeOf(getSelf()))
    return failure();
  return replaceUnique(b, {flattened(b, getSelf()), nullptr}, getSelf(), getReturnInverse(),
                       getReturnCounts());
}

} // namespace linalgd::torch
