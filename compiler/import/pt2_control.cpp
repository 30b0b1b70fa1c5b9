#include "compiler/import/pt2_graph.h"
#include "compiler/import/pt2_rewrites.h"
#include "compiler/import/text.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace linalgd {
namespace {

// Calls `read` with the kind and name of each of `values` and its position.
void eachName(const JsonPlace &values,
              llvm::function_ref<void(const JsonPlace &name, size_t index)> read) {
  size_t index = 0;
  values.eachItem([&](const JsonPlace &value) {
    value.tagged([&](std::string_view tag, const JsonPlace &inner) {
      if (tag == "as_tensor")
        read(inner["name"], index++);
      else if (inner.get("as_name"))
        read(inner["as_name"], index++);
      else
        inner.unsupported(kValuesOnly);
    });
  });
}

void bindNames(const JsonPlace &names, const std::vector<Argument> &values,
               std::unordered_map<std::string, ValueId> &into) {
  size_t count = 0;
  eachName(names, [&](const JsonPlace &name, size_t index) {
    count = index + 1;
    const ValueId *value = index < values.size() ? values[index].asValue() : nullptr;
    if (!value)
      name.unsupported(kValuesOnly);
    else if (!into.emplace(name.string(), *value).second)
      name.fail(concat("there are two values named '", escaped(name.string()), "'"));
  });
  if (count != values.size() && !names.failed())
    names.fail(concat("expected ", values.size(), " values, not ", count));
}

} // namespace

bool Pt2GraphReader::readHigherOrder(std::string_view target, const JsonPlace &node, Scope &scope) {
  constexpr std::string_view kPrefix = "higher_order.";
  if (!target.starts_with(kPrefix))
    return false;
  target.remove_prefix(kPrefix.size());
  // Ops that only say how to run a sub-graph: where that and its operands are.
  static constexpr struct {
    std::string_view name;
    size_t callee, operands;
  } kRegions[] = {
      {"hints_wrapper", 0, 1},
      {"invoke_subgraph", 0, 2}, // after its name
      {"strict_mode", 0, 1},
      {"tag_activation_checkpoint", 0, 1},
      {"wrap", 0, 1},
      {"wrap_activation_checkpoint", 0, 1},
      {"wrap_with_set_grad_enabled", 1, 2},
  };
  static constexpr struct {
    std::string_view name;
    void (Pt2GraphReader::*read)(const JsonPlace &node, Scope &scope);
  } kReaders[] = {
      {"associative_scan", &Pt2GraphReader::readAssociativeScan},
      {"auto_functionalized", &Pt2GraphReader::readFunctionalized},
      {"auto_functionalized_v2", &Pt2GraphReader::readFunctionalized},
      {"cond", &Pt2GraphReader::readCond},
      {"map_impl", &Pt2GraphReader::readMap},
      {"out_dtype", &Pt2GraphReader::readOutDType},
      {"scan", &Pt2GraphReader::readScan},
      {"while_loop", &Pt2GraphReader::readWhileLoop},
      {"with_effects", &Pt2GraphReader::readWithEffects},
      {"wrap_with_autocast", &Pt2GraphReader::readAutocast},
  };
  if (target == "print") // compiled models print nothing
    return true;
  for (const auto &[name, callee, operands] : kRegions)
    if (target == name) {
      readRegion(node, callee, operands, scope.autocast, scope);
      return true;
    }
  for (const auto &[name, read] : kReaders)
    if (target == name) {
      (this->*read)(node, scope);
      return true;
    }
  return false;
}

// A call of the op that is the node's `op`-th input with those after it. As many results before its
// own are tokens.
void Pt2GraphReader::readWrapped(const JsonPlace &place, size_t op, Scope &scope) {
  Node node{"", {}, {}, readSource(place)};
  size_t position = 0;
  JsonPlace inputs = place["inputs"];
  inputs.eachItem([&](const JsonPlace &input) {
    size_t index = position++;
    if (index < op)
      return;
    Argument argument = readArgument(input["arg"], scope);
    const auto *name = std::get_if<OperatorName>(&argument.value);
    if (index > op)
      node.inputs.push_back({std::string(input["name"].string()), std::move(argument)});
    else if (name)
      node.target = canonicalTarget(name->name);
  });
  if (node.target.empty())
    return inputs.fail("there is no op to call");
  position = 0;
  place["outputs"].eachItem([&](const JsonPlace &output) {
    if (position++ >= op)
      node.outputs.push_back(readOutput(output, scope));
  });
  if (node.outputs.size() == 1 && node.outputs.front().isNone())
    node.outputs.clear();
  graph_.block(scope.block).nodes.push_back(std::move(node));
}

void Pt2GraphReader::readFunctionalized(const JsonPlace &node, Scope &scope) {
  readWrapped(node, 0, scope);
}

void Pt2GraphReader::readWithEffects(const JsonPlace &node, Scope &scope) {
  readWrapped(node, 1, scope);
}

