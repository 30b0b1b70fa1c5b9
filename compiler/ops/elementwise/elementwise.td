// Elementwise ops on one tensor: mathematics, rounding, predicates, activations.
#ifndef LINALGD_OPS_ELEMENTWISE
#define LINALGD_OPS_ELEMENTWISE

include "compiler/dialect/Pointwise.td"

// The result has the operand's dtype; `Float`: integers become float32; `Predicate`: bool.
class Unary<string name, string body, dag arguments = (ins Tensor:$self)>
    : Pointwise<name, arguments, "r.same(op.getSelf())", body>;
class UnaryFloat<string name, string body, dag arguments = (ins Tensor:$self)>
    : Pointwise<name, arguments, "r.sameFloat(op.getSelf())", body>;
class UnaryMath<string name, string mathOp> : UnaryFloat<name, "s.make<" # mathOp # ">(x[0])">;
class Predicate<string name, string body>
    : Pointwise<name, (ins Tensor:$self), "r.sameSizes(op.getSelf(), r.i1())", body>;
// Integers stay as they are.
class Rounding<string name, string mathOp>
    : Unary<name, "s.isFloat() ? s.make<" # mathOp # ">(x[0]) : x[0]">;

let inPlace = 1 in {
//===-- mathematics ---------------------------------------------------------------------------===//

def Aten_ExpOp : UnaryMath<"exp", "math::ExpOp">;
def Aten_Exp2Op : UnaryMath<"exp2", "math::Exp2Op">;
def Aten_Expm1Op : UnaryMath<"expm1", "math::ExpM1Op">;
def Aten_LogOp : UnaryMath<"log", "math::LogOp">;
def Aten_Log2Op : UnaryMath<"log2", "math::Log2Op">;
def Aten_Log10Op : UnaryMath<"log10", "math::Log10Op">;
def Aten_Log1pOp : UnaryMath<"log1p", "math::Log1pOp">;
def Aten_SqrtOp : UnaryMath<"sqrt", "math::SqrtOp">;
def Aten_RsqrtOp : UnaryFloat<"rsqrt", "s.div(s.constant(1), s.make<math::SqrtOp>(x[0]))">;
def Aten_SinOp : UnaryMath<"sin", "math::SinOp">;
def Aten_CosOp : UnaryMath<"cos", "math::CosOp">;
def Aten_TanOp : UnaryMath<"tan", "math::TanOp">;
def Aten_AsinOp : UnaryMath<"asin", "math::AsinOp">;
def Aten_AcosOp : UnaryMath<"acos", "math::AcosOp">;
def Aten_AtanOp : UnaryMath<"atan", "math::AtanOp">;
def Aten_SinhOp : UnaryMath<"sinh", "math::SinhOp">;
def Aten_CoshOp : UnaryMath<"cosh", "math::CoshOp">;
def Aten_TanhOp : UnaryMath<"tanh", "math::TanhOp">;
def Aten_AsinhOp : UnaryMath<"asinh", "math::AsinhOp">;
def Aten_AcoshOp : UnaryMath<"acosh", "math::AcoshOp">;
def Aten_AtanhOp : UnaryMath<"atanh", "math::AtanhOp">;
def Aten_ErfOp : UnaryMath<"erf", "math::ErfOp">;
def Aten_ErfcOp : UnaryMath<"erfc", "math::ErfcOp">;
def Aten_SigmoidOp : UnaryFloat<"sigmoid", "s.sigmoid(x[0])">;
def Aten_ReciprocalOp : UnaryFloat<"reciprocal", "s.div(s.constant(1), x[0])">;
def Aten_NegOp : Unary<"neg", "s.neg(x[0])">;
def Aten_AbsOp : Unary<"abs", "s.abs(x[0])">;
def Aten_SignOp : Unary<"sign", "sign(s, x[0])">;
def Aten_SgnOp : Unary<"sgn", "sign(s, x[0])">;
def Aten_SquareOp : Pointwise<"square", (ins Tensor:$self),
    "r.sameSizes(op.getSelf(), isBoolDtype(dtypeOf(op.getSelf())) ? r.si64() : dtypeOf(op.getSelf()))",
    "s.mul(x[0], x[0])">;
def Aten_FracOp : Unary<"frac", "s.sub(x[0], s.make<math::TruncOp>(x[0]))">;
def Aten_FloorOp : Rounding<"floor", "math::FloorOp">;
def Aten_CeilOp : Rounding<"ceil", "math::CeilOp">;
def Aten_RoundOp : Rounding<"round", "math::RoundEvenOp">;
def Aten_TruncOp : Rounding<"trunc", "math::TruncOp">;
def Aten_BitwiseNotOp : Unary<"bitwise_not", "bitwiseNot(s, x[0])">;
def Aten_LogicalNotOp : Predicate<"logical_not", "s.isZero(x[0])">;
def Aten_LogitOp : UnaryFloat<"logit", "logit(s, x[0], x[1])",
                              (ins Tensor:$self, Default<Opt<Float>, "None">:$eps)>;
def Aten_NanToNumOp : Unary<"nan_to_num", "nanToNum(s, x[0], x[1], x[2], x[3])",
    (ins Tensor:$self, Default<Opt<Float>, "None">:$nan, Default<Opt<Float>, "None">:$posinf,
         Default<Opt<Float>, "None">:$neginf)>;

//===-- activations ---------------------------------------------------------------------------===//

def Aten_ReluOp : Unary<"relu", "s.max(x[0], s.constant(0))">;
def Aten_Relu6Op : Unary<"relu6", "s.min(s.max(x[0], s.constant(0)), s.constant(6))">;
def Aten_HardtanhOp : Unary<"hardtanh", "s.min(s.max(x[0], x[1]), x[2])",
    (ins Tensor:$self, Default<Scalar, "-1">:$min_val, Default<Scalar, "1">:$max_val)>;
def Aten_HardsigmoidOp : Unary<"hardsigmoid", "hardSigmoid(s, x[0])">;
def Aten_HardswishOp : Unary<"hardswish", "s.mul(x[0], hardSigmoid(s, x[0]))">;
def Aten_EluOp : UnaryFloat<"elu", "elu(s, x[0], x[1], x[2], x[3])",
    (ins Tensor:$self, Default<Scalar, "1">:$alpha, Default<Scalar, "1">:$scale,
         Default<Scalar, "1">:$input_scale)>;
def Aten_SeluOp : UnaryFloat<"selu", "selu(s, x[0])">;
def Aten_CeluOp : UnaryFloat<"celu", "celu(s, x[0], x[1])",
    (ins Tensor:$self, Default<Scalar, "1.">:$alpha)>;
def Aten_LeakyReluOp : Unary<"leaky_relu",
    "s.select(s.gt(x[0], s.constant(0)), x[0], s.mul(x[0], x[1]))",
    (ins Tensor:$self, Default<Scalar, "0.01">:$negative_slope)>;
def Aten_GeluOp : UnaryFloat<"gelu", "gelu(s, x[0], matchString(getApproximate()) == \"tanh\")",
    (ins Tensor:$self, Kw<Str, "\"none\"">:$approximate)>;
def Aten_SiluOp : UnaryFloat<"silu", "s.mul(x[0], s.sigmoid(x[0]))">;
def Aten_MishOp : UnaryFloat<"mish", "s.mul(x[0], s.make<math::TanhOp>(s.softplus(x[0])))">;
def Aten_ThresholdOp : Unary<"threshold", "s.select(s.le(x[0], x[1]), x[2], x[0])",
    (ins Tensor:$self, Scalar:$threshold, Scalar:$value)>;
// In evaluation, where the slope is the mean of its bounds.
def Aten_RreluOp : AtenOp<"rrelu",
    (ins Tensor:$self, Default<Scalar, "0.125">:$lower, Default<Scalar, "0.33333333333333331">:$upper,
         Default<Bool, "False">:$training, Default<Opt<Generator>, "None">:$generator),
    (outs Tensor:$result), [Decomposes]> {
  let infer = "r.same(op.getSelf())";
}
} // in place
// What functionalization makes of it. The noise, which training draws, stays as it is in evaluation.
def Aten_RreluWithNoiseFunctionalOp : AtenOp<"rrelu_with_noise_functional",
    (ins Tensor:$self, Tensor:$noise, Default<Scalar, "0.125">:$lower, Default<Scalar, "0.33333333333333331">:$upper,
         Default<Bool, "False">:$training, Default<Opt<Generator>, "None">:$generator),
    (outs Tensor:$result, Tensor:$noise_out), [Decomposes]>;

