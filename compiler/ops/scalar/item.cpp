// Numbers that went through tensors: tracing writes a.shape[0] // 2 as the arithmetic of tensors
// without dimensions, and the sizes that come of it must be known.
#include "compiler/ops/binary/binary.h"
#include "compiler/ops/scalar/functions.h"
#include "compiler/ops/scalar/scalar.h"

using namespace mlir;

namespace linalgd::torch {
namespace {

constexpr int kMaxDepth = 16;

std::optional<int64_t> elementOf(Value tensor, int depth = 0);

std::optional<int64_t> divide(Value mode, int64_t a, int64_t b) {
  std::optional<StringRef> rounding = matchString(mode);
  if (!rounding || b == 0 || b == -1)
    return std::nullopt;
  return *rounding == "floor" ? floorDivide(a, b) : a / b;
}

std::optional<int64_t> compute(Operation *op, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflows = false;
  if (auto add = dyn_cast<AddTensorOp>(op)) {
    overflows = matchInt(add.getAlpha()) != 1 || __builtin_add_overflow(a, b, &result);
  } else if (auto sub = dyn_cast<SubTensorOp>(op)) {
    overflows = matchInt(sub.getAlpha()) != 1 || __builtin_sub_overflow(a, b, &result);
  } else if (isa<MulTensorOp>(op)) {
    overflows = __builtin_mul_overflow(a, b, &result);
  } else if (isa<FloorDivideOp>(op)) {
    overflows = b == 0 || b == -1;
    result = overflows ? 0 : floorDivide(a, b);
  } else if (auto div = dyn_cast<DivTensorModeOp>(op)) {
    return divide(div.getRoundingMode(), a, b);
  } else {
    return std::nullopt;
  }
  return overflows ? std::nullopt : std::optional(result);
}

// The element of an integer tensor that constants determine.
std::optional<int64_t> elementOf(Value tensor, int depth) {
  Operation *op = tensor.getDefiningOp();
  Type dtype = dtypeOf(tensor);
  if (!op || depth > kMaxDepth || !dtype || !dtype.isInteger(64))
    return std::nullopt;
  if (auto number = dyn_cast<NumToTensorOp>(op))
    return matchInt(number.getA());
  if (auto literal = dyn_cast<ValueTensorLiteralOp>(op)) {
    auto elements = dyn_cast<DenseIntElementsAttr>(literal.getValue());
    if (elements && elements.getNumElements() == 1)
      return (*elements.begin()).getSExtValue();
    return std::nullopt;
  }
  if (!isa<AddTensorOp, SubTensorOp, MulTensorOp, FloorDivideOp, DivTensorModeOp>(op))
    return std::nullopt;
  std::optional<int64_t> a = elementOf(op->getOperand(0), depth + 1);
  std::optional<int64_t> b = elementOf(op->getOperand(1), depth + 1);
  return a && b ? compute(op, *a, *b) : std::nullopt;
}

} // namespace

OpFoldResult foldItem(Operation *op) {
  Value tensor = op->getOperand(0);
  // Others may be written to in between.
  if (!isa<ValueTensorType>(tensor.getType()))
    return {};
  Type type = op->getResult(0).getType();
  if (auto number = tensor.getDefiningOp<NumToTensorOp>();
      number && number.getA().getType() == type)
    return number.getA();
  std::optional<int64_t> element = elementOf(tensor);
  if (!element || !isa<torch::IntType>(type))
    return {};
  return numberAttr(op, *element);
}

} // namespace linalgd::torch
