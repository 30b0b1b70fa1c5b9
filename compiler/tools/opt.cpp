// linalgd-opt: mlir-opt with the torch dialect and our passes, for tests and for looking at a step.
#include "compiler/codegen/passes.h"
#include "compiler/dialect/op_schema.h"
#include "compiler/dialect/torch.h"
#include "compiler/passes/passes.h"

#include "mlir/InitAllDialects.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CommandLine.h"

// The table behind docs and the check against PyTorch's registry: family, ways of lowering, schema.
static void printOps() {
  for (const linalgd::torch::OpFamily &family : linalgd::torch::opFamilies())
    for (const linalgd::torch::OpSchema &schema : family.schemas) {
      llvm::StringRef way = !schema.inPlaceOf.empty() ? "functionalize"
                            : schema.decomposes       ? "decompose"
                                                      : "lower";
      llvm::outs() << family.name << '\t' << way << (schema.isView ? " view" : "") << '\t'
                   << printSchema(schema) << '\n';
    }
}

int main(int argc, char **argv) {
  if (argc == 2 && llvm::StringRef(argv[1]) == "--list-ops") {
    printOps();
    return 0;
  }
  llvm::cl::SetVersionPrinter([](llvm::raw_ostream &os) {
    os << "linalgd-opt " LINALGD_VERSION " (MLIR " LLVM_VERSION_STRING ")\n";
  });
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  registry.insert<linalgd::torch::TorchDialect>();
  linalgd::registerPasses();
  mlir::registerPass([] { return linalgd::createCheckSizesPass(); });
  mlir::registerPass([] { return linalgd::createFuseTensorsPass(); });
  mlir::registerPass([] { return linalgd::createCallKernelsPass("avx"); });
  mlir::registerPass([] { return linalgd::createOutlineLoopsPass(); });
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "linalgd: passes over the torch dialect\n", registry));
}
