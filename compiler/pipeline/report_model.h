// What a report says of a model as it was written, whatever form that has.
#pragma once

#include "compiler/import/dtype.h"
#include "compiler/import/graph.h"
#include "compiler/import/mlir/mlir_model.h"
#include "compiler/pipeline/report_json.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringMap.h"

#include <utility>
#include <vector>

namespace linalgd {

struct ReportNode {
  std::string id;
  std::string op;
  std::vector<std::string> results; // their types
  bool isDynamic = false;           // whether sizes of them vary
  std::vector<std::string> symbols; // that first occur in them
};

struct ReportSymbol {
  std::string name;
  int64_t min = 0;
  std::optional<int64_t> max;
  std::vector<std::pair<std::string, size_t>> inputs; // and their dimensions, that give it
};

struct ReportWeight {
  std::string slot;
  std::string kind; // "parameter", "buffer", "constant"
  DType dtype = DType::Float32;
  std::vector<int64_t> shape;
  bool bound = false;
  std::optional<std::string> shares; // the slot of an earlier weight with the same bytes
};

struct ReportModel {
  std::vector<ReportNode> nodes; // in order
  std::vector<ReportSymbol> symbols;
  std::vector<ReportWeight> weights; // in the order of their first use
};

ReportModel describeGraph(const Graph &graph);
// `signature` is that of the model.
ReportModel describeModule(const MlirModel &model, const std::string &signature);

// Constants, lists, declarations: what ops are written with.
bool isSyntax(mlir::Operation *op);

// How often each op occurs, and what becomes of it.
using OpCounts = std::vector<std::pair<std::pair<std::string, std::string>, size_t>>;
// {"stage", "total", "ops": [{"op", "how", "count"}]}, the most frequent first.
Json writeLevel(Stage stage, OpCounts ops);

// What becomes of a node: "lowered", "unsupported", …
using Fate = llvm::function_ref<std::string(const ReportNode &node)>;
// The ops as the user wrote them.
Json writeLevel(Stage stage, const std::vector<ReportNode> &nodes, Fate fate);
Json writeNodes(const std::vector<ReportNode> &nodes, Fate fate, const SourceMap &sourceMap);

// Adds inputs, outputs, state, symbols, dynamic places and parameters.
void writeModel(const ReportModel &model, const std::string &signature, const SourceMap &sourceMap,
                Json &report);

} // namespace linalgd
