// Comparisons of floats, logic, powers and roots of Python numbers.
#ifndef LINALGD_OPS_NUMERIC
#define LINALGD_OPS_NUMERIC

include "compiler/ops/scalar/classes.td"

//===-- comparisons ---------------------------------------------------------------------------===//

class FloatCompare<string name, SchemaType a, SchemaType b, string constant, string predicate>
    : FoldedScalarOp<name, (ins a:$a, b:$b), Bool, "r.boolean()",
                     "[](double a, double b) -> int64_t { return " # constant # "; }",
                     "arith::CmpFOp::create(b, arith::CmpFPredicate::" # predicate
                       # ", toFloat(b, op.getA()), toFloat(b, op.getB())).getResult()">;
multiclass FloatCompares<string name, string constant, string predicate> {
  def FloatOp : FloatCompare<name # ".float", Float, Float, constant, predicate>;
  def IntFloatOp : FloatCompare<name # ".int_float", Int, Float, constant, predicate>;
  def FloatIntOp : FloatCompare<name # ".float_int", Float, Int, constant, predicate>;
}
defm Aten_Eq : FloatCompares<"eq", "a == b", "OEQ">;
defm Aten_Ne : FloatCompares<"ne", "a != b", "UNE">;
defm Aten_Lt : FloatCompares<"lt", "a < b", "OLT">;
defm Aten_Le : FloatCompares<"le", "a <= b", "OLE">;
defm Aten_Gt : FloatCompares<"gt", "a > b", "OGT">;
defm Aten_Ge : FloatCompares<"ge", "a >= b", "OGE">;

//===-- logic and bits ------------------------------------------------------------------------===//

class Bitwise<string name, SchemaType type, string rule, string constant, string arithOp>
    : FoldedScalarOp<name, (ins type:$a, type:$b), type, rule,
                     "[](int64_t a, int64_t b) -> int64_t { return " # constant # "; }",
                     "arith::" # arithOp # "::create(b, op.getA(), op.getB()).getResult()">;
multiclass Logic<string name, string constant, string arithOp> {
  def BoolOp : Bitwise<name # ".bool", Bool, "r.boolean()", constant, arithOp>;
  def IntOp : Bitwise<name # ".int", Int, "r.integer()", constant, arithOp>;
}
defm Aten_And : Logic<"__and__", "a & b", "AndIOp">;
defm Aten_Or : Logic<"__or__", "a | b", "OrIOp">;
defm Aten_Xor : Logic<"__xor__", "a ^ b", "XOrIOp">;
def Aten_NotOp : FoldedScalarOp<"__not__", (ins Bool:$self), Bool, "r.boolean()",
    "[](int64_t a, int64_t) -> int64_t { return !a; }",
    "arith::XOrIOp::create(b, op.getSelf(), arith::ConstantIntOp::create(b, 1, 1)).getResult()">;
def Aten_EqBoolOp : FoldedScalarOp<"eq.bool", (ins Bool:$a, Bool:$b), Bool, "r.boolean()",
    "[](int64_t a, int64_t b) -> int64_t { return a == b; }",
    "arith::CmpIOp::create(b, arith::CmpIPredicate::eq, op.getA(), op.getB()).getResult()">;
def Aten_NeBoolOp : FoldedScalarOp<"ne.bool", (ins Bool:$a, Bool:$b), Bool, "r.boolean()",
    "[](int64_t a, int64_t b) -> int64_t { return a != b; }",
    "arith::CmpIOp::create(b, arith::CmpIPredicate::ne, op.getA(), op.getB()).getResult()">;

//===-- powers, roots, rounding ---------------------------------------------------------------===//

class NumberOp<string name, dag arguments, SchemaType type, string rule, string body>
    : ScalarOp<name, arguments, type, rule> {
  let definition = [{
    ::llvm::LogicalResult $cppClass::lowerToLinalg(::linalgd::torch::Lowering &b) {
      Adaptor op(b.operands);
      return b.replace(}] # body # [{);
    }
  }];
}
// Of a size: the exponent is not negative.
def Aten_PowIntToIntOp : NumberOp<"pow.int_to_int", (ins Int:$a, Int:$b), Int, "r.integer()",
    "math::IPowIOp::create(b, op.getA(), op.getB()).getResult()">;