// (op, dtype, its arguments...): what the op gives on arguments of that dtype.
void Pt2GraphReader::readOutDType(const JsonPlace &place, Scope &scope) {
  Values given = readOperands(place, 0, SIZE_MAX, scope);
  const auto *name = given.size() < 2 ? nullptr : std::get_if<OperatorName>(&given[0].value);
  const auto *dtype = name ? std::get_if<DType>(&given[1].value) : nullptr;
  if (!dtype)
    return place["inputs"].fail("expected an op, a dtype and arguments");
  Node node{canonicalTarget(name->name), {}, {}, readSource(place)};
  for (Argument &argument : llvm::MutableArrayRef(given).drop_front(2)) {
    const ValueId *value = argument.asValue();
    GraphType type = value ? graph_.typeOf(*value) : GraphType();
    if (value && type.kind == TypeKind::Tensor && type.tensor.dtype != *dtype) {
      type.tensor.dtype = *dtype;
      argument = {appendNode(graph_, scope.block, "aten.to.dtype",
                             {{"self", argument}, {"dtype", {*dtype}}}, std::move(type),
                             node.source)};
    }
    node.inputs.push_back({"", std::move(argument)});
  }
  place["outputs"].eachItem(
      [&](const JsonPlace &output) { node.outputs.push_back(readOutput(output, scope)); });
  graph_.block(scope.block).nodes.push_back(std::move(node));
}

// The values of the node's positional inputs from `first` to before `end`, lists flattened, dicts
// and settings by name left out.
Pt2GraphReader::Values Pt2GraphReader::readOperands(const JsonPlace &node, size_t first, size_t end,
                                                    Scope &scope) {
  Values operands;
  size_t position = 0;
  node["inputs"].eachItem([&](const JsonPlace &input) {
    size_t index = position++;
    if (index < first || index >= end || !input["name"].string().empty())
      return;
    Argument argument = readArgument(input["arg"], scope);
    if (std::holds_alternative<ArgumentDict>(argument.value))
      return;
    if (auto *list = std::get_if<ArgumentList>(&argument.value))
      std::move(list->items.begin(), list->items.end(), std::back_inserter(operands));
    else
      operands.push_back(std::move(argument));
  });
  return operands;
}

// Appends to `block` the nodes of the sub-graph that is the node's `callee`-th input, whose inputs
// are `given`, and returns what it gives.
Pt2GraphReader::Values Pt2GraphReader::readCall(const JsonPlace &node, size_t callee,
                                                const Values &given, BlockId block,
                                                std::optional<DType> autocast) {
  Values results;
  bool found = false;
  size_t position = 0;
  JsonPlace inputs = node["inputs"];
  inputs.eachItem([&](const JsonPlace &input) {
    if (position++ != callee)
      return;
    found = true;
    input["arg"].tagged([&](std::string_view tag, const JsonPlace &inner) {
      if (tag != "as_graph")
        return inner.fail("this must be a sub-graph");
      JsonPlace graph = inner["graph"];
      Scope body{graph, block, {}, autocast};
      bindNames(graph["inputs"], given, body.values);
      readNodes(body);
      graph["outputs"].eachItem(
          [&](const JsonPlace &output) { results.push_back(readArgument(output, body)); });
    });
  });
  if (!found)
    inputs.fail(concat("there is no input ", callee));
  return results;
}

void Pt2GraphReader::bindOutputs(const JsonPlace &node, const Values &values, Scope &scope) {
  bindNames(node["outputs"], values, scope.values);
}

void Pt2GraphReader::readRegion(const JsonPlace &node, size_t callee, size_t operands,
                                std::optional<DType> autocast, Scope &scope) {
  Values given = readOperands(node, operands, SIZE_MAX, scope);
  bindOutputs(node, readCall(node, callee, given, scope.block, autocast), scope);
}

// (device type, dtype or none, enabled, cache enabled, sub-graph, its arguments...)
void Pt2GraphReader::readAutocast(const JsonPlace &node, Scope &scope) {
  Values settings = readOperands(node, 0, 4, scope);
  const bool *enabled = settings.size() == 4 ? std::get_if<bool>(&settings[2].value) : nullptr;
  const auto *device = enabled ? std::get_if<std::string>(&settings[0].value) : nullptr;
  if (!device)
    return node["inputs"].fail("expected a device, a dtype, two flags and a sub-graph");
  const auto *dtype = std::get_if<DType>(&settings[1].value);
  DType standard = *device == "cpu" ? DType::BFloat16 : DType::Float16;
  readRegion(node, 4, 5, *enabled ? std::optional(dtype ? *dtype : standard) : std::nullopt, scope);
}

// A condition is a bool, or a tensor with one element.
Argument Pt2GraphReader::asCondition(const Argument &value, BlockId block,
                                     const SourceLocation &source) {
  const ValueId *id = value.asValue();
  if (!id || graph_.typeOf(*id).kind != TypeKind::Tensor)
    return value;
  return {appendNode(graph_, block, "aten.Bool.Tensor", {{"a", value}},
                     GraphType::of(TypeKind::Bool), source)};
}

// (condition, then, else, operands)
void Pt2GraphReader::readCond(const JsonPlace &place, Scope &scope) {
  Values condition = readOperands(place, 0, 1, scope), given = readOperands(place, 3, 4, scope);
  if (condition.empty())
    return place["inputs"].fail("expected a condition, two sub-graphs and their operands");
  Node node{"prim.If", {}, {}, readSource(place)};
  node.inputs.push_back({"", asCondition(condition[0], scope.block, node.source)});
  for (size_t branch : {1, 2}) {
    auto block = static_cast<BlockId>(graph_.blocks.size());
    graph_.blocks.emplace_back();
    Values results = readCall(place, branch, given, block, scope.autocast);
    graph_.block(block).outputs = std::move(results);
    node.inputs.push_back({"", {block}});
  }
  place["outputs"].eachItem(
      [&](const JsonPlace &output) { node.outputs.push_back(readOutput(output, scope)); });
  graph_.block(scope.block).nodes.push_back(std::move(node));
}

} // namespace linalgd
