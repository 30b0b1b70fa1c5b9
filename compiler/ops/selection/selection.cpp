// Selections as loops over all positions, which count first how many there are.
#include "compiler/ops/selection/selection.h"
#include "compiler/dialect/layout.h"
#include "compiler/ops/assembly/assembly.h"
#include "compiler/ops/creation/creation.h"
#include "compiler/ops/indexing/indexing.h"
#include "compiler/ops/selection/helpers.h"
#include "compiler/ops/view/helpers.h"
#include "compiler/ops/view/view.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace linalgd::torch {

Value readBroadcast(ImplicitLocOpBuilder &b, Value tensor, ValueRange at) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<Value> places(at.take_back(type.getRank()));
  for (int64_t i = 0; i < type.getRank(); ++i)
    if (type.getDimSize(i) == 1)
      places[i] = arith::ConstantIndexOp::create(b, 0);
  return tensor::ExtractOp::create(b, tensor, places);
}

namespace {

bool isRanked(Value value) { return isa<RankedTensorType>(value.getType()); }

using At = ValueRange; // a position: one index a dimension
using Body = llvm::function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, At, ValueRange state)>;

// The state after `body` has run at each position within `sizes`, in order.
SmallVector<Value> forEach(Lowering &b, ArrayRef<OpFoldResult> sizes, ValueRange state, Body body) {
  Value zero = b.indexValue(b.getIndexAttr(0)), one = b.indexValue(b.getIndexAttr(1));
  SmallVector<Value> begins(sizes.size(), zero), ends, steps(sizes.size(), one);
  for (OpFoldResult size : sizes)
    ends.push_back(b.indexValue(size));
  return scf::buildLoopNest(b, b.getLoc(), begins, ends, steps, state,
                            [&](OpBuilder &nested, Location loc, ValueRange at, ValueRange now) {
                              ImplicitLocOpBuilder inner(loc, nested);
                              return scf::ValueVector(body(inner, at, now));
                            })
      .results;
}

// 1 or 0 as an index.
Value asIndex(ImplicitLocOpBuilder &b, Value condition) {
  return arith::IndexCastUIOp::create(b, b.getIndexType(), condition);
}

// Of the positions within `sizes` where `test` holds, in order, what `pick` makes of each: a tensor
// of rank 1 for each of `types`.
SmallVector<Value>
collect(Lowering &b, ArrayRef<OpFoldResult> sizes, ArrayRef<Type> types,
        llvm::function_ref<Value(ImplicitLocOpBuilder &, At)> test,
        llvm::function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, At)> pick) {
  Value zero = b.indexValue(b.getIndexAttr(0));
  Value count = forEach(b, sizes, zero, [&](ImplicitLocOpBuilder &inner, At at, ValueRange state) {
                  Value more = asIndex(inner, test(inner, at));
                  return SmallVector<Value>{arith::AddIOp::create(inner, state[0], more)};
                }).front();
  // Every position writes, and the next one overwrites it where the test failed: there is room for
  // one more.
  OpFoldResult room = b.affine(b.getAffineSymbolExpr(0) + 1, OpFoldResult(count));
  SmallVector<Value> state = {zero};
  for (Type type : types)
    state.push_back(b.empty(room, type));
  SmallVector<Value> filled =
      forEach(b, sizes, state, [&](ImplicitLocOpBuilder &inner, At at, ValueRange now) {
        Value more = asIndex(inner, test(inner, at));
        SmallVector<Value> next = {arith::AddIOp::create(inner, now[0], more)};
        for (auto [value, tensor] : llvm::zip_equal(pick(inner, at), now.drop_front()))
          next.push_back(tensor::InsertOp::create(inner, value, tensor, now[0]));
        return next;
      });
  OpFoldResult begin = b.getIndexAttr(0), step = b.getIndexAttr(1), size = count;
  SmallVector<Value> results;
  for (Value tensor : ArrayRef(filled).drop_front())
    results.push_back(tensor::ExtractSliceOp::create(b, tensor, begin, size, step));
  return results;
}

Value isTrue(ImplicitLocOpBuilder &b, Value value, Type dtype) {
  return convertScalar(b, value, dtype, b.getI1Type());
}

