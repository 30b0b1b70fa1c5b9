// Softmax and attention.
#include "compiler/ops/attention/attention.h"
#include "compiler/dialect/builders.h"
#include "compiler/ops/assembly/assembly.h"
#include "compiler/ops/binary/arithmetic.h"
#include "compiler/ops/contraction/contraction.h"
#include "compiler/ops/creation/creation.h"
#include "compiler/ops/elementwise/elementwise.h"
#include "compiler/ops/reduction/reduction.h"
#include "compiler/ops/view/view.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace linalgd::torch {
namespace {

// x less its largest element along `dim`, so that its exponentials do not overflow.
Value belowLargest(Decomposition &b, Value x, Value dims) {
  return sub(b, x, AmaxOp::create(b, x, dims, b.constBool(true)));
}
Value sumExp(Decomposition &b, Value exponentials, Value dims) {
  return SumDimIntListOp::create(b, exponentials, dims, b.constBool(true), b.constNone());
}

// In a dtype whose exponentials do not overflow.
Value softmax(Decomposition &b, Value x, Value dim) {
  return RawSoftmaxOp::create(b, x, dim, b.constBool(false));
}

Value logSoftmax(Decomposition &b, Value x, Value dim) {
  Value dims = b.list(dim, dim.getType());
  x = belowLargest(b, x, dims);
  return sub(b, x, LogOp::create(b, sumExp(b, ExpOp::create(b, x), dims)));
}

LogicalResult decomposeSoftmax(Decomposition &b, Value self, Value dim,
                               Value (*function)(Decomposition &, Value, Value)) {
  Type dtype = b.resultDtype();
  if (!dtype || !sizesOf(self))
    return failure();
  Value x = b.toDtype(self, computeDtype(dtype));
  return b.replace(b.toDtype(function(b, x, dim), dtype));
}

// Heads (dimension -3) that a group of the query's share, each as often as the group has heads;
// null where their numbers are not constant.
Value repeatHeads(Decomposition &b, Value tensor, Value query) {
  Sizes sizes = sizesOf(tensor), wanted = sizesOf(query);
  if (!sizes || !wanted || sizes->size() < 3 || wanted->size() < 3)
    return nullptr;
  int64_t have = (*sizes)[sizes->size() - 3], heads = (*wanted)[wanted->size() - 3];
  if (have == heads && !ShapedType::isDynamic(have))
    return tensor;
  if (have <= 0 || ShapedType::isDynamic(heads) || heads % have)
    return nullptr;
  return RepeatInterleaveSelfIntOp::create(b, tensor, b.constInt(heads / have), b.constInt(-3),
                                           b.constNone());
}

} // namespace

LogicalResult SoftmaxIntOp::decompose(Decomposition &b) {
  return decomposeSoftmax(b, getSelf(), getDim(), softmax);
}
LogicalResult LogSoftmaxIntOp::decompose(Decomposition &b) {
  return decomposeSoftmax(b, getSelf(), getDim(), logSoftmax);
}
LogicalResult RawLogSoftmaxOp::decompose(Decomposition &b) {
  return decomposeSoftmax(b, getSelf(), getDim(), logSoftmax);
}

LogicalResult RawSoftmaxOp::lowerToLinalg(Lowering &b) {
  Adaptor op(b.operands);
  RankedTensorType type = b.resultType();
  std::optional<int64_t> dim = matchInt(getDim());
  if (!type || !dim)
    return b.unsupported("the rank of self or the dimension is unknown");
  Type dtype = b.resultDtype(), compute = computeDtype(dtype);
  Value x = b.convert(op.getSelf(), dtypeOf(getSelf()), compute);
  Value result = b.empty(b.sizes(x), lowerDtype(compute));
  if (type.getRank() == 0)
    result = b.filled({}, b.scalar(lowerDtype(compute), 1));
  else
    result = linalg::SoftmaxOp::create(b, x.getType(), x, result,
                                       *dim < 0 ? *dim + type.getRank() : *dim)
                 .getResult()[0];
  return b.replace(b.convert(result, compute, dtype));
}

LogicalResult inferSoftmax(Inference &r, Value self, Value dim, Type dtype) {
  if (dtype && !isFloatDtype(dtype) && !isComplexDtype(dtype))
    return r.error("self must be of a floating-point dtype");
  return success(succeeded(r.hasDims(self, dim)) && succeeded(r.sameSizes(self, dtype)));
}

