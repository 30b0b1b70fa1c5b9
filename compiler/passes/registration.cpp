// Makes the passes known to command lines.
#include "compiler/passes/passes.h"

#include "mlir/Pass/PassRegistry.h"

namespace linalgd {

void registerPasses() {
  mlir::registerPass([] { return createSimplifyControlPass(); });
  mlir::registerPass([] { return createFunctionalizePass(); });
  mlir::registerPass([] { return createInferTypesPass(); });
  mlir::registerPass([] { return createDecomposePass(); });
  mlir::registerPass([] { return createCheckSupportedPass(); });
  mlir::registerPass([] { return createLowerToLinalgPass(); });
}

} // namespace linalgd
