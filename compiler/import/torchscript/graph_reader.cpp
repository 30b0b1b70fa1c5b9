#include "compiler/import/torchscript/graph_reader.h"

#include "compiler/import/pt2_weights.h"
#include "compiler/import/source_map.h"
#include "compiler/import/torchscript/inputs.h"
#include "compiler/import/torchscript/torchscript.h"
#include "compiler/import/torchscript/types.h"

#include "llvm/ADT/STLExtras.h"

#include <torch/csrc/jit/passes/inliner.h>

#include <charconv>
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

// Whether the program writes to a list or dict: it is then an object, not just its elements.
bool isWrittenTo(const jit::Value &container) {
  for (const jit::Use &use : container.uses()) {
    switch (use.user->kind()) {
    case c10::prim::If:
    case c10::prim::Loop:
    case c10::prim::Return:
      // What a block gives back may be written to under its other name.
      if (use.user->kind() != c10::prim::Return || use.user->owningBlock()->owningNode())
        return true;
      continue;
    default:
      break;
    }
    const c10::FunctionSchema *schema = use.user->maybeSchema();
    if (!schema || use.offset >= schema->arguments().size())
      continue;
    const c10::AliasInfo *alias = schema->arguments()[use.offset].alias_info();
    if (alias && alias->isWrite())
      return true;
  }
  return false;
}

} // namespace

absl::StatusOr<Graph> GraphReader::read() {
  std::shared_ptr<jit::Graph> source;
  if (!file_.module().find_method("forward"))
    return absl::InvalidArgumentError("the TorchScript module has no method 'forward'");
  source = file_.module().get_method("forward").graph()->copy();
  jit::Inline(*source);

  graph_.blocks.emplace_back();
  if (absl::Status status = readInputs(*source); !status.ok())
    return status;
  if (absl::Status status = readNodes(*source->block()); !status.ok())
    return status;
  if (!unsupported_.empty())
    return absl::UnimplementedError("the TorchScript module holds " +
                                    std::to_string(unsupported_.size()) +
                                    " constructs that linalgd cannot import yet, the first one: " +
                                    unsupported_.front().message);
  if (absl::Status status = readOutputs(*source); !status.ok())
    return status;
  graph_.inputs.insert(graph_.inputs.begin(), weightInputs_.begin(), weightInputs_.end());
  return std::move(graph_);
}

absl::Status GraphReader::readInputs(const jit::Graph &graph) {
  Binding &self = bindings_[graph.inputs()[0]];
  self.isModule = true;
  self.object = file_.module()._ivalue();
  auto constantOf = [this](const c10::IValue &value, const std::string &name) {
    return constant(value, name, GraphInput::Kind::TensorConstant);
  };
  const c10::FunctionSchema &forward = file_.module().get_method("forward").function().getSchema();
  auto arguments = linalgd::readInputs(forward, options_.inputs, constantOf, graph_);
  if (!arguments.ok())
    return arguments.status();
  for (size_t i = 0; i < arguments->size(); ++i)
    bind(graph.inputs()[i + 1], (*arguments)[i]);
  return absl::OkStatus();
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
    return readAttribute(node);
  case c10::prim::If:
    return readIf(node);
  case c10::prim::Loop:
    return readLoop(node);
  case c10::prim::ListConstruct:
    if (isWrittenTo(*node.output()))
      return readOperator(node);
    [[fallthrough]];
  case c10::prim::TupleConstruct:
    readList(node);
    return absl::OkStatus();
  case c10::prim::DictConstruct:
    if (isWrittenTo(*node.output()))
      return readOperator(node);
    readDict(node);
    return absl::OkStatus();
  case c10::prim::ListUnpack:
  case c10::prim::TupleUnpack:
    readUnpack(node);
    return absl::OkStatus();
  case c10::prim::TupleIndex:
    readTupleIndex(node);
    return absl::OkStatus();
  case c10::prim::unchecked_cast:
    readCast(node);
    return absl::OkStatus();
  case c10::aten::__getitem__:
    if (readDictItem(node))
      return absl::OkStatus();
    return readOperator(node);
  default:
    return readOperator(node);
  }
}

absl::Status GraphReader::readConstant(const jit::Node &node) {
  if (!node.output()->hasUses()) // a function that was inlined
    return absl::OkStatus();
  std::optional<c10::IValue> value = jit::toIValue(node.output());
  if (!value) {
    refuse(node, "a constant of type " + node.output()->type()->str());
    return absl::OkStatus();
  }
  std::string slot = "constant" + std::to_string(numTensorConstants_);
  absl::StatusOr<Argument> argument = constant(*value, slot, GraphInput::Kind::TensorConstant);
  if (!argument.ok())
    return argument.status();
  numTensorConstants_ += value->isTensor();
  bind(node.output(), *std::move(argument));
  return absl::OkStatus();
}

