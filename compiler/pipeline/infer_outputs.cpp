#include "compiler/pipeline/infer_outputs.h"
#include "compiler/dialect/torch.h"
#include "compiler/import/importer.h"
#include "compiler/import/pytree.h"
#include "compiler/import/usage.h"
#include "compiler/passes/passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace linalgd {
namespace {

bool isKnown(const GraphType &type) {
  return type.kind != TypeKind::Tensor || (type.tensor.dtype && type.tensor.ranked);
}

// The values that the function returns for the model's own outputs.
std::vector<ValueId> returnedValues(const Graph &graph) {
  std::vector<WrittenState> state = writtenState(graph);
  std::vector<ValueId> values;
  for (const GraphOutput &output : graph.outputs)
    if (const ValueId *value = output.value.asValue();
        value && output.kind == GraphOutput::Kind::User && !passedThrough(graph, output, state))
      values.push_back(*value);
  return values;
}

void refine(Graph &graph, ValueId value, mlir::Type type) {
  auto tensor = dyn_cast<torch::BaseTensorType>(type);
  TensorType &known = graph.values[static_cast<size_t>(value)].type.tensor;
  if (!tensor)
    return;
  if (!known.dtype && tensor.hasDtype())
    if (std::optional<int64_t> code = torch::scalarKindFromDtype(tensor.getDtype()))
      known.dtype = dtypeFromScalarType(*code);
  if (known.ranked || !tensor.hasSizes())
    return;
  known.ranked = true;
  for (int64_t size : tensor.getSizes()) {
    if (!ShapedType::isDynamic(size)) {
      known.sizes.emplace_back(size);
      continue;
    }
    auto symbol = std::make_shared<Expression>();
    symbol->kind = Expression::Kind::Symbol;
    symbol->symbol = static_cast<uint32_t>(graph.symbols.size());
    size_t unbacked = llvm::count_if(
        graph.symbols, [](const GraphSymbol &known) { return known.name.starts_with("u"); });
    graph.symbols.push_back({"u" + std::to_string(unbacked), 0, std::nullopt});
    known.sizes.emplace_back(std::move(symbol));
  }
}

// Fills in what a program's function says of its outputs, state and slots.
class InterfaceFinder {
public:
  InterfaceFinder(Graph &graph, func::FuncOp function) : graph_(graph), function_(function) {}

  void run();

private:
  std::string describe(DictionaryAttr output);
  Argument constant(Attribute value);
  Argument result(mlir::Type type);

  Graph &graph_;
  func::FuncOp function_;
};

Argument InterfaceFinder::constant(Attribute value) {
  if (auto boolean = dyn_cast<BoolAttr>(value))
    return Argument{boolean.getValue()};
  if (auto integer = dyn_cast<IntegerAttr>(value))
    return Argument{integer.getInt()};
  if (auto real = dyn_cast<FloatAttr>(value))
    return Argument{real.getValueAsDouble()};
  if (auto text = dyn_cast<StringAttr>(value))
    return Argument{text.str()};
  return {};
}

Argument InterfaceFinder::result(mlir::Type type) {
  GraphType known = GraphType::of(isa<torch::IntType>(type)     ? TypeKind::Int
                                  : isa<torch::FloatType>(type) ? TypeKind::Float
                                  : isa<torch::BoolType>(type)  ? TypeKind::Bool
                                                                : TypeKind::Tensor);
  known.tensor.dtype = std::nullopt;
  known.tensor.ranked = false;
  ValueId value = graph_.addValue(std::move(known));
  refine(graph_, value, type);
  return Argument{value};
}

// Appends the leaves of an output; its spec.
std::string InterfaceFinder::describe(DictionaryAttr output) {
  for (StringRef kind : {"tuple", "list", "values"})
    if (auto items = output.getAs<ArrayAttr>(kind)) {
      std::vector<std::string> children, keys;
      for (auto item : items.getAsRange<DictionaryAttr>())
        children.push_back(describe(item));
      if (kind != "values")
        return kind == "tuple" ? tupleSpec(children) : listSpec(children);
      for (auto key : output.getAs<ArrayAttr>("keys").getAsRange<DictionaryAttr>()) {
        Argument name = constant(key.get("constant"));
        const auto *text = std::get_if<std::string>(&name.value);
        keys.push_back(text ? *text : std::to_string(std::get<int64_t>(name.value)));
      }
      return dictSpec(keys, children);
    }
  Argument leaf;
  if (auto index = output.getAs<IntegerAttr>("result"))
    leaf = result(function_.getResultTypes()[index.getInt()]);
  else if (auto index = output.getAs<IntegerAttr>("input"))
    leaf = Argument{*functionArguments(graph_)[index.getInt()]->value};
  else if (Attribute value = output.get("constant"))
    leaf = constant(value);
  graph_.outputs.push_back({GraphOutput::Kind::User, std::move(leaf), ""});
  return leafSpec();
}

void InterfaceFinder::run() {
  auto outputs = function_->getAttrOfType<ArrayAttr>(kOutputsAttr);
  if (outputs.size() == 1)
    graph_.outSpec = treeSpec(describe(cast<DictionaryAttr>(outputs[0])));
  ProgramInterface interface;
  for (unsigned i = 0; i < function_.getNumResults(); ++i) {
    if (auto slot = function_.getResultAttrOfType<StringAttr>(i, kStateSlotAttr))
      interface.state.push_back(slot.str());
    if (auto index = function_.getResultAttrOfType<IntegerAttr>(i, kStateInputAttr))
      interface.state.push_back(functionArguments(graph_)[index.getInt()]->name);
  }
  llvm::StringSet<> seen;
  function_.walk([&](torch::ValueTensorLiteralOp literal) {
    auto data = dyn_cast<DenseResourceElementsAttr>(literal.getValue());
    if (data && seen.insert(data.getRawHandle().getKey()).second)
      interface.slots.push_back(data.getRawHandle().getKey().str());
  });
  // The new value of a slot that is only written is one of its own.
  for (const std::string &name : interface.state)
    if (graph_.weights.count(name) && seen.insert(name).second)
      interface.slots.push_back(name);
  graph_.interface = std::move(interface);
}

} // namespace

void inferOutputTypes(ImportedModel &model, const Options &options) {
  Graph &graph = model.graph;
  std::vector<ValueId> values = returnedValues(graph);
  if (!graph.isProgram() &&
      llvm::all_of(values, [&](ValueId value) { return isKnown(graph.typeOf(value)); }))
    return;
  MLIRContext context(MLIRContext::Threading::DISABLED);
  // What is wrong is reported by the compile itself.
  ScopedDiagnosticHandler quiet(&context, [](mlir::Diagnostic &) { return success(); });
  OwningOpRef<ModuleOp> module = importGraph(model, options, {}, context);
  if (!module)
    return;
  PassManager pm(&context);
  addContractPasses(pm, options.keepOps);
  if (failed(pm.run(*module)))
    return;
  auto function = *module->getOps<func::FuncOp>().begin();
  if (graph.isProgram())
    return InterfaceFinder(graph, function).run();
  for (auto [value, type] : llvm::zip(values, function.getResultTypes().take_front(values.size())))
    refine(graph, value, type);
}

} // namespace linalgd
