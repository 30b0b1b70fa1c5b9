// Elementwise ops with more than a scalar expression.
#include "compiler/ops/elementwise/elementwise.h"
#include "compiler/dialect/pointwise.h"
#include "compiler/ops/binary/binary.h"
#include "compiler/ops/scalar/scalar.h"
#include "compiler/ops/view/helpers.h"
#include "compiler/ops/view/view.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace linalgd::torch {

LogicalResult LogSigmoidForwardOp::infer(Adaptor op, Inference &r) {
  if (failed(r.same(op.getSelf())))
    return failure();
  return r.tensor(SmallVector<int64_t>{0}, dtypeOf(op.getSelf())); // the buffer of the CPU's kernel
}

LogicalResult LogSigmoidForwardOp::decompose(Decomposition &b) {
  if (!getBuffer().use_empty())
    return failure();
  Value output = LogSigmoidOp::create(b, getSelf());
  b.rewriter.replaceAllUsesWith(getOutput(), b.staticCast(output, getOutput().getType()));
  b.rewriter.eraseOp(*this);
  return success();
}

// Leaky ReLU with the mean of the slopes; null in training, which draws them.
static Value evaluatedRrelu(Decomposition &b, Value self, Value lower, Value upper,
                            Value training) {
  std::optional<double> least = matchFloat(lower), most = matchFloat(upper);
  if (!least || !most || matchBool(training) != false)
    return nullptr;
  return LeakyReluOp::create(b, self, b.constFloat((*least + *most) / 2));
}

LogicalResult RreluOp::decompose(Decomposition &b) {
  Value result = evaluatedRrelu(b, getSelf(), getLower(), getUpper(), getTraining());
  return result ? b.replace(result) : failure();
}

LogicalResult RreluWithNoiseFunctionalOp::infer(Adaptor op, Inference &r) {
  return failure(failed(r.same(op.getSelf())) || failed(r.same(op.getNoise())));
}
LogicalResult RreluWithNoiseFunctionalOp::decompose(Decomposition &b) {
  Value result = evaluatedRrelu(b, getSelf(), getLower(), getUpper(), getTraining());
  return result ? b.replace({result, getNoise()}) : failure();
}

// The first half of `dim` times the sigmoid of the second.
LogicalResult GluOp::infer(Adaptor op, Inference &r) {
  if (failed(r.hasDims(op.getSelf(), op.getDim())) || failed(r.hasRank(op.getSelf(), 1, INT64_MAX)))
    return failure();
  Sizes sizes = sizesOf(op.getSelf());
  std::optional<int64_t> dim = matchDim(op.getDim(), op.getSelf());
  if (!sizes || !dim)
    return r.tensor(std::nullopt, dtypeOf(op.getSelf()));
  int64_t &size = (*sizes)[*dim];
  if (!ShapedType::isDynamic(size)) {
    if (size % 2)
      return r.error("halves a dimension of odd size");
    size /= 2;
  }
  return r.tensor(sizes, dtypeOf(op.getSelf()));
}
LogicalResult GluOp::decompose(Decomposition &b) {
  std::optional<int64_t> dim = matchDim(getDim(), getSelf());
  if (!dim)
    return failure();
  Value one = b.constInt(1), none = b.constNone(), size = b.size(getSelf(), *dim);
  Value half = b.createOrFold<FloordivIntOp>(size, b.constInt(2));
  Value first = SliceTensorOp::create(b, getSelf(), getDim(), b.constInt(0), half, one);
  Value second = SliceTensorOp::create(b, getSelf(), getDim(), half, none, one);
  return b.replace(MulTensorOp::create(b, first, SigmoidOp::create(b, second)).getResult());
}

LogicalResult PreluOp::infer(Adaptor op, Inference &r) {
  Sizes sizes = sizesOf(op.getSelf()), weight = sizesOf(op.getWeight());
  if (failed(r.hasRank(op.getWeight(), 0, 1, "the weight")) ||
      failed(r.areOfOneDtype({op.getSelf(), op.getWeight()})))
    return failure();
  if (sizes && weight && weight->size() == 1 && weight->front() != 1) {
    int64_t channels = sizes->size() > 1 ? (*sizes)[1] : 1;
    if (failed(r.hasSizes(op.getWeight(), channels, "the weight")))
      return failure();
  }
  return r.same(op.getSelf());
}

LogicalResult PreluOp::lowerToLinalg(Lowering &b) {
  Adaptor op(b.operands);
  auto self = dyn_cast<RankedTensorType>(op.getSelf().getType());
  auto weightType = dyn_cast<RankedTensorType>(op.getWeight().getType());
  if (!self || !weightType)
    return b.unsupported("the rank of an operand is unknown");
  // The weight's channels against dimension 1.
  Value weight = op.getWeight();
  if (weightType.getRank() == 1 && self.getRank() > 2) {
    SmallVector<int64_t> shape(self.getRank() - 1, 1);
    shape[0] = weightType.getDimSize(0);
    ReassociationIndices all = llvm::to_vector(llvm::seq<int64_t>(0, self.getRank() - 1));
    weight =
        tensor::ExpandShapeOp::create(b, RankedTensorType::get(shape, weightType.getElementType()),
                                      weight, ArrayRef<ReassociationIndices>{all});
  } else if (weightType.getRank() == 1 && self.getRank() < 2) {
    weight =
        tensor::CollapseShapeOp::create(b, RankedTensorType::get({}, weightType.getElementType()),
                                        weight, ArrayRef<ReassociationIndices>{});
  }
  Type dtype = b.resultDtype();
  Value result =
      b.elementwise({op.getSelf(), weight}, self.getElementType(),
                    [&](ImplicitLocOpBuilder &nested, ValueRange x) {
                      ScalarBuilder s(nested.getLoc(), nested, computeDtype(dtype));
                      Value value = convertScalar(s, x[0], dtype, s.dtype);
                      Value slope = convertScalar(s, x[1], dtype, s.dtype);
                      Value y = s.select(s.gt(value, s.constant(0)), value, s.mul(value, slope));
                      return convertScalar(s, y, s.dtype, dtype);
                    });
  return b.replace(result);
}

} // namespace linalgd::torch
