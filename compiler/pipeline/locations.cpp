#include "compiler/pipeline/locations.h"
#include "compiler/pipeline/diagnostics.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Iterators.h"

using namespace mlir;

namespace linalgd {
namespace {

// The first op of `op`'s block that uses it, itself or by what it contains.
Operation *firstUser(Operation *op) {
  Operation *first = nullptr;
  for (Operation *user : op->getUsers()) {
    Operation *ancestor = op->getBlock()->findAncestorOpInBlock(*user);
    if (ancestor && (!first || ancestor->isBeforeInBlock(first)))
      first = ancestor;
  }
  return first;
}

struct RestoreLocations : PassWrapper<RestoreLocations, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(RestoreLocations)
  StringRef getArgument() const override { return "linalgd-restore-locations"; }
  StringRef getDescription() const override { return "Locate ops by those that use them"; }

  void runOnOperation() override {
    // Backwards: users are located before what they use.
    getOperation().walk<WalkOrder::PostOrder, ReverseIterator>([](Operation *op) {
      if (isa<ModuleOp, func::FuncOp>(op) || !nodeOf(op->getLoc()).empty())
        return;
      if (Operation *user = firstUser(op))
        op->setLoc(user->getLoc());
    });
  }
};

} // namespace

std::unique_ptr<Pass> createRestoreLocationsPass() { return std::make_unique<RestoreLocations>(); }

} // namespace linalgd
