#include "compiler/import/pt2_graph.h"
#include "compiler/import/text.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

namespace linalgd {
namespace {

// The table of a graph that holds the types of values of one kind.
std::string_view tableOf(TypeKind kind) {
  switch (kind) {
  case TypeKind::Int:
    return "sym_int_values";
  case TypeKind::Float:
    return "sym_float_values";
  case TypeKind::Bool:
    return "sym_bool_values";
  default:
    return "tensor_values";
  }
}

// "as_name" and "as_int" …: the field of a union that holds a plain value of a kind.
std::string_view literalTag(TypeKind kind) {
  return kind == TypeKind::Int ? "as_int" : kind == TypeKind::Float ? "as_float" : "as_bool";
}

Argument readLiteral(TypeKind kind, const JsonPlace &place) {
  switch (kind) {
  case TypeKind::Int: // PyTorch 2.5 took a bool for an int
    return place.isBoolean() ? Argument{place.boolean()} : Argument{place.integer()};
  case TypeKind::Float:
    return {place.number()};
  case TypeKind::Bool:
    return {place.boolean()};
  default:
    return {std::string(place.string())};
  }
}

// Tags of literals and of lists of them.
std::optional<TypeKind> literalKind(std::string_view tag) {
  if (tag == "as_int" || tag == "as_ints")
    return TypeKind::Int;
  if (tag == "as_float" || tag == "as_floats")
    return TypeKind::Float;
  if (tag == "as_bool" || tag == "as_bools")
    return TypeKind::Bool;
  if (tag == "as_string" || tag == "as_strings")
    return TypeKind::String;
  return std::nullopt;
}

std::optional<TypeKind> symbolicKind(std::string_view tag) {
  if (tag == "as_sym_int" || tag == "as_sym_ints")
    return TypeKind::Int;
  if (tag == "as_sym_float" || tag == "as_sym_floats")
    return TypeKind::Float;
  if (tag == "as_sym_bool" || tag == "as_sym_bools")
    return TypeKind::Bool;
  return std::nullopt;
}

bool isList(std::string_view tag) { return tag.ends_with("s"); }

Argument readComplex(const JsonPlace &place) {
  place.allowOnly({"real", "imag"});
  return {std::complex<double>(place["real"].number(), place["imag"].number())};
}

// Every device becomes the CPU: the only one that there is code for, and meta tensors need one.
Argument readDevice(const JsonPlace &place) {
  place.allowOnly({"type", "index"});
  place["type"].string();
  return {DeviceName{"cpu"}};
}

} // namespace

Argument Pt2GraphReader::readArgument(const JsonPlace &place, Scope &scope) {
  Argument result;
  place.tagged([&](std::string_view tag, const JsonPlace &inner) {
    result = readTagged(tag, inner, scope);
  });
  return result;
}

Argument Pt2GraphReader::readTagged(std::string_view tag, const JsonPlace &place, Scope &scope) {
  auto tensor = [&](const JsonPlace &item) { return use(item["name"], scope); };
  if (tag == "as_none")
    return {};
  if (tag == "as_tensor")
    return tensor(place);
  if (tag == "as_tensors")
    return readList(TypeKind::Tensor, place, tensor);
  if (tag == "as_optional_tensor")
    return readArgument(place, scope);
  if (tag == "as_optional_tensors")
    return readList(TypeKind::Optional, place,
                    [&](const JsonPlace &item) { return readArgument(item, scope); });
  if (tag == "as_nested_tensors")
    return readList(TypeKind::List, place, [&](const JsonPlace &items) {
      return readList(TypeKind::Tensor, items, tensor);
    });
  if (tag == "as_int_lists" || tag == "as_float_lists") {
    TypeKind kind = tag == "as_int_lists" ? TypeKind::Int : TypeKind::Float;
    return readList(TypeKind::List, place, [&](const JsonPlace &items) {
      return readList(kind, items, [&](const JsonPlace &item) { return readLiteral(kind, item); });
    });
  }
  if (std::optional<TypeKind> kind = literalKind(tag)) {
    auto literal = [&](const JsonPlace &item) { return readLiteral(*kind, item); };
    return isList(tag) ? readList(*kind, place, literal) : literal(place);
  }
  if (std::optional<TypeKind> kind = symbolicKind(tag)) {
    auto item = [&](const JsonPlace &p) { return readSymbolic(literalTag(*kind), p, scope); };
    return isList(tag) ? readList(*kind, place, item) : item(place);
  }
  if (tag == "as_scalar_type")
    return {readPt2DType(place)};
  if (tag == "as_memory_format" || tag == "as_layout") {
    bool isLayout = tag == "as_layout";
    int64_t code = place.integer();
    std::optional<Layout> layout = layoutFromExport(code);
    std::optional<MemoryFormat> format = memoryFormatFromExport(code);
    if (isLayout ? !layout : !format)
      place.fail(concat("unknown number ", code));
    else
      return isLayout ? Argument{*layout} : Argument{*format};
    return {};
  }
  if (tag == "as_device")
    return readDevice(place);
  if (tag == "as_complex")
    return readComplex(place);
  if (tag == "as_operator")
    return {OperatorName{std::string(place.string())}};
  if (tag == "as_graph") {
    place.allowOnly({"name", "graph"});
    return {readSubgraph(place["graph"], scope.autocast)};
  }
  if (tag == "as_string_to_argument") {
    ArgumentDict dict;
    place.eachField([&](std::string_view key, const JsonPlace &value) {
      dict.keys.push_back(Argument{std::string(key)});
      dict.items.push_back(readArgument(value, scope));
    });
    return {std::move(dict)};
  }
  if (tag == "as_custom_obj")
    place.unsupported(concat("'", escaped(place["name"].string()), "' is an object of ",
                             escaped(place["class_fqn"].string()),
                             ": custom objects (torch.ScriptObject) cannot be compiled"));
  else
    place.unsupported("unknown kind of argument; was the model written by a newer PyTorch?");
  return {};
}

Argument Pt2GraphReader::readList(TypeKind element, const JsonPlace &place,
                                  const std::function<Argument(const JsonPlace &)> &readItem) {
  ArgumentList list;
  list.element = element;
  place.eachItem([&](const JsonPlace &item) { list.items.push_back(readItem(item)); });
  return {std::move(list)};
}

Argument Pt2GraphReader::readSymbolic(std::string_view literalTag, const JsonPlace &place,
                                      Scope &scope) {
  Argument result;
  place.tagged([&](std::string_view tag, const JsonPlace &inner) {
    if (tag == "as_name")
      result = use(inner, scope);
    else if (std::optional<TypeKind> kind = literalKind(tag); kind && tag == literalTag)
      result = readLiteral(*kind, inner);
    else
      inner.fail("unknown kind of symbolic argument");
  });
  return result;
}

Argument Pt2GraphReader::use(const JsonPlace &name, Scope &scope) {
  auto found = scope.values.find(std::string(name.string()));
  if (found != scope.values.end())
    return {found->second};
  name.fail(concat("no value named '", escaped(name.string()), "' was defined before"));
  return {};
}

Argument Pt2GraphReader::readOutput(const JsonPlace &place, Scope &scope) {
  Argument result;
  auto tensor = [&](const JsonPlace &item) {
    return Argument{define(TypeKind::Tensor, item["name"], scope)};
  };
  auto optional = [&](const JsonPlace &item) { return readOutput(item, scope); };
  place.tagged([&](std::string_view tag, const JsonPlace &inner) {
    if (tag == "as_none")
      result = {};
    else if (tag == "as_tensor")
      result = tensor(inner);
    else if (tag == "as_tensors")
      result = readList(TypeKind::Tensor, inner, tensor);
    else if (tag == "as_optional_tensor")
      result = optional(inner);
    else if (tag == "as_optional_tensors")
      result = readList(TypeKind::Optional, inner, optional);
    else if (std::optional<TypeKind> kind = symbolicKind(tag)) {
      auto symbolic = [&](const JsonPlace &item) {
        return Argument{define(*kind, item["as_name"], scope)};
      };
      result = isList(tag) ? readList(*kind, inner, symbolic) : symbolic(inner);
    } else
      inner.unsupported("unknown kind of result");
  });
  return result;
}

ValueId Pt2GraphReader::define(TypeKind kind, const JsonPlace &name, Scope &scope) {
  ValueId value = graph_.addValue(readType(kind, name, scope));
  if (!scope.values.emplace(name.string(), value).second)
    name.fail(concat("there are two values named '", escaped(name.string()), "'"));
  return value;
}

GraphType Pt2GraphReader::readType(TypeKind kind, const JsonPlace &name, Scope &scope) {
  JsonPlace table = scope.graph[tableOf(kind)];
  JsonPlace entry = table.get(name.string());
  if (!entry) {
    name.fail(concat("there is no entry for '", escaped(name.string()), "' in ", tableOf(kind)));
    return GraphType::of(kind);
  }
  if (kind == TypeKind::Tensor)
    return GraphType::of(readTensorType(entry));
  entry.tagged([&](std::string_view tag, const JsonPlace &inner) {
    if (tag == "as_expr")
      readExpression(inner);
    else if (tag != literalTag(kind))
      inner.fail("unknown kind of symbolic value");
  });
  return GraphType::of(kind);
}

TensorType Pt2GraphReader::readTensorType(const JsonPlace &meta) {
  meta.allowOnly(
      {"dtype", "sizes", "requires_grad", "device", "strides", "storage_offset", "layout"});
  TensorType type;
  type.dtype = readPt2DType(meta["dtype"]);
  checkPt2Layout(meta["layout"]);
  int64_t bytes = static_cast<int64_t>(dtypeBytes(*type.dtype));
  JsonPlace sizes = meta["sizes"];
  if (sizes.size() > kMaxRank)
    sizes.fail(concat("a tensor has at most ", kMaxRank, " dimensions, not ", sizes.size()));
  sizes.eachItem([&](const JsonPlace &size) {
    type.sizes.push_back(readDimension(size));
    const auto *number = std::get_if<int64_t>(&type.sizes.back());
    if (number && *number > 0 && __builtin_mul_overflow(bytes, *number, &bytes))
      size.fail("the tensor's sizes are absurd: its bytes do not fit into 63 bits");
  });
  return type;
}

Dimension Pt2GraphReader::readDimension(const JsonPlace &place) {
  Dimension dimension = int64_t(0);
  place.tagged([&](std::string_view tag, const JsonPlace &inner) {
    if (tag == "as_int")
      dimension = readPt2Size(inner);
    else if (tag == "as_expr")
      dimension = readExpression(inner);
    else
      inner.fail("unknown kind of size");
  });
  // An expression that is a number after all is one.
  const auto *expression = std::get_if<ExpressionPtr>(&dimension);
  if (!expression || (*expression)->kind != Expression::Kind::Integer)
    return dimension;
  int64_t size = (*expression)->integer;
  if (size < 0)
    place.fail(concat("a size cannot be ", size));
  return size;
}

ExpressionPtr Pt2GraphReader::readExpression(const JsonPlace &place) {
  place.allowOnly({"expr_str", "hint"});
  JsonPlace textPlace = place["expr_str"];
  std::string text(textPlace.string());
  if (auto found = expressions_.find(text); found != expressions_.end())
    return found->second;
  auto parsed = parseExpression(text, [this](std::string_view name) { return symbol(name); });
  if (!parsed.ok()) {
    textPlace.fail(std::string(parsed.status().message()));
    return std::make_shared<Expression>();
  }
  expressions_.emplace(std::move(text), *parsed);
  return *parsed;
}

std::optional<uint32_t> Pt2GraphReader::symbol(std::string_view name) {
  // s0, u1, zf2: letters and a number.
  llvm::StringRef letters = llvm::StringRef(name).rtrim("0123456789");
  if (letters.empty() || letters.size() == name.size() || !llvm::all_of(letters, llvm::isAlpha))
    return std::nullopt;
  auto [found, isNew] = symbols_.emplace(name, static_cast<uint32_t>(graph_.symbols.size()));
  if (isNew) {
    // torch names symbols after where they come from; only their order counts here.
    bool real = name.starts_with("z"), unbacked = name.starts_with("u");
    GraphSymbol symbol;
    symbol.name = real       ? concat("f", numReals_++)
                  : unbacked ? concat("u", numUnbacked_++)
                             : concat("s", numSizes_++);
    graph_.symbols.push_back(std::move(symbol));
  }
  return found->second;
}

} // namespace linalgd
