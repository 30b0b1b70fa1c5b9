// The parts of a report that the neutral graph alone tells.
#pragma once

#include "compiler/pipeline/report.h"

#include <functional>
#include <utility>
#include <vector>

namespace linalgd {

// How often each op occurs, and what becomes of it.
using OpCounts = std::vector<std::pair<std::pair<std::string, std::string>, size_t>>;
// {"stage", "total", "ops": [{"op", "how", "count"}]}, the most frequent first.
Json writeLevel(Stage stage, OpCounts ops);

// The nodes of a graph by their ids.
class NodeTable {
public:
  // What becomes of a node: "lowered", "unsupported", …
  using Fate = std::function<std::string(const Node &node, const std::string &id)>;

  explicit NodeTable(const Graph &graph);

  // Null where an id names none.
  const Node *find(std::string_view id) const;
  // The ops as the user wrote them.
  Json writeLevel(const Fate &fate) const;
  Json write(const Fate &fate, const SourceMap &sourceMap) const;

private:
  const Graph &graph_;
  std::vector<const Node *> nodes_;
};

// Adds inputs, outputs, state, symbols, dynamic places and parameters.
void writeModel(const ReportSubject &subject, Json &report);

} // namespace linalgd
