// Batch and instance normalisation: by the batch's statistics, which also move the running ones, or
// by the running statistics.
#include "compiler/dialect/builders.h"
#include "compiler/ops/binary/arithmetic.h"
#include "compiler/ops/creation/creation.h"
#include "compiler/ops/elementwise/elementwise.h"
#include "compiler/ops/normalization/helpers.h"
#include "compiler/ops/normalization/normalization.h"
#include "compiler/ops/reduction/reduction.h"
#include "compiler/ops/scalar/scalar.h"

using namespace mlir;

namespace linalgd::torch {

LogicalResult inferBatchNorm(Inference &r, ValueRange operands) {
  Value input = operands[0], training = operands[operands.size() - 3];
  bool hasStatistics = operands.size() == 8;
  if (failed(checkChannels(r, input, operands.slice(1, hasStatistics ? 4 : 2))) ||
      failed(r.same(input)))
    return failure();
  Sizes sizes = sizesOf(input);
  std::optional<bool> makesStatistics = matchBool(training);
  int64_t channels = !sizes || !makesStatistics ? ShapedType::kDynamic
                     : *makesStatistics         ? (*sizes)[1]
                                                : 0;
  for (int i = 0; i < 2; ++i)
    if (failed(r.tensor(SmallVector<int64_t>{channels}, dtypeOf(input))))
      return failure();
  if (r.opName == NativeBatchNormLegitFunctionalOp::getOperationName())
    for (Value statistic : operands.slice(3, 2))
      if (failed(r.same(statistic)))
        return failure();
  return success();
}

namespace {

struct BatchNorm {
  Value input, weight, bias, mean, variance, eps;
};

// By the statistics given, which are on vectors of channels: one multiplication and one addition an
// element. Null where a type is unknown.
Value normalize(Decomposition &b, const BatchNorm &norm) {
  Sizes sizes = sizesOf(norm.input);
  Type dtype = b.resultDtype();
  if (!sizes || !dtype)
    return nullptr;
  Type compute = computeDtype(dtype);
  auto rank = static_cast<int64_t>(sizes->size());
  Value scale = reciprocalRoot(b, b.toDtype(norm.variance, compute), norm.eps);
  if (!isNone(norm.weight))
    scale = mul(b, scale, b.toDtype(norm.weight, compute));
  Value shift = NegOp::create(b, mul(b, b.toDtype(norm.mean, compute), scale));
  if (!isNone(norm.bias))
    shift = add(b, shift, b.toDtype(norm.bias, compute));
  Value x = mul(b, b.toDtype(norm.input, compute), alongChannels(b, scale, rank));
  return b.toDtype(add(b, x, alongChannels(b, shift, rank)), dtype);
}

// The batch's own mean and (biased) variance of each channel, in the dtype that is computed in.
bool takeStatistics(Decomposition &b, BatchNorm &norm) {
  Sizes sizes = sizesOf(norm.input);
  Type dtype = b.resultDtype();
  if (!sizes || !dtype)
    return false;
  auto rank = static_cast<int64_t>(sizes->size());
  SmallVector<int64_t> dims = {0};
  for (int64_t i = 2; i < rank; ++i)
    dims.push_back(i);
  Value x = b.toDtype(norm.input, computeDtype(dtype));
  Value over = b.intList(dims), keep = b.constBool(false), none = b.constNone();
  norm.mean = MeanDimOp::create(b, x, over, keep, none);
  Value centred = sub(b, x, alongChannels(b, norm.mean, rank));
  norm.variance = MeanDimOp::create(b, mul(b, centred, centred), over, keep, none);
  return true;
}

// running + momentum * (now - running), in the dtype of `running`.
Value moved(TorchBuilder &b, Value running, Value now, Value momentum) {
  Value wide = b.toDtype(running, computeDtype(dtypeOf(now)));
  Value difference = sub(b, b.toDtype(now, dtypeOf(wide)), wide);
  return b.toDtype(AddTensorOp::create(b, wide, difference, momentum), dtypeOf(running));
}

// Running variances are unbiased: times n / (n - 1), n being the elements of a channel.
Value unbiased(Decomposition &b, Value input, Value variance) {
  Value count = b.size(input, 0);
  for (int64_t i = 2, rank = static_cast<int64_t>(sizesOf(input)->size()); i < rank; ++i)
    count = MulIntOp::create(b, count, b.size(input, i));
  Value factor = DivIntOp::create(b, count, SubIntOp::create(b, count, b.constInt(1)));
  return MulScalarOp::create(b, variance, factor);
}

Value noStatistics(Decomposition &b) {
  Value none = b.constNone();
  return ZerosOp::create(b, b.intList(ArrayRef<int64_t>{0}), b.constDtype(b.resultDtype()), none,
                         none, none);
}

// The result with the mean and the reciprocal deviation that were made of it, which are empty where
// none were; nothing where a type is unknown.
SmallVector<Value> nativeResults(Decomposition &b, BatchNorm &norm, bool training) {
  if (training && !takeStatistics(b, norm))
    return {};
  Value result = normalize(b, norm);
  if (!result)
    return {};
  if (!training)
    return {result, noStatistics(b), noStatistics(b)};
  return {result, b.toDtype(norm.mean, b.resultDtype()),
          b.toDtype(reciprocalRoot(b, norm.variance, norm.eps), b.resultDtype())};
}

// An op that writes nothing: of those that would, Functionalize has made others.
LogicalResult replaceNative(Decomposition &b, BatchNorm norm, Value training) {
  std::optional<bool> isTraining = matchBool(training);
  bool hasStatistics = !isNone(norm.mean) && !isNone(norm.variance);
  if (!isTraining || *isTraining == hasStatistics)
    return failure();
  SmallVector<Value> values = nativeResults(b, norm, *isTraining);
  if (values.empty())
    return failure();
  values.truncate(b.op->getNumResults());
  return b.replace(values);
}

// The op with its writes as results of their own: the operator's results, then those.
SmallVector<Value> withStatistics(TorchBuilder &b, ValueRange operands, unsigned numResults) {
  SmallVector<Value> given(operands.take_front(8)); // without cudnn_enabled
  auto op = NativeBatchNormLegitFunctionalOp::create(b, given);
  SmallVector<Value> values(op.getResults().take_front(numResults));
  llvm::append_range(values, op.getResults().take_back(2));
  return values;
}

} // namespace

LogicalResult BatchNormOp::decompose(Decomposition &b) {
  return replaceNative(
      b, {getInput(), getWeight(), getBias(), getRunningMean(), getRunningVar(), getEps()},
      getTraining());
}
SmallVector<Value> BatchNormOp::functionalize(TorchBuilder &b, ValueRange operands) {
  return withStatistics(b, operands, 1);
}

LogicalResult NativeBatchNormOp::decompose(Decomposition &b) {
  return replaceNative(
      b, {getInput(), getWeight(), getBias(), getRunningMean(), getRunningVar(), getEps()},
      getTraining());
}
SmallVector<Value> NativeBatchNormOp::functionalize(TorchBuilder &b, ValueRange operands) {
  return withStatistics(b, operands, 3);
}

LogicalResult NativeBatchNormLegitOp::decompose(Decomposition &b) {
  return replaceNative(
      b, {getInput(), getWeight(), getBias(), getRunningMean(), getRunningVar(), getEps()},
      getTraining());
}
SmallVector<Value> NativeBatchNormLegitOp::functionalize(TorchBuilder &b, ValueRange operands) {
  return withStatistics(b, operands, 3);
}

LogicalResult NativeBatchNormLegitNoStatsOp::decompose(Decomposition &b) {
  Value none = b.constNone();
  return replaceNative(b, {getInput(), getWeight(), getBias(), none, none, getEps()},
                       getTraining());
}

LogicalResult NativeBatchNormLegitFunctionalOp::decompose(Decomposition &b) {
  BatchNorm norm = {getInput(),       getWeight(),     getBias(),
                    getRunningMean(), getRunningVar(), getEps()};
  std::optional<bool> training = matchBool(getTraining());
  if (!training || !dtypeOf(getRunningMean()) || !dtypeOf(getRunningVar()))
    return failure();
  SmallVector<Value> values = nativeResults(b, norm, *training);
  if (values.empty())
    return failure();
  if (*training)
    values.append(
        {moved(b, getRunningMean(), norm.mean, getMomentum()),
         moved(b, getRunningVar(), unbiased(b, norm.input, norm.variance), getMomentum())});
  else
    values.append({getRunningMean(), getRunningVar()});
  return b.replace(values);
}

LogicalResult NativeBatchNormLegitNoTrainingOp::infer(Adaptor op, Inference &r) {
  if (failed(
          checkChannels(r, op.getInput(),
                        {op.getWeight(), op.getBias(), op.getRunningMean(), op.getRunningVar()})) ||
      failed(r.same(op.getInput())))
    return failure();
  for (int i = 0; i < 2; ++i) // no statistics were made
    if (failed(r.tensor(SmallVector<int64_t>{0}, dtypeOf(op.getInput()))))
      return failure();
  return success();
}
LogicalResult NativeBatchNormLegitNoTrainingOp::decompose(Decomposition &b) {
  BatchNorm norm = {getInput(),       getWeight(),     getBias(),
                    getRunningMean(), getRunningVar(), getEps()};
  SmallVector<Value> values = nativeResults(b, norm, false);
  return values.empty() ? failure() : b.replace(values);
}

// Each channel of each sample by itself: as many groups as there are channels.
LogicalResult InstanceNormOp::decompose(Decomposition &b) {
  std::optional<bool> own = matchBool(getUseInputStats());
  bool hasStatistics = !isNone(getRunningMean()) && !isNone(getRunningVar());
  if (own == false && hasStatistics) {
    Value result = normalize(
        b, {getInput(), getWeight(), getBias(), getRunningMean(), getRunningVar(), getEps()});
    return result ? b.replace(result) : failure();
  }
  // Functionalize has made the writes of running statistics something else.
  if (own != true || hasStatistics || !sizesOf(getInput()) || sizesOf(getInput())->size() < 2)
    return failure();
  auto values = groupNorm(b, getInput(), b.size(getInput(), 1), getWeight(), getBias(), getEps());
  return values ? b.replace(b.toDtype(values->x, b.resultDtype())) : failure();
}
SmallVector<Value> InstanceNormOp::functionalize(TorchBuilder &b, ValueRange operands) {
  SmallVector<Value> given(operands);
  Value input = given[0], mean = given[3], variance = given[4], momentum = given[6];
  Value none = b.constNone(), keep = b.constBool(false);
  given[3] = given[4] = none;
  SmallVector<Value> values = {InstanceNormOp::create(b, given)};
  Sizes sizes = sizesOf(input);
  if (!sizes || sizes->size() < 3 || !dtypeOf(input) || !dtypeOf(mean) || !dtypeOf(variance))
    return {};
  // The averages over the batch of each sample's own.
  Value x = b.toDtype(input, computeDtype(dtypeOf(input)));
  SmallVector<int64_t> dims =
      llvm::to_vector(llvm::seq<int64_t>(2, static_cast<int64_t>(sizes->size())));
  Value spatial = b.intList(dims), batch = b.intList(ArrayRef<int64_t>{0});
  auto over = [&](Value tensor, Value dims) {
    return MeanDimOp::create(b, tensor, dims, keep, none).getResult();
  };
  Value spread = VarCorrectionOp::create(b, x, spatial, b.constInt(1), keep);
  values.push_back(moved(b, mean, over(over(x, spatial), batch), momentum));
  values.push_back(moved(b, variance, over(spread, batch), momentum));
  return values;
}

} // namespace linalgd::torch
