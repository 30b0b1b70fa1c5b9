// What an operator is given, as torch.constant.*, lists and values, by its schema where it has one.
#include "compiler/import/graph_importer.h"
#include "compiler/ops/container/container.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;

namespace linalgd {

using torch::ArgKind;
using torch::ArgSchema;

namespace {

// The type of a list's elements.
mlir::Type elementType(MLIRContext *context, ArgKind kind) {
  switch (kind) {
  case ArgKind::Tensor:
    return torch::NonValueTensorType::get(context, false, ArrayRef<int64_t>(), mlir::Type());
  case ArgKind::Float:
    return torch::FloatType::get(context);
  case ArgKind::Bool:
    return torch::BoolType::get(context);
  case ArgKind::Scalar:
    return torch::NumberType::get(context);
  case ArgKind::Str:
    return torch::StringType::get(context);
  case ArgKind::Device:
    return torch::DeviceType::get(context);
  case ArgKind::Generator:
    return torch::GeneratorType::get(context);
  default:
    return torch::IntType::get(context);
  }
}

bool isNumber(const Argument &argument) {
  return std::holds_alternative<int64_t>(argument.value) ||
         std::holds_alternative<double>(argument.value) ||
         std::holds_alternative<bool>(argument.value);
}

// The kind of what a list of the neutral graph holds, for operators without a schema.
ArgKind kindOf(TypeKind element) {
  switch (element) {
  case TypeKind::Int:
    return ArgKind::Int;
  case TypeKind::Float:
    return ArgKind::Float;
  case TypeKind::Bool:
    return ArgKind::Bool;
  case TypeKind::String:
    return ArgKind::Str;
  default:
    return ArgKind::Tensor;
  }
}

} // namespace

// The schema of a node's operator; null where it has none. PyTorch takes a number where add.Tensor
// wants a tensor, with the meaning of add.Scalar: that is then the operator.
const torch::OpSchema *GraphImporter::schemaFor(const Node &node) {
  const torch::OpSchema *schema = torch::lookupSchema(node.target);
  StringRef name = node.target;
  if (!schema || node.inputs.size() < 2 || !name.consume_back(".Tensor"))
    return schema;
  const Argument &other = node.inputs[1].argument;
  if (!isNumber(other) &&
      !(other.asValue() && !torch::isTensor(valueOf(*other.asValue()).getType())))
    return schema;
  const torch::OpSchema *scalar = torch::lookupSchema((name + ".Scalar").str());
  return scalar ? scalar : schema;
}

// A number for an argument that must be a tensor, as a constant of rank 0. PyTorch lets such a
// number weigh less than any tensor in type promotion: it takes the dtype of the node's first
// tensor, unless it is of a higher kind.
Value GraphImporter::numberAsTensor(const Argument &number, const Node &node) {
  mlir::Type dtype;
  for (const NamedArgument &input : node.inputs)
    if (const ValueId *value = input.argument.asValue(); value && !dtype)
      if (auto tensor = dyn_cast<torch::BaseTensorType>(valueOf(*value).getType()))
        dtype = tensor.getDtype();
  if (const auto *value = std::get_if<std::complex<double>>(&number.value))
    return complexAsTensor(*value, dtype);
  const auto *real = std::get_if<double>(&number.value);
  const auto *integer = std::get_if<int64_t>(&number.value);
  bool fits = dtype && (torch::isFloatDtype(dtype) || (!real && torch::isIntDtype(dtype)) ||
                        (!real && !integer));
  if (!fits)
    dtype = convertDType(context_, real ? DType::Float32 : integer ? DType::Int64 : DType::Bool);
  double value = real      ? *real
                 : integer ? static_cast<double>(*integer)
                           : static_cast<double>(std::get<bool>(number.value));
  auto type = RankedTensorType::get({}, dtype);
  Attribute element =
      torch::isFloatDtype(dtype)
          ? Attribute(FloatAttr::get(dtype, value))
          : Attribute(IntegerAttr::get(dtype, integer ? *integer : static_cast<int64_t>(value)));
  return torch::TensorLiteralOp::create(
      b_, torch::NonValueTensorType::get(context_, true, ArrayRef<int64_t>(), dtype),
      DenseElementsAttr::get(type, element));
}

// The same of a complex number: it takes the precision of a float or complex dtype.
Value GraphImporter::complexAsTensor(std::complex<double> number, mlir::Type dtype) {
  auto known = dyn_cast_if_present<ComplexType>(dtype);
  mlir::Type element = known                                              ? known.getElementType()
                       : isa_and_present<Float64Type, Float16Type>(dtype) ? dtype
                                                                          : b_.getF32Type();
  auto complex = ComplexType::get(element);
  auto part = [&](double value) { return FloatAttr::get(element, value); };
  std::complex<APFloat> value(part(number.real()).getValue(), part(number.imag()).getValue());
  return torch::TensorLiteralOp::create(
      b_, torch::NonValueTensorType::get(context_, true, ArrayRef<int64_t>(), complex),
      DenseElementsAttr::get(RankedTensorType::get({}, complex), value));
}

std::optional<SmallVector<Value>> GraphImporter::arguments(const Node &node,
                                                           const torch::OpSchema *schema) {
  SmallVector<Value> operands;
  if (!schema) {
    for (const NamedArgument &input : node.inputs)
      if (!operands.emplace_back(untypedArgument(input.argument)))
        return std::nullopt;
    return operands;
  }
  SmallVector<const Argument *> given(schema->args.size(), nullptr);
  for (auto [index, input] : llvm::enumerate(node.inputs)) {
    const ArgSchema *named =
        llvm::find_if(schema->args, [&](const ArgSchema &arg) { return arg.name == input.name; });
    size_t position =
        named != schema->args.end() ? named - schema->args.begin() : static_cast<size_t>(index);
    if (position >= given.size() || given[position]) {
      emitError(b_.getLoc()) << "'torch." << node.target << "' has no argument '" << input.name
                             << "'";
      return std::nullopt;
    }
    given[position] = &input.argument;
  }
  for (auto [value, arg] : llvm::zip_equal(given, schema->args)) {
    if (!value && arg.defaultValue.empty()) {
      emitError(b_.getLoc()) << "'torch." << node.target << "' lacks its argument '" << arg.name
                             << "'";
      return std::nullopt;
    }
    bool isWrapped =
        value && arg.kind == ArgKind::Tensor && !arg.isList &&
        (isNumber(*value) || std::holds_alternative<std::complex<double>>(value->value));
    Value operand = isWrapped ? numberAsTensor(*value, node)
                    : value   ? argument(*value, arg)
                              : defaultOf(arg);
    if (!operand) {
      emitError(b_.getLoc()) << "argument '" << arg.name << "' of 'torch." << node.target
                             << "' is no " << arg.type;
      return std::nullopt;
    }
    operands.push_back(operand);
  }
  return operands;
}

Value GraphImporter::argument(const Argument &argument, const ArgSchema &schema) {
  if (argument.isNone())
    return torch::ConstantNoneOp::create(b_);
  if (schema.kind == ArgKind::Any)
    return untypedArgument(argument);
  // int[2] may be given as one number.
  if (const ValueId *value = argument.asValue())
    if (!schema.isList || !torch::isNumberLike(valueOf(*value).getType()))
      return valueOf(*value);
  if (!schema.isList)
    return element(argument, schema.kind);
  if (const auto *items = std::get_if<ArgumentList>(&argument.value))
    return list(*items, schema);
  ArgumentList repeated;
  repeated.items.assign(std::max(schema.listSize, 1u), argument);
  return list(repeated, schema);
}

Value GraphImporter::list(const ArgumentList &items, const ArgSchema &schema) {
  SmallVector<Value> elements;
  for (const Argument &item : items.items)
    if (!elements.emplace_back(item.isNone() ? Value(torch::ConstantNoneOp::create(b_))
                                             : element(item, schema.kind)))
      return {};
  mlir::Type type = elementType(context_, schema.kind);
  return makeList(elements, schema.optionalElements ? torch::OptionalType::get(type) : type);
}

Value GraphImporter::makeList(ValueRange elements, mlir::Type type) {
  return torch::ListConstructOp::create(b_, torch::ListType::get(type), elements);
}

// One value of a kind; null where it is of another.
Value GraphImporter::element(const Argument &argument, ArgKind kind) {
  auto integer = [&](int64_t value) -> Value { return torch::ConstantIntOp::create(b_, value); };
  auto real = [&](double value) -> Value {
    return torch::ConstantFloatOp::create(b_, b_.getF64FloatAttr(value));
  };
  if (const ValueId *value = argument.asValue())
    return valueOf(*value);
  if (const auto *value = std::get_if<int64_t>(&argument.value)) {
    if (kind == ArgKind::Float)
      return real(static_cast<double>(*value));
    if (kind == ArgKind::Bool)
      return torch::ConstantBoolOp::create(b_, *value != 0);
    return kind == ArgKind::Int || kind == ArgKind::Scalar || kind == ArgKind::ScalarType ||
                   kind == ArgKind::Layout || kind == ArgKind::MemoryFormat
               ? integer(*value)
               : Value();
  }
  if (const auto *value = std::get_if<double>(&argument.value))
    return kind == ArgKind::Float || kind == ArgKind::Scalar ? real(*value) : Value();
  if (const auto *value = std::get_if<bool>(&argument.value)) {
    if (kind == ArgKind::Int)
      return integer(*value);
    return kind == ArgKind::Bool || kind == ArgKind::Scalar
               ? Value(torch::ConstantBoolOp::create(b_, *value))
               : Value();
  }
  // The dialect has no complex constant.
  if (const auto *value = std::get_if<std::complex<double>>(&argument.value))
    return kind == ArgKind::Scalar
               ? torch::OperatorOp::create(b_, b_.getType<torch::NumberType>(),
                                           "torch.aten.Complex.float_float",
                                           ValueRange{real(value->real()), real(value->imag())})
                     .getResult(0)
               : Value();
  if (const auto *value = std::get_if<std::string>(&argument.value))
    return kind == ArgKind::Str ? Value(torch::ConstantStrOp::create(b_, *value)) : Value();
  if (const auto *value = std::get_if<DType>(&argument.value))
    return integer(scalarTypeCode(*value));
  if (const auto *value = std::get_if<Layout>(&argument.value))
    return integer(layoutCode(*value));
  if (const auto *value = std::get_if<MemoryFormat>(&argument.value))
    return integer(memoryFormatCode(*value));
  if (const auto *value = std::get_if<ObjectId>(&argument.value))
    return isInFunction_ ? objectInFunction(*value) : importObject(*value);
  if (const auto *value = std::get_if<DeviceName>(&argument.value))
    return torch::ConstantDeviceOp::create(b_, value->name);
  return {};
}

Value GraphImporter::untypedArgument(const Argument &argument) {
  if (argument.isNone())
    return torch::ConstantNoneOp::create(b_);
  if (const auto *items = std::get_if<ArgumentList>(&argument.value))
    return untypedList(*items);
  if (std::holds_alternative<std::string>(argument.value))
    return element(argument, ArgKind::Str);
  if (const auto *name = std::get_if<OperatorName>(&argument.value))
    return torch::ConstantStrOp::create(b_, name->name);
  if (const auto *entries = std::get_if<ArgumentDict>(&argument.value))
    return untypedDict(*entries);
  Value value = element(argument, ArgKind::Scalar);
  if (!value)
    emitError(b_.getLoc()) << "an argument of a kind that has no form in the torch dialect";
  return value;
}

Value GraphImporter::untypedList(const ArgumentList &items) {
  SmallVector<Value> elements;
  for (const Argument &item : items.items)
    if (!elements.emplace_back(untypedArgument(item)))
      return {};
  mlir::Type type = elementType(context_, kindOf(items.element));
  if (items.element == TypeKind::List && elements.empty())
    type = torch::ListType::get(type);
  else if (items.element == TypeKind::List ||
           (!elements.empty() && torch::isPackedParams(elements.front().getType())))
    type = elements.front().getType();
  return makeList(elements,
                  items.element == TypeKind::Optional ? torch::OptionalType::get(type) : type);
}

// Values of one type, or of any.
Value GraphImporter::untypedDict(const ArgumentDict &entries) {
  SmallVector<Value> keys, values;
  for (auto [key, item] : llvm::zip_equal(entries.keys, entries.items))
    if (!keys.emplace_back(untypedArgument(key)) || !values.emplace_back(untypedArgument(item)))
      return {};
  auto any = b_.getType<torch::AnyType>();
  bool isUniform = !values.empty() && llvm::all_equal(ValueRange(values).getTypes());
  mlir::Type type = isUniform ? values.front().getType() : any;
  if (!isUniform)
    for (Value &value : values)
      value = torch::DerefineOp::create(b_, any, value);
  return torch::DictConstructOp::create(
      b_, torch::DictType::get(context_, b_.getType<torch::StringType>(), type), keys, values);
}

// A default as PyTorch prints it in a schema; null where it cannot be read.
Value GraphImporter::defaultOf(const ArgSchema &schema) {
  StringRef text = schema.defaultValue;
  if (text == "None")
    return torch::ConstantNoneOp::create(b_);
  if (schema.isList) {
    SmallVector<Value> elements;
    SmallVector<StringRef> parts;
    StringRef inner = text;
    bool bracketed = inner.consume_front("[") && inner.consume_back("]");
    inner.split(parts, ',', -1, /*KeepEmpty=*/false);
    ArgSchema single = schema;
    single.isList = false;
    for (StringRef part : parts) {
      single.defaultValue = part.trim();
      if (!elements.emplace_back(defaultOf(single)))
        return {};
    }
    if (!bracketed && !elements.empty())
      elements.assign(std::max(schema.listSize, 1u), Value(elements.front()));
    return makeList(elements, elementType(context_, schema.kind));
  }
  if (text == "True" || text == "False")
    return element({text == "True"}, schema.kind);
  if (schema.kind == ArgKind::Str)
    return torch::ConstantStrOp::create(b_, text.trim("'\""));
  if (schema.kind == ArgKind::Device)
    return torch::ConstantDeviceOp::create(b_, text.trim("'\""));
  // Numbers that PyTorch prints by name.
  int64_t integer = StringSwitch<int64_t>(text)
                        .Cases({"contiguous_format", "strided"}, 0)
                        .Cases({"preserve_format", "Mean"}, 1)
                        .Case("long", scalarTypeCode(DType::Int64))
                        .Default(-1);
  if (integer >= 0 || !text.getAsInteger(10, integer))
    return element({integer}, schema.kind);
  double real = 0;
  if (!text.getAsDouble(real))
    return element({real}, schema.kind);
  return {};
}

} // namespace linalgd
