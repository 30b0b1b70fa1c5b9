// Which weights a graph uses and what it writes: shared by the importer and the signature, which
// must agree.
#pragma once

#include "compiler/import/graph.h"

#include <optional>
#include <vector>

namespace linalgd {

// A weight that the graph uses: in the order of first use.
struct UsedWeight {
  const GraphInput *input;
  size_t firstUser; // the node, for its location; that of the last node where only outputs use it
};
std::vector<UsedWeight> usedWeights(const Graph &graph);

// Something of the caller's that the graph writes, whose new value it returns after its outputs.
struct WrittenState {
  const GraphInput *input; // a user's input, or a weight
};
// Inputs in their order, then weights in the order of usedWeights. It may name something that turns
// out not to be written (a view or a copy, which only sizes decide), never the other way round.
std::vector<WrittenState> writtenState(const Graph &graph);

// The user inputs that are values: the arguments of the function.
std::vector<const GraphInput *> functionArguments(const Graph &graph);

// Where an output of the model is an input passed through untouched: that input.
const GraphInput *passedThrough(const Graph &graph, const GraphOutput &output,
                                const std::vector<WrittenState> &state);

} // namespace linalgd
