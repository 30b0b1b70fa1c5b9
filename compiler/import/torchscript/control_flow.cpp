// Blocks, and containers that come out of them.
#include "compiler/import/torchscript/graph_reader.h"
#include "compiler/import/torchscript/types.h"

namespace linalgd {

namespace jit = torch::jit;

absl::StatusOr<BlockId> GraphReader::readBlock(const jit::Block &block) {
  BlockId outer = block_;
  block_ = static_cast<BlockId>(graph_.blocks.size());
  BlockId id = block_;
  graph_.blocks.emplace_back();
  for (const jit::Value *input : block.inputs()) {
    ValueId value = graph_.addValue(graphType(*input->type()));
    graph_.block(id).inputs.push_back(value);
    bind(input, Argument{value});
  }
  absl::Status status = readNodes(block);
  block_ = outer;
  if (!status.ok())
    return status;
  for (const jit::Value *output : block.outputs())
    graph_.block(id).outputs.push_back(argument(output));
  return id;
}

absl::Status GraphReader::readIf(const jit::Node &node) {
  const Argument &condition = argument(node.input());
  // A flag of the module, such as `training`: the other branch may write to buffers, and never
  // does.
  if (const bool *known = std::get_if<bool>(&condition.value)) {
    const jit::Block &taken = *node.blocks()[*known ? 0 : 1];
    if (absl::Status status = readNodes(taken); !status.ok())
      return status;
    for (size_t i = 0; i < node.outputs().size(); ++i)
      bindings_[node.outputs()[i]] = Binding(bindings_.at(taken.outputs()[i]));
    return absl::OkStatus();
  }
  Node out;
  out.target = "prim.If";
  out.source = location(node);
  out.inputs.push_back({"", condition});
  for (const jit::Block *block : node.blocks()) {
    absl::StatusOr<BlockId> id = readBlock(*block);
    if (!id.ok())
      return id.status();
    out.inputs.push_back({"", Argument{*id}});
  }
  for (const jit::Value *output : node.outputs()) {
    out.outputs.push_back(Argument{graph_.addValue(graphType(*output->type()))});
    bind(output, out.outputs.back());
  }
  graph_.block(block_).nodes.push_back(std::move(out));
  return absl::OkStatus();
}

absl::Status GraphReader::readLoop(const jit::Node &node) {
  Node out;
  out.target = "prim.Loop";
  out.source = location(node);
  out.inputs.push_back({"", argument(node.inputs()[0])});
  out.inputs.push_back({"", argument(node.inputs()[1])});
  absl::StatusOr<BlockId> id = readBlock(*node.blocks()[0]);
  if (!id.ok())
    return id.status();
  out.inputs.push_back({"", Argument{*id}});
  for (const jit::Value *input : node.inputs().slice(2))
    out.inputs.push_back({"", argument(input)});
  for (const jit::Value *output : node.outputs()) {
    out.outputs.push_back(Argument{graph_.addValue(graphType(*output->type()))});
    bind(output, out.outputs.back());
  }
  graph_.block(block_).nodes.push_back(std::move(out));
  return absl::OkStatus();
}

// The elements of a container: known, or taken out by a node.
void GraphReader::readUnpack(const jit::Node &node) {
  Argument container = argument(node.input());
  const auto *list = std::get_if<ArgumentList>(&container.value);
  if (list && list->items.size() == node.outputs().size()) {
    for (size_t i = 0; i < node.outputs().size(); ++i)
      bind(node.outputs()[i], list->items[i]);
    return;
  }
  Node out;
  out.target = node.kind() == c10::prim::ListUnpack ? "prim.ListUnpack" : "prim.TupleUnpack";
  out.source = location(node);
  out.inputs.push_back({"", std::move(container)});
  for (const jit::Value *output : node.outputs()) {
    out.outputs.push_back(Argument{graph_.addValue(graphType(*output->type()))});
    bind(output, out.outputs.back());
  }
  graph_.block(block_).nodes.push_back(std::move(out));
}

void GraphReader::readTupleIndex(const jit::Node &node) {
  const auto *tuple = std::get_if<ArgumentList>(&argument(node.inputs()[0]).value);
  const auto *index = std::get_if<int64_t>(&argument(node.inputs()[1]).value);
  if (!tuple || !index)
    return refuse(node, "takes an element of a tuple that is not known");
  int64_t size = static_cast<int64_t>(tuple->items.size());
  int64_t position = *index < 0 ? *index + size : *index;
  if (position < 0 || position >= size)
    return refuse(node, "takes an element that the tuple does not have");
  bind(node.output(), Argument(tuple->items[static_cast<size_t>(position)]));
}

// What is known without the cast needs none.
void GraphReader::readCast(const jit::Node &node) {
  const Binding &binding = bindings_.at(node.input());
  // None as something else is what a branch that is never taken makes of it.
  bool isAbsurd =
      binding.argument.isNone() && node.output()->type()->kind() != c10::TypeKind::NoneType;
  bool isWidened = node.output()->type()->kind() == c10::TypeKind::AnyType;
  if (binding.isModule || isWidened || (!binding.argument.asValue() && !isAbsurd)) {
    bindings_[node.output()] = Binding(binding);
    return;
  }
  Node out;
  out.target = "prim.unchecked_cast";
  out.source = location(node);
  out.inputs.push_back({"", binding.argument});
  out.outputs.push_back(Argument{graph_.addValue(graphType(*node.output()->type()))});
  bind(node.output(), out.outputs.back());
  graph_.block(block_).nodes.push_back(std::move(out));
}

// A tuple that a node gave back, as its elements.
Argument GraphReader::unpacked(const Argument &value, const c10::Type &type) {
  if (type.kind() != c10::TypeKind::TupleType)
    return value;
  ArgumentList list;
  if (const auto *known = std::get_if<ArgumentList>(&value.value)) {
    list.items = known->items;
  } else if (value.asValue()) {
    Node out;
    out.target = "prim.TupleUnpack";
    out.inputs.push_back({"", value});
    for (const c10::TypePtr &element : type.containedTypes())
      out.outputs.push_back(Argument{graph_.addValue(graphType(*element))});
    list.items = out.outputs;
    graph_.block(block_).nodes.push_back(std::move(out));
  } else {
    return value;
  }
  for (size_t i = 0; i < list.items.size(); ++i)
    list.items[i] = unpacked(list.items[i], *type.containedTypes()[i]);
  return Argument{std::move(list)};
}

} // namespace linalgd
