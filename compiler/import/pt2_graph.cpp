#include "compiler/import/pt2_graph.h"
#include "compiler/import/pt2_rewrites.h"
#include "compiler/import/source_map.h"
#include "compiler/import/text.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"

#include <iterator>

namespace linalgd {
namespace {

// torch writes "no bound" as a number near the largest one.
constexpr int64_t kUnbounded = int64_t(1) << 62;

void checkCount(const JsonPlace &place, size_t expected, std::string_view what) {
  if (place.size() != expected)
    place.fail(concat("the graph has ", place.size(), " ", what, ", its signature ", expected));
}

bool isTarget(llvm::StringRef text) {
  return !text.empty() &&
         llvm::all_of(text, [](char c) { return llvm::isAlnum(c) || c == '_' || c == '.'; });
}

// A tree spec is JSON of PyTorch's own, for clients.
std::string readTreeSpec(const JsonPlace &place) {
  std::string_view text = place.string();
  if (!text.empty())
    if (auto document = JsonDocument::parse("the tree spec", text); !document.ok())
      place.fail(std::string(document.status().message()));
  return std::string(text);
}

} // namespace

void Pt2GraphReader::read(const JsonPlace &graphModule, const JsonPlace &rangeConstraints) {
  graphModule.allowOnly(
      {"graph", "signature", "module_call_graph", "metadata", "treespec_namedtuple_fields"});
  JsonPlace graph = graphModule["graph"];
  graph.allowOnly({"inputs", "outputs", "nodes", "tensor_values", "sym_int_values",
                   "sym_bool_values", "is_single_tensor_return", "custom_obj_values",
                   "sym_float_values"});
  graph_.blocks.emplace_back();
  Scope scope{graph, BlockId(0), {}, std::nullopt};
  JsonPlace signature = graphModule["signature"];
  signature.allowOnly({"input_specs", "output_specs"});
  JsonPlace inputSpecs = signature["input_specs"];
  inputSpecs.eachItem([&](const JsonPlace &spec) { readInputSpec(spec, scope); });
  checkCount(graph["inputs"], inputSpecs.size(), "inputs");
  readNodes(scope);
  JsonPlace outputSpecs = signature["output_specs"];
  outputSpecs.eachItem([&](const JsonPlace &spec) { readOutputSpec(spec, scope); });
  checkCount(graph["outputs"], outputSpecs.size(), "outputs");
  // What the model writes comes after what it returns.
  std::vector<GraphOutput> outputs, written;
  for (GraphOutput &output : graph_.outputs)
    (output.kind == GraphOutput::Kind::User ? outputs : written).push_back(std::move(output));
  std::move(written.begin(), written.end(), std::back_inserter(outputs));
  graph_.outputs = std::move(outputs);
  readTreeSpecs(graphModule["module_call_graph"]);
  // The spec is of the user's outputs: gradients come after these, in a plain tuple.
  if (llvm::any_of(graph_.outputs, [](const GraphOutput &output) {
        return output.kind == GraphOutput::Kind::User && !output.target.empty();
      }))
    graph_.outSpec.clear();
  readRangeConstraints(rangeConstraints);
}

void Pt2GraphReader::readInputSpec(const JsonPlace &spec, Scope &scope) {
  using Kind = GraphInput::Kind;
  spec.tagged([&](std::string_view tag, const JsonPlace &inner) {
    if (tag == "user_input") {
      inner.allowOnly({"arg"});
      readUserInput(inner["arg"], scope);
    } else if (tag == "parameter") {
      inner.allowOnly({"arg", "parameter_name"});
      readWeightInput(Kind::Parameter, inner["arg"], inner["parameter_name"], scope);
    } else if (tag == "buffer") {
      inner.allowOnly({"arg", "buffer_name", "persistent"});
      readWeightInput(Kind::Buffer, inner["arg"], inner["buffer_name"], scope);
    } else if (tag == "tensor_constant") {
      inner.allowOnly({"arg", "tensor_constant_name"});
      readWeightInput(Kind::TensorConstant, inner["arg"], inner["tensor_constant_name"], scope);
    } else if (tag == "constant_input") {
      inner.allowOnly({"name", "value"});
      graph_.inputs.push_back({Kind::Constant, std::string(inner["name"].string()), std::nullopt,
                               readArgument(inner["value"], scope)});
    } else if (tag == "custom_obj") {
      JsonPlace object = inner["arg"];
      inner.unsupported(concat(
          "the model holds '", escaped(inner["custom_obj_name"].string()), "', an object of ",
          escaped(object["class_fqn"].string()),
          ": custom objects (torch.ScriptObject) cannot be compiled; replace it by tensors and "
          "plain Python values before torch.export"));
    } else if (tag == "token") { // they order effects, which the order of nodes does, too
      inner.allowOnly({"arg"});
    } else {
      inner.unsupported("this kind of input cannot be compiled");
    }
  });
}

void Pt2GraphReader::readUserInput(const JsonPlace &argument, Scope &scope) {
  argument.tagged([&](std::string_view tag, const JsonPlace &inner) {
    GraphInput input;
    auto value = [&](TypeKind kind, const JsonPlace &name) {
      input.value = define(kind, name, scope);
      input.name = std::string(name.string());
    };
    if (tag == "as_tensor") {
      value(TypeKind::Tensor, inner["name"]);
    } else if (tag == "as_sym_int") {
      JsonPlace name = inner["as_name"];
      value(TypeKind::Int, name);
      JsonPlace table = scope.graph["sym_int_values"], entry = table[name.string()];
      if (JsonPlace expression = entry.get("as_expr"))
        input.symbolic = readExpression(expression);
    } else if (tag == "as_sym_float") {
      value(TypeKind::Float, inner["as_name"]);
    } else if (tag == "as_sym_bool") {
      value(TypeKind::Bool, inner["as_name"]);
    } else {
      input.kind = GraphInput::Kind::Constant;
      input.name = concat("arg", graph_.inputs.size());
      input.constant = readTagged(tag, inner, scope);
    }
    graph_.inputs.push_back(std::move(input));
  });
}

void Pt2GraphReader::readWeightInput(GraphInput::Kind kind, const JsonPlace &argument,
                                     const JsonPlace &slotPlace, Scope &scope) {
  argument.allowOnly({"name"});
  JsonPlace name = argument["name"];
  std::string slot(slotPlace.string());
  // Before PyTorch 2.6, a tied weight is given several times under one name.
  if (graph_.weights.contains(slot))
    for (const GraphInput &known : graph_.inputs)
      if (known.name == slot && known.kind == kind) {
        scope.values.emplace(name.string(), *known.value);
        return;
      }
  ValueId value = define(TypeKind::Tensor, name, scope);
  if (argument.failed())
    return;
  const TensorType &type = graph_.typeOf(value).tensor;
  Weight weight;
  if (const Weight *found = weights_.find(slot)) {
    weight = *found;
  } else {
    JsonPlace table = scope.graph["tensor_values"];
    JsonPlace meta = table[name.string()];
    JsonPlace device = meta["device"];
    if (device["type"].string() != "meta")
      return slotPlace.fail(concat("the archive has no data for '", escaped(slot), "'"));
    weight.slot = slot;
    weight.bound = false;
    weight.dtype = *type.dtype;
  }
  std::vector<int64_t> shape;
  for (const Dimension &size : type.sizes) {
    const auto *number = std::get_if<int64_t>(&size);
    if (!number)
      return name.fail("a weight cannot have a symbolic size");
    shape.push_back(*number);
  }
  if (!weight.bound) {
    weight.shape = shape;
    weight.strides.assign(shape.size(), 1);
    for (size_t i = shape.size(); i-- > 1;)
      weight.strides[i - 1] = weight.strides[i] * shape[i];
  }
  if (weight.dtype != type.dtype || weight.shape != shape)
    return slotPlace.fail(concat("the table of weights and the graph give '", escaped(slot),
                                 "' different dtypes or sizes"));
  weight.inlined =
      kind == GraphInput::Kind::TensorConstant && weight.bound &&
      static_cast<uint64_t>(weight.numElements()) * dtypeBytes(weight.dtype) <= kMaxInlinedBytes;
  graph_.weights.emplace(slot, std::move(weight));
  graph_.inputs.push_back({kind, std::move(slot), value, {}});
}

void Pt2GraphReader::readOutputSpec(const JsonPlace &spec, Scope &scope) {
  using Kind = GraphOutput::Kind;
  auto targeted = [&](Kind kind, const JsonPlace &inner, std::string_view target) {
    inner.allowOnly({"arg", target});
    JsonPlace argument = inner["arg"];
    graph_.outputs.push_back(
        {kind, use(argument["name"], scope), std::string(inner[target].string())});
  };
  spec.tagged([&](std::string_view tag, const JsonPlace &inner) {
    if (tag == "user_output") {
      inner.allowOnly({"arg"});
      graph_.outputs.push_back({Kind::User, readArgument(inner["arg"], scope), ""});
    } else if (tag == "loss_output") {
      inner.allowOnly({"arg"});
      JsonPlace loss = inner["arg"];
      graph_.outputs.push_back({Kind::User, use(loss["name"], scope), ""});
    } else if (tag == "gradient_to_parameter") {
      targeted(Kind::User, inner, "parameter_name");
    } else if (tag == "gradient_to_user_input") {
      targeted(Kind::User, inner, "user_input_name");
    } else if (tag == "buffer_mutation") {
      targeted(Kind::BufferMutation, inner, "buffer_name");
    } else if (tag == "parameter_mutation") {
      targeted(Kind::BufferMutation, inner, "parameter_name");
    } else if (tag == "user_input_mutation") {
      targeted(Kind::InputMutation, inner, "user_input_name");
    } else if (tag != "token") {
      inner.unsupported("this kind of output cannot be compiled");
    }
  });
}

void Pt2GraphReader::readTreeSpecs(const JsonPlace &moduleCallGraph) {
  moduleCallGraph.eachItem([&](const JsonPlace &entry) {
    if (!entry["fqn"].string().empty())
      return;
    if (JsonPlace signature = entry.get("signature")) {
      graph_.inSpec = readTreeSpec(signature["in_spec"]);
      graph_.outSpec = readTreeSpec(signature["out_spec"]);
    }
  });
}

void Pt2GraphReader::readNodes(Scope &scope) {
  scope.graph["nodes"].eachItem([&](const JsonPlace &node) { readNode(node, scope); });
}

SourceLocation Pt2GraphReader::readSource(const JsonPlace &node) {
  SourceLocation source;
  JsonPlace metadata = node["metadata"];
  if (JsonPlace trace = metadata.get("stack_trace"))
    source = userFrame(trace.string());
  if (JsonPlace stack = metadata.get("nn_module_stack"))
    source.module = modulePath(stack.string());
  return source;
}

void Pt2GraphReader::readNode(const JsonPlace &place, Scope &scope) {
  place.allowOnly(
      {"target", "inputs", "outputs", "metadata", "is_hop_single_tensor_return", "name"});
  Node node;
  JsonPlace target = place["target"];
  node.target = canonicalTarget(target.string());
  if (readHigherOrder(node.target, place, scope))
    return;
  if (!isTarget(node.target))
    target.fail(concat("'", escaped(node.target), "' is not the name of an op"));
  place["inputs"].eachItem([&](const JsonPlace &input) {
    input.allowOnly({"name", "arg", "kind"});
    node.inputs.push_back({std::string(input["name"].string()), readArgument(input["arg"], scope)});
  });
  dropNodeName(node);
  place["outputs"].eachItem(
      [&](const JsonPlace &output) { node.outputs.push_back(readOutput(output, scope)); });
  node.source = readSource(place);
  if (scope.autocast && !castOperands(graph_, scope.block, *scope.autocast, node))
    return target.unsupported("torch.export with strict=True records wrong dtypes under "
                              "torch.autocast; export the model with strict=False");
  if (node.target == "torch.sym_ite")
    return expandSelection(graph_, scope.block, std::move(node));
  if (isCopyOfView(node.target))
    return expandCopy(graph_, scope.block, std::move(node));
  graph_.block(scope.block).nodes.push_back(std::move(node));
}

BlockId Pt2GraphReader::readSubgraph(const JsonPlace &place, std::optional<DType> autocast) {
  place.allowOnly({"inputs", "outputs", "nodes", "tensor_values", "sym_int_values",
                   "sym_bool_values", "is_single_tensor_return", "custom_obj_values",
                   "sym_float_values"});
  auto id = static_cast<BlockId>(graph_.blocks.size());
  graph_.blocks.emplace_back();
  Scope scope{place, id, {}, autocast};
  place["inputs"].eachItem([&](const JsonPlace &input) {
    Argument argument = readOutput(input, scope);
    if (const ValueId *value = argument.asValue())
      graph_.block(id).inputs.push_back(*value);
    else
      input.unsupported("a sub-graph takes tensors and symbolic numbers only");
  });
  readNodes(scope);
  place["outputs"].eachItem([&](const JsonPlace &output) {
    Argument argument = readArgument(output, scope);
    graph_.block(id).outputs.push_back(std::move(argument));
  });
  return id;
}

void Pt2GraphReader::readRangeConstraints(const JsonPlace &place) {
  place.eachField([&](std::string_view name, const JsonPlace &range) {
    range.allowOnly({"min_val", "max_val"});
    auto found = symbols_.find(std::string(name));
    if (found == symbols_.end())
      return; // of no size in the graph
    GraphSymbol &symbol = graph_.symbols[found->second];
    if (JsonPlace min = range.get("min_val"))
      symbol.min = min.integer();
    if (JsonPlace max = range.get("max_val"); max && max.integer() < kUnbounded)
      symbol.max = max.integer();
    if (symbol.max && *symbol.max < symbol.min)
      range.fail("the range is empty");
  });
}

} // namespace linalgd
