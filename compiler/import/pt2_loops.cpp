// Higher-order ops of torch.export archives that are loops, as prim.Loop.
#include "compiler/import/pt2_graph.h"
#include "compiler/import/pt2_rewrites.h"

#include <algorithm>
#include <limits>

namespace linalgd {

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

// A size, taken from where it is one of those of `tensors` or of the model's inputs; None where it
// is not.
Argument Pt2GraphReader::findSize(const Dimension &size, Values tensors, BlockId block,
                                  const SourceLocation &source) {
  if (const auto *number = std::get_if<int64_t>(&size))
    return {*number};
  std::string wanted = printExpression(*std::get<ExpressionPtr>(size), graph_.symbols);
  for (const GraphInput &input : graph_.inputs)
    if (input.value)
      tensors.push_back({*input.value});
  for (const Argument &tensor : tensors) {
    const ValueId *value = tensor.asValue();
    const TensorType &type = value ? graph_.typeOf(*value).tensor : TensorType();
    for (size_t d = 0; d < type.sizes.size(); ++d)
      if (const auto *found = std::get_if<ExpressionPtr>(&type.sizes[d]);
          found && printExpression(**found, graph_.symbols) == wanted)
        return {appendNode(graph_, block, "aten.size.int",
                           {{"self", tensor}, {"dim", {static_cast<int64_t>(d)}}},
                           GraphType::of(TypeKind::Int), source)};
  }
  return {};
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
        Argument size = findSize(type.tensor.sizes[d], sliced, scope.block, node.source);
        if (size.isNone())
          return place.unsupported("a result of each round has a size that no input has");
        sizes.items.push_back(std::move(size));
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

// (combine, tensors to go over, other operands): each result's slices are those of its tensor, each
// combined with all before it. One after the other, in whatever order PyTorch does it.
void Pt2GraphReader::readAssociativeScan(const JsonPlace &place, Scope &scope) {
  const GraphType integer = GraphType::of(TypeKind::Int);
  Values tensors = readOperands(place, 1, 2, scope), given = readOperands(place, 2, 3, scope);
  Node node{"prim.Loop", {}, {}, readSource(place)};
  place["outputs"].eachItem(
      [&](const JsonPlace &output) { node.outputs.push_back(readOutput(output, scope)); });
  const ValueId *first = tensors.empty() ? nullptr : tensors[0].asValue();
  if (!first || tensors.size() != node.outputs.size())
    return place.fail("there is a result for each tensor that it goes over");
  auto count = [&](BlockId block, const char *target, Argument a, Argument b) -> Argument {
    return {appendNode(graph_, block, target, {{"a", std::move(a)}, {"b", std::move(b)}}, integer,
                       node.source)};
  };
  ValueId length = appendNode(graph_, scope.block, "aten.size.int",
                              {{"self", {*first}}, {"dim", {int64_t(0)}}}, integer, node.source);
  auto block = static_cast<BlockId>(graph_.blocks.size());
  graph_.blocks.emplace_back();
  node.inputs = {{"", count(scope.block, "aten.sub.int", {length}, {int64_t(1)})},
                 {"", {true}},
                 {"", {block}}};
  ValueId round = graph_.addValue(integer);
  graph_.block(block).inputs.push_back(round);
  Argument index = count(block, "aten.add.int", {round}, {int64_t(1)});
  Values results, before, here;
  for (const Argument &tensor : tensors) {
    const ValueId *value = tensor.asValue();
    GraphType slice = value ? graph_.typeOf(*value) : integer;
    if (slice.tensor.sizes.empty())
      return place.unsupported("it goes over something that is no tensor with a dimension");
    node.inputs.push_back({"", tensor});
    ValueId result = graph_.addValue(slice);
    slice.tensor.sizes.erase(slice.tensor.sizes.begin());
    graph_.block(block).inputs.push_back(result);
    results.push_back({result});
    auto select = [&](const Argument &from, const Argument &at) -> Argument {
      return {appendNode(graph_, block, "aten.select.int",
                         {{"self", from}, {"dim", {int64_t(0)}}, {"index", at}}, slice,
                         node.source)};
    };
    before.push_back(select(results.back(), {round}));
    here.push_back(select(tensor, index));
  }
  before.insert(before.end(), here.begin(), here.end());
  before.insert(before.end(), given.begin(), given.end());
  Values next = readCall(place, 0, before, block, scope.autocast);
  if (next.size() != results.size())
    return place.fail("the sub-graph gives another number of values than the op");
  for (size_t i = 0; i < next.size(); ++i)
    next[i] = {appendNode(
        graph_, block, "aten.select_scatter",
        {{"self", results[i]}, {"src", next[i]}, {"dim", {int64_t(0)}}, {"index", index}},
        graph_.typeOf(*results[i].asValue()), node.source)};
  next.insert(next.begin(), Argument{true});
  graph_.block(block).outputs = std::move(next);
  graph_.block(scope.block).nodes.push_back(std::move(node));
}

} // namespace linalgd
