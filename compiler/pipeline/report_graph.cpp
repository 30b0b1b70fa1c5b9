// Graphs for reports.
#include "compiler/import/usage.h"
#include "compiler/pipeline/report_model.h"

#include "llvm/ADT/STLExtras.h"

#include <map>
#include <set>
#include <tuple>

namespace linalgd {
namespace {

std::string printType(const GraphType &type, const Graph &graph) {
  static constexpr const char *kNames[] = {
      "None",      "Tensor", "int",      "float", "bool", "number", "str",   "Device",
      "Generator", "list",   "optional", "tuple", "dict", "Any",    "union", "object"};
  if (type.kind != TypeKind::Tensor)
    return kNames[static_cast<size_t>(type.kind)];
  std::string text(type.tensor.dtype ? dtypeName(*type.tensor.dtype) : "?");
  if (!type.tensor.ranked)
    return text;
  text += '[';
  for (const Dimension &size : type.tensor.sizes) {
    text += text.back() == '[' ? "" : ", ";
    const auto *fixed = std::get_if<int64_t>(&size);
    text += fixed ? std::to_string(*fixed)
                  : printExpression(*std::get<ExpressionPtr>(size), graph.symbols);
  }
  return text + ']';
}

void collectSymbols(const Expression &expression, std::set<uint32_t> &symbols) {
  if (expression.kind == Expression::Kind::Symbol)
    symbols.insert(expression.symbol);
  for (const ExpressionPtr &argument : expression.arguments)
    collectSymbols(*argument, symbols);
}

std::set<uint32_t> symbolsOf(const Dimension &size) {
  std::set<uint32_t> symbols;
  if (const auto *expression = std::get_if<ExpressionPtr>(&size))
    collectSymbols(**expression, symbols);
  return symbols;
}

std::vector<ReportWeight> describeWeights(const Graph &graph) {
  static constexpr const char *kKinds[] = {"input", "fixed input", "parameter", "buffer",
                                           "constant"};
  std::map<std::tuple<size_t, uint64_t, uint64_t>, std::string> places; // of the bytes, to slots
  std::vector<ReportWeight> weights;
  for (const UsedWeight &used : usedWeights(graph)) {
    const Weight &weight = graph.weights.at(used.input->name);
    if (weight.inlined)
      continue;
    ReportWeight entry{weight.slot,  kKinds[static_cast<size_t>(used.input->kind)],
                       weight.dtype, weight.shape,
                       weight.bound, std::nullopt};
    if (weight.bound) {
      auto [place, isNew] =
          places.try_emplace({weight.blob, weight.offset, weight.storageOffset}, weight.slot);
      if (!isNew)
        entry.shares = place->second;
    }
    weights.push_back(std::move(entry));
  }
  return weights;
}

} // namespace

ReportModel describeGraph(const Graph &graph) {
  ReportModel model;
  for (const GraphSymbol &symbol : graph.symbols)
    model.symbols.push_back({symbol.name, symbol.min, symbol.max, {}});
  std::set<uint32_t> seen;
  for (const GraphInput &input : graph.inputs) {
    if (input.kind != GraphInput::Kind::User || !input.value)
      continue;
    for (auto [dimension, size] : llvm::enumerate(graph.typeOf(*input.value).tensor.sizes))
      for (uint32_t symbol : symbolsOf(size)) {
        seen.insert(symbol);
        model.symbols[symbol].inputs.emplace_back(input.name, dimension);
      }
  }
  forEachNode(graph, [&](const Node &node, size_t index) {
    ReportNode entry;
    entry.id = nodeId(index);
    entry.op = node.target;
    std::vector<ValueId> values;
    for (const Argument &output : node.outputs)
      collectValues(output, values);
    for (ValueId value : values) {
      entry.results.push_back(printType(graph.typeOf(value), graph));
      for (const Dimension &size : graph.typeOf(value).tensor.sizes)
        for (uint32_t symbol : symbolsOf(size)) {
          entry.isDynamic = true;
          if (seen.insert(symbol).second)
            entry.symbols.push_back(graph.symbols[symbol].name);
        }
    }
    model.nodes.push_back(std::move(entry));
  });
  model.weights = describeWeights(graph);
  return model;
}

} // namespace linalgd
