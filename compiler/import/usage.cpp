#include "compiler/import/usage.h"
#include "compiler/dialect/op_schema.h"
#include "compiler/dialect/torch.h"

#include <unordered_map>
#include <unordered_set>

namespace linalgd {
namespace {

bool isWeight(const GraphInput &input) {
  return input.kind != GraphInput::Kind::User && input.kind != GraphInput::Kind::Constant;
}

// What a node takes, and what its blocks give back.
std::vector<ValueId> inputsOf(const Graph &graph, const Node &node) {
  std::vector<ValueId> values;
  std::vector<BlockId> blocks;
  for (const NamedArgument &input : node.inputs) {
    collectValues(input.argument, values);
    collectBlocks(input.argument, blocks);
  }
  for (BlockId block : blocks)
    for (const Argument &output : graph.block(block).outputs)
      collectValues(output, values);
  return values;
}

const Argument *argumentOf(const Node &node, const torch::OpSchema &schema, unsigned index) {
  for (const NamedArgument &input : node.inputs)
    if (input.name == schema.args[index].name)
      return &input.argument;
  bool isPlaced = index < node.inputs.size() && node.inputs[index].name.empty();
  return isPlaced ? &node.inputs[index].argument : nullptr;
}

// Whether a node may write to the arguments that its schema names: not where a flag says no.
bool mayWrite(const Node &node, const torch::OpSchema &schema) {
  if (schema.writes.empty() || schema.writesIf < 0)
    return !schema.writes.empty();
  const Argument *flag = argumentOf(node, schema, static_cast<unsigned>(schema.writesIf));
  const bool *value = flag ? std::get_if<bool>(&flag->value) : nullptr;
  return !value || *value;
}

// Follows views back to what they are views of.
class Aliases {
public:
  explicit Aliases(const Graph &graph) : graph_(graph) {}

  void visit(const Node &node) {
    const torch::OpSchema *schema = torch::lookupSchema(node.target);
    if (schema && mayWrite(node, *schema))
      for (unsigned index : schema->writes)
        if (const Argument *argument = argumentOf(node, *schema, index))
          if (const ValueId *value = argument->asValue())
            written_.insert(baseOf(*value));
    bool writes = torch::isInPlaceName(node.target) || (schema && !schema->inPlaceOf.empty());
    if (node.inputs.empty() || !(writes || (schema && schema->isView)))
      return;
    const ValueId *self = node.inputs.front().argument.asValue();
    if (!self)
      return;
    ValueId base = baseOf(*self);
    if (writes)
      written_.insert(base);
    std::vector<ValueId> results;
    for (const Argument &output : node.outputs)
      collectValues(output, results);
    for (ValueId result : results)
      // Another dtype is a copy, not a view.
      if (graph_.typeOf(result).tensor.dtype == graph_.typeOf(*self).tensor.dtype)
        bases_[result] = base;
  }

  bool isWritten(ValueId value) const { return written_.count(value) != 0; }

private:
  ValueId baseOf(ValueId value) const {
    auto found = bases_.find(value);
    return found == bases_.end() ? value : found->second;
  }

  const Graph &graph_;
  std::unordered_map<ValueId, ValueId> bases_;
  std::unordered_set<ValueId> written_;
};

} // namespace

static const GraphInput *findInput(const Graph &graph, std::string_view name) {
  for (const GraphInput &input : graph.inputs)
    if (input.name == name && input.value)
      return &input;
  return nullptr;
}

// What lowering found; all that there is before that.
static std::vector<UsedWeight> usedByProgram(const Graph &graph) {
  std::vector<UsedWeight> used;
  if (!graph.interface)
    for (const GraphInput &input : graph.inputs)
      if (isWeight(input))
        used.push_back({&input, 0});
  if (graph.interface)
    for (const std::string &slot : graph.interface->slots)
      if (const GraphInput *weight = findInput(graph, slot))
        used.push_back({weight, 0});
  return used;
}

std::vector<UsedWeight> usedWeights(const Graph &graph) {
  if (graph.isProgram())
    return usedByProgram(graph);
  std::unordered_map<ValueId, const GraphInput *> unseen;
  std::unordered_map<std::string_view, const GraphInput *> bySlot;
  for (const GraphInput &input : graph.inputs)
    if (isWeight(input)) {
      unseen.emplace(*input.value, &input);
      bySlot.emplace(input.name, &input);
    }
  std::vector<UsedWeight> used;
  auto use = [&](ValueId value, size_t node) {
    auto found = unseen.find(value);
    if (found == unseen.end())
      return;
    used.push_back({found->second, node});
    unseen.erase(found);
  };
  size_t last = 0;
  forEachNode(graph, [&](const Node &node, size_t index) {
    last = index;
    for (ValueId value : inputsOf(graph, node))
      use(value, index);
  });
  for (const GraphOutput &output : graph.outputs) {
    if (const ValueId *value = output.value.asValue())
      use(*value, last);
    if (output.kind == GraphOutput::Kind::BufferMutation)
      if (auto target = bySlot.find(output.target); target != bySlot.end())
        use(*target->second->value, last);
  }
  return used;
}

std::vector<const GraphInput *> functionArguments(const Graph &graph) {
  std::vector<const GraphInput *> arguments;
  for (const GraphInput &input : graph.inputs)
    if (input.kind == GraphInput::Kind::User)
      arguments.push_back(&input);
  return arguments;
}

std::vector<WrittenState> writtenState(const Graph &graph) {
  if (graph.isProgram()) {
    std::vector<WrittenState> state;
    if (graph.interface)
      for (const std::string &name : graph.interface->state)
        if (const GraphInput *input = findInput(graph, name))
          state.push_back({input});
    return state;
  }
  Aliases aliases(graph);
  for (const Node &node : graph.body().nodes)
    aliases.visit(node);
  auto isWritten = [&](const GraphInput &input, GraphOutput::Kind kind) {
    for (const GraphOutput &output : graph.outputs)
      if (output.kind == kind && output.target == input.name)
        return true;
    return aliases.isWritten(*input.value);
  };
  std::vector<WrittenState> state;
  for (const GraphInput *input : functionArguments(graph))
    if (isWritten(*input, GraphOutput::Kind::InputMutation))
      state.push_back({input});
  for (const UsedWeight &weight : usedWeights(graph))
    if (isWritten(*weight.input, GraphOutput::Kind::BufferMutation))
      state.push_back({weight.input});
  return state;
}

const GraphInput *passedThrough(const Graph &graph, const GraphOutput &output,
                                const std::vector<WrittenState> &state) {
  const ValueId *value = output.value.asValue();
  if (!value || output.kind != GraphOutput::Kind::User)
    return nullptr;
  for (const WrittenState &written : state)
    if (written.input->value == *value)
      return nullptr;
  for (const GraphInput *input : functionArguments(graph))
    if (input->value == *value)
      return input;
  return nullptr;
}

} // namespace linalgd