absl::Status GraphReader::readAttribute(const jit::Node &node) {
  const Binding &owner = bindings_.at(node.input());
  if (!owner.isModule) {
    refuse(node, "reads an attribute of something that is not a module");
    return absl::OkStatus();
  }
  const std::string &name = node.s(c10::attr::name);
  auto object = owner.object.toObject();
  size_t slot = object->type()->getAttributeSlot(name);
  c10::IValue value = object->getSlot(slot);
  std::string path = owner.module.empty() ? name : owner.module + "." + name;
  if (value.isObject() && value.toObject()->type()->is_module()) {
    Binding &binding = bindings_[node.output()];
    binding.isModule = true;
    binding.module = std::move(path);
    binding.object = std::move(value);
    return absl::OkStatus();
  }
  GraphInput::Kind kind =
      object->type()->is_parameter(slot) ? GraphInput::Kind::Parameter : GraphInput::Kind::Buffer;
  absl::StatusOr<Argument> argument = constant(value, path, kind);
  if (!argument.ok())
    return argument.status();
  bind(node.output(), *std::move(argument));
  return absl::OkStatus();
}

void GraphReader::readList(const jit::Node &node) {
  ArgumentList list;
  if (node.kind() == c10::prim::ListConstruct)
    list.element = elementKind(*node.output()->type());
  for (const jit::Value *input : node.inputs())
    list.items.push_back(argument(input));
  bind(node.output(), Argument{std::move(list)});
}

void GraphReader::readDict(const jit::Node &node) {
  ArgumentDict dict;
  for (size_t i = 0; i + 1 < node.inputs().size(); i += 2) {
    const auto *key = std::get_if<std::string>(&argument(node.inputs()[i]).value);
    if (!key)
      return refuse(node, "a dict whose keys are not strings");
    dict.keys.push_back(*key);
    dict.items.push_back(argument(node.inputs()[i + 1]));
  }
  bind(node.output(), Argument{std::move(dict)});
}

// An item of a dict that is known, such as an input; false where it is not.
bool GraphReader::readDictItem(const jit::Node &node) {
  const auto *dict = std::get_if<ArgumentDict>(&argument(node.inputs()[0]).value);
  const auto *key = std::get_if<std::string>(&argument(node.inputs()[1]).value);
  if (!dict || !key)
    return false;
  auto found = llvm::find(dict->keys, *key);
  if (found == dict->keys.end())
    return false;
  bind(node.output(), Argument(dict->items[static_cast<size_t>(found - dict->keys.begin())]));
  return true;
}

absl::Status GraphReader::readOperator(const jit::Node &node) {
  const c10::FunctionSchema *schema = node.maybeSchema();
  if (!node.blocks().empty()) {
    refuse(node, "is control flow of a kind that linalgd does not know");
    return absl::OkStatus();
  }
  Node out;
  out.target = std::string(node.kind().ns().toUnqualString()) + "." + node.kind().toUnqualString();
  if (schema && !schema->overload_name().empty())
    out.target += "." + schema->overload_name();
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    auto bound = bindings_.find(node.inputs()[i]);
    if (bound == bindings_.end() || bound->second.isModule) {
      refuse(node, "uses a value that could not be imported");
      return absl::OkStatus();
    }
    std::string name =
        schema && i < schema->arguments().size() ? schema->arguments()[i].name() : "";
    out.inputs.push_back({std::move(name), bound->second.argument});
  }
  for (const jit::Value *value : node.outputs()) {
    Argument output = result(*value);
    bind(value, output);
    out.outputs.push_back(std::move(output));
  }
  out.source = location(node);
  graph_.block(block_).nodes.push_back(std::move(out));
  return absl::OkStatus();
}

// The values that an operator gives back. A list is unpacked where the graph says how long it is.
Argument GraphReader::result(const jit::Value &value) {
  GraphType type = graphType(*value.type());
  if (type.kind == TypeKind::List)
    for (const jit::Use &use : value.uses())
      if (use.user->kind() == c10::prim::ListUnpack) {
        ArgumentList list;
        list.element = type.parameters[0].kind;
        for (size_t i = 0; i < use.user->outputs().size(); ++i)
          list.items.push_back(Argument{graph_.addValue(type.parameters[0])});
        return Argument{std::move(list)};
      }
  return Argument{graph_.addValue(std::move(type))};
}

absl::Status GraphReader::readOutputs(const jit::Graph &graph) {
  std::vector<Argument> leaves;
  const jit::Value *value = graph.outputs()[0];
  absl::StatusOr<std::string> tree =
      flatten(unpacked(argument(value), *value->type()), *value->type(), leaves);
  if (!tree.ok())
    return tree.status();
  graph_.outSpec = treeSpec(*tree);
  for (Argument &leaf : leaves)
    graph_.outputs.push_back({GraphOutput::Kind::User, std::move(leaf), ""});
  return absl::OkStatus();
}

