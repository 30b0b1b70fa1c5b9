#include "compiler/import/pt2_graph.h"
#include "compiler/import/pt2_rewrites.h"
#include "compiler/import/text.h"

#include "llvm/ADT/STLFunctionalExtras.h"

#include <algorithm>
#include <limits>

namespace linalgd {
namespace {

constexpr std::string_view kValuesOnly =
    "a sub-graph takes and gives tensors and symbolic numbers only";

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
  if (target == "wrap_with_set_grad_enabled")
    readRegion(node, 1, scope.autocast, scope);
  else if (target == "wrap_with_autocast")
    readAutocast(node, scope);
  else if (target == "cond")
    readCond(node, scope);
  else if (target == "while_loop")
    readWhileLoop(node, scope);
  else if (target == "map_impl")
    readMap(node, scope);
  else if (target == "scan")
    readScan(node, scope);
  else if (target == "with_effects")
    readWrapped(node, 1, scope);
  else if (target == "auto_functionalized" || target == "auto_functionalized_v2")
    readWrapped(node, 0, scope);
  else
    return false;
  return true;
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

// The values of the node's inputs from `first` to before `end`, lists flattened.
Pt2GraphReader::Values Pt2GraphReader::readOperands(const JsonPlace &node, size_t first, size_t end,
                                                    Scope &scope) {
  Values operands;
  size_t position = 0;
  node["inputs"].eachItem([&](const JsonPlace &input) {
    size_t index = position++;
    if (index < first || index >= end)
      return;
    Argument argument = readArgument(input["arg"], scope);
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

// (..., sub-graph, its arguments...)
void Pt2GraphReader::readRegion(const JsonPlace &node, size_t callee, std::optional<DType> autocast,
                                Scope &scope) {
  Values given = readOperands(node, callee + 1, SIZE_MAX, scope);
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
  readRegion(node, 4, *enabled ? std::optional(dtype ? *dtype : standard) : std::nullopt, scope);
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

// (condition, body, carried, other operands of both)
void Pt2GraphReader::readWhileLoop(const JsonPlace &place, Scope &scope) {
  Values carried = readOperands(place, 2, 3, scope), given = readOperands(place, 3, 4, scope);
  auto with = [&](Values values) {
    values.insert(values.end(), given.begin(), given.end());
    return values;
  };
  Node node{"prim.Loop", {}, {}, readSource(place)};
  Values first = readCall(place, 0, with(carried), scope.block, scope.autocast);
  place["outputs"].eachItem(
      [&](const JsonPlace &output) { node.outputs.push_back(readOutput(output, scope)); });
  if (first.size() != 1 || node.outputs.size() != carried.size())
    return place.fail("the condition gives one value, the loop one for each that it carries");
  auto block = static_cast<BlockId>(graph_.blocks.size());
  graph_.blocks.emplace_back();
  node.inputs.push_back({"", {std::numeric_limits<int64_t>::max()}});
  node.inputs.push_back({"", asCondition(first[0], scope.block, node.source)});
  node.inputs.push_back({"", {block}});
  for (const Argument &value : carried)
    node.inputs.push_back({"", value});
  Values now;
  graph_.block(block).inputs.push_back(graph_.addValue(GraphType::of(TypeKind::Int)));
  for (const Argument &output : node.outputs) {
    const ValueId *value = output.asValue();
    if (!value)
      return place.unsupported(kValuesOnly);
    graph_.block(block).inputs.push_back(graph_.addValue(GraphType(graph_.typeOf(*value))));
    now.push_back({graph_.block(block).inputs.back()});
  }
  Values next = readCall(place, 1, with(now), block, scope.autocast);
  Values again = readCall(place, 0, with(next), block, scope.autocast);
  if (again.size() != 1 || next.size() != carried.size())
    return place.fail("the body gives one value for each that the loop carries");
  next.insert(next.begin(), asCondition(again[0], block, node.source));
  graph_.block(block).outputs = std::move(next);
  graph_.block(scope.block).nodes.push_back(std::move(node));
}

// (body, tensors to go over, other operands)
void Pt2GraphReader::readMap(const JsonPlace &place, Scope &scope) {
  readRounds(place, scope, {}, readOperands(place, 1, 2, scope), readOperands(place, 2, 3, scope));
}

// (body, carried, tensors to go over, other operands)
void Pt2GraphReader::readScan(const JsonPlace &place, Scope &scope) {
  readRounds(place, scope, readOperands(place, 1, 2, scope), readOperands(place, 2, 3, scope),
             readOperands(place, 3, 4, scope));
}

// A loop over the first dimension of `sliced`: the sub-graph takes what is carried, a slice of
// each, and what is given; it gives what is carried next and a slice of each further result.
void Pt2GraphReader::readRounds(const JsonPlace &place, Scope &scope, const Values &carried,
                                const Values &sliced, const Values &given) {
  const GraphType integer = GraphType::of(TypeKind::Int);
  Node node{"prim.Loop", {}, {}, readSource(place)};
  const ValueId *longest = sliced.empty() ? nullptr : sliced[0].asValue();
  if (!longest)
    return place.unsupported("it goes over no tensor");
  place["outputs"].eachItem(
      [&](const JsonPlace &output) { node.outputs.push_back(readOutput(output, scope)); });
  ValueId rounds = appendNode(graph_, scope.block, "aten.size.int",
                              {{"self", {*longest}}, {"dim", {int64_t(0)}}}, integer, node.source);
  auto block = static_cast<BlockId>(graph_.blocks.size());
  graph_.blocks.emplace_back();
  node.inputs = {{"", {rounds}}, {"", {true}}, {"", {block}}};
  ValueId round = graph_.addValue(integer);
  graph_.block(block).inputs.push_back(round);
  Values now;
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    const ValueId *value = node.outputs[i].asValue();
    if (!value)
      return place.unsupported(kValuesOnly);
    GraphType type = graph_.typeOf(*value);
    if (i < carried.size()) {
      node.inputs.push_back({"", carried[i]});
    } else {
      ArgumentList sizes{TypeKind::Int, {{rounds}}};
      for (size_t d = 1; d < type.tensor.sizes.size(); ++d) {
        const auto *size = std::get_if<int64_t>(&type.tensor.sizes[d]);
        if (!size)
          return place.unsupported("a result of each round has a symbolic size");
        sizes.items.push_back({*size});
      }
      node.inputs.push_back(
          {"",
           {appendNode(graph_, scope.block, "aten.zeros",
                       {{"size", {std::move(sizes)}}, {"dtype", {*type.tensor.dtype}}}, type,
                       node.source)}});
    }
    ValueId inner = graph_.addValue(std::move(type));
    graph_.block(block).inputs.push_back(inner);
    now.push_back({inner});
  }
  Values taken(now.begin(), now.begin() + std::min(carried.size(), now.size()));
  for (const Argument &tensor : sliced) {
    GraphType type = graph_.typeOf(tensor.asValue() ? *tensor.asValue() : rounds);
    if (type.tensor.sizes.empty())
      return place.unsupported("it goes over something that is no tensor with a dimension");
    type.tensor.sizes.erase(type.tensor.sizes.begin());
    taken.push_back({appendNode(graph_, block, "aten.select.int",
                                {{"self", tensor}, {"dim", {int64_t(0)}}, {"index", {round}}},
                                std::move(type), node.source)});
  }
  taken.insert(taken.end(), given.begin(), given.end());
  Values next = readCall(place, 0, taken, block, scope.autocast);
  if (next.size() != node.outputs.size())
    return place.fail("the sub-graph gives another number of values than the op");
  for (size_t i = carried.size(); i < next.size(); ++i)
    next[i] = {
        appendNode(graph_, block, "aten.select_scatter",
                   {{"self", now[i]}, {"src", next[i]}, {"dim", {int64_t(0)}}, {"index", {round}}},
                   graph_.typeOf(*now[i].asValue()), node.source)};
  next.insert(next.begin(), Argument{true});
  graph_.block(block).outputs = std::move(next);
  graph_.block(scope.block).nodes.push_back(std::move(node));
}

} // namespace linalgd
