// Losses onto elementwise ops and a reduction.
#include "compiler/ops/loss/loss.h"
#include "compiler/dialect/builders.h"
#include "compiler/ops/binary/binary.h"
#include "compiler/ops/elementwise/elementwise.h"
#include "compiler/ops/reduction/reduction.h"

using namespace mlir;

namespace linalgd::torch {

LogicalResult inferLoss(Inference &r, Value self, Value target, Value reduction) {
  std::optional<int64_t> kind = matchInt(reduction);
  if (!kind)
    return r.tensor(std::nullopt, resultDtype(ValueRange{self, target}));
  if (*kind == 0)
    return r.broadcast({self, target});
  return r.tensor(SmallVector<int64_t>(), resultDtype(ValueRange{self, target}));
}

namespace {

Value add(Decomposition &b, Value x, Value y) {
  return AddTensorOp::create(b, x, y, b.constInt(1));
}
Value sub(Decomposition &b, Value x, Value y) {
  return SubTensorOp::create(b, x, y, b.constInt(1));
}
Value mul(Decomposition &b, Value x, Value y) { return MulTensorOp::create(b, x, y); }

LogicalResult reduceLoss(Decomposition &b, Value loss, Value reduction) {
  std::optional<int64_t> kind = matchInt(reduction);
  if (!kind)
    return failure();
  if (*kind == 0)
    return b.replace(loss);
  return b.replace(*kind == 1 ? MeanOp::create(b, loss, b.constNone()).getResult()
                              : SumOp::create(b, loss, b.constNone()).getResult());
}

// Quadratic below `edge`, linear above: quadratic / divisor, slope * |x| - offset.
Value blend(Decomposition &b, Value x, Value edge, double quadratic, double slope, double offset) {
  Value distance = AbsOp::create(b, x);
  Value inner = MulScalarOp::create(b, mul(b, x, x), b.constFloat(quadratic));
  Value outer = SubScalarOp::create(b, MulScalarOp::create(b, distance, b.constFloat(slope)),
                                    b.constFloat(offset), b.constInt(1));
  return WhereSelfOp::create(b, LtScalarOp::create(b, distance, edge), inner, outer);
}

} // namespace

LogicalResult MseLossOp::decompose(Decomposition &b) {
  if (!matchInt(getReduction()))
    return failure();
  Value difference = sub(b, getSelf(), getTarget());
  return reduceLoss(b, mul(b, difference, difference), getReduction());
}

LogicalResult L1LossOp::decompose(Decomposition &b) {
  if (!matchInt(getReduction()))
    return failure();
  return reduceLoss(b, AbsOp::create(b, sub(b, getSelf(), getTarget())), getReduction());
}

// log(1 + exp(-target * self)).
LogicalResult SoftMarginLossOp::decompose(Decomposition &b) {
  if (!matchInt(getReduction()))
    return failure();
  Value product = NegOp::create(b, mul(b, getTarget(), getSelf()));
  return reduceLoss(b, Log1pOp::create(b, ExpOp::create(b, product)), getReduction());
}

LogicalResult SmoothL1LossOp::decompose(Decomposition &b) {
  std::optional<double> beta = matchFloat(getBeta());
  if (!beta || !matchInt(getReduction()))
    return failure();
  Value difference = sub(b, getSelf(), getTarget());
  Value loss = *beta == 0 ? AbsOp::create(b, difference).getResult()
                          : blend(b, difference, getBeta(), 0.5 / *beta, 1, 0.5 * *beta);
  return reduceLoss(b, loss, getReduction());
}

LogicalResult HuberLossOp::decompose(Decomposition &b) {
  std::optional<double> delta = matchFloat(getDelta());
  if (!delta || !matchInt(getReduction()))
    return failure();
  Value difference = sub(b, getSelf(), getTarget());
  return reduceLoss(b, blend(b, difference, getDelta(), 0.5, *delta, 0.5 * *delta * *delta),
                    getReduction());
}

// PyTorch bounds the logarithms by -100 from below.
LogicalResult BinaryCrossEntropyOp::decompose(Decomposition &b) {
  if (!matchInt(getReduction()))
    return failure();
  Value one = b.constInt(1), least = b.constInt(-100);
  Value logInput = ClampMinOp::create(b, LogOp::create(b, getSelf()), least);
  Value logRest = ClampMinOp::create(b, Log1pOp::create(b, NegOp::create(b, getSelf())), least);
  Value rest = RsubScalarOp::create(b, getTarget(), one, one);
  Value loss = NegOp::create(b, add(b, mul(b, getTarget(), logInput), mul(b, rest, logRest)));
  if (!isNone(getWeight()))
    loss = mul(b, loss, getWeight());
  return reduceLoss(b, loss, getReduction());
}

// (1 - target) * x - (1 + (pos_weight - 1) * target) * log(sigmoid(x)).
LogicalResult BinaryCrossEntropyWithLogitsOp::decompose(Decomposition &b) {
  if (!matchInt(getReduction()))
    return failure();
  Value one = b.constInt(1);
  Value rest = RsubScalarOp::create(b, getTarget(), one, one);
  Value logSigmoid = LogSigmoidOp::create(b, getSelf());
  if (!isNone(getPosWeight())) {
    Value extra = SubScalarOp::create(b, getPosWeight(), one, one);
    Value factor = AddScalarOp::create(b, mul(b, extra, getTarget()), one, one);
    logSigmoid = mul(b, factor, logSigmoid);
  }
  Value loss = sub(b, mul(b, rest, getSelf()), logSigmoid);
  if (!isNone(getWeight()))
    loss = mul(b, loss, getWeight());
  return reduceLoss(b, loss, getReduction());
}

} // namespace linalgd::torch
