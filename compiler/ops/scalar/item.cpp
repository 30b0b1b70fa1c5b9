// Numbers that went through small tensors: tracing writes a.shape[0] // 2 as the arithmetic of
// tensors without dimensions, models compute scales of images so. The sizes that come of it must be
// known.
#include "compiler/dialect/op_schema.h"
#include "compiler/ops/scalar/functions.h"
#include "compiler/ops/scalar/scalar.h"

#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace linalgd::torch {
namespace {

constexpr int64_t kMaxElements = 16;
// Of tensors that are looked at for one number.
constexpr int kMaxVisits = 64;
// Integers up to here are exact as doubles.
constexpr double kMaxInteger = static_cast<double>(int64_t(1) << 53);

using Elements = std::optional<SmallVector<double>>;

// A view hands out the same elements under another name.
bool mayBeWritten(Value tensor, int &budget) {
  if (!isa<NonValueTensorType>(tensor.getType()))
    return false;
  for (Operation *user : tensor.getUsers()) {
    const OpSchema *schema = lookupSchema(user->getName().getStringRef());
    if (--budget < 0 || !schema || !schema->inPlaceOf.empty() || !schema->writes.empty())
      return true;
    if (schema->isView &&
        llvm::any_of(user->getResults(), [&](Value view) { return mayBeWritten(view, budget); }))
      return true;
  }
  return false;
}

using Unary = double (*)(double);
using Binary = double (*)(double, double);

Unary unaryOf(StringRef name) {
  static const llvm::StringMap<Unary> table = {
      {"log2", [](double x) { return std::log2(x); }},
      {"round", [](double x) { return std::nearbyint(x); }},
      {"floor", [](double x) { return std::floor(x); }},
      {"ceil", [](double x) { return std::ceil(x); }},
      {"sqrt", [](double x) { return std::sqrt(x); }},
      {"neg", [](double x) { return -x; }},
      {"reciprocal", [](double x) { return 1 / x; }},
      {"to", [](double x) { return x; }},
      {"_to_copy", [](double x) { return x; }},
      {"clone", [](double x) { return x; }},
  };
  return table.lookup(name);
}

Binary binaryOf(StringRef name) {
  static const llvm::StringMap<Binary> table = {
      {"add", [](double x, double y) { return x + y; }},
      {"sub", [](double x, double y) { return x - y; }},
      {"mul", [](double x, double y) { return x * y; }},
      {"div", [](double x, double y) { return x / y; }},
      {"floor_divide", [](double x, double y) { return std::floor(x / y); }},
      {"min", [](double x, double y) { return std::min(x, y); }},
      {"max", [](double x, double y) { return std::max(x, y); }},
      {"minimum", [](double x, double y) { return std::min(x, y); }},
      {"maximum", [](double x, double y) { return std::max(x, y); }},
  };
  return table.lookup(name);
}

class Evaluator {
public:
  // The elements of a tensor that constants determine.
  Elements elementsOf(Value tensor);

private:
  Elements compute(Operation *op, StringRef name, StringRef overload);
  Elements ofNumbers(Value numbers);
  // Of a tensor, or a number.
  Elements operand(Operation *op, unsigned index);

