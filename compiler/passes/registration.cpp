// Makes the passes known to command lines.
#include "compiler/passes/passes.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

namespace linalgd {

void addContractPasses(mlir::OpPassManager &pm, const std::vector<std::string> &keepOps) {
  pm.addPass(createGlobalizeObjectGraphPass());
  pm.addPass(createSimplifyControlPass());
  pm.addPass(createFunctionalizePass());
  pm.addPass(createInferTypesPass());
  pm.addPass(createDequantizePass());
  pm.addPass(createDecomposePass(keepOps));
  // Some lists are known only once what makes them is decomposed.
  pm.addPass(createFlattenResultsPass());
}

void registerPasses() {
  mlir::registerPass([] { return createGlobalizeObjectGraphPass(); });
  mlir::registerPass([] { return createFlattenResultsPass(); });
  mlir::registerPass([] { return createSimplifyControlPass(); });
  mlir::registerPass([] { return createFunctionalizePass(); });
  mlir::registerPass([] { return createInferTypesPass(); });
  mlir::registerPass([] { return createDequantizePass(); });
  mlir::registerPass([] { return createDecomposePass(); });
  mlir::registerPass([] { return createCheckSupportedPass(); });
  mlir::registerPass([] { return createLowerToLinalgPass(); });
}

} // namespace linalgd
