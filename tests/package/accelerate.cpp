// Imports a model, brings it to the `torch` stage by linalgd's passes, and runs a pass of its own:
// counts the linear layers, and hands each relu to a function of an accelerator.
#include "compiler/dialect/torch.h"
#include "compiler/ops/elementwise/elementwise.h"
#include "compiler/passes/passes.h"
#include "linalgd-c/import.h"

#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Support.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace {

struct Accelerate : PassWrapper<Accelerate, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Accelerate)

  StringRef getArgument() const override { return "accelerate"; }

  void runOnOperation() override {
    size_t linears = 0;
    std::vector<linalgd::torch::ReluOp> relus;
    getOperation().walk([&](Operation *op) {
      linears += linalgd::torch::getQualifiedName(op) == "aten.linear";
      if (auto relu = dyn_cast<linalgd::torch::ReluOp>(op))
        relus.push_back(relu);
    });
    for (linalgd::torch::ReluOp relu : relus)
      replace(relu);
    llvm::outs() << "linear layers: " << linears << ", relus: " << relus.size() << "\n";
  }

  void replace(linalgd::torch::ReluOp relu) {
    auto type = cast<linalgd::torch::ValueTensorType>(relu.getType());
    OpBuilder builder(relu);
    auto call = func::CallOp::create(builder, relu.getLoc(), functionOf(type), relu.getSelf());
    relu.replaceAllUsesWith(call.getResult(0));
    relu.erase();
  }

  // One declaration for all tensors of a type.
  func::FuncOp functionOf(Type type) {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.isDeclaration() && function.getArgumentTypes().front() == type)
        return function;
    OpBuilder builder = OpBuilder::atBlockBegin(getOperation().getBody());
    auto function = func::FuncOp::create(builder, getOperation().getLoc(), "accelerator_relu",
                                         builder.getFunctionType({type}, {type}));
    function.setPrivate();
    return function;
  }
};

} // namespace

int main(int argc, char **argv) {
  if (argc != 2) {
    llvm::errs() << "usage: accelerate MODEL\n";
    return 2;
  }
  MLIRContext context;
  MlirModule imported = linalgdImportFile(wrap(&context), wrap(StringRef(argv[1])), nullptr);
  if (mlirModuleIsNull(imported))
    return 1;
  OwningOpRef<ModuleOp> module(unwrap(imported));
  PassManager pm(&context);
  pm.addPass(linalgd::createFunctionalizePass());
  pm.addPass(linalgd::createInferTypesPass());
  pm.addPass(std::make_unique<Accelerate>());
  if (failed(pm.run(*module)))
    return 1;
  module->print(llvm::outs());
  return 0;
}
