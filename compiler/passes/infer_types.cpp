// InferTypes: what type inference knows beyond the types as they stand flows to the users. Ops fold
// on the way, since the sizes that are known make the constants that shapes are computed from.
#include "compiler/passes/passes.h"
#include "compiler/passes/refine_types.h"

#include "mlir/Transforms/FoldUtils.h"

using namespace mlir;

namespace linalgd {
namespace {

struct InferTypes : PassWrapper<InferTypes, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(InferTypes)
  StringRef getArgument() const override { return "linalgd-infer-types"; }
  StringRef getDescription() const override { return "Refine types by inference"; }

  LogicalResult refine(Block &block, OperationFolder &folder) {
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (failed(refineResultTypes(&op)))
        return failure();
      for (Region &region : op.getRegions())
        for (Block &inner : region)
          if (failed(refine(inner, folder)))
            return failure();
      // Most ops do not fold, which is no failure.
      (void)folder.tryToFold(&op);
    }
    return success();
  }

  void runOnOperation() override {
    OperationFolder folder(&getContext());
    if (failed(refine(*getOperation().getBody(), folder)))
      return signalPassFailure();
    matchFunctionResults(getOperation());
  }
};

} // namespace

std::unique_ptr<Pass> createInferTypesPass() { return std::make_unique<InferTypes>(); }

} // namespace linalgd
