#include "compiler/import/torchscript/graph_reader.h"

#include "compiler/import/source_map.h"
#include "compiler/import/torchscript/inputs.h"
#include "compiler/import/torchscript/torchscript.h"
#include "compiler/import/torchscript/types.h"

#include <charconv>
#include <map>
#include <sstream>

namespace linalgd {
namespace {

namespace jit = torch::jit;
// The frame of the user's code in the stack that tracing records: "file(line): function", innermost
// first.
SourceLocation tracedUserFrame(const std::string &stack) {
  std::istringstream lines(stack);
  for (std::string line; std::getline(lines, line);) {
    size_t close = line.find("): ");
    size_t open = line.rfind('(', close);
    if (close == std::string::npos || open == std::string::npos ||
        !isUserFile(line.substr(0, open)))
      continue;
    SourceLocation location;
    location.file = line.substr(0, open);
    auto digits = std::string_view(line).substr(open + 1, close - open - 1);
    std::from_chars(digits.data(), digits.data() + digits.size(), location.line);
    location.function = line.substr(close + 3);
    return location;
  }
  return {};
}

// Where a node was written: where it was traced, or, of a scripted module, its own place in the
// Python source.
SourceLocation locationOf(const jit::Node &node) {
  SourceLocation location;
  auto range = node.sourceRange().findSourceRangeThatGenerated();
  if (!range || !range->source())
    return location;
  location = tracedUserFrame(std::string(range->source()->text_str().str()));
  auto place = range->file_line_col();
  if (location.file.empty() && place && isUserFile(std::get<0>(*place))) {
    location.file = std::get<0>(*place);
    location.line = static_cast<uint32_t>(std::get<1>(*place));
  }
  return location;
}

std::string targetOf(const jit::Node &node) {
  std::string target =
      std::string(node.kind().ns().toUnqualString()) + "." + node.kind().toUnqualString();
  const c10::FunctionSchema *schema = node.maybeSchema();
  if (schema && !schema->overload_name().empty())
    target += "." + schema->overload_name();
  return target;
}

} // namespace

absl::StatusOr<Graph> GraphReader::read() {
  const jit::Module &module = file_.module();
  auto forward = module.find_method("forward");
  if (!forward)
    return absl::InvalidArgumentError("the TorchScript module has no method 'forward'");
  graph_.blocks.emplace_back();
  objectOf(module._ivalue(), ""); // the first one
  addMethod(*module.type(), "forward");
  auto constantOf = [this](const c10::IValue &value, const std::string &name) {
    return constant(value, name, GraphInput::Kind::TensorConstant);
  };
  absl::StatusOr<std::vector<Argument>> arguments =
      readInputs(forward->function().getSchema(), options_.inputs, constantOf, graph_);
  if (!arguments.ok())
    return arguments.status();
  callForward(functionOf(forward->function()), *std::move(arguments));
  // Reading a function finds the next ones.
  for (size_t i = 0; i < functions_.size(); ++i)
    if (absl::Status status = readFunction(i); !status.ok())
      return status;
  if (!unsupported_.empty())
    return absl::UnimplementedError(
        "the TorchScript module holds " + std::to_string(unsupported_.size()) +
        " constructs that linalgd cannot import, the first one: " + unsupported_.front().message);
  if (absl::Status status = readObjects(); !status.ok())
    return status;
  graph_.inputs.insert(graph_.inputs.begin(), weightInputs_.begin(), weightInputs_.end());
  return std::move(graph_);
}

// The graph's own block: the method of the root on the inputs, whatever they are given as.
void GraphReader::callForward(FunctionId forward, std::vector<Argument> arguments) {
  Node call;
  call.target = "prim.CallMethod";
  call.inputs = {{"", Argument{ObjectId(0)}}, {"name", Argument{std::string("forward")}}};
  for (Argument &argument : arguments)
    call.inputs.push_back({"", std::move(argument)});
  call.outputs.push_back(Argument{graph_.addValue(graph_.function(forward).result)});
  graph_.body().outputs = call.outputs;
  graph_.body().nodes.push_back(std::move(call));
}

std::string GraphReader::uniqueName(const std::string &base) {
  std::string name = base;
  for (size_t i = 1; !names_.insert(name).second; ++i)
    name = base + "_" + std::to_string(i);
  return name;
}

FunctionId GraphReader::functionOf(jit::Function &function) {
  auto [known, isNew] =
      functionIds_.try_emplace(&function, static_cast<FunctionId>(functions_.size()));
  if (!isNew)
    return known->second;
  FunctionId id = known->second;
  function.ensure_defined();
  std::string name = function.qualname().name();
  // A method is called after its class.
  const auto &arguments = function.getSchema().arguments();
  if (!arguments.empty())
    if (auto self = arguments[0].type()->cast<c10::ClassType>();
        self && self->findMethod(name) == &function)
      name = graph_.classOf(classOf(*self)).name + "." + name;
  jit::GraphFunction *scripted = jit::tryToGraphFunction(function);
  functions_.push_back(scripted ? scripted->graph() : nullptr);
  graph_.functions.push_back(
      {uniqueName(name), BlockId(0), typeOf(*function.getSchema().returns().at(0).type())});
  return id;
}

absl::Status GraphReader::readFunction(size_t index) {
  std::shared_ptr<jit::Graph> function = functions_[index];
  if (!function)
    return absl::UnimplementedError("function '" + graph_.functions[index].name +
                                    "' is no TorchScript function");
  absl::StatusOr<BlockId> body = readBlock(*function->block());
  if (!body.ok())
    return body.status();
  graph_.functions[index].body = *body;
  return absl::OkStatus();
}

absl::StatusOr<BlockId> GraphReader::readBlock(const jit::Block &block) {
  BlockId outer = block_;
  block_ = static_cast<BlockId>(graph_.blocks.size());
  BlockId id = block_;
  graph_.blocks.emplace_back();
  for (const jit::Value *input : block.inputs()) {
    ValueId value = graph_.addValue(typeOf(*input->type()));
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

absl::Status GraphReader::readNodes(const jit::Block &block) {
  for (const jit::Node *node : block.nodes())
    if (absl::Status status = readNode(*node); !status.ok())
      return status;
  return absl::OkStatus();
}

absl::Status GraphReader::readNode(const jit::Node &node) {
  switch (node.kind()) {
  case c10::prim::Constant:
    return readConstant(node);
  case c10::prim::GetAttr:
  case c10::prim::SetAttr:
    readAttribute(node);
    return absl::OkStatus();
  case c10::prim::EnumName:
  case c10::prim::EnumValue:
    readMemberOfEnum(node);
    return absl::OkStatus();
  case c10::prim::CallMethod:
    readMethodCall(node, node.s(c10::attr::name));
    return absl::OkStatus();
  case c10::prim::CallFunction:
    return readCall(node);
  case c10::prim::Enter:
    readMethodCall(node, "__enter__");
    return absl::OkStatus();
  case c10::prim::Exit:
    readMethodCall(node, "__exit__");
    return absl::OkStatus();
  case c10::prim::ModuleContainerIndex:
    useModules(*node.inputs()[0]->type());
    return readOperator(node);
  case c10::prim::isinstance:
    readIsInstance(node);
    return absl::OkStatus();
  // What runs beside the program runs where it is started.
  case c10::prim::fork:
    readFork(node);
    return absl::OkStatus();
  case c10::aten::wait:
    bind(node.output(), Argument(argument(node.input())));
    return absl::OkStatus();
  case c10::prim::If:
    return readBlocks(node, makeNode(node, "prim.If"));
  case c10::prim::Loop:
    return readBlocks(node, makeNode(node, "prim.Loop"));
  default:
    return readOperator(node);
  }
}

absl::Status GraphReader::readConstant(const jit::Node &node) {
  if (node.output()->type()->kind() == c10::TypeKind::FunctionType) // of a call, which names it
    return absl::OkStatus();
  std::optional<c10::IValue> value = jit::toIValue(node.output());
  if (!value) {
    refuse(node, "is a constant of type " + node.output()->type()->str(),
           "compute it in the model instead");
    return absl::OkStatus();
  }
  std::string slot = "constant" + std::to_string(numTensorConstants_);
  absl::StatusOr<Argument> argument = constant(*value, slot, GraphInput::Kind::TensorConstant);
  if (!argument.ok())
    return argument.status();
  numTensorConstants_ += value->isTensor() || value->isCustomClass();
  bind(node.output(), *std::move(argument));
  return absl::OkStatus();
}

// A node with the inputs of `node`.
Node GraphReader::makeNode(const jit::Node &node, std::string target) {
  Node out;
  out.target = std::move(target);
  out.source = locationOf(node);
  const c10::FunctionSchema *schema = node.maybeSchema();
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    std::string name =
        schema && i < schema->arguments().size() ? schema->arguments()[i].name() : "";
    out.inputs.push_back({std::move(name), argument(node.inputs()[i])});
  }
  return out;
}

// Gives the node the outputs of `node`.
void GraphReader::finish(const jit::Node &node, Node out) {
  for (const jit::Value *value : node.outputs()) {
    out.outputs.push_back(Argument{graph_.addValue(typeOf(*value->type()))});
    bind(value, out.outputs.back());
  }
  graph_.block(block_).nodes.push_back(std::move(out));
}

absl::Status GraphReader::readOperator(const jit::Node &node) {
  if (!node.blocks().empty()) {
    refuse(node, "is control flow of a kind that linalgd does not know",
           "write it with if, for and while");
    return absl::OkStatus();
  }
  finish(node, makeNode(node, targetOf(node)));
  return absl::OkStatus();
}

void GraphReader::readAttribute(const jit::Node &node) {
  const std::string &name = node.s(c10::attr::name);
  useAttribute(*node.inputs()[0]->type(), name);
  Node out = makeNode(node, targetOf(node));
  out.inputs.insert(out.inputs.begin() + 1, {"name", Argument{name}});
  finish(node, std::move(out));
}

// The members of an enum are objects with a name and a value.
void GraphReader::readMemberOfEnum(const jit::Node &node) {
  Node out = makeNode(node, "prim.GetAttr");
  std::string name = node.kind() == c10::prim::EnumName ? "name" : "value";
  out.inputs.push_back({"name", Argument{std::move(name)}});
  finish(node, std::move(out));
}

void GraphReader::readMethodCall(const jit::Node &node, const std::string &name) {
  callMethod(*node.inputs()[0]->type(), name);
  Node out = makeNode(node, "prim.CallMethod");
  out.inputs.insert(out.inputs.begin() + 1, {"name", Argument{name}});
  // The end of a `with` that raises nothing.
  if (node.kind() == c10::prim::Exit)
    out.inputs.resize(5);
  finish(node, std::move(out));
}

absl::Status GraphReader::readCall(const jit::Node &node) {
  auto type = node.inputs()[0]->type()->cast<c10::FunctionType>();
  if (!type)
    return absl::InvalidArgumentError("a call of something that is no function");
  bind(node.inputs()[0], Argument{functionOf(*type->function())});
  finish(node, makeNode(node, "prim.CallFunction"));
  return absl::OkStatus();
}

void GraphReader::readFork(const jit::Node &node) {
  std::shared_ptr<jit::Graph> body = node.g(c10::attr::Subgraph);
  std::string name = uniqueName("fork");
  auto id = static_cast<FunctionId>(functions_.size());
  graph_.functions.push_back({name, BlockId(0), typeOf(*body->outputs().at(0)->type())});
  functions_.push_back(std::move(body));
  Node out = makeNode(node, "prim.CallFunction");
  out.inputs.insert(out.inputs.begin(), {"", Argument{id}});
  finish(node, std::move(out));
}

void GraphReader::readIsInstance(const jit::Node &node) {
  Node out = makeNode(node, "prim.isinstance");
  ArgumentList types;
  types.element = TypeKind::String;
  for (const c10::TypePtr &type : node.tys(c10::attr::types))
    types.items.push_back(Argument{pythonName(typeOf(*type))});
  out.inputs.push_back({"types", Argument{std::move(types)}});
  finish(node, std::move(out));
}

// A type as Python writes it.
std::string GraphReader::pythonName(const GraphType &type) const {
  static const std::map<TypeKind, std::string> kNames = {
      {TypeKind::Tensor, "Tensor"}, {TypeKind::Int, "int"},       {TypeKind::Float, "float"},
      {TypeKind::Bool, "bool"},     {TypeKind::String, "str"},    {TypeKind::None, "NoneType"},
      {TypeKind::List, "List"},     {TypeKind::Tuple, "Tuple"},   {TypeKind::Dict, "Dict"},
      {TypeKind::Union, "Union"},   {TypeKind::Device, "Device"}, {TypeKind::Optional, "Optional"}};
  if (type.kind == TypeKind::Object)
    return graph_.classOf(type.object).name;
  auto known = kNames.find(type.kind);
  std::string name = known == kNames.end() ? "Any" : known->second;
  for (const GraphType &parameter : type.parameters)
    name += (&parameter == type.parameters.data() ? "[" : ", ") + pythonName(parameter);
  return type.parameters.empty() ? name : name + "]";
}

// prim.If takes a condition and two blocks; prim.Loop the largest number of rounds, the condition
// of the first one, the block, and what is carried.
absl::Status GraphReader::readBlocks(const jit::Node &node, Node out) {
  size_t position = node.kind() == c10::prim::If ? 1 : 2;
  for (const jit::Block *block : node.blocks()) {
    absl::StatusOr<BlockId> id = readBlock(*block);
    if (!id.ok())
      return id.status();
    out.inputs.insert(out.inputs.begin() + static_cast<ptrdiff_t>(position++), {"", Argument{*id}});
  }
  finish(node, std::move(out));
  return absl::OkStatus();
}

void GraphReader::refuse(const jit::Node &node, const std::string &reason,
                         const std::string &hint) {
  Diagnostic diagnostic;
  diagnostic.code = "unsupported-construct";
  diagnostic.op = std::string("torch.") + node.kind().ns().toUnqualString() + "." +
                  node.kind().toUnqualString();
  diagnostic.message = diagnostic.op + " " + reason;
  diagnostic.location = locationOf(node);
  diagnostic.hint = hint;
  // What depends on this one is not reported again.
  for (const jit::Value *output : node.outputs())
    bind(output, Argument{graph_.addValue(GraphType::of(TypeKind::Any))});
  unsupported_.push_back(std::move(diagnostic));
}

void GraphReader::bind(const jit::Value *value, Argument argument) {
  bindings_[value] = std::move(argument);
}

const Argument &GraphReader::argument(const jit::Value *value) const { return bindings_.at(value); }

absl::StatusOr<Graph> readTorchScript(std::shared_ptr<const MappedBlob> blob,
                                      const Options &options, StageSink &sink) {
  absl::StatusOr<TorchScriptFile> file = TorchScriptFile::load(std::move(blob));
  if (!file.ok())
    return file.status();
  try {
    GraphReader reader(*file, options);
    absl::StatusOr<Graph> graph = reader.read();
    for (const Diagnostic &diagnostic : reader.unsupported())
      sink.diagnostic(diagnostic);
    return graph;
  } catch (const std::exception &error) {
    // libtorch reports what it finds wrong with a graph by exceptions.
    return absl::InvalidArgumentError(std::string("libtorch cannot read the module's graph: ") +
                                      error.what());
  }
}

} // namespace linalgd
