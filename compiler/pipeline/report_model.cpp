#include "compiler/pipeline/report_model.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"

#include <map>
#include <tuple>

namespace linalgd {
namespace {

// Ops whose results depend on what tensors hold, whether or not the model has a symbol for it.
bool readsValues(llvm::StringRef op) {
  for (const char *name : {"aten.nonzero", "aten.masked_select", "aten.item", "aten.bincount",
                           "aten._local_scalar_dense", "aten.repeat_interleave.Tensor"})
    if (op == name)
      return true;
  return op.starts_with("aten.unique") || op.starts_with("aten._unique");
}

Json writeDynamic(const std::vector<ReportNode> &nodes, const SourceMap &sourceMap) {
  Json places = Json::array();
  size_t dynamic = 0;
  for (const ReportNode &node : nodes) {
    dynamic += node.isDynamic;
    if (!node.symbols.empty() || readsValues(node.op))
      places.push_back({{"node", node.id},
                        {"op", node.op},
                        {"symbols", node.symbols},
                        {"source", sourceOf(node.id, sourceMap)}});
  }
  return {{"nodes", dynamic}, {"places", std::move(places)}};
}

Json writeSymbols(const std::vector<ReportSymbol> &symbols) {
  Json list = Json::array();
  for (const ReportSymbol &symbol : symbols) {
    Json inputs = Json::array();
    for (const auto &[input, dimension] : symbol.inputs)
      inputs.push_back({{"input", input}, {"dimension", dimension}});
    list.push_back({{"name", symbol.name},
                    {"min", symbol.min},
                    {"max", symbol.max ? Json(*symbol.max) : Json()},
                    {"inputs", std::move(inputs)}});
  }
  return list;
}

Json writeParameters(const std::vector<ReportWeight> &weights) {
  std::map<std::string, std::pair<size_t, uint64_t>> dtypes; // count, bytes
  Json list = Json::array();
  uint64_t elements = 0, bytes = 0, unbound = 0;
  for (const ReportWeight &weight : weights) {
    uint64_t count = 1;
    for (int64_t size : weight.shape)
      count *= static_cast<uint64_t>(size);
    uint64_t size = count * dtypeBytes(weight.dtype);
    unbound += !weight.bound;
    auto &[ofDtype, bytesOfDtype] = dtypes[std::string(dtypeName(weight.dtype))];
    ++ofDtype;
    if (!weight.shares) {
      elements += count;
      bytes += size;
      bytesOfDtype += size;
    }
    list.push_back({{"slot", weight.slot},
                    {"kind", weight.kind},
                    {"dtype", dtypeName(weight.dtype)},
                    {"shape", weight.shape},
                    {"bytes", size},
                    {"bound", weight.bound},
                    {"shares", weight.shares ? Json(*weight.shares) : Json()}});
  }
  Json byDtype = Json::array();
  for (const auto &[dtype, sum] : dtypes)
    byDtype.push_back({{"dtype", dtype}, {"count", sum.first}, {"bytes", sum.second}});
  return {{"count", list.size()}, {"elements", elements}, {"bytes", bytes},
          {"unbound", unbound},   {"dtypes", byDtype},    {"weights", list}};
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

Json writeLevel(Stage stage, const std::vector<ReportNode> &nodes, Fate fate) {
  std::map<std::pair<std::string, std::string>, size_t> counts;
  for (const ReportNode &node : nodes)
    ++counts[{node.op, fate(node)}];
  return writeLevel(stage, {counts.begin(), counts.end()});
}

Json writeNodes(const std::vector<ReportNode> &nodes, Fate fate, const SourceMap &sourceMap) {
  Json list = Json::array();
  for (const ReportNode &node : nodes)
    list.push_back({{"node", node.id},
                    {"op", node.op},
                    {"how", fate(node)},
                    {"results", node.results},
                    {"source", sourceOf(node.id, sourceMap)}});
  return list;
}

void writeModel(const ReportModel &model, const std::string &signature, const SourceMap &sourceMap,
                Json &report) {
  Json parts = Json::parse(signature);
  for (const char *part : {"inputs", "outputs", "state"})
    report[part] = std::move(parts[part]);
  report["symbols"] = writeSymbols(model.symbols);
  report["dynamic"] = writeDynamic(model.nodes, sourceMap);
  report["parameters"] = writeParameters(model.weights);
}

} // namespace linalgd
