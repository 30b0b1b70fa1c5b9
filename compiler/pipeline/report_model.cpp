#include "compiler/pipeline/report_model.h"
#include "compiler/import/usage.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"

#include <charconv>
#include <map>
#include <set>
#include <tuple>

namespace linalgd {
namespace {

std::string printType(const GraphType &type, const Graph &graph) {
  static constexpr const char *kNames[] = {"None",     "Tensor", "int",    "float",     "bool",
                                           "number",   "str",    "Device", "Generator", "list",
                                           "optional", "tuple",  "dict",   "Any"};
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

std::vector<ValueId> resultsOf(const Node &node) {
  std::vector<ValueId> values;
  for (const Argument &output : node.outputs)
    collectValues(output, values);
  return values;
}

// Ops whose results depend on what tensors hold, whether or not the model has a symbol for it.
bool readsValues(llvm::StringRef op) {
  for (const char *name : {"aten.nonzero", "aten.masked_select", "aten.item", "aten.bincount",
                           "aten._local_scalar_dense", "aten.repeat_interleave.Tensor"})
    if (op == name)
      return true;
  return op.starts_with("aten.unique") || op.starts_with("aten._unique");
}

// Where symbols come from: sizes of inputs, or the node that first has one in a result.
class DynamicPlaces {
public:
  explicit DynamicPlaces(const ReportSubject &subject)
      : subject_(subject), graph_(subject.imported.graph) {}

  void write(Json &report) {
    for (const GraphInput &input : graph_.inputs)
      if (input.kind == GraphInput::Kind::User && input.value)
        addInput(input);
    Json places = Json::array();
    size_t dynamic = 0;
    forEachNode(graph_, [&](const Node &node, size_t index) {
      Json symbols = Json::array();
      bool isDynamic = false;
      for (ValueId value : resultsOf(node))
        for (const Dimension &size : graph_.typeOf(value).tensor.sizes)
          for (uint32_t symbol : symbolsOf(size)) {
            isDynamic = true;
            if (seen_.insert(symbol).second)
              symbols.push_back(graph_.symbols[symbol].name);
          }
      dynamic += isDynamic;
      if (symbols.empty() && !readsValues(node.target))
        return;
      places.push_back({{"node", nodeId(index)},
                        {"op", node.target},
                        {"symbols", std::move(symbols)},
                        {"source", sourceOf(nodeId(index), subject_.sourceMap)}});
    });
    report["symbols"] = Json::array();
    for (uint32_t i = 0; i < graph_.symbols.size(); ++i) {
      const GraphSymbol &symbol = graph_.symbols[i];
      report["symbols"].push_back({{"name", symbol.name},
                                   {"min", symbol.min},
                                   {"max", symbol.max ? Json(*symbol.max) : Json()},
                                   {"inputs", placesOf(i)}});
    }
    report["dynamic"] = {{"nodes", dynamic}, {"places", std::move(places)}};
  }

private:
  void addInput(const GraphInput &input) {
    const GraphType &type = graph_.typeOf(*input.value);
    for (auto [dimension, size] : llvm::enumerate(type.tensor.sizes))
      for (uint32_t symbol : symbolsOf(size)) {
        seen_.insert(symbol);
        placesOf(symbol).push_back({{"input", input.name}, {"dimension", dimension}});
      }
  }

  // The inputs' sizes that have a symbol.
  Json &placesOf(uint32_t symbol) {
    return places_.try_emplace(symbol, Json::array()).first->second;
  }

  const ReportSubject &subject_;
  const Graph &graph_;
  std::set<uint32_t> seen_;
  std::map<uint32_t, Json> places_;
};

Json writeParameters(const Graph &graph) {
  static constexpr const char *kKinds[] = {"input", "fixed input", "parameter", "buffer",
                                           "constant"};
  std::map<std::tuple<size_t, uint64_t, uint64_t>, std::string> places; // of the bytes, to slots
  std::map<std::string, std::pair<size_t, uint64_t>> dtypes;            // count, bytes
  Json weights = Json::array();
  uint64_t elements = 0, bytes = 0, unbound = 0;
  for (const UsedWeight &used : usedWeights(graph)) {
    const Weight &weight = graph.weights.at(used.input->name);
    if (weight.inlined)
      continue;
    auto count = static_cast<uint64_t>(weight.numElements());
    uint64_t size = count * dtypeBytes(weight.dtype);
    Json shares;
    if (weight.bound) {
      auto [place, isNew] =
          places.try_emplace({weight.blob, weight.offset, weight.storageOffset}, weight.slot);
      if (!isNew)
        shares = place->second;
    }
    unbound += !weight.bound;
    auto &[ofDtype, bytesOfDtype] = dtypes[std::string(dtypeName(weight.dtype))];
    ++ofDtype;
    if (shares.is_null()) {
      elements += count;
      bytes += size;
      bytesOfDtype += size;
    }
    weights.push_back({{"slot", weight.slot},
                       {"kind", kKinds[static_cast<size_t>(used.input->kind)]},
                       {"dtype", dtypeName(weight.dtype)},
                       {"shape", weight.shape},
                       {"bytes", size},
                       {"bound", weight.bound},
                       {"shares", std::move(shares)}});
  }
  Json byDtype = Json::array();
  for (const auto &[dtype, sum] : dtypes)
    byDtype.push_back({{"dtype", dtype}, {"count", sum.first}, {"bytes", sum.second}});
  return {{"count", weights.size()}, {"elements", elements}, {"bytes", bytes},
          {"unbound", unbound},      {"dtypes", byDtype},    {"weights", weights}};
}

} // namespace

Json writeLevel(Stage stage, OpCounts ops) {
  llvm::sort(ops, [](const auto &a, const auto &b) {
    return std::tie(b.second, a.first) < std::tie(a.second, b.first);
  });
  size_t total = 0;
  Json list = Json::array();
  for (const auto &[op, count] : ops) {
    total += count;
    list.push_back({{"op", op.first}, {"how", op.second}, {"count", count}});
  }
  return {{"stage", stageName(stage)}, {"total", total}, {"ops", std::move(list)}};
}

NodeTable::NodeTable(const Graph &graph) : graph_(graph) {
  forEachNode(graph, [this](const Node &node, size_t) { nodes_.push_back(&node); });
}

const Node *NodeTable::find(std::string_view id) const {
  size_t index = nodes_.size();
  if (id.starts_with('n'))
    std::from_chars(id.data() + 1, id.data() + id.size(), index);
  return index < nodes_.size() ? nodes_[index] : nullptr;
}

Json NodeTable::writeLevel(const Fate &fate) const {
  std::map<std::pair<std::string, std::string>, size_t> counts;
  for (size_t i = 0; i < nodes_.size(); ++i)
    ++counts[{nodes_[i]->target, fate(*nodes_[i], nodeId(i))}];
  return linalgd::writeLevel(Stage::TorchRaw, {counts.begin(), counts.end()});
}

Json NodeTable::write(const Fate &fate, const SourceMap &sourceMap) const {
  Json list = Json::array();
  for (size_t i = 0; i < nodes_.size(); ++i) {
    Json types = Json::array();
    for (ValueId value : resultsOf(*nodes_[i]))
      types.push_back(printType(graph_.typeOf(value), graph_));
    list.push_back({{"node", nodeId(i)},
                    {"op", nodes_[i]->target},
                    {"how", fate(*nodes_[i], nodeId(i))},
                    {"results", std::move(types)},
                    {"source", sourceOf(nodeId(i), sourceMap)}});
  }
  return list;
}

void writeModel(const ReportSubject &subject, Json &report) {
  Json signature = Json::parse(subject.signature);
  for (const char *part : {"inputs", "outputs", "state"})
    report[part] = std::move(signature[part]);
  DynamicPlaces(subject).write(report);
  report["parameters"] = writeParameters(subject.imported.graph);
}

} // namespace linalgd
