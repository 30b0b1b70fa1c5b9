// Matrix products onto linalg's named contractions.
#include "compiler/ops/contraction/contraction.h"
#include "compiler/dialect/builders.h"
#include "compiler/ops/binary/binary.h"
#include "compiler/ops/reduction/reduction.h"
#include "compiler/ops/view/view.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace linalgd::torch {
namespace {

// The result of (..., m, k) with (..., k, n): `batch` leading dimensions of the first operand.
LogicalResult inferProduct(Inference &r, Value a, Value b) {
  Sizes left = sizesOf(a), right = sizesOf(b);
  Type dtype = dtypeOf(a);
  if (!left || !right || left->size() != right->size() || left->size() < 2)
    return r.tensor(std::nullopt, dtype);
  if (differ(left->back(), (*right)[right->size() - 2]) ||
      (left->size() == 3 && differ(left->front(), right->front())))
    return r.error("the matrices do not go together");
  left->back() = right->back();
  return r.tensor(left, dtype);
}

// The product in the compute dtype, accumulated on `init` and converted back.
template <typename Op> LogicalResult lowerProduct(Lowering &b, Value left, Value right) {
  auto leftType = dyn_cast<RankedTensorType>(left.getType());
  if (!leftType || !isa<RankedTensorType>(right.getType()))
    return b.unsupported("the rank of an operand is unknown");
  int64_t rank = leftType.getRank();
  Type dtype = b.resultDtype(), compute = computeDtype(dtype);
  SmallVector<OpFoldResult> sizes = b.sizes(left);
  sizes.back() = b.dim(right, rank - 1);
  Value init = b.zeros(sizes, lowerDtype(compute));
  Value result = Op::create(b, ValueRange{left, right}, ValueRange{init}).getResult(0);
  return b.replace(b.convert(result, compute, dtype));
}

Value scaled(Decomposition &b, Value tensor, Value factor) {
  return matchFloat(factor) == 1.0 ? tensor : MulScalarOp::create(b, tensor, factor).getResult();
}

// beta * self + alpha * product.
LogicalResult decomposeAdded(Decomposition &b, Value self, Value product, Value beta, Value alpha) {
  product = scaled(b, product, alpha);
  if (matchFloat(beta) == 0.0)
    return b.replace(product);
  return b.replace(
      AddTensorOp::create(b, product, scaled(b, self, beta), b.constInt(1)).getResult());
}

// The batch dimensions of `tensor` broadcast to `batch` (sizes as torch.int) and flattened to one.
Value toBatches(Decomposition &b, Value tensor, ArrayRef<Value> batch) {
  int64_t rank = static_cast<int64_t>(sizesOf(tensor)->size());
  SmallVector<Value> expanded(batch);
  SmallVector<Value> matrix = {b.size(tensor, rank - 2), b.size(tensor, rank - 1)};
  llvm::append_range(expanded, matrix);
  if (rank != 3 || batch.size() != 1 || b.size(tensor, 0) != batch[0])
    tensor = ExpandOp::create(b, tensor, b.intList(ValueRange(expanded)), b.constBool(false));
  if (batch.size() == 1)
    return tensor;
  return ReshapeOp::create(b, tensor, b.intList(ValueRange{b.constInt(-1), matrix[0], matrix[1]}));
}

} // namespace

LogicalResult MmOp::infer(Adaptor op, Inference &r) {
  for (Value matrix : {op.getSelf(), op.getMat2()})
    if (failed(r.hasRank(matrix, 2, 2, "a matrix")))
      return failure();
  return inferProduct(r, op.getSelf(), op.getMat2());
}
LogicalResult MmOp::lowerToLinalg(Lowering &b) {
  Adaptor op(b.operands);
  return lowerProduct<linalg::MatmulOp>(b, op.getSelf(), op.getMat2());
}