Value asLong(ImplicitLocOpBuilder &b, Value index) {
  return arith::IndexCastOp::create(b, b.getI64Type(), index);
}

// The broadcast sizes of a tensor and its mask, where they are known to go together.
std::optional<SmallVector<OpFoldResult>> commonSizes(Lowering &b, Value self, Value mask) {
  if (!isRanked(self) || !isRanked(mask))
    return std::nullopt;
  SmallVector<OpFoldResult> x = b.sizes(self), y = b.sizes(mask);
  if (x.size() < y.size())
    std::swap(x, y);
  for (size_t i = 0, first = x.size() - y.size(); i < y.size(); ++i)
    if (isOneInteger(x[first + i])) {
      x[first + i] = y[i];
    } else if (!isOneInteger(y[i])) {
      constexpr StringLiteral kUnequal = "a mask does not have the sizes of what it selects from";
      requireAtMost(b, x[first + i], y[i], kUnequal);
      requireAtMost(b, y[i], x[first + i], kUnequal);
    }
  return x;
}

} // namespace

SmallVector<Value> maskPlaces(Lowering &b, Value mask, Type dtype) {
  SmallVector<OpFoldResult> sizes = b.sizes(mask);
  SmallVector<Type> types(sizes.size(), b.getI64Type());
  return collect(
      b, sizes, types,
      [&](ImplicitLocOpBuilder &inner, At at) {
        return isTrue(inner, tensor::ExtractOp::create(inner, mask, at), dtype);
      },
      [&](ImplicitLocOpBuilder &inner, At at) {
        return llvm::map_to_vector(at, [&](Value index) { return asLong(inner, index); });
      });
}

LogicalResult inferNonzero(Inference &r, Value self) {
  Sizes sizes = sizesOf(self);
  int64_t rank = sizes ? static_cast<int64_t>(sizes->size()) : ShapedType::kDynamic;
  return r.tensor(SmallVector<int64_t>{ShapedType::kDynamic, rank}, r.si64());
}

LogicalResult NonzeroOp::infer(Adaptor op, Inference &r) { return inferNonzero(r, op.getSelf()); }
LogicalResult NonzeroOp::lowerToLinalg(Lowering &b) {
  Value self = b.operands[0];
  if (!isRanked(self) || !dtypeOf(getSelf()))
    return b.unsupported("the rank or the dtype of the operand is unknown");
  int64_t rank = cast<RankedTensorType>(self.getType()).getRank();
  if (rank == 0)
    return b.unsupported("the operand is a scalar");
  SmallVector<Value> columns = maskPlaces(b, self, dtypeOf(getSelf()));
  OpFoldResult count = b.dim(columns[0], 0), zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  Value result = b.empty({count, b.getIndexAttr(rank)}, b.getI64Type());
  for (auto [i, column] : llvm::enumerate(columns))
    result = tensor::InsertSliceOp::create(
        b, column, result, ArrayRef<OpFoldResult>{zero, b.getIndexAttr(static_cast<int64_t>(i))},
        ArrayRef<OpFoldResult>{count, one}, ArrayRef<OpFoldResult>{one, one});
  return b.replace(result);
}

LogicalResult ArgwhereOp::decompose(Decomposition &b) {
  return b.replace(NonzeroOp::create(b, getSelf()));
}

LogicalResult NonzeroStaticOp::infer(Adaptor op, Inference &r) {
  Sizes sizes = sizesOf(op.getSelf());
  int64_t rank = sizes ? static_cast<int64_t>(sizes->size()) : ShapedType::kDynamic;
  int64_t count = matchInt(op.getSize()).value_or(ShapedType::kDynamic);
  return r.tensor(SmallVector<int64_t>{count, rank}, r.si64());
}
LogicalResult NonzeroStaticOp::decompose(Decomposition &b) {
  Sizes sizes = sizesOf(getSelf());
  if (!sizes)
    return failure();
  Value places = NonzeroOp::create(b, getSelf()), none = b.constNone(), zero = b.constInt(0);
  Value shape = b.intList(ValueRange{getSize(), b.constInt(static_cast<int64_t>(sizes->size()))});
  Value rest =
      FullOp::create(b, shape, getFillValue(), b.constDtype(b.resultDtype()), none, none, none);
  Value all = CatOp::create(
      b, b.list({places, rest}, getTensorType(b.getContext(), std::nullopt, nullptr)), zero);
  return b.replace(SliceTensorOp::create(b, all, zero, zero, getSize(), b.constInt(1)));
}

