// Text and verification of control flow.
#include "compiler/ops/control/control.h"
#include "compiler/dialect/builders.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"

using namespace mlir;

namespace linalgd::torch {

//===-- If ------------------------------------------------------------------------------------===//

ParseResult IfOp::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::UnresolvedOperand condition;
  Region *thenRegion = result.addRegion(), *elseRegion = result.addRegion();
  return failure(parser.parseOperand(condition) || parser.parseArrowTypeList(result.types) ||
                 parser.resolveOperand(condition, torch::BoolType::get(parser.getContext()),
                                       result.operands) ||
                 parser.parseRegion(*thenRegion, {}) || parser.parseKeyword("else") ||
                 parser.parseRegion(*elseRegion, {}) ||
                 parser.parseOptionalAttrDict(result.attributes));
}

void IfOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getCondition() << " -> (" << getResultTypes() << ") ";
  printer.printRegion(getThenRegion(), /*printEntryBlockArgs=*/false);
  printer << " else ";
  printer.printRegion(getElseRegion(), /*printEntryBlockArgs=*/false);
  printer.printOptionalAttrDict((*this)->getAttrs());
}

static LogicalResult verifyFlow(Operation *op, TypeRange from, TypeRange to, StringRef what) {
  if (areCompatible(from, to))
    return success();
  return op->emitOpError() << what << " (" << from << "), which does not go with (" << to << ")";
}

LogicalResult IfOp::verify() {
  for (Region *region : getRegions()) {
    auto yield = dyn_cast<IfYieldOp>(region->front().back());
    if (!yield)
      return emitOpError("has a branch that does not end in torch.prim.If.yield");
    if (failed(verifyFlow(*this, yield->getOperandTypes(), getResultTypes(), "yields")))
      return failure();
  }
  return success();
}

//===-- Loop ----------------------------------------------------------------------------------===//

LogicalResult LoopOp::verify() {
  Block &body = getBody().front();
  auto condition = dyn_cast<LoopConditionOp>(body.back());
  if (!condition)
    return emitOpError("has a body that does not end in torch.prim.Loop.condition");
  if (body.getNumArguments() == 0 || !isa<torch::IntType>(body.getArgument(0).getType()))
    return emitOpError("has a body whose first argument is no !torch.int, the round's number");
  TypeRange carried = TypeRange(body.getArgumentTypes()).drop_front();
  TypeRange next = condition.getIterArgs().getTypes();
  return failure(failed(verifyFlow(*this, getInits().getTypes(), carried, "starts with")) ||
                 failed(verifyFlow(*this, next, carried, "goes on with")) ||
                 failed(verifyFlow(*this, next, getResultTypes(), "goes on with")));
}

//===-- exceptions ----------------------------------------------------------------------------===//

LogicalResult RaiseExceptionOp::lowerToLinalg(Lowering &b) {
  StringRef message = matchString(getMsg()).value_or("the model raises an exception");
  Value never = arith::ConstantIntOp::create(b, 0, 1);
  cf::AssertOp::create(b, never, message);
  b.rewriter.eraseOp(*this);
  return success();
}

} // namespace linalgd::torch
