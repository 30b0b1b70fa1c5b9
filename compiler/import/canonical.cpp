#include "compiler/import/canonical.h"
#include "compiler/import/text.h"

#include <charconv>
#include <cmath>
#include <map>
#include <tuple>

namespace linalgd {
namespace {

using WeightKey = std::tuple<size_t, uint64_t, uint64_t>; // a storage

// Text from the model, so that no two texts are written alike, and none breaks its line.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += "0123456789abcdef"[byte >> 4];
      out += "0123456789abcdef"[byte & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

// A name is quoted only where it could be taken for something else.
std::string name(std::string_view text) {
  auto isPlain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
  };
  bool plain = !text.empty();
  for (char c : text)
    plain = plain && isPlain(c);
  return plain ? std::string(text) : quoted(text);
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (char c : bytes) {
    out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
    out += "0123456789abcdef"[c & 15];
  }
  return out;
}

// Exact, and never an integer's spelling.
std::string real(double value) {
  if (std::isnan(value))
    return "nan";
  char buffer[32];
  auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  std::string text(buffer, end);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

template <typename Enum> uint64_t number(Enum value) { return static_cast<uint64_t>(value); }

std::string_view kindName(TypeKind kind) {
  static constexpr std::string_view kNames[] = {
      "None",      "Tensor",       "int",          "float",        "bool",
      "number",    "str",          "Device",       "Generator",    "list",
      "optional",  "tuple",        "dict",         "Any",          "union",
      "object",    "LinearParams", "Conv2dParams", "Conv3dParams", "EmbeddingParams",
      "CellParams"};
  return kNames[number(kind)];
}

class GraphWriter {
public:
  explicit GraphWriter(const ImportedModel &model) : model_(model), graph_(model.graph) {}

  CanonicalText write() {
    for (const GraphSymbol &symbol : graph_.symbols)
      line(concat("symbol ", name(symbol.name), " from ", symbol.min,
                  symbol.max ? concat(" to ", *symbol.max) : ""));
    for (const GraphInput &input : graph_.inputs)
      add(input);
    addNodes(graph_.body(), "");
    for (const GraphOutput &output : graph_.outputs) {
      static constexpr const char *kKinds[] = {"output", "writes weight", "writes input"};
      line(concat(kKinds[number(output.kind)], " ",
                  output.target.empty() ? "" : concat(name(output.target), " "),
                  text(output.value)));
    }
    for (const GraphGuard &guard : graph_.guards)
      line(concat("guard ", guard.text));
    if (graph_.isProgram())
      addProgram();
    line("in_spec " + quoted(graph_.inSpec));
    line("out_spec " + quoted(graph_.outSpec));
    return std::move(lines_);
  }

private:
  void line(std::string text, std::string node = "") {
    lines_.push_back({std::move(text), std::move(node)});
  }

  void add(const GraphInput &input) {
    static constexpr const char *kKinds[] = {"input", "fixed input", "parameter", "buffer",
                                             "constant"};
    std::string text = concat(kKinds[number(input.kind)], " ", name(input.name));
    if (input.value)
      text += concat(" = ", definition(*input.value));
    if (!input.constant.isNone() || input.kind == GraphInput::Kind::Constant)
      text += concat(" is ", this->text(input.constant));
    if (input.symbolic)
      text += concat(" is ", printExpression(*input.symbolic, graph_.symbols));
    auto weight = graph_.weights.find(input.name);
    bool isWeight =
        input.kind != GraphInput::Kind::User && input.kind != GraphInput::Kind::Constant;
    if (isWeight && weight != graph_.weights.end() && weight->second.inlined)
      text += concat(" of bytes ", hex(contiguousBytes(model_, weight->second)));
    line(std::move(text));
  }

  // Of a program of several functions: its classes, objects and functions.
  void addProgram() {
    for (const GraphClass &type : graph_.classes) {
      line(concat("class ", name(type.name)));
      for (const GraphClass::Attribute &attribute : type.attributes)
        line(concat("  attribute ", name(attribute.name), ": ", this->type(attribute.type)));
      for (const GraphClass::Method &method : type.methods)
        line(concat("  method ", name(method.name), " ", text(method.function)));
    }
    for (const Node &node : graph_.made)
      line(concat("made", call(node)));
    for (const GraphObject &object : graph_.objects) {
      std::string text = concat("object of class ", number(object.type));
      for (const Argument &slot : object.slots)
        text += concat(" ", this->text(slot));
      line(std::move(text));
    }
    // What the graph's own block gives back.
    std::string text = "gives";
    for (const Argument &output : graph_.body().outputs)
      text += concat(" ", this->text(output));
    line(std::move(text));
    for (const GraphFunction &function : graph_.functions) {
      line(concat("function ", name(function.name), " gives ", type(function.result)));
      add(graph_.block(function.body), "  ");
    }
  }

  void addNodes(const GraphBlock &block, const std::string &indent) {
    for (const Node &node : block.nodes)
      add(node, indent);
  }

  void add(const Node &node, const std::string &indent) {
    std::string id = nodeId(nextNode_++);
    std::vector<BlockId> blocks;
    for (const NamedArgument &input : node.inputs)
      collectBlocks(input.argument, blocks);
    line(concat(indent, id, ":", call(node)), id);
    for (BlockId block : blocks)
      add(graph_.block(block), indent + "  ");
  }

  // " %1: int = aten.size(self=%0)"
  std::string call(const Node &node) {
    std::string text;
    for (const Argument &output : node.outputs)
      text += concat(" ", result(output));
    text += concat(node.outputs.empty() ? " " : " = ", name(node.target), "(");
    for (const NamedArgument &input : node.inputs)
      text += concat(&input == node.inputs.data() ? "" : ", ",
                     input.name.empty() ? "" : concat(name(input.name), "="),
                     this->text(input.argument));
    return text + ")";
  }

  void add(const GraphBlock &block, const std::string &indent) {
    std::string text = indent + "block";
    for (ValueId input : block.inputs)
      text += concat(" ", definition(input));
    line(std::move(text));
    addNodes(block, indent);
    text = indent + "gives";
    for (const Argument &output : block.outputs)
      text += concat(" ", this->text(output));
    line(std::move(text));
  }

  // An output of a node, whose values it defines.
  std::string result(const Argument &output) {
    if (const ValueId *value = output.asValue())
      return definition(*value);
    std::vector<ValueId> values;
    collectValues(output, values);
    std::string out = text(output);
    for (ValueId value : values)
      out += concat(" ", definition(value));
    return out;
  }

  std::string definition(ValueId value) {
    return concat(text(value), ": ", type(graph_.typeOf(value)));
  }

  std::string expression(const Expression &expression) {
    switch (expression.kind) {
    case Expression::Kind::Integer:
      return std::to_string(expression.integer);
    case Expression::Kind::Float:
      return real(expression.real);
    case Expression::Kind::Boolean:
      return expression.integer ? "True" : "False";
    case Expression::Kind::Symbol:
      return name(graph_.symbols[expression.symbol].name);
    case Expression::Kind::Call:
      break;
    }
    std::string out = name(expression.callee) + "(";
    for (const ExpressionPtr &argument : expression.arguments)
      out += concat(out.back() == '(' ? "" : ", ", this->expression(*argument));
    return out + ")";
  }

  std::string type(const GraphType &type) {
    if (type.kind == TypeKind::Tensor)
      return tensor(type.tensor);
    std::string out(kindName(type.kind));
    if (type.kind == TypeKind::Object)
      out += concat(" ", number(type.object));
    if (type.parameters.empty())
      return out;
    out += "<";
    for (const GraphType &parameter : type.parameters)
      out += concat(out.back() == '<' ? "" : ", ", this->type(parameter));
    return out + ">";
  }

  std::string tensor(const TensorType &type) {
    std::string out = type.dtype ? std::string(dtypeName(*type.dtype)) : "?";
    if (!type.ranked)
      return out + "[*]";
    out += "[";
    for (const Dimension &size : type.sizes) {
      out += out.back() == '[' ? "" : ", ";
      if (const auto *fixed = std::get_if<int64_t>(&size))
        out += std::to_string(*fixed);
      else
        out += concat("{", expression(*std::get<ExpressionPtr>(size)), "}");
    }
    return out + "]";
  }

  std::string text(const Argument &argument) {
    return std::visit([this](const auto &value) { return text(value); }, argument.value);
  }
  std::string text(std::monostate) { return "None"; }
  std::string text(ValueId value) { return concat("%", number(value)); }
  std::string text(int64_t value) { return std::to_string(value); }
  std::string text(double value) { return real(value); }
  std::string text(bool value) { return value ? "True" : "False"; }
  std::string text(const std::complex<double> &value) {
    return concat("complex(", real(value.real()), ", ", real(value.imag()), ")");
  }
  std::string text(const std::string &value) { return quoted(value); }
  std::string text(DType value) { return std::string(dtypeName(value)); }
  std::string text(MemoryFormat value) { return concat("memory_format ", number(value)); }
  std::string text(Layout value) { return concat("layout ", number(value)); }
  std::string text(const DeviceName &value) { return concat("device ", quoted(value.name)); }
  std::string text(const OperatorName &value) { return concat("operator ", quoted(value.name)); }
  std::string text(ObjectId value) { return concat("object ", number(value)); }
  std::string text(FunctionId value) { return concat("function ", number(value)); }
  std::string text(BlockId) { return "block"; } // follows, in order
  std::string text(const ArgumentList &list) {
    std::string out(list.element == TypeKind::Any ? "" : kindName(list.element));
    out += "[";
    for (const Argument &item : list.items)
      out += concat(out.back() == '[' ? "" : ", ", text(item));
    return out + "]";
  }
  std::string text(const ArgumentDict &dict) {
    std::string out = "{";
    for (size_t i = 0; i < dict.items.size(); ++i)
      out += concat(i == 0 ? "" : ", ", text(dict.keys[i]), ": ", text(dict.items[i]));
    return out + "}";
  }

  const ImportedModel &model_;
  const Graph &graph_;
  CanonicalText lines_;
  size_t nextNode_ = 0;
};

WeightKey storageOf(const Weight &weight) {
  return {weight.blob, weight.offset, weight.storageBytes};
}

} // namespace

Digest digestOf(const CanonicalText &text) {
  Hasher hasher;
  for (const CanonicalLine &line : text)
    hasher.update(line.text).update("\n");
  return hasher.finish();
}

CanonicalText canonicalGraph(const ImportedModel &model) { return GraphWriter(model).write(); }

Digest canonicalDigest(const ImportedModel &model) { return digestOf(canonicalGraph(model)); }

CanonicalText canonicalWeights(const ImportedModel &model) {
  std::map<WeightKey, Digest> storages;
  CanonicalText text;
  for (const auto &[slot, weight] : model.graph.weights) {
    if (!weight.bound) {
      text.push_back({concat(name(slot), ": no data"), ""});
      continue;
    }
    auto [storage, isNew] = storages.try_emplace(storageOf(weight));
    if (isNew) {
      // A storage that is a blob of its own has its digest already.
      bool whole = model.files.mapping(weight.blob)->bytes().size() == weight.storageBytes;
      storage->second = whole ? model.blobs[weight.blob] : sha256(storageBytes(model, weight));
    }
    std::string line = concat(name(slot), ": ", storage->second.hex(), " from byte ",
                              weight.storageOffset, " in strides of");
    for (int64_t stride : weight.strides)
      line += concat(" ", stride);
    text.push_back({std::move(line), ""});
  }
  return text;
}

CanonicalText canonicalBindings(const ImportedModel &model) {
  std::map<WeightKey, size_t> storages;
  CanonicalText text;
  for (const auto &[slot, weight] : model.graph.weights) {
    std::string line = concat(name(slot), ": no data");
    if (weight.bound) {
      auto [storage, isNew] = storages.try_emplace(storageOf(weight), storages.size());
      line =
          concat(name(slot), ": storage ", storage->second, " of ", weight.storageBytes, " bytes");
    }
    text.push_back({std::move(line), ""});
  }
  return text;
}

CanonicalText canonicalSources(const SourceMap &sourceMap) {
  CanonicalText text;
  for (const auto &[node, location] : sourceMap)
    text.push_back({concat(node, ": ", quoted(location.file), " line ", location.line, " in ",
                           quoted(location.function), " of ", quoted(location.module), " column ",
                           location.column),
                    node});
  return text;
}

} // namespace linalgd
