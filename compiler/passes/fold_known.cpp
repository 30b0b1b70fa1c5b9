#include "compiler/passes/fold_known.h"
#include "compiler/dialect/builders.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace linalgd {
namespace {

using Arguments = ArrayRef<Attribute>;

// A constant, or a list of constants; null for anything else. None is a unit.
Attribute constantOf(Value value) {
  value = torch::strip(value);
  if (torch::isNone(value))
    return UnitAttr::get(value.getContext());
  Operation *op = value.getDefiningOp();
  if (op && op->hasTrait<OpTrait::ConstantLike>())
    return op->getAttr("value");
  std::optional<SmallVector<Value>> elements = torch::matchList(value);
  if (!elements)
    return {};
  SmallVector<Attribute> attributes;
  for (Value element : *elements)
    if (!attributes.emplace_back(constantOf(element)))
      return {};
  return ArrayAttr::get(value.getContext(), attributes);
}

Value materialize(torch::TorchBuilder &b, Attribute value, Type type) {
  if (auto items = dyn_cast<ArrayAttr>(value)) {
    auto list = dyn_cast<torch::ListType>(type);
    SmallVector<Value> elements;
    for (Attribute item : items)
      if (!list || !elements.emplace_back(materialize(b, item, list.getContainedType())))
        return {};
    return list ? b.list(elements, list.getContainedType()) : Value();
  }
  if (auto text = dyn_cast<StringAttr>(value))
    return torch::ConstantStrOp::create(b, text);
  if (auto flag = dyn_cast<BoolAttr>(value))
    return b.constBool(flag.getValue());
  if (auto number = dyn_cast<IntegerAttr>(value))
    return b.constInt(number.getInt());
  if (auto number = dyn_cast<FloatAttr>(value))
    return b.constFloat(number.getValueAsDouble());
  return {};
}

std::optional<StringRef> text(Arguments arguments, size_t index) {
  auto value = index < arguments.size() ? dyn_cast<StringAttr>(arguments[index]) : StringAttr();
  return value ? std::optional(value.getValue()) : std::nullopt;
}
std::optional<int64_t> integer(Arguments arguments, size_t index) {
  auto value = index < arguments.size() ? dyn_cast<IntegerAttr>(arguments[index]) : IntegerAttr();
  return value ? std::optional(value.getInt()) : std::nullopt;
}

// A value as str() writes it; none for what has a form that is not simple.
std::optional<std::string> print(Attribute value) {
  if (auto string = dyn_cast<StringAttr>(value))
    return string.str();
  if (auto flag = dyn_cast<BoolAttr>(value))
    return flag.getValue() ? "True" : "False";
  if (auto number = dyn_cast<IntegerAttr>(value))
    return std::to_string(number.getInt());
  if (isa<UnitAttr>(value))
    return "None";
  auto items = dyn_cast<ArrayAttr>(value);
  if (!items)
    return std::nullopt;
  std::string out = "[";
  for (Attribute item : items) {
    std::optional<std::string> inner = print(item);
    if (!inner)
      return std::nullopt;
    out += (out.size() > 1 ? ", " : "") + (isa<StringAttr>(item) ? "'" + *inner + "'" : *inner);
  }
  return out + "]";
}

using Fold = Attribute (*)(Builder &, Arguments);

// A method of a string that takes nothing else.
template <std::string (*function)(StringRef)> Attribute ofText(Builder &b, Arguments arguments) {
  std::optional<StringRef> self = text(arguments, 0);
  return self && arguments.size() == 1 ? Attribute(b.getStringAttr(function(*self))) : Attribute();
}
std::string upper(StringRef s) { return s.upper(); }
std::string lower(StringRef s) { return s.lower(); }

template <bool (*holds)(char)> Attribute allOf(Builder &b, Arguments arguments) {
  std::optional<StringRef> self = text(arguments, 0);
  return self ? Attribute(b.getBoolAttr(!self->empty() && llvm::all_of(*self, holds)))
              : Attribute();
}

template <bool start> Attribute startsWith(Builder &b, Arguments arguments) {
  std::optional<StringRef> self = text(arguments, 0), part = text(arguments, 1);
  // Behind the default ends, the whole string is looked at.
  if (!self || !part || integer(arguments, 2).value_or(0) != 0 ||
      integer(arguments, 3).value_or(-1) != -1)
    return {};
  return b.getBoolAttr(start ? self->starts_with(*part) : self->ends_with(*part));
}

template <bool left, bool right> Attribute strip(Builder &b, Arguments arguments) {
  std::optional<StringRef> self = text(arguments, 0);
  StringRef chars = text(arguments, 1).value_or(" \n\t\f\v");
  if (!self)
    return {};
  StringRef out = left ? self->ltrim(chars) : *self;
  return b.getStringAttr(right ? out.rtrim(chars) : out);
}

Attribute replace(Builder &b, Arguments arguments) {
  std::optional<StringRef> self = text(arguments, 0), from = text(arguments, 1),
                           to = text(arguments, 2);
  if (!self || !from || !to || from->empty() || integer(arguments, 3).value_or(-1) != -1)
    return {};
  std::string out;
  StringRef rest = *self;
  for (size_t at; (at = rest.find(*from)) != StringRef::npos;
       rest = rest.drop_front(at + from->size()))
    out += (rest.take_front(at) + *to).str();
  return b.getStringAttr(out + rest.str());
}

Attribute split(Builder &b, Arguments arguments) {
  std::optional<StringRef> self = text(arguments, 0), by = text(arguments, 1);
  if (!self || !by || by->empty() || integer(arguments, 2).value_or(-1) != -1)
    return {};
  SmallVector<StringRef> parts;
  self->split(parts, *by);
  return b.getStrArrayAttr(parts);
}

Attribute join(Builder &b, Arguments arguments) {
  std::optional<StringRef> self = text(arguments, 0);
  auto items = arguments.size() == 2 ? dyn_cast<ArrayAttr>(arguments[1]) : ArrayAttr();
  if (!self || !items)
    return {};
  std::string out;
  for (auto [index, item] : llvm::enumerate(items)) {
    auto part = dyn_cast<StringAttr>(item);
    if (!part)
      return {};
    out += (index ? self->str() : "") + part.str();
  }
  return b.getStringAttr(out);
}

Attribute find(Builder &b, Arguments arguments) {
  std::optional<StringRef> self = text(arguments, 0), part = text(arguments, 1);
  if (!self || !part || integer(arguments, 2).value_or(0) != 0 ||
      integer(arguments, 3).value_or(-1) != -1)
    return {};
  size_t at = self->find(*part);
  return b.getI64IntegerAttr(at == StringRef::npos ? -1 : static_cast<int64_t>(at));
}

// "{} of {}".format(...)
Attribute format(Builder &b, Arguments arguments) {
  std::optional<StringRef> self = text(arguments, 0);
  if (!self)
    return {};
  std::string out;
  size_t next = 1;
  StringRef rest = *self;
  for (size_t at; (at = rest.find("{}")) != StringRef::npos; rest = rest.drop_front(at + 2)) {
    std::optional<std::string> value =
        next < arguments.size() ? print(arguments[next]) : std::nullopt;
    ++next;
    if (!value)
      return {};
    out += rest.take_front(at).str() + *value;
  }
  return b.getStringAttr(out + rest.str());
}

Attribute str(Builder &b, Arguments arguments) {
  std::optional<std::string> out = print(arguments[0]);
  return out ? Attribute(b.getStringAttr(*out)) : Attribute();
}
Attribute ord(Builder &b, Arguments arguments) {
  std::optional<StringRef> self = text(arguments, 0);
  return self && self->size() == 1
             ? Attribute(b.getI64IntegerAttr(static_cast<unsigned char>(self->front())))
             : Attribute();
}
Attribute toInt(Builder &b, Arguments arguments) {
  std::optional<StringRef> self = text(arguments, 0);
  int64_t number = 0;
  return self && !self->trim().getAsInteger(10, number) ? Attribute(b.getI64IntegerAttr(number))
                                                        : Attribute();
}

// The part, or the character, of a string.
Attribute getItem(Builder &b, Arguments arguments) {
  std::optional<StringRef> self = text(arguments, 0);
  std::optional<int64_t> index = integer(arguments, 1);
  int64_t size = self ? self->size() : 0;
  if (!self || !index || *index < -size || *index >= size)
    return {};
  return b.getStringAttr(self->substr(*index < 0 ? *index + size : *index, 1));
}
Attribute contains(Builder &b, Arguments arguments) {
  std::optional<StringRef> self = text(arguments, 0), part = text(arguments, 1);
  return self && part ? Attribute(b.getBoolAttr(self->contains(*part))) : Attribute();
}

// Lists of integers or strings.
ArrayAttr items(Arguments arguments) {
  return arguments.empty() ? ArrayAttr() : dyn_cast<ArrayAttr>(arguments[0]);
}
Attribute index(Builder &b, Arguments arguments) {
  ArrayAttr list = items(arguments);
  auto found = list ? llvm::find(list, arguments[1]) : nullptr;
  return list && found != list.end() ? Attribute(b.getI64IntegerAttr(found - list.begin()))
                                     : Attribute();
}
Attribute count(Builder &b, Arguments arguments) {
  ArrayAttr list = items(arguments);
  return list ? Attribute(b.getI64IntegerAttr(llvm::count(list, arguments[1]))) : Attribute();
}
Attribute sorted(Builder &b, Arguments arguments) {
  ArrayAttr list = items(arguments);
  if (!list)
    return {};
  SmallVector<Attribute> sorted(list.getValue());
  bool areTexts = llvm::all_of(sorted, [](Attribute a) { return isa<StringAttr>(a); });
  if (!areTexts && !llvm::all_of(sorted, [](Attribute a) { return isa<IntegerAttr>(a); }))
    return {};
  llvm::sort(sorted, [&](Attribute x, Attribute y) {
    return areTexts ? cast<StringAttr>(x).getValue() < cast<StringAttr>(y).getValue()
                    : cast<IntegerAttr>(x).getInt() < cast<IntegerAttr>(y).getInt();
  });
  return b.getArrayAttr(sorted);
}
Attribute sum(Builder &b, Arguments arguments) {
  ArrayAttr list = items(arguments);
  int64_t total = 0;
  for (Attribute item : list ? list.getValue() : ArrayRef<Attribute>()) {
    auto number = dyn_cast<IntegerAttr>(item);
    if (!number)
      return {};
    total += number.getInt();
  }
  return list ? Attribute(b.getI64IntegerAttr(total)) : Attribute();
}

// By name and, where a tensor's op has that name, overload.
const llvm::StringMap<Fold> &folds() {
  static const llvm::StringMap<Fold> table = {
      {"upper", ofText<upper>},
      {"lower", ofText<lower>},
      {"isdigit", allOf<llvm::isDigit>},
      {"isalpha", allOf<llvm::isAlpha>},
      {"isalnum", allOf<llvm::isAlnum>},
      {"startswith", startsWith<true>},
      {"endswith", startsWith<false>},
      {"strip", strip<true, true>},
      {"lstrip", strip<true, false>},
      {"rstrip", strip<false, true>},
      {"replace", replace},
      {"split.str", split},
      {"join", join},
      {"find", find},
      {"format", format},
      {"str", str},
      {"ord", ord},
      {"Int.str", toInt},
      {"__getitem__.str", getItem},
      {"__contains__.str", contains},
      {"index.list_int", index},
      {"index.list_str", index},
      {"count.int", count},
      {"count.str", count},
      {"sorted.int", sorted},
      {"sorted.str", sorted},
      {"sum.int", sum},
  };
  return table;
}

} // namespace

Value foldKnown(Operation *op) {
  if (!isa<torch::OperatorOp>(op) || op->getNumResults() != 1 || op->getNumOperands() == 0)
    return {};
  StringRef name = torch::getQualifiedName(op);
  if (!name.consume_front("aten."))
    return {};
  auto fold = folds().find(name);
  if (fold == folds().end())
    return {};
  SmallVector<Attribute> arguments;
  for (Value operand : op->getOperands())
    if (!arguments.emplace_back(constantOf(operand)))
      return {};
  torch::TorchBuilder b(op->getLoc(), op);
  Attribute result = fold->second(b, arguments);
  return result ? materialize(b, result, op->getResult(0).getType()) : Value();
}

} // namespace linalgd
