// Nodes with blocks of their own: torch.prim.If and torch.prim.Loop.
//
// prim.If takes a condition and two blocks; prim.Loop the largest number of rounds, the condition
// of the first one, the block, and the values carried. The block's first input is the round's
// number, its first output whether to go on.
#include "compiler/import/graph_importer.h"
#include "compiler/ops/container/container.h"
#include "compiler/ops/control/control.h"

using namespace mlir;

namespace linalgd {

// A value of a type, where the neutral graph holds numbers and containers as they are.
Value GraphImporter::typedArgument(const Argument &argument, mlir::Type type) {
  if (auto optional = dyn_cast<torch::OptionalType>(type)) {
    Value value = argument.isNone() ? Value(torch::ConstantNoneOp::create(b_))
                                    : typedArgument(argument, optional.getContainedType());
    return value && value.getType() != type ? Value(torch::DerefineOp::create(b_, type, value))
                                            : value;
  }
  const auto *items = std::get_if<ArgumentList>(&argument.value);
  auto elements = [&](auto typeOf) -> std::optional<SmallVector<Value>> {
    SmallVector<Value> values;
    for (auto [index, item] : llvm::enumerate(items->items))
      if (!values.emplace_back(typedArgument(item, typeOf(index))))
        return std::nullopt;
    return values;
  };
  if (auto list = dyn_cast<torch::ListType>(type); list && items) {
    auto values = elements([&](size_t) { return list.getContainedType(); });
    return values ? makeList(*values, list.getContainedType()) : Value();
  }
  const auto *entries = std::get_if<ArgumentDict>(&argument.value);
  if (auto dict = dyn_cast<torch::DictType>(type); dict && entries) {
    SmallVector<Value> keys, values;
    for (auto [key, item] : llvm::zip_equal(entries->keys, entries->items))
      if (!keys.emplace_back(typedArgument(key, dict.getKeyType())) ||
          !values.emplace_back(typedArgument(item, dict.getValueType())))
        return {};
    return torch::DictConstructOp::create(b_, type, keys, values);
  }
  auto tuple = dyn_cast<torch::TupleType>(type);
  if (tuple && items && tuple.getContainedTypes().size() == items->items.size()) {
    auto values = elements([&](size_t index) { return tuple.getContainedTypes()[index]; });
    return values ? Value(torch::TupleConstructOp::create(b_, type, *values)) : Value();
  }
  if (isa<torch::FloatType>(type) && std::holds_alternative<int64_t>(argument.value))
    return element(argument, torch::ArgKind::Float);
  return untypedArgument(argument);
}

const GraphBlock *GraphImporter::blockOf(const Node &node, size_t input) {
  const BlockId *block = input < node.inputs.size()
                             ? std::get_if<BlockId>(&node.inputs[input].argument.value)
                             : nullptr;
  if (!block)
    emitError(b_.getLoc()) << "'torch." << node.target << "' lacks a block";
  return block ? &graph_.block(*block) : nullptr;
}

// Imports a block into an empty region and leaves the builder at its end.
LogicalResult GraphImporter::importBlock(const GraphBlock &block, Region &region,
                                         SmallVectorImpl<Value> &results, TypeRange types) {
  Block &body = region.emplaceBlock();
  for (ValueId input : block.inputs)
    values_[input] =
        body.addArgument(convertType(context_, graph_, graph_.typeOf(input)), b_.getLoc());
  b_.setInsertionPointToEnd(&body);
  Location location = b_.getLoc();
  if (failed(importNodes(block)))
    return failure();
  b_.setLoc(location);
  if (block.outputs.size() != types.size())
    return emitError(location) << "a block of '" << region.getParentOp()->getName()
                               << "' gives back " << block.outputs.size() << " values, not "
                               << types.size();
  for (auto [output, type] : llvm::zip_equal(block.outputs, types))
    if (!results.emplace_back(typedArgument(output, type)))
      return failure();
  return success();
}

LogicalResult GraphImporter::importIf(const Node &node) {
  const GraphBlock *blocks[] = {blockOf(node, 1), blockOf(node, 2)};
  if (!blocks[0] || !blocks[1])
    return failure();
  Value condition = typedArgument(node.inputs[0].argument, b_.getType<torch::BoolType>());
  if (!condition)
    return failure();
  SmallVector<mlir::Type> types;
  for (const Argument &output : node.outputs)
    types.push_back(resultType(output));
  auto op = torch::IfOp::create(b_, types, condition);
  for (auto [block, region] : llvm::zip_equal(blocks, op->getRegions())) {
    OpBuilder::InsertionGuard guard(b_);
    SmallVector<Value> results;
    if (failed(importBlock(*block, region, results, types)))
      return failure();
    torch::IfYieldOp::create(b_, results);
  }
  return bindResults(node, op);
}

LogicalResult GraphImporter::importLoop(const Node &node) {
  const GraphBlock *block = blockOf(node, 2);
  if (!block)
    return failure();
  SmallVector<mlir::Type> types;
  for (const Argument &output : node.outputs)
    types.push_back(resultType(output));
  Value count = typedArgument(node.inputs[0].argument, b_.getType<torch::IntType>());
  Value condition = typedArgument(node.inputs[1].argument, b_.getType<torch::BoolType>());
  if (!count || !condition)
    return failure();
  if (node.inputs.size() != types.size() + 3)
    return emitError(b_.getLoc()) << "'torch.prim.Loop' carries " << node.inputs.size() - 3
                                  << " values and gives back " << types.size();
  SmallVector<Value> inits;
  for (auto [input, type] : llvm::zip_equal(ArrayRef(node.inputs).drop_front(3), types))
    if (!inits.emplace_back(typedArgument(input.argument, type)))
      return failure();
  auto op = torch::LoopOp::create(b_, types, count, condition, inits);
  OpBuilder::InsertionGuard guard(b_);
  SmallVector<mlir::Type> next = {b_.getType<torch::BoolType>()};
  llvm::append_range(next, types);
  SmallVector<Value> results;
  if (failed(importBlock(*block, op.getBody(), results, next)))
    return failure();
  torch::LoopConditionOp::create(b_, results.front(), ArrayRef(results).drop_front());
  return bindResults(node, op);
}

} // namespace linalgd
