// Distinct elements: the first of each run of equal ones, of the sorted tensor or as it is.
#include "compiler/ops/assembly/assembly.h"
#include "compiler/ops/binary/arithmetic.h"
#include "compiler/ops/creation/creation.h"
#include "compiler/ops/indexing/indexing.h"
#include "compiler/ops/reduction/reduction.h"
#include "compiler/ops/selection/helpers.h"
#include "compiler/ops/selection/selection.h"
#include "compiler/ops/sorting/sorting.h"
#include "compiler/ops/view/view.h"

using namespace mlir;

namespace linalgd::torch {

LogicalResult inferUnique(Inference &r, Value self, Value inverse, Value counts) {
  constexpr int64_t kDynamic = ShapedType::kDynamic;
  auto lengthIf = [](Value wanted, int64_t length) {
    std::optional<bool> is = matchBool(wanted);
    return SmallVector<int64_t>{!is ? kDynamic : *is ? length : 0};
  };
  Sizes inverseSizes = matchBool(inverse) == true ? sizesOf(self) : lengthIf(inverse, kDynamic);
  return success(succeeded(r.tensor(SmallVector<int64_t>{kDynamic}, dtypeOf(self))) &&
                 succeeded(r.tensor(inverseSizes, r.si64())) &&
                 succeeded(r.tensor(lengthIf(counts, kDynamic), r.si64())));
}

namespace {

struct Runs {
  Value values;      // the elements in the order in which runs are looked for, rank 1
  Value permutation; // where they were; null: in their own order
};

LogicalResult replaceUnique(Decomposition &b, const Runs &runs, Value self, Value wantsInverse,
                            Value wantsCounts) {
  std::optional<bool> hasInverse = matchBool(wantsInverse), hasCounts = matchBool(wantsCounts);
  if (!hasInverse || !hasCounts)
    return failure();
  Value none = b.constNone(), zero = b.constInt(0), one = b.constInt(1);
  Value isLong = b.constDtype(b.resultDtype(1)), first = b.intList(ArrayRef<int64_t>{0});
  Value length = b.size(runs.values, 0), all = b.intList(ArrayRef<int64_t>{-1});
  Value places = ArangeOp::create(b, length, isLong, none, none, none);
  // Each element against the one before it.
  Value before = ClampMinOp::create(b, SubScalarOp::create(b, places, one, one), zero);
  Value previous = IndexSelectOp::create(b, runs.values, zero, before);
  Value begins = LogicalOrOp::create(b, NeTensorOp::create(b, runs.values, previous),
                                     EqScalarOp::create(b, places, zero));
  Value starts = ReshapeOp::create(b, NonzeroOp::create(b, begins), all);
  Value nothing = ZerosOp::create(b, first, isLong, none, none, none);
  Value inverse = nothing, counts = nothing;
  if (*hasInverse) {
    Value run = CumsumOp::create(b, b.toDtype(begins, b.resultDtype(1)), zero, none);
    inverse = SubScalarOp::create(b, run, one, one);
    if (runs.permutation)
      inverse = ScatterSrcOp::create(b, places, zero, runs.permutation, inverse);
    inverse = ReshapeOp::create(b, inverse, b.sizeList(self));
  }
  if (*hasCounts) {
    Value later = SliceTensorOp::create(b, starts, zero, one, none, one);
    // None where there is no element.
    Value end = FullOp::create(b, b.intList(ValueRange{one}), length, isLong, none, none, none);
    Value ends = CatOp::create(b, b.list({later, end}, later.getType()), zero);
    Value number = b.size(starts, 0);
    counts = sub(b, SliceTensorOp::create(b, ends, zero, zero, number, one), starts);
  }
  return b.replace({IndexSelectOp::create(b, runs.values, zero, starts), inverse, counts});
}

Value flattened(Decomposition &b, Value self) {
  return ReshapeOp::create(b, self, b.intList(ArrayRef<int64_t>{-1}));
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

LogicalResult UniqueConsecutiveOp::decompose(Decomposition &b) {
  Sizes sizes = sizesOf(getSelf());
  // Along a dimension of several it is whole slices that are compared.
  if (!sizes || !dtypeOf(getSelf()) || (!isNone(getDim()) && sizes->size() != 1))
    return failure();
  return replaceUnique(b, {flattened(b, getSelf()), nullptr}, getSelf(), getReturnInverse(),
                       getReturnCounts());
}

} // namespace linalgd::torch
