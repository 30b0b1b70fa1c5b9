// Elementwise ops: one element of the result from one of each operand, with broadcasting.
#ifndef LINALGD_OPS_ELEMENTWISE
#define LINALGD_OPS_ELEMENTWISE

include "compiler/dialect/Torch.td"

// An op whose lowering is `body`: an expression over `s` (ScalarBuilder) and `x`, the operands in the
// compute dtype (dialect/pointwise.h).
class Pointwise<string name, dag arguments, string rule, string body>
    : AtenOp<name, arguments, (outs Tensor:$result), [Lowers]> {
  let infer = rule;
  let inPlace = 1;
  let definition = [{
    ::llvm::LogicalResult $cppClass::lowerToLinalg(::linalgd::torch::Lowering &b) {
      return ::linalgd::torch::lowerPointwise(
          b, [&](ScalarBuilder &s, ArrayRef<Value> x) -> Value { return }] # body # [{; });
    }
  }];
}
// The result has the operand's dtype; `Float`: integers become float32.
class Unary<string name, string body>
    : Pointwise<name, (ins Tensor:$self), "r.same(op.getSelf())", body>;
class UnaryFloat<string name, string body>
    : Pointwise<name, (ins Tensor:$self), "r.sameFloat(op.getSelf())", body>;
class UnaryMath<string name, string mathOp>
    : UnaryFloat<name, "s.make<" # mathOp # ">(x[0])">;

def Aten_ExpOp : UnaryMath<"exp", "math::ExpOp">;
def Aten_NegOp : Unary<"neg", "s.neg(x[0])">;

class BinaryAlpha<string name, SchemaType other, string body>
    : Pointwise<name, (ins Tensor:$self, other:$other, Kw<Scalar, "1">:$alpha),
                "r.broadcast({op.getSelf(), op.getOther()})", body>;
def Aten_AddTensorOp : BinaryAlpha<"add.Tensor", Tensor, "s.add(x[0], s.mul(x[2], x[1]))">;

#endif
