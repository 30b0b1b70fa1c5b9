// Methods of assertions.
#include "compiler/ops/assertion/assertion.h"
#include "compiler/dialect/builders.h"
#include "compiler/ops/scalar/scalar.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"

using namespace mlir;

namespace linalgd::torch {

LogicalResult AssertScalarOp::lowerToLinalg(Lowering &b) {
  Adaptor op(b.operands);
  Type from = dtypeOf(getSelf());
  if (!from)
    return b.unsupported("the type of the number is unknown");
  Value holds = convertScalar(b, op.getSelf(), from, b.getI1Type());
  std::string message = matchString(getAssertMsg()).value_or("").str();
  cf::AssertOp::create(b, holds, message.empty() ? "an assertion of the model failed" : message);
  return b.replace(ValueRange());
}

// Asserts that the one element of a tensor is not zero.
static LogicalResult assertElement(Decomposition &b, Value tensor, Value message) {
  Value element = BoolTensorOp::create(b, tensor);
  AssertScalarOp::create(b, element, message);
  return b.replace(ValueRange());
}
LogicalResult AssertAsyncOp::decompose(Decomposition &b) {
  return assertElement(b, getSelf(), ConstantStrOp::create(b, "an assertion of the model failed"));
}
LogicalResult AssertAsyncMsgOp::decompose(Decomposition &b) {
  return assertElement(b, getSelf(), getAssertMsg());
}

static LogicalResult assertRange(Decomposition &b, Value number, Value min, Value max,
                                 std::optional<int64_t> leastMin) {
  Value size = isa<torch::IntType>(number.getType()) ? number : IntScalarOp::create(b, number);
  std::optional<int64_t> least = matchInt(min), most = matchInt(max);
  if ((!least && !isNone(min)) || (!most && !isNone(max)))
    return failure();
  if (leastMin)
    least = std::max(least.value_or(*leastMin), *leastMin);
  auto check = [&](Value holds, const Twine &what) {
    AssertScalarOp::create(
        b, holds, ConstantStrOp::create(b, ("a number of the model must be " + what).str()));
  };
  if (least)
    check(GeIntOp::create(b, size, b.constInt(*least)), "at least " + Twine(*least));
  if (most)
    check(LeIntOp::create(b, size, b.constInt(*most)), "at most " + Twine(*most));
  return b.replace(ValueRange());
}
LogicalResult SymConstrainRangeOp::decompose(Decomposition &b) {
  return assertRange(b, getSize(), getMin(), getMax(), std::nullopt);
}
LogicalResult SymConstrainRangeForSizeOp::decompose(Decomposition &b) {
  return assertRange(b, getSize(), getMin(), getMax(), 0);
}

LogicalResult AssertTensorMetadataOp::decompose(Decomposition &b) {
  Type wanted = matchDtype(getDtype(), Type()), dtype = dtypeOf(getA());
  Sizes sizes = sizesOf(getA());
  std::optional<SmallVector<Value>> expected;
  if (auto list = getSize().getDefiningOp<ListConstructOp>())
    expected = llvm::to_vector(list.getElements());
  else if (!isNone(getSize()))
    return failure();
  bool contradicts = (wanted && dtype && wanted != dtype) ||
                     (expected && sizes && expected->size() != sizes->size());
  if (contradicts || (wanted && !dtype) || (expected && !sizes))
    return failure();
  for (unsigned i = 0; expected && i < expected->size(); ++i)
    AssertScalarOp::create(
        b, EqIntOp::create(b, b.size(getA(), i), (*expected)[i]),
        ConstantStrOp::create(
            b, ("a tensor of the model has another size in dimension " + Twine(i)).str()));
  return b.replace(ValueRange());
}

} // namespace linalgd::torch
