// Losses onto elementwise ops and a reduction.
#include "compiler/ops/loss/loss.h"
#include "compiler/dialect/builders.h"
#include "compiler/ops/attention/attention.h"
#include "compiler/ops/binary/arithmetic.h"
#include "compiler/ops/elementwise/elementwise.h"
#include "compiler/ops/indexing/indexing.h"
#include "compiler/ops/reduction/reduction.h"
#include "compiler/ops/view/view.h"

#include <cmath>

using namespace mlir;

namespace linalgd::torch {

LogicalResult inferLoss(Inference &r, Value self, Value target, Value reduction, bool isFloat) {
  std::optional<int64_t> kind = matchInt(reduction);
  Type dtype = resultDtype(ValueRange{self, target});
  if (isFloat && dtype)
    dtype = floatDtype(dtype);
  if (!kind)
    return r.tensor(std::nullopt, dtype);
  std::string message;
  std::optional<Sizes> sizes =
      broadcastSizes({strip(self).getType(), strip(target).getType()}, message);
  if (!sizes)
    return r.error(message);
  return r.tensor(*kind == 0 ? *sizes : SmallVector<int64_t>(), dtype);
}

namespace {

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

LogicalResult KlDivOp::decompose(Decomposition &b) {
  std::optional<bool> logTarget = matchBool(getLogTarget());
  if (!matchInt(getReduction()) || !logTarget)
    return failure();
  Value target = getTarget();
  Value loss;
  if (*logTarget) {
    loss = mul(b, ExpOp::create(b, target), sub(b, target, getSelf()));
  } else {
    // 0 log 0 is 0.
    loss = sub(b, XlogyTensorOp::create(b, target, target), mul(b, target, getSelf()));
  }
  return reduceLoss(b, loss, getReduction());
}

// x where the target is 1, max(0, margin - x) where it is -1.
LogicalResult HingeEmbeddingLossOp::decompose(Decomposition &b) {
  if (!matchInt(getReduction()))
    return failure();
  Value zero = b.constInt(0), one = b.constInt(1);
  Value margin = ClampMinOp::create(b, RsubScalarOp::create(b, getSelf(), getMargin(), one), zero);
  Value none = MulScalarOp::create(b, getSelf(), zero);
  Value negative = WhereSelfOp::create(b, NeScalarOp::create(b, getTarget(), one), margin, none);
  Value positive =
      WhereSelfOp::create(b, NeScalarOp::create(b, getTarget(), b.constInt(-1)), getSelf(), none);
  return reduceLoss(b, add(b, negative, positive), getReduction());
}

LogicalResult PoissonNllLossOp::decompose(Decomposition &b) {
  std::optional<bool> logInput = matchBool(getLogInput());
  std::optional<bool> full = matchBool(getFull());
  if (!matchInt(getReduction()) || !logInput || !full)
    return failure();
  Value loss;
  if (*logInput) {
    loss = sub(b, ExpOp::create(b, getInput()), mul(b, getTarget(), getInput()));
  } else {
    Value positive = AddScalarOp::create(b, getInput(), getEps(), b.constInt(1));
    loss = sub(b, getInput(), mul(b, getTarget(), LogOp::create(b, positive)));
  }
  if (*full) { // Stirling's approximation of log(target!), where it is one
    Value target = getTarget(), one = b.constInt(1);
    Value half = LogOp::create(b, MulScalarOp::create(b, target, b.constFloat(2 * M_PI)));
    half = MulScalarOp::create(b, half, b.constFloat(0.5));
    Value term = add(b, sub(b, mul(b, target, LogOp::create(b, target)), target), half);
    term = MaskedFillScalarOp::create(b, term, LeScalarOp::create(b, target, one), b.constInt(0));
    loss = add(b, loss, term);
  }
  return reduceLoss(b, loss, getReduction());
}

// max(0, margin - target * (input1 - input2)).
LogicalResult MarginRankingLossOp::decompose(Decomposition &b) {
  if (!matchInt(getReduction()))
    return failure();
  Value product = mul(b, getTarget(), sub(b, getInput1(), getInput2()));
  Value loss = RsubScalarOp::create(b, product, getMargin(), b.constInt(1));
  return reduceLoss(b, ClampMinOp::create(b, loss, b.constInt(0)), getReduction());
}

//===-- classes -------------------------------------------------------------------------------===//

LogicalResult inferClassLoss(Inference &r, Value self, Value target, Value weight,
                             Value reduction) {
  Sizes sizes = sizesOf(self), targetSizes = sizesOf(target);
  std::optional<int64_t> kind = matchInt(reduction);
  if (failed(r.hasRank(self, 1, INT64_MAX)))
    return failure();
  if (!sizes)
    return r.tensor(std::nullopt, dtypeOf(self));
  // Class numbers lack the dimension of the classes, probabilities have it.
  int64_t classes = sizes->size() > 1 ? 1 : 0;
  SmallVector<int64_t> samples(*sizes);
  samples.erase(samples.begin() + classes);
  bool probabilities = targetSizes && targetSizes->size() == sizes->size();
  if (failed(r.hasSizes(target, probabilities ? *sizes : samples, "the target")) ||
      failed(probabilities ? r.isFloating(target, "a target of probabilities")
                           : r.isIndex(target, "the target")) ||
      failed(r.hasSizes(weight, (*sizes)[classes], "the weight")))
    return failure();
  if (!kind)
    return r.tensor(std::nullopt, dtypeOf(self));
  if (*kind != 0)
    return r.tensor(SmallVector<int64_t>(), dtypeOf(self));
  sizes->erase(sizes->begin() + (sizes->size() > 1 ? 1 : 0));
  return r.tensor(sizes, dtypeOf(self));
}

namespace {

// What a class loss is made of, one element a sample. Targets that are ignored count as 0.
struct ClassTerms {
  Value picked; // the log-probability of the target, weighted
  Value weight; // of the target
  Value counts; // 1 or 0
};

// `logs` at the target's class along `dim`; `classWeight` may be none.
ClassTerms pickClasses(Decomposition &b, Value logs, Value target, Value classWeight, Value ignore,
                       int64_t dim) {
  Value at = b.constInt(dim), no = b.constBool(false);
  Value counts = NeScalarOp::create(b, target, ignore);
  Value safe =
      MaskedFillScalarOp::create(b, target, LogicalNotOp::create(b, counts), b.constInt(0));
  Value picked = GatherOp::create(b, logs, at, UnsqueezeOp::create(b, safe, at), no);
  picked = SqueezeDimOp::create(b, picked, at);
  counts = b.toDtype(counts, dtypeOf(logs));
  Value weight = counts;
  if (!isNone(classWeight)) {
    Value own = IndexTensorOp::create(b, classWeight, b.list(safe, safe.getType()));
    weight = mul(b, own, counts);
  }
  return {mul(b, picked, weight), weight, counts};
}

LogicalResult reduceClassLoss(Decomposition &b, Value loss, Value weight, Value reduction) {
  int64_t kind = *matchInt(reduction);
  if (kind == 0)
    return b.replace(loss);
  Value none = b.constNone();
  Value sum = SumOp::create(b, loss, none);
  if (kind == 1)
    sum = DivTensorOp::create(b, sum, SumOp::create(b, weight, none));
  return b.replace(sum);
}

int64_t classDim(const Sizes &sizes) { return sizes->size() > 1 ? 1 : 0; }

// `terms`, with one element a class, times the weights of the classes.
Value weightClasses(Decomposition &b, Value terms, Value classWeight) {
  if (isNone(classWeight))
    return terms;
  Sizes sizes = sizesOf(terms);
  for (size_t i = classDim(sizes) + 1; i < sizes->size(); ++i)
    classWeight = UnsqueezeOp::create(b, classWeight, b.constInt(-1));
  return mul(b, terms, classWeight);
}

} // namespace

LogicalResult NllLossNdOp::decompose(Decomposition &b) {
  Sizes sizes = sizesOf(getSelf());
  if (!sizes || sizes->empty() || !matchInt(getReduction()) || !dtypeOf(getSelf()))
    return failure();
  ClassTerms terms =
      pickClasses(b, getSelf(), getTarget(), getWeight(), getIgnoreIndex(), classDim(sizes));
  return reduceClassLoss(b, NegOp::create(b, terms.picked), terms.weight, getReduction());
}

LogicalResult CrossEntropyLossOp::decompose(Decomposition &b) {
  Sizes sizes = sizesOf(getSelf()), target = sizesOf(getTarget());
  std::optional<double> smoothing = matchFloat(getLabelSmoothing());
  if (!sizes || sizes->empty() || !target || !matchInt(getReduction()) || !smoothing ||
      !dtypeOf(getSelf()))
    return failure();
  int64_t dim = classDim(sizes);
  Value none = b.constNone(), at = b.constInt(dim);
  Value logs = LogSoftmaxIntOp::create(b, getSelf(), at, none);
  Value dims = b.intList(ArrayRef<int64_t>{dim}), drop = b.constBool(false);
  // Smoothing mixes in the mean over all classes.
  auto smooth = [&](Value picked, Value counts) -> Value {
    if (*smoothing == 0)
      return picked;
    Value uniform = MeanDimOp::create(b, weightClasses(b, logs, getWeight()), dims, drop, none);
    Value rest = counts ? mul(b, uniform, counts) : uniform;
    return add(b, MulScalarOp::create(b, picked, b.constFloat(1 - *smoothing)),
               MulScalarOp::create(b, rest, b.constFloat(*smoothing)));
  };
  if (target->size() == sizes->size()) { // probabilities
    Value terms = weightClasses(b, mul(b, logs, getTarget()), getWeight());
    Value picked = SumDimIntListOp::create(b, terms, dims, drop, none);
    Value loss = NegOp::create(b, smooth(picked, nullptr));
    return reduceLoss(b, loss, getReduction());
  }
  ClassTerms terms = pickClasses(b, logs, getTarget(), getWeight(), getIgnoreIndex(), dim);
  Value loss = NegOp::create(b, smooth(terms.picked, terms.counts));
  return reduceClassLoss(b, loss, terms.weight, getReduction());
}

} // namespace linalgd::torch
