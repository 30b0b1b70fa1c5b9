#include "compiler/passes/refine_types.h"
#include "compiler/dialect/op_schema.h"
#include "compiler/dialect/torch.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace linalgd {

static LogicalResult inferTypes(Operation *op, SmallVector<Type> &types) {
  if (auto cast = dyn_cast<torch::TensorStaticInfoCastOp>(op)) {
    types.push_back(cast.getOperand().getType());
    return success();
  }
  // An in-place op returns the tensor that it writes to.
  const torch::OpSchema *schema = torch::lookupSchema(op->getName().getStringRef());
  if (schema && !schema->inPlaceOf.empty() && op->getNumResults() == 1) {
    types.push_back(op->getOperand(0).getType());
    return success();
  }
  auto infer = dyn_cast<InferTypeOpInterface>(op);
  if (!infer) {
    llvm::append_range(types, op->getResultTypes());
    return success();
  }
  return infer.inferReturnTypes(op->getContext(), op->getLoc(), op->getOperands(),
                                op->getAttrDictionary(), op->getPropertiesStorage(),
                                op->getRegions(), types);
}

FailureOr<bool> refineResultTypes(Operation *op) {
  SmallVector<Type> types;
  if (failed(inferTypes(op, types)))
    return failure();
  bool changed = false;
  for (auto [result, type] : llvm::zip_equal(op->getResults(), types)) {
    Type refined = torch::meetTypes(result.getType(), type);
    if (!refined)
      return op->emitOpError("has result type ")
             << result.getType() << ", but its operands give " << type;
    changed |= refined != result.getType();
    result.setType(refined);
  }
  return changed;
}

void matchFunctionResults(ModuleOp module) {
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function.isExternal())
      continue;
    Operation *end = function.getBody().back().getTerminator();
    function.setType(FunctionType::get(module.getContext(), function.getFunctionType().getInputs(),
                                       llvm::to_vector(end->getOperandTypes())));
  }
}

} // namespace linalgd
