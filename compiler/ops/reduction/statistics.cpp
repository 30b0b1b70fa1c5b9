// Reductions in terms of others: truth, variances, norms.
#include "compiler/dialect/builders.h"
#include "compiler/ops/binary/binary.h"
#include "compiler/ops/elementwise/elementwise.h"
#include "compiler/ops/reduction/helpers.h"
#include "compiler/ops/reduction/reduction.h"
#include "compiler/ops/scalar/scalar.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace linalgd::torch {

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

//===-- truth ---------------------------------------------------------------------------------===//

Type truthDtype(Inference &r, Value tensor) {
  Type dtype = dtypeOf(tensor);
  if (!dtype)
    return nullptr;
  return isUnsignedDtype(dtype) ? dtype : Type(r.i1());
}

static Value noDims(TorchBuilder &b) { return b.intList(ArrayRef<int64_t>()); }

// `dims` of one op or another: a list, one dimension, or none for all of them.
static Value asList(TorchBuilder &b, Value dims) {
  if (!dims || isNone(dims))
    return noDims(b);
  return isa<torch::ListType>(strip(dims).getType()) ? strip(dims) : b.intList(strip(dims));
}

static LogicalResult decomposeTruth(Decomposition &b, Value self, Value dims, Value keep,
                                    bool all) {
  Sizes sizes = sizesOf(self);
  if (!dtypeOf(self) || !sizes)
    return failure();
  Value truth = b.toDtype(self, b.getI1Type()), result;
  // An empty list reduces nothing in `dims`, other than everywhere else.
  std::optional<SmallVector<Value>> list = dims ? matchList(strip(dims)) : std::nullopt;
  if (list && list->empty() && !sizes->empty())
    return b.replace(b.toDtype(truth, b.resultDtype()));
  Value over = asList(b, dims), keeps = keep ? keep : b.constBool(false);
  if (all)
    result = AminOp::create(b, truth, over, keeps);
  else
    result = AmaxOp::create(b, truth, over, keeps);
  return b.replace(b.toDtype(result, b.resultDtype()));
}

LogicalResult AnyOp::decompose(Decomposition &b) {
  return decomposeTruth(b, getSelf(), nullptr, nullptr, false);
}
LogicalResult AnyDimOp::decompose(Decomposition &b) {
  return decomposeTruth(b, getSelf(), getDim(), getKeepdim(), false);
}
LogicalResult AnyDimsOp::decompose(Decomposition &b) {
  return decomposeTruth(b, getSelf(), getDim(), getKeepdim(), false);
}
LogicalResult AllOp::decompose(Decomposition &b) {
  return decomposeTruth(b, getSelf(), nullptr, nullptr, true);
}
LogicalResult AllDimOp::decompose(Decomposition &b) {
  return decomposeTruth(b, getSelf(), getDim(), getKeepdim(), true);
}
LogicalResult AllDimsOp::decompose(Decomposition &b) {
  return decomposeTruth(b, getSelf(), getDim(), getKeepdim(), true);
}

static LogicalResult decomposeCount(Decomposition &b, Value self, Value dims) {
  if (!dtypeOf(self))
    return failure();
  Value truth = b.toDtype(self, b.getI1Type());
  return b.replace(
      SumDimIntListOp::create(b, truth, asList(b, dims), b.constBool(false), b.constNone())
          .getResult());
}
LogicalResult CountNonzeroOp::decompose(Decomposition &b) {
  return decomposeCount(b, getSelf(), getDim());
}
LogicalResult CountNonzeroDimIntListOp::decompose(Decomposition &b) {
  return decomposeCount(b, getSelf(), getDim());
}

//===-- variances -----------------------------------------------------------------------------===//