LogicalResult BmmOp::infer(Adaptor op, Inference &r) {
  for (Value batch : {op.getSelf(), op.getMat2()})
    if (failed(r.hasRank(batch, 3, 3, "a batch of matrices")))
      return failure();
  return inferProduct(r, op.getSelf(), op.getMat2());
}
LogicalResult BmmOp::lowerToLinalg(Lowering &b) {
  Adaptor op(b.operands);
  return lowerProduct<linalg::BatchMatmulOp>(b, op.getSelf(), op.getMat2());
}

LogicalResult MatmulOp::infer(Adaptor op, Inference &r) {
  Sizes left = sizesOf(op.getSelf()), right = sizesOf(op.getOther());
  Type dtype = dtypeOf(op.getSelf());
  if (!left || !right || left->empty() || right->empty())
    return r.tensor(std::nullopt, dtype);
  if (differ(left->back(), right->size() == 1 ? right->back() : (*right)[right->size() - 2]))
    return r.error("the matrices do not go together");
  SmallVector<int64_t> result;
  size_t leftBatch = left->size() > 2 ? left->size() - 2 : 0,
         rightBatch = right->size() > 2 ? right->size() - 2 : 0;
  for (size_t i = std::max(leftBatch, rightBatch); i > 0; --i) {
    int64_t a = i <= leftBatch ? (*left)[leftBatch - i] : 1;
    int64_t c = i <= rightBatch ? (*right)[rightBatch - i] : 1;
    result.push_back(a == 1 || (ShapedType::isDynamic(a) && c != 1) ? c : a);
  }
  if (left->size() > 1)
    result.push_back((*left)[left->size() - 2]);
  if (right->size() > 1)
    result.push_back(right->back());
  return r.tensor(result, dtype);
}

LogicalResult MatmulOp::decompose(Decomposition &b) {
  Value left = getSelf(), right = getOther();
  if (!sizesOf(left) || !sizesOf(right) || sizesOf(left)->empty() || sizesOf(right)->empty())
    return failure();
  bool leftVector = sizesOf(left)->size() == 1, rightVector = sizesOf(right)->size() == 1;
  if (leftVector)
    left = UnsqueezeOp::create(b, left, b.constInt(0));
  if (rightVector)
    right = UnsqueezeOp::create(b, right, b.constInt(1));
  int64_t leftRank = static_cast<int64_t>(sizesOf(left)->size()),
          rightRank = static_cast<int64_t>(sizesOf(right)->size());
  Value result;
  if (leftRank == 2 && rightRank == 2) {
    result = MmOp::create(b, left, right);
  } else {
    SmallVector<Value> batch;
    for (int64_t i = std::max(leftRank, rightRank) - 2; i > 0; --i) {
      int64_t leftDim = leftRank - 2 - i, rightDim = rightRank - 2 - i;
      bool useLeft = leftDim >= 0 && (rightDim < 0 || (*sizesOf(left))[leftDim] != 1);
      batch.push_back(useLeft ? b.size(left, leftDim) : b.size(right, rightDim));
    }
    SmallVector<Value> sizes(batch);
    sizes.push_back(b.size(left, leftRank - 2));
    sizes.push_back(b.size(right, rightRank - 1));
    result = BmmOp::create(b, toBatches(b, left, batch), toBatches(b, right, batch));
    if (batch.size() != 1)
      result = ViewOp::create(b, result, b.intList(ValueRange(sizes)));
  }
  if (rightVector)
    result = SqueezeDimOp::create(b, result, b.constInt(-1));
  if (leftVector)
    result = SqueezeDimOp::create(b, result, b.constInt(rightVector ? -1 : -2));
  return b.replace(result);
}

LogicalResult MvOp::infer(Adaptor op, Inference &r) {
  Sizes sizes = sizesOf(op.getSelf());
  if (sizes && sizes->size() == 2)
    sizes->pop_back();
  return r.tensor(sizes, dtypeOf(op.getSelf()));
}
LogicalResult MvOp::decompose(Decomposition &b) {
  return b.replace(MatmulOp::create(b, getSelf(), getVec()).getResult());
}

LogicalResult DotOp::infer(Adaptor op, Inference &r) {
  return r.tensor(SmallVector<int64_t>(), dtypeOf(op.getSelf()));
}
LogicalResult DotOp::decompose(Decomposition &b) {
  return b.replace(MatmulOp::create(b, getSelf(), getTensor()).getResult());
}