def Aten_LshiftIntOp : NumberOp<"__lshift__.int", (ins Int:$a, Int:$b), Int, "r.integer()",
    "lowerShift<arith::ShLIOp>(b, op.getA(), op.getB())">;
def Aten_RshiftIntOp : NumberOp<"__rshift__.int", (ins Int:$a, Int:$b), Int, "r.integer()",
    "lowerShift<arith::ShRSIOp>(b, op.getA(), op.getB())">;
class FloatPower<string name, SchemaType a, SchemaType b>
    : FoldedScalarOp<name, (ins a:$a, b:$b), Float, "r.floating()",
                     "[](double a, double b) { return std::pow(a, b); }",
                     "math::PowFOp::create(b, toFloat(b, op.getA()), toFloat(b, op.getB())).getResult()">;
def Aten_PowIntOp : FloatPower<"pow.int", Int, Int>;
def Aten_PowFloatOp : FloatPower<"pow.float", Float, Float>;
def Aten_PowIntFloatOp : FloatPower<"pow.int_float", Int, Float>;
def Aten_PowFloatIntOp : FloatPower<"pow.float_int", Float, Int>;
class Root<string name, SchemaType type>
    : FoldedScalarOp<name, (ins type:$a), Float, "r.floating()",
                     "[](double a, double) { return std::sqrt(a); }",
                     "math::SqrtOp::create(b, toFloat(b, op.getA())).getResult()">;
def Aten_SqrtIntOp : Root<"sqrt.int", Int>;
def Aten_SqrtFloatOp : Root<"sqrt.float", Float>;
class Rounding<string name, string mathOp, string function>
    : FoldedScalarOp<name, (ins Float:$a), Int, "r.integer()",
                     "[](double a, double) { return static_cast<int64_t>(" # function # "(a)); }",
                     "toInteger(b, math::" # mathOp # "::create(b, op.getA()))">;
def Aten_FloorFloatOp : Rounding<"floor.float", "FloorOp", "std::floor">;
def Aten_CeilFloatOp : Rounding<"ceil.float", "CeilOp", "std::ceil">;

// The first one where they are equal, as Python has it.
class FloatExtreme<string name, SchemaType a, SchemaType b, string better, string predicate>
    : Torch_SchemaOp<"prim." # name, (ins a:$a, b:$b), (outs Float:$result), [Lowers]> {
  let infer = "r.floating()";
  let hasFolder = 1;
  let definition = [{
    ::mlir::OpFoldResult $cppClass::fold(FoldAdaptor op) {
      return ::linalgd::torch::foldNumbers(getOperation(), op.getOperands(), [](double a, double b) {
        return b }] # better # [{ a ? b : a;
      });
    }
    ::llvm::LogicalResult $cppClass::lowerToLinalg(::linalgd::torch::Lowering &b) {
      ::mlir::Value first = toFloat(b, b.operands[0]), second = toFloat(b, b.operands[1]);
      ::mlir::Value isSecond = arith::CmpFOp::create(
          b, arith::CmpFPredicate::}] # predicate # [{, second, first);
      return b.replace(arith::SelectOp::create(b, isSecond, second, first).getResult());
    }
  }];
}
multiclass FloatExtremes<string name, string better, string predicate> {
  def FloatOp : FloatExtreme<name # ".float", Float, Float, better, predicate>;
  def IntFloatOp : FloatExtreme<name # ".int_float", Int, Float, better, predicate>;
  def FloatIntOp : FloatExtreme<name # ".float_int", Float, Int, better, predicate>;
}
defm Prim_Max : FloatExtremes<"max", ">", "OGT">;
defm Prim_Min : FloatExtremes<"min", "<", "OLT">;

class Difference<string name, SchemaType a, SchemaType b>
    : FoldedScalarOp<name, (ins a:$a, b:$b), Float, "r.floating()",
                     "[](double a, double b) { return a - b; }",
                     "arith::SubFOp::create(b, toFloat(b, op.getA()), toFloat(b, op.getB())).getResult()">;
def Aten_SubIntFloatOp : Difference<"sub.int_float", Int, Float>;
def Aten_SubFloatIntOp : Difference<"sub.float_int", Float, Int>;

#endif
