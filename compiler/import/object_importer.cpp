// Programs of several functions on objects: classes, objects and functions as the torch dialect
// spells them.
#include "compiler/import/graph_importer.h"
#include "compiler/ops/container/container.h"
#include "compiler/ops/object/object.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace linalgd {

void GraphImporter::importClasses() {
  for (const GraphClass &type : graph_.classes) {
    auto op = torch::ClassTypeOp::create(b_, type.name);
    OpBuilder::InsertionGuard guard(b_);
    b_.setInsertionPointToStart(&op.getBody().emplaceBlock());
    for (const GraphClass::Attribute &attribute : type.attributes)
      torch::AttrOp::create(b_, /*isPrivate=*/true, attribute.name,
                            convertType(context_, graph_, attribute.type));
    for (const GraphClass::Method &method : type.methods)
      torch::MethodOp::create(b_, /*isPrivate=*/&type != &graph_.classes.front(), method.name,
                              graph_.function(method.function).name);
  }
}

// An object of the module's own graph; those that it holds come first. Null after an error.
Value GraphImporter::importObject(ObjectId id) {
  if (Value known = objects_.lookup(id))
    return known;
  const GraphObject &object = graph_.object(id);
  const GraphClass &type = graph_.classOf(object.type);
  SmallVector<Value> values;
  for (auto [attribute, slot] : llvm::zip_equal(type.attributes, object.slots)) {
    Value value = typedArgument(slot, convertType(context_, graph_, attribute.type));
    if (!values.emplace_back(value))
      return {};
  }
  auto op = torch::NnModuleOp::create(b_, torch::NnModuleType::get(context_, type.name));
  OpBuilder::InsertionGuard guard(b_);
  b_.setInsertionPointToStart(&op.getBody().emplaceBlock());
  for (auto [attribute, value] : llvm::zip_equal(type.attributes, values))
    torch::SlotOp::create(b_, attribute.name, value);
  return objects_[id] = op.getResult();
}

// An object in a function, which does not see those of the module: the entry is given the root, a
// constant (a member of an enum) is made anew. Null after an error.
Value GraphImporter::objectInFunction(ObjectId id) {
  if (id == ObjectId(0))
    return self_;
  const GraphObject &object = graph_.object(id);
  const GraphClass &type = graph_.classOf(object.type);
  Value made = torch::CreateObjectOp::create(b_, torch::NnModuleType::get(context_, type.name));
  for (auto [attribute, slot] : llvm::zip_equal(type.attributes, object.slots)) {
    Value value = typedArgument(slot, convertType(context_, graph_, attribute.type));
    if (!value)
      return {};
    torch::SetAttrOp::create(b_, made, attribute.name, value);
  }
  return made;
}

// The weights that an argument mentions, and what is made of them, where they are not there yet.
// False after an error.
bool GraphImporter::importConstants(const Argument &argument) {
  std::vector<ValueId> values;
  collectValues(argument, values);
  for (ValueId value : values) {
    auto constant = constants_.find(value);
    if (constant == constants_.end() || std::exchange(constant->second.user, user_) == user_)
      continue;
    if (constant->second.weight)
      importWeight(*constant->second.weight);
    else if (!importMade(*constant->second.made))
      return false;
  }
  return true;
}

bool GraphImporter::importMade(const Node &node) {
  SmallVector<Value> operands;
  for (const NamedArgument &input : node.inputs)
    if (!importConstants(input.argument) || !operands.emplace_back(untypedArgument(input.argument)))
      return false;
  OperationState state(b_.getLoc(), "torch." + node.target, operands,
                       resultType(node.outputs.front()));
  return succeeded(bindResults(node, b_.create(state)));
}

// The constants of a function's own code.
bool GraphImporter::importConstants(const GraphBlock &block) {
  for (const Node &node : block.nodes)
    for (const NamedArgument &input : node.inputs) {
      const auto *inner = std::get_if<BlockId>(&input.argument.value);
      if (!importConstants(input.argument) || (inner && !importConstants(graph_.block(*inner))))
        return false;
    }
  return llvm::all_of(block.outputs,
                      [&](const Argument &output) { return importConstants(output); });
}

LogicalResult GraphImporter::importFunction(const GraphFunction &function) {
  OpBuilder::InsertionGuard guard(b_);
  const GraphBlock &body = graph_.block(function.body);
  SmallVector<mlir::Type> inputs;
  for (ValueId input : body.inputs)
    inputs.push_back(convertType(context_, graph_, graph_.typeOf(input)));
  mlir::Type result = convertType(context_, graph_, function.result);
  b_.setLoc(locationOf(node_));
  auto op = func::FuncOp::create(b_, function.name, b_.getFunctionType(inputs, result));
  op.setPrivate();
  Block *entry = op.addEntryBlock();
  for (auto [input, argument] : llvm::zip_equal(body.inputs, entry->getArguments()))
    values_[input] = argument;
  b_.setInsertionPointToStart(entry);
  ++user_;
  if (!importConstants(body) || failed(importNodes(body)))
    return failure();
  Value returned = coerce(typedArgument(body.outputs.front(), result), result);
  if (!returned)
    return failure();
  func::ReturnOp::create(b_, returned);
  return success();
}

