#include "compiler/pipeline/infer_outputs.h"
#include "compiler/dialect/torch.h"
#include "compiler/import/importer.h"
#include "compiler/import/usage.h"
#include "compiler/passes/passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"

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

} // namespace

void inferOutputTypes(ImportedModel &model, const Options &options) {
  Graph &graph = model.graph;
  std::vector<ValueId> values = returnedValues(graph);
  if (llvm::all_of(values, [&](ValueId value) { return isKnown(graph.typeOf(value)); }))
    return;
  MLIRContext context(MLIRContext::Threading::DISABLED);
  // What is wrong is reported by the compile itself.
  ScopedDiagnosticHandler quiet(&context, [](mlir::Diagnostic &) { return success(); });
  OwningOpRef<ModuleOp> module = importGraph(model, options, {}, context);
  if (!module)
    return;
  PassManager pm(&context);
  pm.addPass(createSimplifyControlPass());
  pm.addPass(createFunctionalizePass());
  pm.addPass(createInferTypesPass());
  // Some types follow only from the simpler ops: those of a list's elements.
  pm.addPass(createDecomposePass(options.keepOps));
  if (failed(pm.run(*module)))
    return;
  auto function = *module->getOps<func::FuncOp>().begin();
  for (auto [value, type] : llvm::zip(values, function.getResultTypes().take_front(values.size())))
    refine(graph, value, type);
}

} // namespace linalgd