namespace {

struct Moments {
  Value spread, mean; // the variance or the standard deviation
};

// `dims` and `keep` may be null: of all elements. `correction` is a number or none, or the flag
// `unbiased`.
std::optional<Moments> moments(Decomposition &b, Value self, Value dims, Value correction,
                               Value keep, bool root) {
  dims = asList(b, dims);
  keep = keep ? keep : b.constBool(false);
  Type dtype = b.resultDtype();
  Value count = numElements(b, self, dims);
  std::optional<double> less = isNone(correction) ? 1.0 : matchFloat(correction);
  if (!count || !less || !dtype)
    return std::nullopt;
  Value none = b.constNone(), one = b.constInt(1);
  Value x = b.toDtype(self, computeDtype(dtype));
  Value mean = MeanDimOp::create(b, x, dims, b.constBool(true), none);
  Value distance = SubTensorOp::create(b, x, mean, one);
  Value sum =
      SumDimIntListOp::create(b, MulTensorOp::create(b, distance, distance), dims, keep, none);
  auto whole = static_cast<int64_t>(*less);
  Value divisor;
  if (static_cast<double>(whole) == *less) {
    divisor = b.createOrFold<SubIntOp>(count, b.constInt(whole));
    divisor = b.createOrFold<MaxIntOp>(divisor, b.constInt(0));
  } else {
    Value number = b.createOrFold<FloatIntOp>(count);
    divisor = b.createOrFold<SubFloatOp>(number, b.constFloat(*less));
  }
  Value spread = DivScalarOp::create(b, sum, divisor);
  if (root)
    spread = SqrtOp::create(b, spread);
  if (matchBool(keep) != true)
    mean = MeanDimOp::create(b, x, dims, keep, none);
  return Moments{b.toDtype(spread, dtype), b.toDtype(mean, dtype)};
}

LogicalResult replaceSpread(Decomposition &b, const std::optional<Moments> &moments) {
  return moments ? b.replace(moments->spread) : failure();
}
LogicalResult replaceBoth(Decomposition &b, const std::optional<Moments> &moments) {
  return moments ? b.replace({moments->spread, moments->mean}) : failure();
}

} // namespace

LogicalResult VarOp::decompose(Decomposition &b) {
  return replaceSpread(b, moments(b, getSelf(), nullptr, getUnbiased(), nullptr, false));
}
LogicalResult VarDimOp::decompose(Decomposition &b) {
  return replaceSpread(b, moments(b, getSelf(), getDim(), getUnbiased(), getKeepdim(), false));
}
LogicalResult VarCorrectionOp::decompose(Decomposition &b) {
  return replaceSpread(b, moments(b, getSelf(), getDim(), getCorrection(), getKeepdim(), false));
}
LogicalResult VarMeanOp::decompose(Decomposition &b) {
  return replaceBoth(b, moments(b, getSelf(), nullptr, getUnbiased(), nullptr, false));
}
LogicalResult VarMeanDimOp::decompose(Decomposition &b) {
  return replaceBoth(b, moments(b, getSelf(), getDim(), getUnbiased(), getKeepdim(), false));
}
LogicalResult VarMeanCorrectionOp::decompose(Decomposition &b) {
  return replaceBoth(b, moments(b, getSelf(), getDim(), getCorrection(), getKeepdim(), false));
}
LogicalResult StdOp::decompose(Decomposition &b) {
  return replaceSpread(b, moments(b, getSelf(), nullptr, getUnbiased(), nullptr, true));
}
LogicalResult StdDimOp::decompose(Decomposition &b) {
  return replaceSpread(b, moments(b, getSelf(), getDim(), getUnbiased(), getKeepdim(), true));
}
LogicalResult StdCorrectionOp::decompose(Decomposition &b) {
  return replaceSpread(b, moments(b, getSelf(), getDim(), getCorrection(), getKeepdim(), true));
}
LogicalResult StdMeanOp::decompose(Decomposition &b) {
  return replaceBoth(b, moments(b, getSelf(), nullptr, getUnbiased(), nullptr, true));
}
LogicalResult StdMeanDimOp::decompose(Decomposition &b) {
  return replaceBoth(b, moments(b, getSelf(), getDim(), getUnbiased(), getKeepdim(), true));
}
LogicalResult StdMeanCorrectionOp::decompose(Decomposition &b) {
  return replaceBoth(b, moments(b, getSelf(), getDim(), getCorrection(), getKeepdim(), true));
}

