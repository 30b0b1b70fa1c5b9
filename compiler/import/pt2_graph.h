// The graph of a torch.export archive: nodes, values, signature.
#pragma once

#include "compiler/import/graph.h"
#include "compiler/import/json.h"
#include "compiler/import/pt2_weights.h"

#include "llvm/ADT/StringRef.h"

#include <string>
#include <unordered_map>

namespace linalgd {

inline constexpr std::string_view kValuesOnly =
    "a sub-graph takes and gives tensors and symbolic numbers only";

// Reads "graph_module" of one exported program into a Graph. Errors become the document's.
class Pt2GraphReader {
public:
  Pt2GraphReader(Graph &graph, const Pt2Weights &weights) : graph_(graph), weights_(weights) {}

  void read(const JsonPlace &graphModule, const JsonPlace &rangeConstraints);
  // After `read`: "guards_code".
  void readGuards(const JsonPlace &guards);

private:
  using Values = std::vector<Argument>;

  // The values of one graph by name, and where their types are.
  struct Scope {
    const JsonPlace &graph;
    BlockId block;
    std::unordered_map<std::string, ValueId> values;
    std::optional<DType> autocast; // what PyTorch casts operands to here, of the ops that it lists
  };

  // pt2_graph.cpp: blocks, nodes, the signature.
  void readSignature(const JsonPlace &signature, Scope &scope);
  void readInputSpec(const JsonPlace &spec, Scope &scope);
  void readUserInput(const JsonPlace &argument, Scope &scope);
  void readWeightInput(GraphInput::Kind kind, const JsonPlace &argument, const JsonPlace &slot,
                       Scope &scope);
  void readOutputSpec(const JsonPlace &spec, Scope &scope);
  void readTreeSpecs(const JsonPlace &moduleCallGraph);
  void readNodes(Scope &scope);
  void readNode(const JsonPlace &place, Scope &scope);
  SourceLocation readSource(const JsonPlace &node);
  BlockId readSubgraph(const JsonPlace &place, std::optional<DType> autocast);
  void readRangeConstraints(const JsonPlace &place);

  // pt2_guards.cpp
  static constexpr size_t kMaxGuardBytes = size_t(1) << 16;
  GraphGuard readGuard(llvm::StringRef text);

  // pt2_control.cpp: ops that call sub-graphs. Their nodes stand where they are called, or in the
  // blocks of prim.If and prim.Loop.
  bool readHigherOrder(std::string_view target, const JsonPlace &node, Scope &scope);
  void readRegion(const JsonPlace &node, size_t callee, size_t operands,
                  std::optional<DType> autocast, Scope &scope);
  void readAutocast(const JsonPlace &node, Scope &scope);
  void readWrapped(const JsonPlace &node, size_t op, Scope &scope);
  void readFunctionalized(const JsonPlace &node, Scope &scope);
  void readWithEffects(const JsonPlace &node, Scope &scope);
  void readOutDType(const JsonPlace &node, Scope &scope);
  void readCond(const JsonPlace &node, Scope &scope);
  Values readCall(const JsonPlace &node, size_t callee, const Values &given, BlockId block,
                  std::optional<DType> autocast);
  Values readOperands(const JsonPlace &node, size_t first, size_t end, Scope &scope);
  Argument asCondition(const Argument &value, BlockId block, const SourceLocation &source);
  void bindOutputs(const JsonPlace &node, const Values &values, Scope &scope);

  // pt2_loops.cpp
  void readWhileLoop(const JsonPlace &node, Scope &scope);
  void readMap(const JsonPlace &node, Scope &scope);
  void readScan(const JsonPlace &node, Scope &scope);
  void readAssociativeScan(const JsonPlace &node, Scope &scope);
  void readRounds(const JsonPlace &node, Scope &scope, const Values &carried, const Values &sliced,
                  const Values &given);
  Argument findSize(const Dimension &size, Values tensors, BlockId block,
                    const SourceLocation &source);

  // pt2_arguments.cpp: what nodes take and give, types, symbols.
  Argument readArgument(const JsonPlace &place, Scope &scope);
  Argument readTagged(std::string_view tag, const JsonPlace &place, Scope &scope);
  Argument readOutput(const JsonPlace &place, Scope &scope);
  Argument readSymbolic(std::string_view literalTag, const JsonPlace &place, Scope &scope);
  Argument readList(TypeKind element, const JsonPlace &place,
                    const std::function<Argument(const JsonPlace &)> &readItem);
  Argument use(const JsonPlace &name, Scope &scope);
  ValueId define(TypeKind kind, const JsonPlace &name, Scope &scope);
  GraphType readType(TypeKind kind, const JsonPlace &name, Scope &scope);
  TensorType readTensorType(const JsonPlace &meta);
  Dimension readDimension(const JsonPlace &place);
  ExpressionPtr readExpression(const JsonPlace &place);
  std::optional<uint32_t> symbol(std::string_view name);

  Graph &graph_;
  const Pt2Weights &weights_;
  std::unordered_map<std::string, uint32_t> symbols_; // by the archive's name
  std::unordered_map<std::string, ExpressionPtr> expressions_;
  uint32_t numSizes_ = 0, numUnbacked_ = 0, numReals_ = 0;
};

} // namespace linalgd
