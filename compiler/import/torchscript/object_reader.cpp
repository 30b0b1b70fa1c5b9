// Classes, objects and constants: what the functions that are read reach of them.
#include "compiler/import/pt2_weights.h"
#include "compiler/import/torchscript/graph_reader.h"
#include "compiler/import/torchscript/types.h"

#include <ATen/core/class_type.h>
#include <ATen/core/enum_type.h>

#include <algorithm>

namespace linalgd {

namespace jit = torch::jit;

//===-- types ---------------------------------------------------------------------------------===//

// TorchScript knows that a value is a tensor, and nothing more of it.
GraphType GraphReader::typeOf(const c10::Type &type) {
  if (type.kind() == c10::TypeKind::FutureType) // what is waited for is there
    return typeOf(*type.containedType(0));
  GraphType result = GraphType::of(kindOf(type));
  switch (result.kind) {
  case TypeKind::Tensor:
    result.tensor.dtype = std::nullopt;
    result.tensor.ranked = false;
    break;
  case TypeKind::Object:
    result.object = classOf(static_cast<const c10::NamedType &>(type));
    break;
  case TypeKind::List:
  case TypeKind::Optional:
  case TypeKind::Tuple:
  case TypeKind::Dict:
  case TypeKind::Union:
    for (const c10::TypePtr &parameter : type.containedTypes())
      result.parameters.push_back(typeOf(*parameter));
    break;
  default:
    break;
  }
  return result;
}

ClassId GraphReader::classOf(const c10::NamedType &type) {
  auto [known, isNew] = classIds_.try_emplace(type.name()->qualifiedName(),
                                              static_cast<ClassId>(graph_.classes.size()));
  if (!isNew)
    return known->second;
  ClassId id = known->second;
  classes_.push_back(&type);
  graph_.classes.push_back({uniqueName(type.name()->name()), {}, {}});
  if (const auto *members = type.castRaw<c10::EnumType>()) {
    GraphType value = typeOf(*members->getValueType());
    graph_.classes[static_cast<size_t>(id)].attributes = {{"name", GraphType::of(TypeKind::String)},
                                                          {"value", std::move(value)}};
  }
  return id;
}

void GraphReader::addMethod(const c10::NamedType &type, const std::string &name) {
  const auto *owner = type.castRaw<c10::ClassType>();
  jit::Function *function = owner ? owner->findMethod(name) : nullptr;
  if (!function)
    return;
  auto id = static_cast<size_t>(classOf(type));
  FunctionId called = functionOf(*function);
  std::vector<GraphClass::Method> &methods = graph_.classes[id].methods;
  if (std::none_of(methods.begin(), methods.end(),
                   [&](const GraphClass::Method &method) { return method.name == name; }))
    methods.push_back({name, called});
}

// A method of an interface is that of every class of the module's objects that has the interface.
void GraphReader::callMethod(const c10::Type &receiver, const std::string &name) {
  if (const auto *interface = receiver.castRaw<c10::InterfaceType>()) {
    for (const jit::Module &module : file_.module().modules())
      if (module.type()->isSubtypeOf(*interface))
        addMethod(*module.type(), name);
    for (size_t i = 0; i < classes_.size(); ++i)
      if (classes_[i]->kind() == c10::TypeKind::ClassType && classes_[i]->isSubtypeOf(*interface))
        addMethod(*classes_[i], name);
    return;
  }
  if (const auto *named = receiver.castRaw<c10::ClassType>())
    addMethod(*named, name);
}

// Only the attributes that are read or written are part of the graph.
void GraphReader::useAttribute(const c10::Type &receiver, const std::string &name) {
  const auto *owner = receiver.castRaw<c10::ClassType>();
  if (!owner)
    return;
  ClassId id = classOf(*owner);
  auto isKnown = [&] {
    const auto &known = graph_.classOf(id).attributes;
    return std::any_of(known.begin(), known.end(),
                       [&](const GraphClass::Attribute &one) { return one.name == name; });
  };
  if (isKnown())
    return;
  GraphType type = typeOf(*owner->getAttribute(name));
  // In the order in which the class declares them.
  auto &attributes = graph_.classes[static_cast<size_t>(id)].attributes;
  size_t slot = owner->getAttributeSlot(name);
  auto later = std::find_if(attributes.begin(), attributes.end(),
                            [&](const GraphClass::Attribute &attribute) {
                              return owner->getAttributeSlot(attribute.name) > slot;
                            });
  attributes.insert(later, {name, std::move(type)});
}

// Which one is taken is known when the model runs.
void GraphReader::useModules(const c10::Type &container) {
  if (const auto *owner = container.castRaw<c10::ClassType>())
    for (size_t i = 0; i < owner->numAttributes(); ++i)
      if (owner->getAttribute(i)->is_module())
        useAttribute(container, owner->getAttributeName(i));
}

//===-- objects -------------------------------------------------------------------------------===//

// Its attributes follow, once it is known which ones the functions use.
ObjectId GraphReader::objectOf(const c10::IValue &value, const std::string &path) {
  auto object = value.toObject();
  auto [known, isNew] =
      objects_.try_emplace(object.get(), static_cast<ObjectId>(graph_.objects.size()));
  if (isNew) {
    graph_.objects.push_back({classOf(*object->type()), {}});
    pending_.push_back({known->second, value, path});
  }
  return known->second;
}

absl::Status GraphReader::readObjects() {
  while (!pending_.empty()) {
    PendingObject pending = std::move(pending_.front());
    pending_.pop_front();
    auto object = pending.value.toObject();
    // A copy: reading values may add classes, of enums.
    const GraphClass type = graph_.classOf(graph_.object(pending.id).type);
    std::vector<Argument> slots;
    for (const GraphClass::Attribute &attribute : type.attributes) {
      size_t slot = object->type()->getAttributeSlot(attribute.name);
      bool isParameter = object->type()->is_module() && object->type()->is_parameter(slot);
      absl::StatusOr<Argument> argument =
          constant(object->getSlot(slot),
                   pending.path.empty() ? attribute.name : pending.path + "." + attribute.name,
                   isParameter ? GraphInput::Kind::Parameter : GraphInput::Kind::Buffer);
      if (!argument.ok())
        return argument.status();
      slots.push_back(*std::move(argument));
    }
    graph_.objects[static_cast<size_t>(pending.id)].slots = std::move(slots);
  }
  return absl::OkStatus();
}

absl::StatusOr<ObjectId> GraphReader::readEnum(const c10::IValue &value) {
  auto member = value.toEnumHolder();
  ClassId type = classOf(*member->type());
  auto [known, isNew] =
      enums_.try_emplace({type, member->name()}, static_cast<ObjectId>(graph_.objects.size()));
  if (!isNew)
    return known->second;
  absl::StatusOr<Argument> number = constant(member->value(), "", GraphInput::Kind::Buffer);
  if (!number.ok())
    return number.status();
  graph_.objects.push_back({type, {Argument{member->name()}, *std::move(number)}});
  return known->second;
}

//===-- values --------------------------------------------------------------------------------===//

absl::StatusOr<Argument> GraphReader::constant(const c10::IValue &value, const std::string &slot,
                                               GraphInput::Kind kind) {
  if (value.isTensor())
    return value.toTensor().defined() ? weight(value.toTensor(), slot, kind)
                                      : absl::StatusOr<Argument>(Argument{});
  if (value.isNone())
    return Argument{};
  if (value.isBool())
    return Argument{value.toBool()};
  if (value.isInt())
    return Argument{value.toInt()};
  if (value.isDouble())
    return Argument{value.toDouble()};
  if (value.isComplexDouble())
    return Argument{std::complex<double>(value.toComplexDouble())};
  if (value.isString())
    return Argument{value.toStringRef()};
  if (value.isDevice())
    return Argument{DeviceName{value.toDevice().str()}};
  if (value.isCustomClass())
    return packedParams(value, slot);
  if (value.isObject())
    return Argument{objectOf(value, slot)};
  if (value.isEnum()) {
    absl::StatusOr<ObjectId> member = readEnum(value);
    return member.ok() ? absl::StatusOr<Argument>(Argument{*member}) : member.status();
  }
  if (value.isGenericDict())
    return dictOf(value, slot, kind);
  if (value.isList() || value.isTuple()) {
    ArgumentList list;
    if (value.isList())
      list.element = kindOf(*value.type()->containedType(0));
    std::vector<c10::IValue> items =
        value.isList() ? value.toListRef().vec() : value.toTupleRef().elements().vec();
    for (size_t i = 0; i < items.size(); ++i) {
      absl::StatusOr<Argument> item = constant(items[i], slot + "." + std::to_string(i), kind);
      if (!item.ok())
        return item.status();
      list.items.push_back(*std::move(item));
    }
    return Argument{std::move(list)};
  }
  return absl::UnimplementedError("'" + slot + "' is a " + value.tagKind() +
                                  ", which has no form in the torch dialect");
}

absl::StatusOr<Argument> GraphReader::dictOf(const c10::IValue &value, const std::string &slot,
                                             GraphInput::Kind kind) {
  ArgumentDict dict;
  for (const auto &entry : value.toGenericDict()) {
    absl::StatusOr<Argument> key = constant(entry.key(), slot, kind);
    if (!key.ok())
      return key.status();
    std::string place = slot + ".";
    place += entry.key().isString() ? entry.key().toStringRef() : std::to_string(dict.keys.size());
    absl::StatusOr<Argument> item = constant(entry.value(), place, kind);
    if (!item.ok())
      return item.status();
    dict.keys.push_back(*std::move(key));
    dict.items.push_back(*std::move(item));
  }
  return Argument{std::move(dict)};
}

// A tensor of the module or its code, which are the same one under whatever name.
absl::StatusOr<Argument> GraphReader::weight(const at::Tensor &tensor, const std::string &slot,
                                             GraphInput::Kind kind) {
  if (tensor.layout() != c10::kStrided || tensor.numel() == 0)
    return plainTensor(tensor, slot, kind);
  std::tuple identity(tensor.storage().data(), tensor.storage_offset(), tensor.sizes().vec(),
                      tensor.strides().vec(), static_cast<int>(tensor.scalar_type()));
  if (auto known = weights_.find(identity); known != weights_.end())
    return Argument{known->second};
  absl::StatusOr<Argument> result = plainTensor(tensor, slot, kind);
  if (result.ok())
    weights_.emplace(std::move(identity), *result->asValue());
  return result;
}

absl::StatusOr<Argument> GraphReader::plainTensor(const at::Tensor &tensor, const std::string &slot,
                                                  GraphInput::Kind kind) {
  std::optional<DType> dtype = dtypeFromScalarType(static_cast<int64_t>(tensor.scalar_type()));
  if (!dtype || tensor.layout() != c10::kStrided)
    return absl::UnimplementedError("weight '" + slot + "' is no plain dense tensor (" +
                                    tensor.toString() + ")");
  return tensor.is_quantized() ? quantizedTensor(tensor, *dtype, slot, kind)
                               : storedTensor(tensor, *dtype, slot, kind);
}

// The elements of a tensor, as `dtype` of the same size, are a slot over the file's bytes.
absl::StatusOr<Argument> GraphReader::storedTensor(const at::Tensor &given, DType dtype,
                                                   const std::string &slot, GraphInput::Kind kind) {
  at::Tensor tensor = given;
  std::optional<FileRange> range = file_.find(tensor);
  if (!range && !tensor.is_contiguous()) { // what libtorch packs, it may unpack in another order
    tensor = tensor.contiguous();
    range = file_.find(tensor);
  }
  if (!range)
    return absl::UnimplementedError(
        "weight '" + slot +
        "' was computed while loading and is not in the file; save the module again "
        "after loading it");
  Pt2TensorMeta meta{dtype, tensor.sizes().vec(), tensor.strides().vec(), tensor.storage_offset()};
  if (std::string problem = storageProblem(meta, range->size); !problem.empty())
    return absl::InvalidArgumentError("weight '" + slot + "': " + problem);
  Weight weight;
  weight.slot = slot;
  weight.dtype = dtype;
  weight.shape = tensor.sizes().vec();
  weight.strides = tensor.strides().vec();
  weight.offset = range->offset;
  weight.storageBytes = range->size;
  weight.storageOffset = static_cast<uint64_t>(tensor.storage_offset()) * tensor.element_size();
  weight.inlined = kind == GraphInput::Kind::TensorConstant && tensor.nbytes() <= kMaxInlinedBytes;

  TensorType type;
  type.dtype = dtype;
  for (int64_t size : weight.shape)
    type.sizes.emplace_back(size);
  ValueId value = graph_.addValue(GraphType::of(std::move(type)));
  graph_.weights.emplace(slot, std::move(weight));
  weightInputs_.push_back({kind, slot, value, {}});
  return Argument{value};
}

} // namespace linalgd