  int budget_ = kMaxVisits;
};

Elements literal(ElementsAttr value) {
  SmallVector<double> elements;
  if (auto integers = dyn_cast<DenseIntElementsAttr>(value)) {
    for (const APInt &element : integers)
      elements.push_back(integers.getElementType().isUnsignedInteger() ||
                                 integers.getElementType().isInteger(1)
                             ? static_cast<double>(element.getZExtValue())
                             : static_cast<double>(element.getSExtValue()));
    return elements;
  }
  auto floats = dyn_cast<DenseFPElementsAttr>(value);
  if (!floats || !(floats.getElementType().isF32() || floats.getElementType().isF64()))
    return std::nullopt;
  for (const APFloat &element : floats)
    elements.push_back(element.convertToDouble());
  return elements;
}

// As an element of `dtype`; none where that is no exact number.
std::optional<double> rounded(double value, Type dtype) {
  if (dtype.isF64())
    return value;
  if (dtype.isF32())
    return static_cast<float>(value);
  bool isExact = std::abs(value) <= kMaxInteger;
  if (dtype.isInteger(64) && isExact)
    return std::trunc(value);
  return dtype.isInteger(1) ? std::optional<double>(value != 0) : std::nullopt;
}

// The numbers of a number or of a list of them.
Elements Evaluator::ofNumbers(Value numbers) {
  SmallVector<double> elements;
  std::optional<SmallVector<Value>> items = matchList(numbers);
  for (Value item : items ? ArrayRef<Value>(*items) : ArrayRef<Value>(numbers)) {
    std::optional<double> element = matchFloat(item);
    if (!element)
      return std::nullopt;
    elements.push_back(*element);
  }
  return elements;
}

Elements Evaluator::operand(Operation *op, unsigned index) {
  Value value = op->getOperand(index);
  return isTensor(value.getType()) ? elementsOf(value) : ofNumbers(value);
}

Elements Evaluator::compute(Operation *op, StringRef name, StringRef overload) {
  if (name == "tensor" || name == "as_tensor")
    return ofNumbers(op->getOperand(0));
  Elements x = operand(op, 0);
  if (!x)
    return std::nullopt;
  if (op->getNumOperands() == 1 && !x->empty() && (name == "min" || name == "max"))
    return SmallVector<double>{name == "min" ? *llvm::min_element(*x) : *llvm::max_element(*x)};
  if (Unary unary = unaryOf(name))
    return SmallVector<double>(llvm::map_range(*x, unary));
  Binary binary = op->getNumOperands() > 1 ? binaryOf(name) : nullptr;
  Elements y = binary ? operand(op, 1) : std::nullopt;
  if (!y || x->empty() || y->empty() ||
      (x->size() != y->size() && x->size() != 1 && y->size() != 1))
    return std::nullopt;
  bool isSum = name == "add" || name == "sub"; // with a factor
  if (isSum && matchFloat(op->getOperand(2)) != 1.0)
    return std::nullopt;
  bool isRounded = name == "div" && overload.ends_with("mode");
  std::optional<StringRef> mode = isRounded ? matchString(op->getOperand(2)) : std::nullopt;
  if (isRounded && !mode)
    return std::nullopt;
  SmallVector<double> elements;
  for (size_t i = 0; i < std::max(x->size(), y->size()); ++i) {
    double element = binary((*x)[x->size() == 1 ? 0 : i], (*y)[y->size() == 1 ? 0 : i]);
    elements.push_back(!mode              ? element
                       : *mode == "floor" ? std::floor(element)
                                          : std::trunc(element));
  }
  return elements;
}

Elements Evaluator::elementsOf(Value tensor) {
  Operation *op = tensor.getDefiningOp();
  Type dtype = dtypeOf(tensor);
  Sizes sizes = sizesOf(tensor);
  --budget_;
  if (budget_ < 0 || !op || !dtype || !sizes || mayBeWritten(tensor, budget_))
    return std::nullopt;
  int64_t count = 1;
  for (int64_t size : *sizes) {
    if (ShapedType::isDynamic(size) || size > kMaxElements)
      return std::nullopt;
    count *= size;
  }
  if (count > kMaxElements)
    return std::nullopt;
  Elements elements;
  StringRef name = getQualifiedName(op);
  if (auto data = op->getAttrOfType<ElementsAttr>("value"))
    elements = literal(data);
  else if (isa<NumToTensorOp>(op))
    elements = ofNumbers(op->getOperand(0));
  else if (name.consume_front("aten.") && op->getNumOperands())
    elements = compute(op, name.split('.').first, name.split('.').second);
  if (!elements || static_cast<int64_t>(elements->size()) != count)
    return std::nullopt;
  for (double &element : *elements) {
    std::optional<double> exact = rounded(element, dtype);
    if (!exact)
      return std::nullopt;
    element = *exact;
  }
  return elements;
}

} // namespace

OpFoldResult foldItem(Operation *op) {
  Value tensor = op->getOperand(0);
  Type type = op->getResult(0).getType();
  int budget = kMaxVisits;
  if (auto number = tensor.getDefiningOp<NumToTensorOp>();
      number && number.getA().getType() == type && !mayBeWritten(tensor, budget))
    return number.getA();
  Elements elements = Evaluator().elementsOf(tensor);
  if (!elements || elements->size() != 1)
    return {};
  double element = elements->front();
  if (isa<torch::FloatType>(type))
    return numberAttr(op, element);
  bool isWhole = std::abs(element) <= kMaxInteger;
  return isa<torch::IntType, torch::BoolType>(type) && isWhole
             ? OpFoldResult(numberAttr(op, static_cast<int64_t>(element)))
             : OpFoldResult();
}

} // namespace linalgd::torch