absl::StatusOr<Argument> GraphReader::weight(const at::Tensor &tensor, const std::string &slot,
                                             GraphInput::Kind kind) {
  if (auto known = weights_.find(slot); known != weights_.end())
    return Argument{known->second};
  std::optional<DType> dtype = dtypeFromScalarType(static_cast<int64_t>(tensor.scalar_type()));
  if (!dtype || tensor.layout() != c10::kStrided || tensor.is_quantized())
    return absl::UnimplementedError("weight '" + slot + "' is no plain dense tensor (" +
                                    tensor.toString() + ")");
  std::optional<FileRange> range = file_.find(tensor);
  if (!range)
    return absl::UnimplementedError(
        "weight '" + slot +
        "' was computed while loading and is not in the file; save the module again "
        "after loading it");
  Pt2TensorMeta meta{*dtype, tensor.sizes().vec(), tensor.strides().vec(), tensor.storage_offset()};
  if (std::string problem = storageProblem(meta, range->size); !problem.empty())
    return absl::InvalidArgumentError("weight '" + slot + "': " + problem);
  Weight weight;
  weight.slot = slot;
  weight.dtype = *dtype;
  weight.shape = tensor.sizes().vec();
  weight.strides = tensor.strides().vec();
  weight.offset = range->offset;
  weight.storageBytes = range->size;
  weight.storageOffset = static_cast<uint64_t>(tensor.storage_offset()) * tensor.element_size();
  weight.inlined = kind == GraphInput::Kind::TensorConstant && tensor.nbytes() <= kMaxInlinedBytes;

  TensorType type;
  type.dtype = dtype;
  for (int64_t size : weight.shape)
    type.sizes.emplace_back(size);
  ValueId value = graph_.addValue(GraphType::of(std::move(type)));
  weights_.emplace(slot, value);
  graph_.weights.emplace(slot, std::move(weight));
  weightInputs_.push_back({kind, slot, value, {}});
  return Argument{value};
}

absl::StatusOr<Argument> GraphReader::constant(const c10::IValue &value, const std::string &slot,
                                               GraphInput::Kind kind) {
  if (value.isTensor())
    return value.toTensor().defined() ? weight(value.toTensor(), slot, kind)
                                      : absl::StatusOr<Argument>(Argument{});
  if (value.isNone())
    return Argument{};
  if (value.isBool())
    return Argument{value.toBool()};
  if (value.isInt())
    return Argument{value.toInt()};
  if (value.isDouble())
    return Argument{value.toDouble()};
  if (value.isComplexDouble())
    return Argument{std::complex<double>(value.toComplexDouble())};
  if (value.isString())
    return Argument{value.toStringRef()};
  if (value.isDevice())
    return Argument{DeviceName{value.toDevice().str()}};
  if (value.isList() || value.isTuple()) {
    ArgumentList list;
    if (value.isList())
      list.element = elementKind(*value.type());
    std::vector<c10::IValue> items =
        value.isList() ? value.toListRef().vec() : value.toTupleRef().elements().vec();
    for (size_t i = 0; i < items.size(); ++i) {
      absl::StatusOr<Argument> item = constant(items[i], slot + "." + std::to_string(i), kind);
      if (!item.ok())
        return item.status();
      list.items.push_back(*std::move(item));
    }
    return Argument{std::move(list)};
  }
  return absl::UnimplementedError("'" + slot + "' is a " + value.tagKind() +
                                  ", which linalgd cannot import yet");
}

void GraphReader::refuse(const jit::Node &node, const std::string &reason) {
  Diagnostic diagnostic;
  diagnostic.code = "unsupported-construct";
  diagnostic.op = std::string("torch.") + node.kind().ns().toUnqualString() + "." +
                  node.kind().toUnqualString();
  diagnostic.message = diagnostic.op + " " + reason;
  diagnostic.location = location(node);
  diagnostic.hint = "trace the module with torch.jit.trace, or export it with torch.export";
  // A value that depends on this one is not reported again.
  for (const jit::Value *output : node.outputs())
    bind(output, Argument{graph_.addValue(GraphType::of(TypeKind::Any))});
  unsupported_.push_back(std::move(diagnostic));
}

void GraphReader::bind(const jit::Value *value, Argument argument) {
  bindings_[value].argument = std::move(argument);
}

const Argument &GraphReader::argument(const jit::Value *value) const {
  return bindings_.at(value).argument;
}

SourceLocation GraphReader::location(const jit::Node &node) const {
  SourceLocation location;
  if (auto range = node.sourceRange().findSourceRangeThatGenerated(); range && range->source()) {
    location = tracedUserFrame(std::string(range->source()->text_str().str()));
    // A scripted module's range is in the Python source itself.
    auto place = range->file_line_col();
    if (location.file.empty() && place && isUserFile(std::get<0>(*place))) {
      location.file = std::get<0>(*place);
      location.line = static_cast<uint32_t>(std::get<1>(*place));
    }
  }
  if (!node.callstack())
    return location;
  for (const auto &call : (*node.callstack())->vec())
    if (const auto &instance = std::get<2>(call); instance && !instance->instance_name().empty())
      location.module += (location.module.empty() ? "" : ".") + instance->instance_name();
  return location;
}

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
