#include "compiler/import/torchscript/types.h"

#include <nlohmann/json.hpp>

namespace linalgd {
namespace {

using nlohmann::ordered_json;

std::string containerSpec(const char *type, const std::string &context,
                          const std::vector<std::string> &children) {
  ordered_json spec = {
      {"type", type}, {"context", context}, {"children_spec", ordered_json::array()}};
  for (const std::string &child : children)
    spec["children_spec"].push_back(ordered_json::parse(child));
  return spec.dump();
}

} // namespace

GraphType graphType(const c10::Type &type) {
  switch (type.kind()) {
  case c10::TypeKind::TensorType: {
    GraphType tensor = GraphType::of(TypeKind::Tensor);
    tensor.tensor.dtype = std::nullopt;
    tensor.tensor.ranked = false;
    return tensor;
  }
  case c10::TypeKind::IntType:
  case c10::TypeKind::SymIntType:
    return GraphType::of(TypeKind::Int);
  case c10::TypeKind::FloatType:
  case c10::TypeKind::SymFloatType:
    return GraphType::of(TypeKind::Float);
  case c10::TypeKind::BoolType:
    return GraphType::of(TypeKind::Bool);
  case c10::TypeKind::NumberType:
    return GraphType::of(TypeKind::Number);
  case c10::TypeKind::StringType:
    return GraphType::of(TypeKind::String);
  case c10::TypeKind::DeviceObjType:
    return GraphType::of(TypeKind::Device);
  case c10::TypeKind::NoneType:
    return GraphType::of(TypeKind::None);
  case c10::TypeKind::ListType:
    return GraphType{TypeKind::List, {}, {graphType(*type.containedType(0))}};
  case c10::TypeKind::OptionalType:
    return GraphType{TypeKind::Optional, {}, {graphType(*type.containedType(0))}};
  case c10::TypeKind::TupleType: {
    GraphType tuple = GraphType::of(TypeKind::Tuple);
    for (const c10::TypePtr &element : type.containedTypes())
      tuple.parameters.push_back(graphType(*element));
    return tuple;
  }
  default:
    return GraphType::of(TypeKind::Any);
  }
}

TypeKind elementKind(const c10::Type &list) { return graphType(*list.containedType(0)).kind; }

std::string leafSpec() { return R"({"type":null,"context":null,"children_spec":[]})"; }
std::string tupleSpec(const std::vector<std::string> &children) {
  return containerSpec("builtins.tuple", "null", children);
}
std::string listSpec(const std::vector<std::string> &children) {
  return containerSpec("builtins.list", "null", children);
}
std::string dictSpec(const std::vector<std::string> &keys,
                     const std::vector<std::string> &children) {
  return containerSpec("builtins.dict", ordered_json(keys).dump(), children);
}
std::string treeSpec(const std::string &root) {
  return ordered_json::array({1, ordered_json::parse(root)}).dump();
}

absl::StatusOr<std::string> flatten(const Argument &value, const c10::Type &type,
                                    std::vector<Argument> &leaves) {
  std::vector<std::string> children;
  auto child = [&](const Argument &item, size_t index) -> absl::Status {
    size_t last = type.containedTypes().size() - 1;
    const c10::Type &itemType = *type.containedTypes()[std::min(index, last)];
    absl::StatusOr<std::string> spec = flatten(item, itemType, leaves);
    if (!spec.ok())
      return spec.status();
    children.push_back(*std::move(spec));
    return absl::OkStatus();
  };
  if (const auto *list = std::get_if<ArgumentList>(&value.value)) {
    for (size_t i = 0; i < list->items.size(); ++i)
      if (absl::Status status = child(list->items[i], i); !status.ok())
        return status;
    return type.kind() == c10::TypeKind::TupleType ? tupleSpec(children) : listSpec(children);
  }
  if (const auto *dict = std::get_if<ArgumentDict>(&value.value)) {
    for (const Argument &item : dict->items)
      if (absl::Status status = child(item, 1); !status.ok())
        return status;
    return dictSpec(dict->keys, children);
  }
  if (type.kind() == c10::TypeKind::ListType || type.kind() == c10::TypeKind::TupleType ||
      type.kind() == c10::TypeKind::DictType)
    return absl::UnimplementedError("the module returns a container whose length is not known");
  leaves.push_back(value);
  return leafSpec();
}

} // namespace linalgd
