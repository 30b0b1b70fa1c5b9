#include "compiler/import/torchscript/inputs.h"

#include "compiler/api/input_spec.h"
#include "compiler/import/pytree.h"
#include "compiler/import/torchscript/types.h"

#include "absl/strings/str_cat.h"

#include <ATen/core/jit_type.h>

#include <map>

namespace linalgd {
namespace {

using c10::TypeKind;
using Kind = InputSpec::Kind;

std::string article(Kind kind) {
  static constexpr const char *kNames[] = {"a tensor",  "an int", "a float", "a bool",
                                           "the value", "a list", "a tuple", "a dict"};
  return kNames[static_cast<size_t>(kind)];
}

// "x (Tensor), mask (Optional[Tensor], may be left out)"
std::string parametersOf(const c10::FunctionSchema &forward) {
  std::string text;
  for (size_t i = 1; i < forward.arguments().size(); ++i) {
    const c10::Argument &parameter = forward.arguments()[i];
    absl::StrAppend(&text, i > 1 ? ", " : "", parameter.name(), " (",
                    parameter.type()->annotation_str(),
                    parameter.default_value() ? ", may be left out)" : ")");
  }
  return text.empty() ? "no arguments" : text;
}

std::string givenIn(const std::vector<InputSpec> &inputs) {
  std::string text;
  for (const InputSpec &input : inputs)
    absl::StrAppend(&text, text.empty() ? "" : ", ", input.name, input.name.empty() ? "" : ": ",
                    toString(input));
  return text.empty() ? "nothing" : text;
}

// Reads the specs of one request; each leaf becomes an input of the graph.
class InputReader {
public:
  InputReader(const c10::FunctionSchema &forward, const std::vector<InputSpec> &inputs,
              Graph &graph)
      : forward_(forward), inputs_(inputs), graph_(graph) {}

  absl::StatusOr<std::vector<Argument>> read(const ConstantReader &constant);

private:
  // An argument, or a part of one: its value, and its pytree spec.
  struct Part {
    Argument argument;
    std::string spec;
  };

  absl::StatusOr<size_t> parameterOf(size_t input, const std::vector<bool> &given) const;
  absl::Status mismatch(std::string_view what) const;
  absl::Status unfit(const std::string &name, const InputSpec &input, const c10::Type &type) const;
  absl::StatusOr<Part> readPart(const std::string &name, const InputSpec &input,
                                const c10::Type &type);
  absl::StatusOr<Part> readItems(const std::string &name, const InputSpec &input,
                                 const c10::Type &type);
  absl::StatusOr<Part> readAlternative(const std::string &name, const InputSpec &input,
                                       const c10::Type &type);
  absl::StatusOr<GraphType> tensorType(const std::string &name, const InputSpec &input);
  Part leaf(const std::string &name, GraphType type);