//===-- norms ---------------------------------------------------------------------------------===//

// Of numbers less the largest, so that no exponential overflows; an infinite largest counts as 0.
LogicalResult LogsumexpOp::decompose(Decomposition &b) {
  Type dtype = b.resultDtype();
  if (!sizesOf(getSelf()) || !dtype)
    return failure();
  Value yes = b.constBool(true), none = b.constNone(), one = b.constInt(1), zero = b.constInt(0);
  Value x = b.toDtype(getSelf(), computeDtype(dtype));
  auto safe = [&](Value largest) -> Value {
    return MaskedFillScalarOp::create(b, largest, IsinfOp::create(b, largest), zero);
  };
  Value largest = safe(AmaxOp::create(b, x, getDim(), yes));
  Value sum = SumDimIntListOp::create(b, ExpOp::create(b, SubTensorOp::create(b, x, largest, one)),
                                      getDim(), getKeepdim(), none);
  if (matchBool(getKeepdim()) != true)
    largest = safe(AmaxOp::create(b, x, getDim(), getKeepdim()));
  return b.replace(b.toDtype(AddTensorOp::create(b, LogOp::create(b, sum), largest, one), dtype));
}

// `ord` may be null: 2.
static LogicalResult decomposeNorm(Decomposition &b, Value self, Value ord, Value dims,
                                   Value keep) {
  Type dtype = b.resultDtype();
  std::optional<double> power = !ord || isNone(ord) ? 2.0 : matchFloat(ord);
  if (!sizesOf(self) || !dtype || !power || !isFloatDtype(dtype))
    return failure();
  dims = asList(b, dims);
  keep = keep ? keep : b.constBool(false);
  Value none = b.constNone(), x = b.toDtype(self, computeDtype(dtype)), result;
  auto sum = [&](Value terms) -> Value {
    return SumDimIntListOp::create(b, terms, dims, keep, none);
  };
  if (*power == 2) {
    result = SqrtOp::create(b, sum(MulTensorOp::create(b, x, x)));
  } else if (*power == 0) {
    result = sum(b.toDtype(NeScalarOp::create(b, x, b.constInt(0)), dtypeOf(x)));
  } else {
    Value size = AbsOp::create(b, x);
    if (*power == kInfinity)
      result = AmaxOp::create(b, size, dims, keep);
    else if (*power == -kInfinity)
      result = AminOp::create(b, size, dims, keep);
    else if (*power == 1)
      result = sum(size);
    else
      result = PowTensorScalarOp::create(
          b, sum(PowTensorScalarOp::create(b, size, b.constFloat(*power))),
          b.constFloat(1 / *power));
  }
  return b.replace(b.toDtype(result, dtype));
}

LogicalResult LinalgVectorNormOp::decompose(Decomposition &b) {
  return decomposeNorm(b, getSelf(), getOrd(), getDim(), getKeepdim());
}
LogicalResult NormScalarOp::decompose(Decomposition &b) {
  return decomposeNorm(b, getSelf(), getP(), nullptr, nullptr);
}
LogicalResult NormScalarOptDimOp::decompose(Decomposition &b) {
  return decomposeNorm(b, getSelf(), getP(), getDim(), getKeepdim());
}
// Norms of vectors, and the Frobenius norm that the default is; not those of matrices.
LogicalResult LinalgNormOp::decompose(Decomposition &b) {
  Sizes sizes = sizesOf(getSelf());
  std::optional<SmallVector<Value>> dims = matchList(strip(getDim()));
  bool vector = isNone(getOrd()) || (dims && dims->size() == 1) ||
                (isNone(getDim()) && sizes && sizes->size() < 2);
  return vector ? decomposeNorm(b, getSelf(), getOrd(), getDim(), getKeepdim()) : failure();
}

} // namespace linalgd::torch