LogicalResult GraphImporter::importProgram() {
  importClasses();
  isInFunction_ = false;
  for (const GraphInput &input : graph_.inputs)
    if (input.value && graph_.weights.count(input.name))
      constants_.try_emplace(*input.value, Constant{&input, nullptr});
  for (const Node &node : graph_.made)
    constants_.try_emplace(*node.outputs.front().asValue(), Constant{nullptr, &node});
  // Those that only code mentions are made there.
  for (const GraphObject &object : graph_.objects)
    for (const Argument &slot : object.slots)
      if (!importConstants(slot))
        return failure();
  Value root = importObject(ObjectId(0));
  isInFunction_ = true;
  if (!root)
    return failure();
  auto entry = func::FuncOp::create(b_, options_.entry, b_.getFunctionType({}, {}));
  OpBuilder::InsertionGuard guard(b_);
  self_ = entry.addEntryBlock()->addArgument(root.getType(), b_.getLoc());
  if (failed(importArguments(entry)) || failed(importNodes(graph_.body())))
    return failure();
  Value result = untypedArgument(graph_.body().outputs.front());
  func::ReturnOp::create(b_, result);
  entry.setType(b_.getFunctionType(entry.getBody().getArgumentTypes(), result.getType()));
  b_.setInsertionPointAfter(entry);
  for (const GraphFunction &function : graph_.functions)
    if (failed(importFunction(function)))
      return failure();
  return success();
}

//===-- nodes ---------------------------------------------------------------------------------===//

// `value` as the type that a function declares; null for null.
Value GraphImporter::coerce(Value value, mlir::Type type) {
  if (!value || value.getType() == type)
    return value;
  if (torch::isTensor(value.getType()) && torch::isTensor(type))
    return torch::TensorStaticInfoCastOp::create(b_, type, value);
  return torch::DerefineOp::create(b_, type, value);
}

std::optional<SmallVector<Value>> GraphImporter::callArguments(ArrayRef<NamedArgument> arguments,
                                                               const GraphFunction *callee) {
  SmallVector<Value> values;
  const std::vector<ValueId> *formal = callee ? &graph_.block(callee->body).inputs : nullptr;
  // A method's first argument is the object.
  size_t skipped = formal ? formal->size() - arguments.size() : 0;
  for (auto [index, argument] : llvm::enumerate(arguments)) {
    Value value;
    if (formal) {
      mlir::Type type = convertType(context_, graph_, graph_.typeOf((*formal)[index + skipped]));
      value = coerce(typedArgument(argument.argument, type), type);
    } else {
      value = untypedArgument(argument.argument);
    }
    if (!values.emplace_back(value))
      return std::nullopt;
  }
  return values;
}

// The function behind a method, where the class of the object says so.
const GraphFunction *GraphImporter::methodOf(mlir::Type receiver, StringRef name) {
  auto object = cast<torch::NnModuleType>(receiver);
  for (const GraphClass &type : graph_.classes)
    if (type.name == object.getClassName())
      for (const GraphClass::Method &method : type.methods)
        if (method.name == name)
          return &graph_.function(method.function);
  return nullptr;
}

LogicalResult GraphImporter::importObjectNode(const Node &node) {
  SmallVector<mlir::Type> types;
  for (const Argument &output : node.outputs)
    types.push_back(resultType(output));
  ArrayRef<NamedArgument> inputs(node.inputs);
  if (node.target == "prim.CreateObject")
    return bindResults(node, torch::CreateObjectOp::create(b_, types[0]));
  if (node.target == "prim.CallFunction") {
    const GraphFunction &callee = graph_.function(std::get<FunctionId>(inputs[0].argument.value));
    auto arguments = callArguments(inputs.drop_front(), &callee);
    return arguments ? bindResults(node, func::CallOp::create(b_, callee.name, types, *arguments))
                     : failure();
  }
  Value receiver = untypedArgument(inputs[0].argument);
  if (!receiver)
    return failure();
  const auto &name = std::get<std::string>(inputs[1].argument.value);
  if (node.target == "prim.GetAttr")
    return bindResults(node, torch::GetAttrOp::create(b_, types[0], receiver, name));
  if (node.target == "prim.SetAttr") {
    Value value = untypedArgument(inputs[2].argument);
    if (!value)
      return failure();
    torch::SetAttrOp::create(b_, receiver, name, value);
    return success();
  }
  auto arguments = callArguments(inputs.drop_front(2), methodOf(receiver.getType(), name));
  return arguments ? bindResults(node, torch::CallMethodOp::create(b_, types[0], receiver, name,
                                                                   *arguments))
                   : failure();
}

LogicalResult GraphImporter::importDict(const Node &node) {
  SmallVector<Value> keys, values;
  for (auto [index, input] : llvm::enumerate(node.inputs))
    if (!(index % 2 ? values : keys).emplace_back(untypedArgument(input.argument)))
      return failure();
  return bindResults(node,
                     torch::DictConstructOp::create(b_, resultType(node.outputs[0]), keys, values));
}

} // namespace linalgd
