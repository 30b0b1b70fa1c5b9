// Arithmetic on Python numbers and the sizes of tensors.
#ifndef LINALGD_OPS_SCALAR
#define LINALGD_OPS_SCALAR

include "compiler/dialect/Known.td"
include "compiler/ops/scalar/classes.td"

//===-- integers ------------------------------------------------------------------------------===//

class IntBinary<string name, string constant, string body>
    : FoldedScalarOp<name, (ins Int:$a, Int:$b), Int, "r.integer()",
                     "[](int64_t a, int64_t b) { return " # constant # "; }", body>;
class IntArith<string name, string constant, string arithOp>
    : IntBinary<name, constant, "arith::" # arithOp # "::create(b, op.getA(), op.getB()).getResult()">;
def Aten_AddIntOp : IntArith<"add.int", "a + b", "AddIOp">;
def Aten_SubIntOp : IntArith<"sub.int", "a - b", "SubIOp">;
def Aten_MulIntOp : IntArith<"mul.int", "a * b", "MulIOp">;
def Aten_FloordivIntOp : IntBinary<"floordiv.int", "floorDivide(a, b)", "lowerFloorDivide(b, op.getA(), op.getB())">;
def Aten_RemainderIntOp : IntBinary<"remainder.int", "pythonModulo(a, b)", "lowerModulo(b, op.getA(), op.getB())">;
def Prim_MaxIntOp : Torch_SchemaOp<"prim.max.int", (ins Int:$a, Int:$b), (outs Int:$result), [Lowers]> {
  let infer = "r.integer()";
  let hasFolder = 1;
}
def Prim_MinIntOp : Torch_SchemaOp<"prim.min.int", (ins Int:$a, Int:$b), (outs Int:$result), [Lowers]> {
  let infer = "r.integer()";
  let hasFolder = 1;
}
def Aten_NegIntOp : FoldedScalarOp<"neg.int", (ins Int:$a), Int, "r.integer()",
    "[](int64_t a, int64_t) { return -a; }",
    "arith::SubIOp::create(b, b.toInt(b.getIndexAttr(0)), op.getA()).getResult()">;

class IntCompare<string name, string constant, string predicate>
    : FoldedScalarOp<name, (ins Int:$a, Int:$b), Bool, "r.boolean()",
                     "[](int64_t a, int64_t b) -> int64_t { return " # constant # "; }",
                     "arith::CmpIOp::create(b, arith::CmpIPredicate::" # predicate
                       # ", op.getA(), op.getB()).getResult()">;
def Aten_EqIntOp : IntCompare<"eq.int", "a == b", "eq">;
def Aten_NeIntOp : IntCompare<"ne.int", "a != b", "ne">;
def Aten_LtIntOp : IntCompare<"lt.int", "a < b", "slt">;
def Aten_LeIntOp : IntCompare<"le.int", "a <= b", "sle">;
def Aten_GtIntOp : IntCompare<"gt.int", "a > b", "sgt">;
def Aten_GeIntOp : IntCompare<"ge.int", "a >= b", "sge">;

//===-- floats --------------------------------------------------------------------------------===//

class FloatBinary<string name, SchemaType a, SchemaType b, string constant, string arithOp>
    : FoldedScalarOp<name, (ins a:$a, b:$b), Float, "r.floating()",
                     "[](double a, double b) { return " # constant # "; }",
                     "arith::" # arithOp # "::create(b, toFloat(b, op.getA()), toFloat(b, op.getB())).getResult()">;
def Aten_AddFloatOp : FloatBinary<"add.float", Float, Float, "a + b", "AddFOp">;
def Aten_SubFloatOp : FloatBinary<"sub.float", Float, Float, "a - b", "SubFOp">;
def Aten_MulFloatOp : FloatBinary<"mul.float", Float, Float, "a * b", "MulFOp">;
def Aten_DivFloatOp : FloatBinary<"div.float", Float, Float, "a / b", "DivFOp">;
def Aten_DivIntOp : FloatBinary<"div.int", Int, Int, "a / b", "DivFOp">;
def Aten_AddIntFloatOp : FloatBinary<"add.int_float", Int, Float, "a + b", "AddFOp">;
def Aten_AddFloatIntOp : FloatBinary<"add.float_int", Float, Int, "a + b", "AddFOp">;
def Aten_MulIntFloatOp : FloatBinary<"mul.int_float", Int, Float, "a * b", "MulFOp">;
def Aten_MulFloatIntOp : FloatBinary<"mul.float_int", Float, Int, "a * b", "MulFOp">;
class FloatDivision<string name, string function, string body>
    : FoldedScalarOp<name, (ins Float:$a, Float:$b), Float, "r.floating()",
                     "[](double a, double b) { return " # function # "(a, b); }",
                     body # "(b, op.getA(), op.getB())">;
def Aten_FloordivFloatOp : FloatDivision<"floordiv.float", "floorDivide", "lowerFloorDivide">;
def Aten_RemainderFloatOp : FloatDivision<"remainder.float", "pythonModulo", "lowerModulo">;
def Aten_NegFloatOp : FoldedScalarOp<"neg.float", (ins Float:$a), Float, "r.floating()",
    "[](double a, double) { return -a; }",
    "arith::NegFOp::create(b, op.getA()).getResult()">;
