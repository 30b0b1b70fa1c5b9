// Record classes of elementwise ops: type rule and scalar expression are all there is to one.
#ifndef LINALGD_DIALECT_POINTWISE
#define LINALGD_DIALECT_POINTWISE

include "compiler/dialect/Torch.td"

// An op whose lowering is `body`: an expression over `s` (ScalarBuilder) and `x`, the operands in the
// compute dtype (dialect/pointwise.h). `compute` is that dtype where it is not the usual one.
class Pointwise<string name, dag arguments, string rule, string body, string compute = "Type()">
    : AtenOp<name, arguments, (outs Tensor:$result), [Lowers]> {
  let infer = rule;
  let definition = [{
    ::llvm::LogicalResult $cppClass::lowerToLinalg(::linalgd::torch::Lowering &b) {
      return ::linalgd::torch::lowerPointwise(
          b, [&](ScalarBuilder &s, ArrayRef<Value> x) -> Value { return }] # body # [{; },
          }] # compute # [{);
    }
  }];
}

#endif
