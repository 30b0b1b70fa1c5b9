#include "compiler/pipeline/stages.h"
#include "compiler/passes/passes.h"
#include "compiler/pipeline/locations.h"

#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace linalgd {
namespace {

void addTorchPasses(OpPassManager &pm, const StageOptions &options) {
  addContractPasses(pm, options.keepOps);
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createRestoreLocationsPass());
}

void addLinalgPasses(OpPassManager &pm, const StageOptions &options) {
  pm.addPass(createCheckSupportedPass(options.keepOps));
  pm.addPass(createLowerToLinalgPass(options.keepOps));
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createRestoreLocationsPass());
}

void addLlvmPasses(OpPassManager &pm, const StageOptions &options) {
  buildLlvmPipeline(pm, options.codegen);
}

constexpr const char *kMlirText = "text/x-mlir";

constexpr StageDefinition kStages[kNumStages] = {
    {Stage::TorchRaw, "the torch dialect, as imported", "model.mlir", kMlirText, nullptr, true},
    {Stage::Torch, "the torch dialect, functional, typed and decomposed", "model.mlir", kMlirText,
     addTorchPasses, true},
    {Stage::Linalg, "linalg on tensors", "model.mlir", kMlirText, addLinalgPasses, true},
    {Stage::Llvm, "LLVM IR", "model.ll", "text/x-llvm", addLlvmPasses, false},
    {Stage::Executable, "a shared library with a C ABI", "model.so", "application/x-sharedlib",
     nullptr, false},
    {Stage::Report, "a report on the model: ops, inputs, parameters, what is not supported",
     "report.json", "application/json", nullptr, false},
    {Stage::Key, "what the keys of its artifacts are made of", "key.json", "application/json",
     nullptr, false},
};

} // namespace

llvm::ArrayRef<StageDefinition> stages() { return kStages; }

} // namespace linalgd