LogicalResult decomposeColumns(Decomposition &b, Value self) {
  Sizes sizes = sizesOf(self);
  if (!sizes || sizes->empty())
    return failure();
  return b.replace(UnbindIntOp::create(b, NonzeroOp::create(b, self), b.constInt(1)));
}

LogicalResult MaskedSelectOp::infer(Adaptor op, Inference &r) {
  std::string error;
  if (!broadcastSizes({op.getSelf().getType(), op.getMask().getType()}, error))
    return r.error(error);
  return r.tensor(SmallVector<int64_t>{ShapedType::kDynamic}, dtypeOf(op.getSelf()));
}
LogicalResult MaskedSelectOp::lowerToLinalg(Lowering &b) {
  Value self = b.operands[0], mask = b.operands[1];
  Type maskDtype = dtypeOf(getMask());
  auto sizes = commonSizes(b, self, mask);
  if (!sizes || !maskDtype)
    return b.unsupported("the rank of an operand is unknown");
  return b.replace(collect(
      b, *sizes, getElementTypeOrSelf(self),
      [&](ImplicitLocOpBuilder &inner, At at) {
        return isTrue(inner, readBroadcast(inner, mask, at), maskDtype);
      },
      [&](ImplicitLocOpBuilder &inner, At at) {
        return SmallVector<Value>{readBroadcast(inner, self, at)};
      }));
}

LogicalResult MaskedScatterOp::infer(Adaptor op, Inference &r) {
  if (failed(r.areOfOneDtype({op.getSelf(), op.getSource()})))
    return failure();
  return r.broadcastAs({op.getSelf(), op.getMask()}, dtypeOf(op.getSelf()));
}
LogicalResult MaskedScatterOp::lowerToLinalg(Lowering &b) {
  Value self = b.operands[0], mask = b.operands[1], source = b.operands[2];
  Type maskDtype = dtypeOf(getMask());
  auto sizes = commonSizes(b, self, mask);
  if (!sizes || !maskDtype || !isRanked(source))
    return b.unsupported("the rank of an operand is unknown");
  SmallVector<OpFoldResult> given = b.sizes(source);
  OpFoldResult length = b.getIndexAttr(1);
  for (OpFoldResult size : given)
    length = mulIndex(b, length, size);
  Value flat = reshape(b, source, given, length), end = b.indexValue(length);
  Value zero = b.indexValue(b.getIndexAttr(0));
  SmallVector<Value> state = {zero, b.empty(*sizes, getElementTypeOrSelf(self))};
  SmallVector<Value> results =
      forEach(b, *sizes, state, [&](ImplicitLocOpBuilder &inner, At at, ValueRange now) {
        Value taken = isTrue(inner, readBroadcast(inner, mask, at), maskDtype);
        auto branch = scf::IfOp::create(
            inner, taken,
            [&](OpBuilder &nested, Location loc) {
              Value inside =
                  arith::CmpIOp::create(nested, loc, arith::CmpIPredicate::slt, now[0], end);
              cf::AssertOp::create(nested, loc, inside, "the source has too few elements");
              Value value = tensor::ExtractOp::create(nested, loc, flat, now[0]);
              scf::YieldOp::create(nested, loc, value);
            },
            [&](OpBuilder &nested, Location loc) {
              ImplicitLocOpBuilder other(loc, nested);
              scf::YieldOp::create(other, readBroadcast(other, self, at));
            });
        Value value = branch.getResult(0);
        return SmallVector<Value>{arith::AddIOp::create(inner, now[0], asIndex(inner, taken)),
                                  tensor::InsertOp::create(inner, value, now[1], at)};
      });
  return b.replace(results[1]);
}

