#include "compiler/ops/qdq/qdq.h"
#include "compiler/ops/binary/binary.h"
#include "compiler/ops/elementwise/elementwise.h"
#include "compiler/ops/qdq/helpers.h"
#include "compiler/ops/reduction/reduction.h"
#include "compiler/ops/view/view.h"

using namespace mlir;

namespace linalgd::torch {

Value bound(TorchBuilder &b, Value parameter) {
  if (!isTensor(parameter.getType()))
    return parameter;
  Value number = b.toDtype(parameter, b.getF32Type());
  Sizes sizes = sizesOf(number);
  return sizes && sizes->empty() ? number
                                 : Value(ViewOp::create(b, number, b.intList(ArrayRef<int64_t>())));
}

std::optional<Affine> ofEachToken(TorchBuilder &b, Value scales, Value zeroPoints) {
  return Affine{b.toDtype(scales, b.getF32Type()), b.toDtype(zeroPoints, b.getF32Type())};
}

LogicalResult inferQparams(Inference &r) {
  return success(succeeded(r.tensor(SmallVector<int64_t>{1}, Float64Type::get(r.context))) &&
                 succeeded(r.tensor(SmallVector<int64_t>{1}, r.si64())));
}

// The zero point makes the least number exact.
LogicalResult ChooseQparamsTensorOp::decompose(Decomposition &b) {
  auto min = matchFloat(getQuantMin()), max = matchFloat(getQuantMax());
  if (!min || !max)
    return failure();
  Value zero = b.constInt(0), one = b.constInt(1), input = b.toDtype(getInput(), b.getF32Type());
  Value least = ClampMaxOp::create(b, MinOp::create(b, input), zero);
  Value most = ClampMinOp::create(b, MaxOp::create(b, input), zero);
  Value range = SubTensorOp::create(b, most, least, one);
  Value scale =
      ClampMinOp::create(b, DivScalarOp::create(b, range, b.constFloat(*max - *min)), getEps());
  Value offset = RoundOp::create(b, DivTensorOp::create(b, least, scale));
  Value zeroPoint = ClampOp::create(b, RsubScalarOp::create(b, offset, getQuantMin(), one),
                                    getQuantMin(), getQuantMax());
  auto result = [&](Value value, unsigned index) -> Value {
    return ViewOp::create(b, b.toDtype(value, b.resultDtype(index)), b.intList({1}));
  };
  return b.replace({result(scale, 0), result(zeroPoint, 1)});
}

} // namespace linalgd::torch
