// CheckSupported: reports every op that cannot be lowered, at once.
#include "compiler/passes/check_supported.h"
#include "compiler/dialect/op_schema.h"
#include "compiler/dialect/torch.h"
#include "compiler/passes/passes.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace linalgd {
namespace {

bool isSupported(Operation *op) {
  if (!isa_and_present<torch::TorchDialect>(op->getDialect()))
    return true;
  if (isa<torch::LowerToLinalg>(op))
    return true;
  // The rest of the registered ops is structural, but for those to be functionalized or decomposed.
  return !isa<torch::OperatorOp, torch::Decompose>(op) &&
         !torch::lookupSchema(op->getName().getStringRef());
}

struct CheckSupported : PassWrapper<CheckSupported, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CheckSupported)
  CheckSupported() = default;
  CheckSupported(const CheckSupported &other) : PassWrapper(other) {}
  StringRef getArgument() const override { return "linalgd-check-supported"; }
  StringRef getDescription() const override { return "Report every unsupported op"; }

  void runOnOperation() override {
    bool failed = false;
    std::vector<std::string> keep(keepOps.begin(), keepOps.end());
    forEachUnsupportedOp(getOperation(), keep, [&](Operation *op) {
      failed = true;
      InFlightDiagnostic diagnostic = emitError(op->getLoc());
      diagnostic << "unsupported op 'torch." << torch::getQualifiedName(op) << "'";
      if (isa<torch::Decompose>(op))
        diagnostic << ": not for operands of these types and values";
    });
    if (failed)
      signalPassFailure();
  }

  ListOption<std::string> keepOps{*this, "keep-ops", llvm::cl::desc("Ops to leave alone")};
};

} // namespace

void forEachUnsupportedOp(ModuleOp module, const std::vector<std::string> &keepOps,
                          llvm::function_ref<void(Operation *)> visit) {
  llvm::StringSet<> keep;
  for (const std::string &name : keepOps)
    keep.insert(name);
  module.walk([&](Operation *op) {
    if (!isSupported(op) && !keep.contains(torch::getQualifiedName(op)))
      visit(op);
  });
}

std::unique_ptr<Pass> createCheckSupportedPass(const std::vector<std::string> &keepOps) {
  auto pass = std::make_unique<CheckSupported>();
  pass->keepOps = keepOps;
  return pass;
}

} // namespace linalgd