LogicalResult RepeatInterleaveTensorOp::infer(Adaptor op, Inference &r) {
  if (failed(r.hasRank(op.getRepeats(), 0, 1, "repeats")) ||
      failed(r.isIndex(op.getRepeats(), "repeats")))
    return failure();
  int64_t size = matchInt(op.getOutputSize()).value_or(ShapedType::kDynamic);
  return r.tensor(SmallVector<int64_t>{size}, dtypeOf(op.getRepeats()));
}
LogicalResult RepeatInterleaveTensorOp::lowerToLinalg(Lowering &b) {
  Value repeats = b.operands[0];
  if (!isRanked(repeats) || cast<RankedTensorType>(repeats.getType()).getRank() != 1)
    return b.unsupported("the rank of the operand is unknown or 0");
  SmallVector<OpFoldResult> sizes = b.sizes(repeats);
  Value zero = b.indexValue(b.getIndexAttr(0)), one = b.indexValue(b.getIndexAttr(1));
  auto countAt = [&](ImplicitLocOpBuilder &inner, At at) -> Value {
    Value count = tensor::ExtractOp::create(inner, repeats, at);
    return arith::IndexCastOp::create(inner, inner.getIndexType(), count);
  };
  Value total = forEach(b, sizes, zero, [&](ImplicitLocOpBuilder &inner, At at, ValueRange state) {
                  Value count = countAt(inner, at);
                  Value holds =
                      arith::CmpIOp::create(inner, arith::CmpIPredicate::sge, count, zero);
                  cf::AssertOp::create(inner, holds, "repeats can not be negative");
                  Value sum = arith::AddIOp::create(inner, state[0], count);
                  Value fits = arith::CmpIOp::create(inner, arith::CmpIPredicate::sge, sum, count);
                  cf::AssertOp::create(inner, fits, "a tensor is too large");
                  return SmallVector<Value>{sum};
                }).front();
  Type type = getElementTypeOrSelf(repeats);
  SmallVector<Value> state = {zero, b.empty(OpFoldResult(total), type)};
  SmallVector<Value> results =
      forEach(b, sizes, state, [&](ImplicitLocOpBuilder &inner, At at, ValueRange now) {
        Value end = arith::AddIOp::create(inner, now[0], countAt(inner, at));
        Value value = arith::IndexCastOp::create(inner, type, at[0]);
        auto loop = scf::ForOp::create(
            inner, now[0], end, one, now[1],
            [&](OpBuilder &nested, Location loc, Value place, ValueRange tensor) {
              Value next = tensor::InsertOp::create(nested, loc, value, tensor[0], place);
              scf::YieldOp::create(nested, loc, next);
            });
        return SmallVector<Value>{end, loop.getResult(0)};
      });
  return b.replace(results[1]);
}

LogicalResult RepeatInterleaveSelfTensorOp::infer(Adaptor op, Inference &r) {
  Sizes sizes = sizesOf(op.getSelf());
  int64_t size = matchInt(op.getOutputSize()).value_or(ShapedType::kDynamic);
  if (isNone(op.getDim()))
    return r.tensor(SmallVector<int64_t>{size}, dtypeOf(op.getSelf()));
  std::optional<int64_t> dim = matchDim(op.getDim(), op.getSelf());
  if (failed(r.hasDims(op.getSelf(), op.getDim())))
    return failure();
  if (sizes && dim && !sizes->empty())
    (*sizes)[*dim] = size;
  else
    sizes = std::nullopt;
  return r.tensor(sizes, dtypeOf(op.getSelf()));
}
LogicalResult RepeatInterleaveSelfTensorOp::decompose(Decomposition &b) {
  Value self = getSelf(), dim = getDim(), repeats = getRepeats();
  Sizes sizes = sizesOf(repeats);
  if (!sizesOf(self) || !sizes)
    return failure();
  if (isNone(dim)) {
    self = ReshapeOp::create(b, self, b.intList(ArrayRef<int64_t>{-1}));
    dim = b.constInt(0);
  }
  std::optional<int64_t> place = matchDim(dim, self);
  if (!place)
    return failure();
  // One number is for all.
  if (sizes->empty() || sizes->front() == 1)
    repeats = ExpandOp::create(b, repeats, b.intList(ValueRange{b.size(self, *place)}),
                               b.constBool(false));
  Value index = RepeatInterleaveTensorOp::create(b, repeats, getOutputSize());
  return b.replace(IndexSelectOp::create(b, self, dim, index));
}

} // namespace linalgd::torch