  const c10::FunctionSchema &forward_;
  const std::vector<InputSpec> &inputs_;
  Graph &graph_;
  std::map<std::string, uint32_t> symbols_; // by the request's names
};

absl::Status InputReader::mismatch(std::string_view what) const {
  return absl::InvalidArgumentError(absl::StrCat(std::string(what), "; the module's forward takes ",
                                                 parametersOf(forward_), ", and the request gives ",
                                                 givenIn(inputs_),
                                                 ". TorchScript keeps no shapes: describe each "
                                                 "argument by dtype and shape, or by an example"));
}

absl::Status InputReader::unfit(const std::string &name, const InputSpec &input,
                                const c10::Type &type) const {
  std::string given = article(input.kind);
  if (input.kind == Kind::Constant || input.kind == Kind::Tensor)
    absl::StrAppend(&given, " ", toString(input));
  return absl::InvalidArgumentError(absl::StrCat("input '", name, "' is ", type.annotation_str(),
                                                 " in the module's forward, and the request gives ",
                                                 given));
}

// The index of the parameter that an input is for.
absl::StatusOr<size_t> InputReader::parameterOf(size_t input,
                                                const std::vector<bool> &given) const {
  const std::string &name = inputs_[input].name;
  if (name.empty()) {
    if (input + 1 >= given.size() || forward_.arguments()[input + 1].kwarg_only())
      return mismatch(absl::StrCat("there are more than ", input, " positional arguments"));
    if (input > 0 && !inputs_[input - 1].name.empty())
      return mismatch("a positional argument follows one by name");
    return input + 1;
  }
  for (size_t i = 1; i < given.size(); ++i) {
    if (forward_.arguments()[i].name() != name)
      continue;
    if (given[i])
      return mismatch(absl::StrCat("argument '", name, "' is given twice"));
    return i;
  }
  return mismatch(absl::StrCat("there is no argument '", name, "'"));
}

absl::StatusOr<std::vector<Argument>> InputReader::read(const ConstantReader &constant) {
  size_t count = forward_.arguments().size();
  std::vector<Argument> arguments(count);
  std::vector<bool> given(count, false);
  std::vector<std::string> positional, names, named;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    absl::StatusOr<size_t> index = parameterOf(i, given);
    if (!index.ok())
      return index.status();
    const c10::Argument &parameter = forward_.arguments()[*index];
    absl::StatusOr<Part> part = readPart(parameter.name(), inputs_[i], *parameter.type());
    if (!part.ok())
      return part.status();
    given[*index] = true;
    arguments[*index] = std::move(part->argument);
    if (inputs_[i].name.empty()) {
      positional.push_back(std::move(part->spec));
    } else {
      names.push_back(inputs_[i].name);
      named.push_back(std::move(part->spec));
    }
  }
  for (size_t i = 1; i < count; ++i) {
    const c10::Argument &parameter = forward_.arguments()[i];
    if (given[i])
      continue;
    if (!parameter.default_value())
      return mismatch(absl::StrCat("argument '", parameter.name(), "' is missing"));
    absl::StatusOr<Argument> value = constant(*parameter.default_value(), parameter.name());
    if (!value.ok())
      return value.status();
    arguments[i] = *std::move(value);
  }
  graph_.inSpec = treeSpec(tupleSpec({tupleSpec(positional), dictSpec(names, named)}));
  arguments.erase(arguments.begin()); // self
  return arguments;
}

InputReader::Part InputReader::leaf(const std::string &name, GraphType type) {
  GraphInput input;
  input.name = name;
  input.value = graph_.addValue(std::move(type));
  Argument argument{*input.value};
  graph_.inputs.push_back(std::move(input));
  return {std::move(argument), leafSpec()};
}

// An optional, or the first type of a union that the input fits.
absl::StatusOr<InputReader::Part> InputReader::readAlternative(const std::string &name,
                                                               const InputSpec &input,
                                                               const c10::Type &type) {
  if (type.kind() == TypeKind::OptionalType) {
    bool isNone = input.kind == Kind::Constant && input.value.index() == 0;
    return readPart(name, input, isNone ? *c10::NoneType::get() : *type.containedType(0));
  }
  for (const c10::TypePtr &member : type.containedTypes()) {
    size_t numInputs = graph_.inputs.size(), numValues = graph_.values.size();
    absl::StatusOr<Part> part = readPart(name, input, *member);
    if (part.ok())
      return part;
    graph_.inputs.resize(numInputs);
    graph_.values.resize(numValues);
  }
  return unfit(name, input, type);
}

// The value of a constant as a parameter of this type takes it; none where it does not.
static std::optional<Argument> constantOf(const InputSpec &input, TypeKind type) {
  const auto *flag = std::get_if<bool>(&input.value);
  const auto *integer = std::get_if<int64_t>(&input.value);
  const auto *real = std::get_if<double>(&input.value);
  const auto *text = std::get_if<std::string>(&input.value);
  bool isNone = input.value.index() == 0;
  bool any = type == TypeKind::AnyType;
  if (isNone && (any || type == TypeKind::NoneType))
    return Argument{};
  if (flag && (any || type == TypeKind::BoolType || type == TypeKind::NumberType))
    return Argument{*flag};
  if (integer && type == TypeKind::FloatType) // as PyTorch converts it
    return Argument{static_cast<double>(*integer)};
  if (integer && (any || type == TypeKind::IntType || type == TypeKind::NumberType))
    return Argument{*integer};
  if (real && (any || type == TypeKind::FloatType || type == TypeKind::NumberType))
    return Argument{*real};
  if (text && (any || type == TypeKind::StringType))
    return Argument{*text};
  if (text && type == TypeKind::DeviceObjType)
    return Argument{DeviceName{*text}};
  return std::nullopt;
}

absl::StatusOr<InputReader::Part>
InputReader::readPart(const std::string &name, const InputSpec &input, const c10::Type &type) {
  TypeKind expected = type.kind();
  bool any = expected == TypeKind::AnyType;
  if (expected == TypeKind::OptionalType || expected == TypeKind::UnionType)
    return readAlternative(name, input, type);
  switch (input.kind) {
  case Kind::Tensor: {
    if (expected != TypeKind::TensorType && !any)
      return unfit(name, input, type);
    absl::StatusOr<GraphType> tensor = tensorType(name, input);
    if (!tensor.ok())
      return tensor.status();
    return leaf(name, *std::move(tensor));
  }
  case Kind::Int:
    if (expected == TypeKind::IntType || expected == TypeKind::NumberType || any)
      return leaf(name, GraphType::of(linalgd::TypeKind::Int));
    return unfit(name, input, type);
  case Kind::Float:
    if (expected == TypeKind::FloatType || expected == TypeKind::NumberType || any)
      return leaf(name, GraphType::of(linalgd::TypeKind::Float));
    return unfit(name, input, type);
  case Kind::Bool:
    if (expected == TypeKind::BoolType || expected == TypeKind::NumberType || any)
      return leaf(name, GraphType::of(linalgd::TypeKind::Bool));
    return unfit(name, input, type);
  case Kind::Constant: {
    std::optional<Argument> value = constantOf(input, expected);
    if (!value)
      return unfit(name, input, type);
    graph_.inputs.push_back({GraphInput::Kind::Constant, name, std::nullopt, *value});
    return Part{*std::move(value), leafSpec()};
  }
  default:
    return readItems(name, input, type);
  }
}

absl::StatusOr<InputReader::Part>
InputReader::readItems(const std::string &name, const InputSpec &input, const c10::Type &type) {
  TypeKind expected = input.kind == Kind::List    ? TypeKind::ListType
                      : input.kind == Kind::Tuple ? TypeKind::TupleType
                                                  : TypeKind::DictType;
  bool isDict = input.kind == Kind::Dict;
  if (type.kind() != expected || (isDict && type.containedType(0)->kind() != TypeKind::StringType))
    return unfit(name, input, type);
  c10::ArrayRef<c10::TypePtr> types = type.containedTypes();
  if (input.kind == Kind::Tuple && types.size() != input.items.size())
    return absl::InvalidArgumentError(absl::StrCat(
        "input '", name, "' is ", type.annotation_str(),
        " in the module's forward, and the request gives a tuple of ", input.items.size()));
  std::vector<std::string> keys, specs;
  std::vector<Argument> items;
  for (size_t i = 0; i < input.items.size(); ++i) {
    const InputSpec &item = input.items[i];
    std::string place =
        isDict ? absl::StrCat(name, "['", item.name, "']") : absl::StrCat(name, "[", i, "]");
    const c10::Type &itemType = *types[input.kind == Kind::Tuple ? i : isDict ? 1 : 0];
    absl::StatusOr<Part> part = readPart(place, item, itemType);
    if (!part.ok())
      return part;
    if (isDict && std::find(keys.begin(), keys.end(), item.name) != keys.end())
      return absl::InvalidArgumentError("input '" + place + "' is given twice");
    keys.push_back(item.name);
    items.push_back(std::move(part->argument));
    specs.push_back(std::move(part->spec));
  }
  if (isDict) {
    ArgumentDict dict;
    for (const std::string &key : keys)
      dict.keys.push_back(Argument{key});
    dict.items = std::move(items);
    return Part{Argument{std::move(dict)}, dictSpec(keys, specs)};
  }
  ArgumentList list;
  if (input.kind == Kind::List)
    list.element = kindOf(*type.containedType(0));
  list.items = std::move(items);
  return Part{Argument{std::move(list)},
              input.kind == Kind::List ? listSpec(specs) : tupleSpec(specs)};
}

absl::StatusOr<GraphType> InputReader::tensorType(const std::string &name, const InputSpec &input) {
  std::optional<DType> dtype = parseDType(input.dtype);
  if (!dtype)
    return absl::InvalidArgumentError(
        absl::StrCat("input '", name, "': unknown dtype '", input.dtype, "'"));
  TensorType type;
  type.dtype = dtype;
  for (size_t i = 0; i < input.shape.size(); ++i) {
    int64_t size = input.shape[i];
    if (size < -1)
      return absl::InvalidArgumentError(
          absl::StrCat("input '", name, "': size ", size, " is negative; -1 means dynamic"));
    if (size >= 0) {
      type.sizes.emplace_back(size);
      continue;
    }
    auto next = static_cast<uint32_t>(graph_.symbols.size());
    uint32_t index = next;
    if (i < input.symbols.size() && !input.symbols[i].empty())
      index = symbols_.try_emplace(input.symbols[i], next).first->second;
    if (index == next)
      graph_.symbols.push_back({absl::StrCat("s", next), 0, std::nullopt});
    Expression symbol;
    symbol.kind = Expression::Kind::Symbol;
    symbol.symbol = index;
    type.sizes.emplace_back(std::make_shared<const Expression>(std::move(symbol)));
  }
  return GraphType::of(std::move(type));
}

} // namespace

absl::StatusOr<std::vector<Argument>> readInputs(const c10::FunctionSchema &forward,
                                                 const std::vector<InputSpec> &inputs,
                                                 const ConstantReader &constant, Graph &graph) {
  return InputReader(forward, inputs, graph).read(constant);
}

} // namespace linalgd