// Whether dimension i of one, counted from the last, is known to be another than j of the other.
static bool clash(const Sizes &one, size_t i, const Sizes &other, size_t j, bool broadcasts) {
  if (!one || !other || i > one->size() || j > other->size())
    return false;
  int64_t left = (*one)[one->size() - i], right = (*other)[other->size() - j];
  return differ(left, right) && !(broadcasts && (left == 1 || right == 1));
}

LogicalResult ScaledDotProductAttentionOp::infer(Adaptor op, Inference &r) {
  Sizes query = sizesOf(op.getQuery()), key = sizesOf(op.getKey()), value = sizesOf(op.getValue()),
        mask = sizesOf(op.getAttnMask());
  for (Value tensor : {op.getQuery(), op.getKey(), op.getValue()})
    if (failed(r.hasRank(tensor, 2, INT64_MAX, "query, key and value")))
      return failure();
  bool clashes = clash(query, 1, key, 1, false) || clash(key, 2, value, 2, false) ||
                 clash(mask, 2, query, 2, true) || clash(mask, 1, key, 2, true);
  // Grouped heads are fewer.
  size_t batch = matchBool(op.getEnableGqa()).value_or(true) ? 4 : 3;
  for (size_t i = batch; query && i <= query->size(); ++i)
    clashes |= clash(query, i, key, i, true) || clash(query, i, value, i, true) ||
               clash(query, i, mask, i, true);
  if (clashes)
    return r.error("query, key, value and mask do not go together");
  if (query && value && !query->empty() && !value->empty())
    query->back() = value->back();
  else
    query = std::nullopt;
  return r.tensor(query, dtypeOf(op.getQuery()));
}

LogicalResult ScaledDotProductAttentionOp::decompose(Decomposition &b) {
  Sizes query = sizesOf(getQuery());
  Type dtype = b.resultDtype();
  std::optional<bool> grouped = matchBool(getEnableGqa());
  std::optional<bool> causal = matchBool(getIsCausal());
  if (!query || query->size() < 2 || !sizesOf(getKey()) || !dtype || !grouped || !causal ||
      matchFloat(getDropoutP()) != 0.0)
    return failure();
  std::optional<double> scale = matchFloat(getScale());
  if (isNone(getScale()) && !ShapedType::isDynamic(query->back()))
    scale = 1.0 / std::sqrt(static_cast<double>(query->back()));
  if (!scale)
    return failure();

  Value key = getKey(), value = getValue();
  if (*grouped) {
    key = repeatHeads(b, key, getQuery());
    value = repeatHeads(b, value, getQuery());
    if (!key || !value)
      return failure();
  }
  Type compute = computeDtype(dtype);
  Value minusTwo = b.constInt(-2), last = b.constInt(-1);
  Value scaled = MulScalarOp::create(b, b.toDtype(getQuery(), compute), b.constFloat(*scale));
  Value turned = TransposeIntOp::create(b, b.toDtype(key, compute), minusTwo, last);
  Value scores = MatmulOp::create(b, scaled, turned);
  Value minusInfinity = b.constFloat(-std::numeric_limits<double>::infinity());

  Value mask = getAttnMask();
  if (*causal) {
    auto rank = static_cast<int64_t>(sizesOf(scores)->size());
    Value sizes = b.intList(ValueRange{b.size(scores, rank - 2), b.size(scores, rank - 1)});
    Value none = b.constNone();
    Value ones = OnesOp::create(b, sizes, b.constDtype(b.getI1Type()), none, none, none);
    mask = TrilOp::create(b, ones, b.constInt(0));
  }
  if (isNone(mask))
    return b.replace(
        b.toDtype(MatmulOp::create(b, softmax(b, scores, last), b.toDtype(value, compute)), dtype));
  if (!dtypeOf(mask))
    return failure();
  if (isBoolDtype(dtypeOf(mask)))
    scores = MaskedFillScalarOp::create(b, scores, LogicalNotOp::create(b, mask), minusInfinity);
  else
    scores = AddTensorOp::create(b, scores, b.toDtype(mask, compute), b.constInt(1));
  // A row that is masked altogether attends to nothing: zeros, as PyTorch gives.
  Value largest = AmaxOp::create(b, scores, b.list(last, last.getType()), b.constBool(true));
  Value empty = EqScalarOp::create(b, largest, minusInfinity);
  Value weights = MaskedFillScalarOp::create(b, softmax(b, scores, last), empty, b.constInt(0));
  return b.replace(b.toDtype(MatmulOp::create(b, weights, b.toDtype(value, compute)), dtype));
}

} // namespace linalgd::torch
