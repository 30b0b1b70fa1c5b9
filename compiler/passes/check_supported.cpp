// CheckSupported: reports every op that cannot be lowered, at once.
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
    llvm::StringSet<> keep;
    for (const std::string &name : keepOps)
      keep.insert(name);
    bool failed = false;
    getOperation().walk([&](Operation *op) {
      StringRef name = torch::getQualifiedName(op);
      if (isSupported(op) || keep.contains(name))
        return;
      failed = true;
      InFlightDiagnostic diagnostic = emitError(op->getLoc());
      diagnostic << "unsupported op 'torch." << name << "'";
      if (isa<torch::Decompose>(op))
        diagnostic << ": not for operands of these types and values";
    });
    if (failed)
      signalPassFailure();
  }

  ListOption<std::string> keepOps{*this, "keep-ops", llvm::cl::desc("Ops to leave alone")};
};

} // namespace

std::unique_ptr<Pass> createCheckSupportedPass(const std::vector<std::string> &keepOps) {
  auto pass = std::make_unique<CheckSupported>();
  pass->keepOps = keepOps;
  return pass;
}

} // namespace linalgd
