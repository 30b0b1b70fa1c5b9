// Base classes of ops on Python numbers.
#ifndef LINALGD_OPS_SCALAR_CLASSES
#define LINALGD_OPS_SCALAR_CLASSES

include "compiler/dialect/Torch.td"

class ScalarOp<string name, dag arguments, SchemaType type, string rule>
    : AtenOp<name, arguments, (outs type:$result), [Lowers]> {
  let infer = rule;
}
class FoldedScalarOp<string name, dag arguments, SchemaType type, string rule, string constant,
                     string body>
    : ScalarOp<name, arguments, type, rule> {
  let hasFolder = 1;
  // `constant` computes on constants `a` and `b`, `body` on values in the order of the operands.
  let definition = [{
    ::mlir::OpFoldResult $cppClass::fold(FoldAdaptor op) {
      return ::linalgd::torch::foldNumbers(getOperation(), op.getOperands(), }] # constant # [{);
    }
    ::llvm::LogicalResult $cppClass::lowerToLinalg(::linalgd::torch::Lowering &b) {
      Adaptor op(b.operands);
      return b.replace(}] # body # [{);
    }
  }];
}

#endif
