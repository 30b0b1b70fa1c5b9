#include "compiler/dialect/peers.h"
#include "compiler/dialect/op_schema.h"
#include "compiler/dialect/torch.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace linalgd::torch {
namespace {

bool isUnknownToPeers(StringRef qualified) {
  static const llvm::StringSet<> names = {
#include "compiler/dialect/unknown_to_peers.inc"
  };
  return names.contains(qualified);
}

void replace(Operation *op, OperationState &state) {
  state.addOperands(op->getOperands());
  state.addTypes(op->getResultTypes());
  Operation *made = OpBuilder(op).create(state);
  op->replaceAllUsesWith(made->getResults());
  op->erase();
}

} // namespace

void spellForPeers(ModuleOp module) {
  module.walk([](Operation *op) {
    if (isa<OperatorOp>(op) || !isUnknownToPeers(getQualifiedName(op)))
      return;
    OperationState state(op->getLoc(), OperatorOp::getOperationName());
    state.addAttribute("name", StringAttr::get(op->getContext(), op->getName().getStringRef()));
    replace(op, state);
  });
}

void adoptOperators(ModuleOp module) {
  module.walk([](OperatorOp op) {
    StringAttr name = op.getNameAttr(); // null where it was not verified yet
    if (!name || !lookupSchema(name))
      return;
    OperationState state(op.getLoc(), name.getValue());
    if (state.name.isRegistered())
      replace(op, state);
  });
}

} // namespace linalgd::torch
