// Elementwise ops on several tensors: arithmetic, comparisons, logic, selection.
#ifndef LINALGD_OPS_BINARY
#define LINALGD_OPS_BINARY

include "compiler/dialect/Pointwise.td"

// Tensor and Scalar overloads; the result is promoted, `Float` made a float, `Compare` a bool.
class BinaryOp<string name, SchemaType self, SchemaType other, string rule, string body>
    : Pointwise<name, (ins self:$self, other:$other), rule # "({op.getSelf(), op.getOther()})", body>;
multiclass Binary<string name, string body, string rule = "r.broadcast"> {
  def TensorOp : BinaryOp<name # ".Tensor", Tensor, Tensor, rule, body>;
  def ScalarOp : BinaryOp<name # ".Scalar", Tensor, Scalar, rule, body>;
}
class Maximum<string name, string body>
    : BinaryOp<name, Tensor, Tensor, "r.broadcast", body>;

// name(self, other, alpha): the scalar overload has no `*` before alpha.
class WithAlpha<string name, SchemaType other, SchemaType alpha, string body>
    : Pointwise<name, (ins Tensor:$self, other:$other, alpha:$alpha),
                "r.broadcast({op.getSelf(), op.getOther()})", body>;
multiclass Sum<string name, string body> {
  def TensorOp : WithAlpha<name # ".Tensor", Tensor, Kw<Scalar, "1">, body>;
  def ScalarOp : WithAlpha<name # ".Scalar", Scalar, Default<Scalar, "1">, body>;
}
defm Aten_Rsub : Sum<"rsub", "s.sub(x[1], s.mul(x[2], x[0]))">;

class RoundedDiv<string name, SchemaType other>
    : Pointwise<name, (ins Tensor:$self, other:$other, Kw<Opt<Str>>:$rounding_mode),
                "inferDivision(r, {op.getSelf(), op.getOther()}, op.getRoundingMode())",
                "divide(s, x[0], x[1], matchString(getRoundingMode()))">;

class Power<string name, SchemaType self, SchemaType exponent>
    : Pointwise<name, (ins self:$self, exponent:$exponent),
                "r.broadcast({op.getSelf(), op.getExponent()})",
                "power(s, x[0], x[1], matchFloat(getExponent()))">;

