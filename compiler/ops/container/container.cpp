// Lists, strings and questions about values, where the answer is known.
#include "compiler/ops/container/container.h"
#include "compiler/ops/container/functions.h"
#include "compiler/ops/view/view.h"

using namespace mlir;

namespace linalgd::torch {

//===-- lists ---------------------------------------------------------------------------------===//

Value elementOf(Value list, Value index) {
  std::optional<SmallVector<Value>> elements = matchList(list);
  std::optional<int64_t> position = matchInt(index);
  if (!elements || !position || elements->empty())
    return {};
  std::optional<int64_t> normal = normalizeDim(*position, elements->size());
  return normal ? (*elements)[*normal] : Value();
}

LogicalResult DictConstructOp::verify() {
  if (getKeys().size() == getValues().size())
    return success();
  return emitOpError("has ") << getKeys().size() << " keys for " << getValues().size() << " values";
}

LogicalResult inferElement(Inference &r, Value list, Value index) {
  if (Value element = elementOf(list, index))
    return r.add(element.getType());
  auto tuple = dyn_cast<torch::TupleType>(list.getType());
  std::optional<int64_t> position = matchInt(index);
  if (tuple && position)
    if (auto normal = normalizeDim(*position, tuple.getContainedTypes().size()))
      return r.add(tuple.getContainedTypes()[*normal]);
  auto type = dyn_cast<ListType>(list.getType());
  return r.add(type ? type.getContainedType() : AnyType::get(r.context));
}

// The list of the slices of a tensor, whose number only a run tells.
static UnbindIntOp unboundAs(Value list) { return strip(list).getDefiningOp<UnbindIntOp>(); }

Value lengthOf(TorchBuilder &b, Value list) {
  std::optional<SmallVector<Value>> elements = matchList(list);
  if (UnbindIntOp unbind = unboundAs(list))
    return SizeIntOp::create(b, unbind.getSelf(), unbind.getDim());
  return elements ? b.constInt(elements->size()) : Value();
}

Value takeElement(TorchBuilder &b, Value list, Value index) {
  if (UnbindIntOp unbind = unboundAs(list))
    return SelectIntOp::create(b, unbind.getSelf(), unbind.getDim(), index);
  return elementOf(list, index);
}

static Value listLike(TorchBuilder &b, ValueRange elements, Value list) {
  auto type = dyn_cast<ListType>(strip(list).getType());
  return type ? b.list(elements, type.getContainedType()) : Value();
}

Value sliceOf(TorchBuilder &b, Value list, Value start, Value end, Value step) {
  std::optional<SmallVector<Value>> elements = matchList(list);
  std::optional<int64_t> stride = matchInt(step);
  if (!elements || !stride || *stride == 0)
    return {};
  int64_t size = elements->size();
  stride = std::clamp<int64_t>(*stride, -size - 1, size + 1); // more ends it as well
  bool isForward = *stride > 0;
  int64_t lowest = isForward ? 0 : -1, highest = isForward ? size : size - 1;
  auto bound = [&](Value value, int64_t otherwise) -> std::optional<int64_t> {
    if (isNone(value))
      return otherwise;
    std::optional<int64_t> given = matchInt(value);
    if (!given)
      return std::nullopt;
    return std::clamp<int64_t>(*given < 0 ? *given + size : *given, lowest, highest);
  };
  std::optional<int64_t> from = bound(start, isForward ? 0 : size - 1),
                         to = bound(end, isForward ? size : -1);
  if (!from || !to)
    return {};
  SmallVector<Value> slice;
  for (int64_t i = *from; isForward ? i < *to : i > *to; i += *stride)
    slice.push_back((*elements)[i]);
  return listLike(b, slice, list);
}

Value joinLists(TorchBuilder &b, Value first, Value second) {
  std::optional<SmallVector<Value>> elements = matchList(first), more = matchList(second);
  if (!elements || !more)
    return {};
  llvm::append_range(*elements, *more);
  return listLike(b, *elements, first);
}

Value repeatList(TorchBuilder &b, Value list, Value count) {
  constexpr int64_t kMaxLength = 1 << 16;
  std::optional<SmallVector<Value>> elements = matchList(list);
  std::optional<int64_t> times = matchInt(count);
  if (!elements || !times || *times > kMaxLength)
    return {};
  SmallVector<Value> repeated;
  for (int64_t i = 0; i < *times && repeated.size() <= kMaxLength; ++i)
    llvm::append_range(repeated, *elements);
  return listLike(b, repeated, list);
}

Value copyList(TorchBuilder &b, Value list) {
  std::optional<SmallVector<Value>> elements = matchList(list);
  return elements ? listLike(b, *elements, list) : Value();
}

// Whether two numbers or strings are equal, where both are constants.
static std::optional<bool> areEqual(Value a, Value b) {
  if (std::optional<StringRef> first = matchString(a), second = matchString(b); first && second)
    return *first == *second;
  if (std::optional<int64_t> first = matchInt(a), second = matchInt(b); first && second)
    return *first == *second;
  if (strip(a) == strip(b))
    return true;
  return std::nullopt;
}

Value containsItem(TorchBuilder &b, Value list, Value item) {
  std::optional<SmallVector<Value>> elements = matchList(list);
  if (!elements)
    return {};
  bool known = true;
  for (Value element : *elements) {
    std::optional<bool> equal = areEqual(element, item);
    if (equal == true)
      return b.constBool(true);
    known &= equal.has_value();
  }
  return known ? b.constBool(false) : Value();
}

Value compareLists(TorchBuilder &b, Value first, Value second, bool equal) {
  std::optional<SmallVector<Value>> elements = matchList(first), others = matchList(second);
  if (!elements || !others)
    return {};
  if (elements->size() != others->size())
    return b.constBool(!equal);
  bool known = true;
  for (auto [x, y] : llvm::zip_equal(*elements, *others)) {
    std::optional<bool> same = areEqual(x, y);
    if (same == false)
      return b.constBool(!equal);
    known &= same.has_value();
  }
  return known ? b.constBool(equal) : Value();
}

Value extremeOf(TorchBuilder &b, Value list, bool largest) {
  std::optional<SmallVector<Value>> elements = matchList(list);
  if (!elements || elements->empty())
    return {};
  std::optional<int64_t> constant;
  Value result;
  for (Value element : *elements) {
    if (std::optional<int64_t> number = matchInt(element)) {
      constant = !constant ? *number
                 : largest ? std::max(*constant, *number)
                           : std::min(*constant, *number);
      continue;
    }
    result = !result   ? element
             : largest ? Value(MaxIntOp::create(b, result, element))
                       : Value(MinIntOp::create(b, result, element));
  }
  // zip() and enumerate() ask for the smallest of lengths, the largest integer among them.
  bool isNeutral = constant == (largest ? INT64_MIN : INT64_MAX);
  if (!result || (constant && !isNeutral)) {
    Value number = b.constInt(*constant);
    result = !result   ? number
             : largest ? Value(MaxIntOp::create(b, result, number))
                       : Value(MinIntOp::create(b, result, number));
  }
  return result;
}

Value isEvery(TorchBuilder &b, Value list, bool value) {
  std::optional<SmallVector<Value>> elements = matchList(list);
  if (!elements)
    return {};
  bool known = true;
  for (Value element : *elements) {
    std::optional<bool> constant = matchBool(element);
    if (constant && *constant != value)
      return b.constBool(!value);
    known &= constant.has_value();
  }
  return known ? b.constBool(value) : Value();
}

//===-- ranges, none, strings -----------------------------------------------------------------===//

Value rangeLength(TorchBuilder &b, Value low, Value high, Value step) {
  std::optional<int64_t> from = matchInt(low), to = matchInt(high), stride = matchInt(step);
  if (stride == 1 && from == 0)
    return high;
  if (!from || !to || !stride || *stride == 0)
    return {};
  int64_t distance = *stride > 0 ? *to - *from : *from - *to;
  int64_t length = std::abs(*stride);
  return b.constInt(distance <= 0 ? 0 : (distance + length - 1) / length);
}

Value isSame(TorchBuilder &b, Value first, Value second, bool same) {
  if (strip(first) == strip(second))
    return b.constBool(same);
  if (!isNone(second))
    std::swap(first, second);
  if (!isNone(second))
    return {};
  Value value = strip(first);
  if (isNone(value))
    return b.constBool(same);
  if (isa<OptionalType, AnyType, UnionType>(value.getType()))
    return {};
  return b.constBool(!same);
}

static Value constString(TorchBuilder &b, const Twine &value) {
  return ConstantStrOp::create(b, b.getStringAttr(value));
}

Value joinStrings(TorchBuilder &b, Value first, Value second) {
  std::optional<StringRef> start = matchString(first), end = matchString(second);
  return start && end ? constString(b, *start + *end) : Value();
}

Value lengthOfString(TorchBuilder &b, Value string) {
  std::optional<StringRef> text = matchString(string);
  return text ? b.constInt(text->size()) : Value();
}

Value compareStrings(TorchBuilder &b, Value first, Value second, bool equal) {
  std::optional<StringRef> x = matchString(first), y = matchString(second);
  return x && y ? b.constBool((*x == *y) == equal) : Value();
}

//===-- tensors -------------------------------------------------------------------------------===//

Value lengthOfTensor(TorchBuilder &b, Value tensor) {
  Sizes sizes = sizesOf(tensor);
  return sizes && !sizes->empty() ? b.size(tensor, 0) : Value();
}

Value dtypeNumber(TorchBuilder &b, Value tensor) {
  std::optional<int64_t> kind;
  if (Type dtype = dtypeOf(tensor))
    kind = scalarKindFromDtype(dtype);
  return kind ? b.constInt(*kind) : Value();
}

Value deviceType(TorchBuilder &b, Value device) {
  std::optional<StringRef> name = matchString(device);
  return name ? constString(b, name->split(':').first) : Value();
}

Value isOfKind(TorchBuilder &b, Value tensor, bool (*kind)(Type)) {
  Type dtype = dtypeOf(tensor);
  return dtype ? b.constBool(kind(dtype)) : Value();
}

} // namespace linalgd::torch
