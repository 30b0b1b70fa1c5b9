#include "compiler/import/canonical.h"

#include <bit>
#include <cmath>
#include <map>
#include <tuple>

namespace linalgd {
namespace {

// Feeds a graph to a hasher. Each choice is preceded by a number that says which it is, each
// sequence by its length, so that different graphs cannot give the same bytes.
class Canonicalizer {
public:
  Canonicalizer(const ImportedModel &model) : model_(model), graph_(model.graph) {}

  Digest digest() {
    number(graph_.symbols.size());
    for (const GraphSymbol &symbol : graph_.symbols)
      add(symbol);
    number(graph_.inputs.size());
    for (const GraphInput &input : graph_.inputs)
      add(input);
    add(graph_.body());
    number(graph_.outputs.size());
    for (const GraphOutput &output : graph_.outputs) {
      tag(output.kind);
      add(output.value);
      hasher_.field(output.target);
    }
    hasher_.field(graph_.inSpec).field(graph_.outSpec);
    return hasher_.finish();
  }

private:
  void number(uint64_t value) { hasher_.field(value); }
  template <typename Enum> void tag(Enum value) { number(static_cast<uint64_t>(value)); }
  void real(double value) {
    number(std::isnan(value) ? UINT64_MAX : std::bit_cast<uint64_t>(value));
  }

  void add(const GraphSymbol &symbol) {
    hasher_.field(symbol.name);
    number(static_cast<uint64_t>(symbol.min));
    number(symbol.max.has_value());
    number(static_cast<uint64_t>(symbol.max.value_or(0)));
  }

  void add(const Expression &expression) {
    tag(expression.kind);
    number(static_cast<uint64_t>(expression.integer));
    real(expression.real);
    number(expression.symbol);
    hasher_.field(expression.callee);
    number(expression.arguments.size());
    for (const ExpressionPtr &argument : expression.arguments)
      add(*argument);
  }

  void add(const GraphType &type) {
    tag(type.kind);
    if (type.kind == TypeKind::Tensor) {
      number(type.tensor.dtype ? static_cast<uint64_t>(*type.tensor.dtype) + 1 : 0);
      number(type.tensor.ranked);
      number(type.tensor.sizes.size());
      for (const Dimension &size : type.tensor.sizes) {
        number(size.index());
        if (const auto *fixed = std::get_if<int64_t>(&size))
          number(static_cast<uint64_t>(*fixed));
        else
          add(*std::get<ExpressionPtr>(size));
      }
    }
    number(type.parameters.size());
    for (const GraphType &parameter : type.parameters)
      add(parameter);
  }

  void add(const GraphInput &input) {
    tag(input.kind);
    hasher_.field(input.name);
    number(input.value.has_value());
    if (input.value)
      define(*input.value);
    add(input.constant);
    auto weight = graph_.weights.find(input.name);
    bool isWeight =
        input.kind != GraphInput::Kind::User && input.kind != GraphInput::Kind::Constant;
    if (!isWeight || weight == graph_.weights.end())
      return;
    number(weight->second.inlined);
    if (weight->second.inlined)
      hasher_.field(contiguousBytes(model_, weight->second));
  }

  void add(const GraphBlock &block) {
    number(block.inputs.size());
    for (ValueId input : block.inputs)
      define(input);
    number(block.nodes.size());
    for (const Node &node : block.nodes) {
      hasher_.field(node.target);
      number(node.inputs.size());
      for (const NamedArgument &input : node.inputs) {
        hasher_.field(input.name);
        add(input.argument);
      }
      number(node.outputs.size());
      for (const Argument &output : node.outputs) {
        add(output);
        std::vector<ValueId> values;
        collectValues(output, values);
        for (ValueId value : values)
          define(value);
      }
    }
    number(block.outputs.size());
    for (const Argument &output : block.outputs)
      add(output);
  }

  void define(ValueId value) {
    tag(value);
    add(graph_.typeOf(value));
  }

  void add(const Argument &argument) {
    number(argument.value.index());
    std::visit([this](const auto &value) { addValue(value); }, argument.value);
  }

  void addValue(std::monostate) {}
  void addValue(int64_t value) { number(static_cast<uint64_t>(value)); }
  void addValue(double value) { real(value); }
  void addValue(bool value) { number(value); }
  void addValue(const std::complex<double> &value) {
    real(value.real());
    real(value.imag());
  }
  void addValue(const std::string &value) { hasher_.field(value); }
  void addValue(const DeviceName &value) { hasher_.field(value.name); }
  void addValue(const OperatorName &value) { hasher_.field(value.name); }
  void addValue(BlockId value) { add(graph_.block(value)); }
  void addValue(const ArgumentList &list) {
    tag(list.element);
    number(list.items.size());
    for (const Argument &item : list.items)
      add(item);
  }
  void addValue(const ArgumentDict &dict) {
    number(dict.items.size());
    for (size_t i = 0; i < dict.items.size(); ++i) {
      hasher_.field(dict.keys[i]);
      add(dict.items[i]);
    }
  }
  template <typename Enum>
    requires std::is_enum_v<Enum>
  void addValue(Enum value) {
    tag(value);
  }

  const ImportedModel &model_;
  const Graph &graph_;
  Hasher hasher_;
};

} // namespace

Digest canonicalDigest(const ImportedModel &model) { return Canonicalizer(model).digest(); }

Digest weightsDigest(const ImportedModel &model) {
  std::map<std::tuple<size_t, uint64_t, uint64_t>, Digest> storages;
  Hasher hasher;
  for (const auto &[slot, weight] : model.graph.weights) {
    hasher.field(slot).field(weight.bound);
    if (!weight.bound)
      continue;
    auto [storage, isNew] = storages.try_emplace({weight.blob, weight.offset, weight.storageBytes});
    if (isNew) {
      // A storage that is a blob of its own has its digest already.
      bool whole = model.files.mapping(weight.blob)->bytes().size() == weight.storageBytes;
      storage->second = whole ? model.blobs[weight.blob] : sha256(storageBytes(model, weight));
    }
    hasher.field(storage->second.hex()).field(weight.storageOffset).field(weight.strides.size());
    for (int64_t stride : weight.strides)
      hasher.field(static_cast<uint64_t>(stride));
  }
  return hasher.finish();
}

Digest sourceDigest(const SourceMap &sourceMap) {
  Hasher hasher;
  for (const auto &[node, location] : sourceMap)
    hasher.field(node)
        .field(location.file)
        .field(location.line)
        .field(location.function)
        .field(location.module);
  return hasher.finish();
}

} // namespace linalgd