let inPlace = 1 in {
defm Aten_Add : Sum<"add", "s.add(x[0], s.mul(x[2], x[1]))">;
defm Aten_Sub : Sum<"sub", "s.sub(x[0], s.mul(x[2], x[1]))">;
defm Aten_Mul : Binary<"mul", "s.mul(x[0], x[1])">;
defm Aten_Div : Binary<"div", "s.div(x[0], x[1])", "r.broadcastFloat">;
def Aten_DivTensorModeOp : RoundedDiv<"div.Tensor_mode", Tensor>;
def Aten_DivScalarModeOp : RoundedDiv<"div.Scalar_mode", Scalar>;
def Aten_FloorDivideOp : BinaryOp<"floor_divide", Tensor, Tensor, "r.broadcast", "floorDiv(s, x[0], x[1])"> {
  let inPlaceName = "aten.floor_divide_.Tensor";
}
def Aten_FloorDivideScalarOp
    : BinaryOp<"floor_divide.Scalar", Tensor, Scalar, "r.broadcast", "floorDiv(s, x[0], x[1])">;
defm Aten_Fmod : Binary<"fmod", "fmod(s, x[0], x[1])">;
defm Aten_Remainder : Binary<"remainder", "remainder(s, x[0], x[1])">;
def Aten_PowTensorTensorOp : Power<"pow.Tensor_Tensor", Tensor, Tensor> {
  let inPlaceName = "aten.pow_.Tensor";
}
def Aten_PowTensorScalarOp : Power<"pow.Tensor_Scalar", Tensor, Scalar> {
  let inPlaceName = "aten.pow_.Scalar";
}
def Aten_Atan2Op : BinaryOp<"atan2", Tensor, Tensor, "r.broadcastFloat", "s.make<math::Atan2Op>(x[0], x[1])">;
def Aten_HypotOp : BinaryOp<"hypot", Tensor, Tensor, "r.broadcast",
    "s.make<math::SqrtOp>(s.add(s.mul(x[0], x[0]), s.mul(x[1], x[1])))">;
defm Aten_Copysign : Binary<"copysign", "s.make<math::CopySignOp>(x[0], x[1])", "r.broadcastFloat">;
def Aten_XlogyTensorOp : BinaryOp<"xlogy.Tensor", Tensor, Tensor, "r.broadcastFloat", "xlogy(s, x[0], x[1])">;

//===-- comparisons and logic -----------------------------------------------------------------===//

defm Aten_Eq : Binary<"eq", "s.eq(x[0], x[1])", "r.broadcastBool">;
defm Aten_Ne : Binary<"ne", "s.ne(x[0], x[1])", "r.broadcastBool">;
defm Aten_Lt : Binary<"lt", "s.lt(x[0], x[1])", "r.broadcastBool">;
defm Aten_Le : Binary<"le", "s.le(x[0], x[1])", "r.broadcastBool">;
defm Aten_Gt : Binary<"gt", "s.gt(x[0], x[1])", "r.broadcastBool">;
defm Aten_Ge : Binary<"ge", "s.ge(x[0], x[1])", "r.broadcastBool">;

class Logical<string name, string arithOp>
    : BinaryOp<name, Tensor, Tensor, "r.broadcastBool",
               "s.make<" # arithOp # ">(s.truth(0), s.truth(1))">;
def Aten_LogicalAndOp : Logical<"logical_and", "arith::AndIOp">;
def Aten_LogicalOrOp : Logical<"logical_or", "arith::OrIOp">;
def Aten_LogicalXorOp : Logical<"logical_xor", "arith::XOrIOp">;
defm Aten_BitwiseAnd : Binary<"bitwise_and", "s.make<arith::AndIOp>(x[0], x[1])">;
defm Aten_BitwiseOr : Binary<"bitwise_or", "s.make<arith::OrIOp>(x[0], x[1])">;
defm Aten_BitwiseXor : Binary<"bitwise_xor", "s.make<arith::XOrIOp>(x[0], x[1])">;

//===-- selection -----------------------------------------------------------------------------===//

class Clamp<string name, SchemaType bound>
    : Pointwise<name, (ins Tensor:$self, Default<Opt<bound>, "None">:$min,
                           Default<Opt<bound>, "None">:$max),
                "r.broadcast(op.getOperands())", "clamp(s, x[0], x[1], x[2])">;
def Aten_ClampOp : Clamp<"clamp", Scalar>;
def Aten_ClampTensorOp : Clamp<"clamp.Tensor", Tensor>;
def Aten_ClipOp : Clamp<"clip", Scalar>;
class ClampSide<string name, dag arguments, string body>
    : Pointwise<name, arguments, "r.broadcast(op.getOperands())", body>;
def Aten_ClampMinOp : ClampSide<"clamp_min", (ins Tensor:$self, Scalar:$min), "s.max(x[0], x[1])">;
def Aten_ClampMinTensorOp
    : ClampSide<"clamp_min.Tensor", (ins Tensor:$self, Tensor:$min), "s.max(x[0], x[1])">;
def Aten_ClampMaxOp : ClampSide<"clamp_max", (ins Tensor:$self, Scalar:$max), "s.min(x[0], x[1])">;
def Aten_ClampMaxTensorOp
    : ClampSide<"clamp_max.Tensor", (ins Tensor:$self, Tensor:$max), "s.min(x[0], x[1])">;

class MaskedFill<string name, SchemaType value>
    : Pointwise<name, (ins Tensor:$self, Tensor:$mask, value:$value),
                "r.broadcastAs({op.getSelf(), op.getMask()}, dtypeOf(op.getSelf()))",
                "s.select(s.truth(1), x[2], x[0])", "computeDtype(dtypeOf(getSelf()))">;
def Aten_MaskedFillScalarOp : MaskedFill<"masked_fill.Scalar", Scalar>;
def Aten_MaskedFillTensorOp : MaskedFill<"masked_fill.Tensor", Tensor>;

class Addc<string name, string body>
    : Pointwise<name, (ins Tensor:$self, Tensor:$tensor1, Tensor:$tensor2, Kw<Scalar, "1">:$value),
                "r.broadcast({op.getSelf(), op.getTensor1(), op.getTensor2()})", body>;
def Aten_AddcmulOp : Addc<"addcmul", "s.add(x[0], s.mul(s.mul(x[3], x[1]), x[2]))">;
def Aten_AddcdivOp : Addc<"addcdiv", "s.add(x[0], s.mul(x[3], s.div(x[1], x[2])))">;

class Lerp<string name, SchemaType weight>
    : Pointwise<name, (ins Tensor:$self, Tensor:$end, weight:$weight),
                "r.broadcastAs(op.getOperands(), dtypeOf(op.getSelf()))", "lerp(s, x[0], x[1], x[2])">;
def Aten_LerpScalarOp : Lerp<"lerp.Scalar", Scalar>;
def Aten_LerpTensorOp : Lerp<"lerp.Tensor", Tensor>;
} // in place

