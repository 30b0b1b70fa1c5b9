// The request's keep_ops: names of ops as users write them.
#pragma once

#include "compiler/import/graph.h"

#include "absl/status/status.h"

namespace linalgd {

// Brings the names into the spelling of the IR, sorted: a name without overload stands for all
// overloads ("aten.softmax" for "aten.softmax.int"), "torch." in front and ".default" behind are
// left away. A name that is neither an op of the graph nor one that linalgd knows is an error.
absl::Status resolveKeepOps(const Graph &graph, std::vector<std::string> &keepOps);

} // namespace linalgd