LogicalResult AddmmOp::infer(Adaptor op, Inference &r) {
  return inferProduct(r, op.getMat1(), op.getMat2());
}
LogicalResult AddmmOp::decompose(Decomposition &b) {
  return decomposeAdded(b, getSelf(), MmOp::create(b, getMat1(), getMat2()), getBeta(), getAlpha());
}

LogicalResult BaddbmmOp::infer(Adaptor op, Inference &r) {
  return inferProduct(r, op.getBatch1(), op.getBatch2());
}
LogicalResult BaddbmmOp::decompose(Decomposition &b) {
  return decomposeAdded(b, getSelf(), BmmOp::create(b, getBatch1(), getBatch2()), getBeta(),
                        getAlpha());
}

LogicalResult LinearOp::infer(Adaptor op, Inference &r) {
  Sizes input = sizesOf(op.getInput()), weight = sizesOf(op.getWeight());
  if (!input || !weight || input->empty())
    return r.tensor(std::nullopt, dtypeOf(op.getInput()));
  if (weight->size() != 2)
    return r.error("the weight must be a matrix");
  if (differ(input->back(), (*weight)[1]))
    return r.error("the weight does not go with the input's last dimension");
  if (Sizes bias = sizesOf(op.getBias());
      bias && (bias->size() > 1 || (bias->size() == 1 && differ(bias->back(), (*weight)[0]))))
    return r.error("the bias does not go with the weight");
  input->back() = (*weight)[0];
  return r.tensor(input, dtypeOf(op.getInput()));
}

LogicalResult LinearOp::lowerToLinalg(Lowering &b) {
  Adaptor op(b.operands);
  auto type = dyn_cast<RankedTensorType>(op.getInput().getType());
  if (!type || !isa<RankedTensorType>(op.getWeight().getType()) || !b.resultType())
    return b.unsupported("the rank of an operand is unknown");
  int64_t rank = type.getRank();
  SmallVector<OpFoldResult> sizes = b.sizes(op.getInput());
  sizes.back() = b.dim(op.getWeight(), 0);

  // All leading dimensions are rows of one matrix.
  Value rows = op.getInput();
  SmallVector<ReassociationIndices> parts(2);
  for (int64_t i = 0; i < rank - 1; ++i)
    parts[0].push_back(i);
  parts[1].push_back(rank - 1);
  if (rank == 1)
    rows = tensor::ExpandShapeOp::create(
        b, RankedTensorType::get({1, type.getDimSize(0)}, type.getElementType()), rows,
        SmallVector<ReassociationIndices>{{0, 1}},
        SmallVector<OpFoldResult>{b.getIndexAttr(1), b.dim(rows, 0)});
  else if (rank > 2)
    rows = tensor::CollapseShapeOp::create(b, rows, parts);

  Type dtype = b.resultDtype(), compute = computeDtype(dtype);
  SmallVector<OpFoldResult> matrix = {b.dim(rows, 0), sizes.back()};
  Value init;
  if (isNone(op.getBias())) {
    init = b.zeros(matrix, lowerDtype(compute));
  } else {
    Value bias = b.convert(op.getBias(), dtype, compute);
    init = linalg::BroadcastOp::create(b, bias, b.empty(matrix, lowerDtype(compute)),
                                       ArrayRef<int64_t>{0})
               .getResults()[0];
  }
  Value result = linalg::MatmulTransposeBOp::create(b, b.getLoc(), ValueRange{rows, op.getWeight()},
                                                    ValueRange{init})
                     .getResult(0);
  result = b.convert(result, compute, dtype);
  if (rank == 1)
    result = tensor::CollapseShapeOp::create(b, result, SmallVector<ReassociationIndices>{{0, 1}});
  else if (rank > 2)
    result = tensor::ExpandShapeOp::create(
        b, RankedTensorType::get(b.resultType().getShape(), lowerDtype(dtype)), result, parts,
        sizes);
  return b.replace(result);
}

} // namespace linalgd::torch