def Aten_RemainderScalarTensorOp
    : BinaryOp<"remainder.Scalar_Tensor", Scalar, Tensor, "r.broadcast", "remainder(s, x[0], x[1])">;
def Aten_PowScalarOp : Power<"pow.Scalar", Scalar, Tensor>;
def Aten_MaximumOp : Maximum<"maximum", "s.max(x[0], x[1])">;
def Aten_MinimumOp : Maximum<"minimum", "s.min(x[0], x[1])">;
def Aten_FmaxOp : Maximum<"fmax", "s.isFloat() ? s.make<arith::MaxNumFOp>(x[0], x[1]) : s.max(x[0], x[1])">;
def Aten_FminOp : Maximum<"fmin", "s.isFloat() ? s.make<arith::MinNumFOp>(x[0], x[1]) : s.min(x[0], x[1])">;
def Aten_MaxOtherOp : Maximum<"max.other", "s.max(x[0], x[1])">;
def Aten_MinOtherOp : Maximum<"min.other", "s.min(x[0], x[1])">;
def Aten_LogaddexpOp : Maximum<"logaddexp", "logAddExp(s, x[0], x[1])">;
// Another name of an op, which other compilers do not lower.
class Renamed<string name, SchemaType other, string as>
    : AtenOp<name, (ins Tensor:$self, other:$other), (outs Tensor:$result), [Decomposes]> {
  let infer = "r.broadcast({op.getSelf(), op.getOther()})";
  let definition = [{
    ::llvm::LogicalResult $cppClass::decompose(::linalgd::torch::Decomposition &b) {
      return b.replace(}] # as # [{::create(b, getSelf(), getOther()));
    }
  }];
}
multiclass RenamedBinary<string name, string as> {
  def TensorOp : Renamed<name # ".Tensor", Tensor, as # "TensorOp">;
  def ScalarOp : Renamed<name # ".Scalar", Scalar, as # "ScalarOp">;
}
defm Aten_DunderAnd : RenamedBinary<"__and__", "BitwiseAnd">;
defm Aten_DunderOr : RenamedBinary<"__or__", "BitwiseOr">;
defm Aten_DunderXor : RenamedBinary<"__xor__", "BitwiseXor">;

class Shift<string name, SchemaType other, string body>
    : BinaryOp<name, Tensor, other, "r.broadcast", body>;
defvar leftShift = "shiftLeft(s, x[0], x[1])";
defvar rightShift = "shiftRight(s, x[0], x[1])";
def Aten_BitwiseLeftShiftTensorOp : Shift<"bitwise_left_shift.Tensor", Tensor, leftShift>;
def Aten_BitwiseLeftShiftTensorScalarOp : Shift<"bitwise_left_shift.Tensor_Scalar", Scalar, leftShift>;
def Aten_BitwiseRightShiftTensorOp : Shift<"bitwise_right_shift.Tensor", Tensor, rightShift>;
def Aten_BitwiseRightShiftTensorScalarOp : Shift<"bitwise_right_shift.Tensor_Scalar", Scalar, rightShift>;

class Where<string overload, SchemaType self, SchemaType other>
    : Pointwise<"where." # overload, (ins Tensor:$condition, self:$self, other:$other),
                "r.broadcastAs(op.getOperands(), resultDtype(ValueRange{op.getSelf(), op.getOther()}))",
                "s.select(s.truth(0), x[1], x[2])">;
def Aten_WhereSelfOp : Where<"self", Tensor, Tensor>;
def Aten_WhereScalarOtherOp : Where<"ScalarOther", Tensor, Scalar>;
def Aten_WhereScalarSelfOp : Where<"ScalarSelf", Scalar, Tensor>;
def Aten_WhereScalarOp : Where<"Scalar", Scalar, Scalar>;

#endif
