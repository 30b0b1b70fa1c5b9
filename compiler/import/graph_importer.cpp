#include "compiler/import/graph_importer.h"
#include "compiler/import/text.h"

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Verifier.h"

#include <limits>

using namespace mlir;

namespace linalgd {

GraphImporter::GraphImporter(const ImportedModel &model, const Options &options,
                             const SourceMap &sourceMap, MLIRContext &context)
    : model_(model), graph_(model.graph), options_(options), sourceMap_(sourceMap),
      context_(&context), b_(UnknownLoc::get(&context), &context),
      state_(model.graph.isProgram() ? std::vector<WrittenState>() : writtenState(model.graph)) {}

Location GraphImporter::locationOf(size_t node) {
  return makeLocation(context_, node, options_, sourceMap_);
}

OwningOpRef<ModuleOp> GraphImporter::run() {
  OwningOpRef<ModuleOp> module = ModuleOp::create(b_.getLoc());
  b_.setInsertionPointToStart(module->getBody());
  if (graph_.isProgram())
    return succeeded(importProgram()) && succeeded(verify(*module)) ? std::move(module) : nullptr;
  auto function = func::FuncOp::create(b_, options_.entry, b_.getFunctionType({}, {}));
  if (failed(importArguments(function)))
    return nullptr;
  importWeights();
  if (failed(importNodes(graph_.body())) || failed(importOutputs()) || failed(verify(*module)))
    return nullptr;
  return module;
}

LogicalResult GraphImporter::importArguments(func::FuncOp function) {
  Block *entry = function.empty() ? function.addEntryBlock() : &function.front();
  std::vector<const GraphInput *> arguments = functionArguments(graph_);
  for (const GraphInput *input : arguments)
    values_[*input->value] = entry->addArgument(
        convertType(context_, graph_, graph_.typeOf(*input->value)), b_.getLoc());
  b_.setInsertionPointToStart(entry);
  SmallVector<Attribute> state;
  for (const WrittenState &written : state_) {
    auto index = llvm::find(arguments, written.input) - arguments.begin();
    if (static_cast<size_t>(index) < arguments.size())
      state.push_back(b_.getI64IntegerAttr(index));
    else
      state.push_back(b_.getStringAttr(written.input->name));
  }
  if (!state.empty())
    function->setAttr(torch::kStateAttr, b_.getArrayAttr(state));
  bindSymbolicShapes();
  return success();
}

namespace {

// A size as an affine expression over the symbols that `positions` numbers; null where it is none.
AffineExpr makeAffine(MLIRContext *context, const Expression &expression,
                      llvm::MapVector<uint32_t, unsigned> &positions) {
  switch (expression.kind) {
  case Expression::Kind::Integer:
    return getAffineConstantExpr(expression.integer, context);
  case Expression::Kind::Symbol: {
    auto position = positions.insert({expression.symbol, positions.size()}).first;
    return getAffineSymbolExpr(position->second, context);
  }
  case Expression::Kind::Call:
    break;
  default:
    return {};
  }
  AffineExpr result;
  for (const ExpressionPtr &argument : expression.arguments) {
    AffineExpr next = makeAffine(context, *argument, positions);
    if (!next)
      return {};
    if (!result)
      result = next;
    else if (expression.callee == "Add")
      result = result + next;
    else if (expression.callee == "Mul" &&
             (isa<AffineConstantExpr>(result) || isa<AffineConstantExpr>(next)))
      result = result * next;
    else if (expression.callee == "FloorDiv" && isa<AffineConstantExpr>(next))
      result = result.floorDiv(next);
    else
      return {};
  }
  return result;
}

} // namespace

void GraphImporter::bindSymbolicShapes() {
  llvm::DenseMap<uint32_t, Value> symbols;
  auto symbolValue = [&](uint32_t index) {
    Value &value = symbols[index];
    const GraphSymbol &symbol = graph_.symbols[index];
    if (!value)
      value = torch::SymbolicIntOp::create(
          b_, b_.getStringAttr(symbol.name), b_.getI64IntegerAttr(symbol.min),
          b_.getI64IntegerAttr(symbol.max.value_or(std::numeric_limits<int64_t>::max())));
    return value;
  };
  struct Binding {
    Value tensor;
    SmallVector<AffineExpr> sizes;
    llvm::MapVector<uint32_t, unsigned> positions;
  };
  SmallVector<Binding> bindings;
  for (const GraphInput *input : functionArguments(graph_)) {
    Binding binding;
    for (const Dimension &size : graph_.typeOf(*input->value).tensor.sizes) {
      const auto *fixed = std::get_if<int64_t>(&size);
      binding.sizes.push_back(
          fixed ? getAffineConstantExpr(*fixed, context_)
                : makeAffine(context_, *std::get<ExpressionPtr>(size), binding.positions));
    }
    binding.tensor = valueOf(*input->value);
    if (!binding.positions.empty() && !llvm::is_contained(binding.sizes, AffineExpr()))
      bindings.push_back(std::move(binding));
  }
  for (const Binding &binding : bindings)
    for (auto [symbol, position] : binding.positions)
      symbolValue(symbol);
  for (const Binding &binding : bindings) {
    SmallVector<Value> operands;
    for (auto [symbol, position] : binding.positions)
      operands.push_back(symbolValue(symbol));
    auto map = AffineMap::get(0, operands.size(), binding.sizes, context_);
    // torch-mlir states sizes of value tensors only.
    auto type = cast<torch::BaseTensorType>(binding.tensor.getType());
    Value value = torch::CopyToValueTensorOp::create(b_, type.asValue(), binding.tensor);
    torch::BindSymbolicShapeOp::create(b_, value, operands, map);
  }
}

void GraphImporter::importWeights() {
  for (const UsedWeight &used : usedWeights(graph_)) {
    b_.setLoc(locationOf(used.firstUser));
    importWeight(*used.input);
  }
}

void GraphImporter::importWeight(const GraphInput &weight) {
  values_[*weight.value] = torch::TensorLiteralOp::create(
      b_, convertType(context_, graph_, graph_.typeOf(*weight.value)),
      makeWeightData(context_, model_, graph_.weights.at(weight.name)));
}

Type GraphImporter::resultType(const Argument &output) {
  if (const ValueId *value = output.asValue())
    return convertType(context_, graph_, graph_.typeOf(*value));
  if (const auto *list = std::get_if<ArgumentList>(&output.value)) {
    switch (list->element) {
    case TypeKind::Int:
      return torch::ListType::get(b_.getType<torch::IntType>());
    case TypeKind::Float:
      return torch::ListType::get(b_.getType<torch::FloatType>());
    case TypeKind::Bool:
      return torch::ListType::get(b_.getType<torch::BoolType>());
    default:
      return torch::ListType::get(
          torch::NonValueTensorType::get(context_, false, ArrayRef<int64_t>(), Type()));
    }
  }
  return b_.getType<torch::NoneType>();
}

LogicalResult GraphImporter::importNodes(const GraphBlock &block) {
  for (const Node &node : block.nodes) {
    b_.setLoc(locationOf(node_++));
    if (failed(importNode(node)))
      return failure();
  }
  return success();
}

LogicalResult GraphImporter::importNode(const Node &node) {
  if (node.target == "prim.If")
    return importIf(node);
  if (node.target == "prim.Loop")
    return importLoop(node);
  if (node.target == "prim.DictConstruct")
    return importDict(node);
  if (llvm::is_contained({"prim.GetAttr", "prim.SetAttr", "prim.CallMethod", "prim.CallFunction",
                          "prim.CreateObject"},
                         StringRef(node.target)))
    return importObjectNode(node);
  std::vector<BlockId> blocks;
  for (const NamedArgument &input : node.inputs)
    collectBlocks(input.argument, blocks);
  if (!blocks.empty())
    return emitError(b_.getLoc()) << "unsupported op 'torch." << node.target
                                  << "': control flow cannot be compiled yet";
  const torch::OpSchema *schema = schemaFor(node);
  auto operands = arguments(node, schema);
  if (!operands)
    return failure();
  SmallVector<Type> types;
  for (const Argument &output : node.outputs)
    types.push_back(resultType(output));

  std::string target =
      schema ? schema->name.str() : resolvePythonOperator(b_, node.target, *operands);
  if (!schema)
    schema = torch::lookupSchema(target);
  std::string name = concat("torch.", target);
  // Of TorchScript's own ops, some belong to the dialect without being a PyTorch operator.
  // To the peers an unchecked cast narrows.
  if (target == "prim.unchecked_cast" && isa<torch::AnyType>(types.front()))
    return bindResults(node, torch::DerefineOp::create(b_, types.front(), operands->front()));
  bool isStructural = !schema && node.target.starts_with("prim.") &&
                      RegisteredOperationName::lookup(name, context_);
  if (isStructural || (schema && schema->results.size() == types.size())) {
    OperationState state(b_.getLoc(), name, *operands, types);
    return bindResults(node, b_.create(state));
  }
  return bindResults(node, torch::OperatorOp::create(b_, types, name, *operands));
}

LogicalResult GraphImporter::bindResults(const Node &node, Operation *op) {
  for (auto [output, result] : llvm::zip_equal(node.outputs, op->getResults())) {
    if (const ValueId *value = output.asValue()) {
      values_[*value] = result;
      continue;
    }
    const auto *list = std::get_if<ArgumentList>(&output.value);
    if (!list || list->items.empty())
      continue;
    SmallVector<Type> types;
    for (const Argument &item : list->items)
      types.push_back(resultType(item));
    auto unpack = torch::ListUnpackOp::create(b_, types, result);
    for (auto [item, element] : llvm::zip_equal(list->items, unpack.getResults()))
      if (const ValueId *value = item.asValue())
        values_[*value] = element;
  }
  return success();
}

LogicalResult GraphImporter::checkOutput(const GraphOutput &output) {
  if (std::holds_alternative<ArgumentList>(output.value.value))
    return emitError(b_.getLoc()) << "a result of the model is a list that is no pytree";
  return success();
}

LogicalResult GraphImporter::importOutputs() {
  b_.setLoc(locationOf(node_ ? node_ - 1 : 0));
  SmallVector<Value> results;
  for (const GraphOutput &output : graph_.outputs) {
    if (failed(checkOutput(output)))
      return failure();
    const ValueId *value = output.value.asValue();
    if (output.kind == GraphOutput::Kind::User) {
      if (value && !passedThrough(graph_, output, state_))
        results.push_back(valueOf(*value));
      continue;
    }
    for (const GraphInput &input : graph_.inputs)
      if (input.name == output.target && input.value && value)
        torch::OverwriteTensorContentsOp::create(b_, valueOf(*value), valueOf(*input.value));
  }
  func::ReturnOp::create(b_, results);
  auto function = cast<func::FuncOp>(b_.getInsertionBlock()->getParentOp());
  function.setType(
      b_.getFunctionType(function.getBody().getArgumentTypes(), TypeRange(ValueRange(results))));
  return success();
}

OwningOpRef<ModuleOp> importGraph(const ImportedModel &model, const Options &options,
                                  const SourceMap &sourceMap, MLIRContext &context) {
  context.loadDialect<torch::TorchDialect, func::FuncDialect>();
  return GraphImporter(model, options, sourceMap, context).run();
}

} // namespace linalgd