def Aten_NegScalarOp : KnownOp<"aten.neg.Scalar", (ins Scalar:$a), Scalar, "r.add(op.getA().getType())",
    "negated(b, getA())">;

//===-- conversions ---------------------------------------------------------------------------===//

def Aten_IntScalarOp : FoldedScalarOp<"Int.Scalar", (ins Scalar:$a), Int, "r.integer()",
    "[](double a, double) { return static_cast<int64_t>(a); }", "toInteger(b, op.getA())">;
def Aten_IntFloatOp : FoldedScalarOp<"Int.float", (ins Float:$a), Int, "r.integer()",
    "[](double a, double) { return static_cast<int64_t>(a); }", "toInteger(b, op.getA())">;
def Aten_IntBoolOp : FoldedScalarOp<"Int.bool", (ins Bool:$a), Int, "r.integer()",
    "[](int64_t a, int64_t) { return a; }", "toInteger(b, op.getA())">;
def Aten_FloatScalarOp : FoldedScalarOp<"Float.Scalar", (ins Scalar:$a), Float, "r.floating()",
    "[](double a, double) { return a; }", "toFloat(b, op.getA())">;
def Aten_FloatIntOp : FoldedScalarOp<"Float.int", (ins Int:$a), Float, "r.floating()",
    "[](double a, double) { return a; }", "toFloat(b, op.getA())">;

// The one element of a tensor.
class Item<string name, string argument, SchemaType type, string rule>
    : AtenOp<name, !dag(ins, [Tensor], [argument]), (outs type:$result), [Lowers]> {
  let infer = rule;
  let hasFolder = 1;
  let definition = [{
    ::mlir::OpFoldResult $cppClass::fold(FoldAdaptor) {
      return ::linalgd::torch::foldItem(getOperation());
    }
    ::llvm::LogicalResult $cppClass::lowerToLinalg(::linalgd::torch::Lowering &b) {
      return ::linalgd::torch::lowerItem(b);
    }
  }];
}
def Aten_IntTensorOp : Item<"Int.Tensor", "a", Int, "r.integer()">;
def Aten_FloatTensorOp : Item<"Float.Tensor", "a", Float, "r.floating()">;
def Aten_BoolTensorOp : Item<"Bool.Tensor", "a", Bool, "r.boolean()">;
def Aten_IntImplicitOp : Item<"IntImplicit", "a", Int, "r.integer()">;
def Aten_FloatImplicitOp : Item<"FloatImplicit", "a", Float, "r.floating()">;
def Aten_ScalarImplicitOp : Item<"ScalarImplicit", "a", Scalar, "inferItem(r, op.getA())">;
def Aten_ItemOp : Item<"item", "self", Scalar, "inferItem(r, op.getSelf())">;
def Aten_LocalScalarDenseOp
    : Item<"_local_scalar_dense", "self", Scalar, "inferItem(r, op.getSelf())">;

//===-- sizes ---------------------------------------------------------------------------------===//

class Size<string name, SchemaType type>
    : ScalarOp<name, (ins Tensor:$self, Int:$dim), type, "r.integer()"> {
  let hasFolder = 1;
  let definition = [{
    ::mlir::OpFoldResult $cppClass::fold(FoldAdaptor) {
      return ::linalgd::torch::foldSize(getSelf(), getDim());
    }
    ::llvm::LogicalResult $cppClass::lowerToLinalg(::linalgd::torch::Lowering &b) {
      return ::linalgd::torch::lowerSize(b);
    }
  }];
}
def Aten_SizeIntOp : Size<"size.int", Int>;
def Aten_SymSizeIntOp : Size<"sym_size.int", SymInt>;

class Numel<string name, SchemaType type>
    : ScalarOp<name, (ins Tensor:$self), type, "r.integer()"> {
  let hasFolder = 1;
  let definition = [{
    ::mlir::OpFoldResult $cppClass::fold(FoldAdaptor) {
      return ::linalgd::torch::foldNumel(getSelf());
    }
    ::llvm::LogicalResult $cppClass::lowerToLinalg(::linalgd::torch::Lowering &b) {
      return ::linalgd::torch::lowerNumel(b);
    }
  }];
}
def Aten_NumelOp : Numel<"numel", Int>;
def Aten_SymNumelOp : Numel<"sym_numel", SymInt>;

def Aten_DimOp : AtenOp<"dim", (ins Tensor:$self), (outs Int:$result), [Decomposes]> {
  let infer = "r.integer()";
}
// All sizes, as a list.
def Aten_SizeOp : AtenOp<"size", (ins Tensor:$self), (outs ListOf<Int>:$result), [Decomposes]> {
  let infer = "r.add(torch::ListType::get(torch::IntType::get(r.context)))";
}
def Aten_SymSizeOp : AtenOp<"sym_size", (ins Tensor:$self), (outs ListOf<SymInt>:$result), [Decomposes]> {
  let infer = "r.add(torch::ListType::get(torch::IntType::get(r.context)))";
}

// Number → tensor.
def Prim_NumToTensorOp : Torch_SchemaOp<"prim.NumToTensor.Scalar", (ins Scalar:$a), (outs Tensor:$result), [Lowers]> {
  let infer = "r.tensor(SmallVector<int64_t>(), resultDtype(op.getOperands()))";
}

#endif
