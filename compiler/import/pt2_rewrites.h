// Nodes of torch.export archives that mean more than they say.
#pragma once

#include "compiler/import/graph.h"

namespace linalgd {

// "torch.ops.aten.add.Tensor" → "aten.add.Tensor"; ".default" is dropped. What asks for a symbolic
// size is the same as what asks for a size: "aten.sym_size.int" → "aten.size.int".
std::string canonicalTarget(std::string_view target);

// Appends a node with one result.
ValueId appendNode(Graph &graph, BlockId block, std::string target,
                   std::vector<NamedArgument> inputs, GraphType type, const SourceLocation &source);

// Casts the operands of an op under autocast, as PyTorch does when it runs the op: nodes of
// aten.to.dtype at the end of `block`, before the op is appended. False where the dtype that the
// archive gives for the result is not what PyTorch computes.
bool castOperands(Graph &graph, BlockId block, DType autocast, Node &node);

// torch.sym_ite(condition, a, b), as a prim.If whose blocks only give a or b.
void expandSelection(Graph &graph, BlockId block, Node node);

// "aten.select_copy.int": a view, "aten.select.int", that is copied.
bool isCopyOfView(std::string_view target);
void expandCopy(Graph &graph, BlockId block, Node node);

// The text of an assertion without the name of the node it stands for: names are no part of keys.
void dropNodeName(Node &node);

} // namespace linalgd
