// InferTypes: what type inference knows beyond the types as they stand flows to the users.
#include "compiler/dialect/torch.h"
#include "compiler/passes/passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace linalgd {
namespace {

struct InferTypes : PassWrapper<InferTypes, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(InferTypes)
  StringRef getArgument() const override { return "linalgd-infer-types"; }
  StringRef getDescription() const override { return "Refine types by inference"; }

  LogicalResult refine(Operation *op) {
    auto infer = dyn_cast<InferTypeOpInterface>(op);
    if (!infer)
      return success();
    SmallVector<Type> types;
    if (failed(infer.inferReturnTypes(op->getContext(), op->getLoc(), op->getOperands(),
                                      op->getAttrDictionary(), op->getPropertiesStorage(),
                                      op->getRegions(), types)))
      return failure();
    for (auto [result, type] : llvm::zip_equal(op->getResults(), types)) {
      Type refined = torch::meetTypes(result.getType(), type);
      if (!refined)
        return op->emitOpError("has result type ")
               << result.getType() << ", but its operands give " << type;
      result.setType(refined);
    }
    return success();
  }

  void runOnOperation() override {
    WalkResult walked = getOperation().walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (auto cast = dyn_cast<torch::TensorStaticInfoCastOp>(op))
        if (Type met = torch::meetTypes(cast.getType(), cast.getOperand().getType()))
          cast.getResult().setType(cast_if_present<torch::BaseTensorType>(met));
      return failed(refine(op)) ? WalkResult::interrupt() : WalkResult::advance();
    });
    if (walked.wasInterrupted())
      return signalPassFailure();
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal())
        continue;
      Operation *end = function.getBody().back().getTerminator();
      function.setType(FunctionType::get(&getContext(), function.getFunctionType().getInputs(),
                                         llvm::to_vector(end->getOperandTypes())));
    }
  }
};

} // namespace

std::unique_ptr<Pass> createInferTypesPass() { return std::make_unique<InferTypes>(); }

} // namespace linalgd