def Aten_SoftplusOp : UnaryFloat<"softplus", "softplus(s, x[0], x[1], x[2])",
    (ins Tensor:$self, Default<Scalar, "1">:$beta, Default<Scalar, "20">:$threshold)>;
def Aten_LogSigmoidOp : UnaryFloat<"log_sigmoid", "s.logSigmoid(x[0])">;
def Aten_SoftshrinkOp : Unary<"softshrink", "softShrink(s, x[0], x[1])",
    (ins Tensor:$self, Default<Scalar, "0.5">:$lambd)>;
def Aten_HardshrinkOp : Unary<"hardshrink",
    "s.select(s.le(s.abs(x[0]), x[1]), s.constant(0), x[0])",
    (ins Tensor:$self, Default<Scalar, "0.5">:$lambd)>;
def Aten_LogSigmoidForwardOp : AtenOp<"log_sigmoid_forward",
    (ins Tensor:$self), (outs Tensor:$output, Tensor:$buffer), [Decomposes]>;

def Aten_GluOp : AtenOp<"glu",
    (ins Tensor:$self, Default<Int, "-1">:$dim), (outs Tensor:$result), [Decomposes]>;
// One slope, or one for each channel (dimension 1).
def Aten_PreluOp : AtenOp<"prelu", (ins Tensor:$self, Tensor:$weight), (outs Tensor:$result), [Lowers]>;
def Aten_PreluKernelOp : Pointwise<"_prelu_kernel", (ins Tensor:$self, Tensor:$weight),
    "r.broadcast({op.getSelf(), op.getWeight()})", "s.select(s.gt(x[0], s.constant(0)), x[0], s.mul(x[0], x[1]))">;

//===-- predicates ----------------------------------------------------------------------------===//

def Aten_IsnanOp : Predicate<"isnan", "s.isNan(x[0])">;
def Aten_IsinfOp : Predicate<"isinf", "isInf(s, s.abs(x[0]))">;
def Aten_IsfiniteOp : Predicate<"isfinite", "isFinite(s, x[0])">;
def Aten_IsposinfOp : Predicate<"isposinf", "isInf(s, x[0])">;
def Aten_IsneginfOp : Predicate<"isneginf", "isInf(s, s.neg(x[0]))">;
def Aten_SignbitOp : Predicate<"signbit", "signBit(s, x[0])">;

#endif
