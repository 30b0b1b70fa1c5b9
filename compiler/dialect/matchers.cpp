// Reading constants out of torch IR (matchers.h).
#include "compiler/dialect/matchers.h"
#include "compiler/dialect/lists.h"

using namespace mlir;

namespace linalgd::torch {

Value strip(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<DerefineOp, UncheckedCastOp>(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

bool isNone(Value value) { return isa<torch::NoneType>(strip(value).getType()); }

static Attribute matchAttribute(Value value) {
  Operation *op = strip(value).getDefiningOp();
  if (!op || !op->hasTrait<OpTrait::ConstantLike>())
    return nullptr;
  return op->getAttr("value");
}

std::optional<int64_t> matchInt(Value value) {
  Attribute attribute = matchAttribute(value);
  if (auto boolean = dyn_cast_if_present<BoolAttr>(attribute))
    return boolean.getValue();
  if (auto integer = dyn_cast_if_present<IntegerAttr>(attribute))
    return integer.getValue().getSExtValue();
  return std::nullopt;
}

std::optional<double> matchFloat(Value value) {
  if (auto real = dyn_cast_if_present<FloatAttr>(matchAttribute(value)))
    return real.getValueAsDouble();
  std::optional<int64_t> integer = matchInt(value);
  return integer ? std::optional<double>(static_cast<double>(*integer)) : std::nullopt;
}

std::optional<bool> matchBool(Value value) {
  std::optional<int64_t> integer = matchInt(value);
  return integer ? std::optional<bool>(*integer != 0) : std::nullopt;
}

std::optional<StringRef> matchString(Value value) {
  if (auto string = dyn_cast_if_present<StringAttr>(matchAttribute(value)))
    return string.getValue();
  return std::nullopt;
}

bool isListWrite(Operation *op) {
  if (!isa<OperatorOp>(op) || op->getNumOperands() == 0 ||
      !isa<ListType, DictType>(op->getOperand(0).getType()))
    return false;
  StringRef name = getQualifiedName(op);
  return name.consume_front("aten.") &&
         llvm::is_contained({"append", "extend", "insert", "pop", "clear", "_set_item", "add_",
                             "reverse", "Delete", "remove", "sort", "update", "setdefault",
                             "popitem"},
                            name.split('.').first);
}

bool isWrittenList(Value list) {
  return llvm::any_of(list.getUsers(), [&](Operation *user) {
    return isListWrite(user) && user->getOperand(0) == list;
  });
}

std::optional<SmallVector<Value>> matchList(Value value) {
  Operation *op = strip(value).getDefiningOp();
  if (!isa_and_present<ListConstructOp, TupleConstructOp>(op) || isWrittenList(op->getResult(0)))
    return std::nullopt;
  return llvm::to_vector(op->getOperands());
}

template <typename T, typename Match>
static std::optional<SmallVector<T>> matchElements(Value value, Match match) {
  std::optional<SmallVector<Value>> elements = matchList(value);
  if (!elements)
    return std::nullopt;
  SmallVector<T> result;
  for (Value element : *elements) {
    auto constant = match(element);
    if (!constant)
      return std::nullopt;
    result.push_back(*constant);
  }
  return result;
}

std::optional<SmallVector<int64_t>> matchIntList(Value value) {
  return matchElements<int64_t>(value, matchInt);
}
std::optional<SmallVector<bool>> matchBoolList(Value value) {
  return matchElements<bool>(value, matchBool);
}

std::optional<SmallVector<int64_t>> matchDims(Value value, int64_t rank) {
  SmallVector<int64_t> given;
  if (std::optional<int64_t> single = matchInt(value))
    given.push_back(*single);
  else if (std::optional<SmallVector<int64_t>> list = matchIntList(value))
    given = *list;
  else if (!isNone(value))
    return std::nullopt;
  if (given.empty())
    return llvm::to_vector(llvm::seq<int64_t>(0, rank));
  SmallVector<int64_t> dims;
  for (int64_t dim : given) {
    std::optional<int64_t> normal = normalizeDim(dim, rank);
    if (!normal)
      return std::nullopt;
    if (rank > 0)
      dims.push_back(*normal);
  }
  return dims;
}

Type matchDtype(Value value, Type otherwise) {
  if (isNone(value))
    return otherwise;
  std::optional<int64_t> kind = matchInt(value);
  return kind ? dtypeFromScalarKind(value.getContext(), *kind) : nullptr;
}

Sizes matchSizes(Value value) {
  std::optional<SmallVector<Value>> elements = matchList(value);
  if (!elements)
    return std::nullopt;
  return llvm::to_vector(llvm::map_range(
      *elements, [](Value element) { return matchInt(element).value_or(ShapedType::kDynamic); }));
}

} // namespace linalgd::torch
