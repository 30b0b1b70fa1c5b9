// Structural ops: constants, containers, literals, casts between value and non-value tensors.
#ifndef LINALGD_DIALECT_STRUCTURAL
#define LINALGD_DIALECT_STRUCTURAL

include "compiler/dialect/Torch.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def AnyTorchTensor : Type<CPred<"::linalgd::torch::isTensor($_self)">, "torch tensor">;
class TypeOf<string cppClass, string desc>
    : Type<CPred<"::llvm::isa<::linalgd::torch::" # cppClass # ">($_self)">, desc,
           "::linalgd::torch::" # cppClass>;
def AnyTorchInt : TypeOf<"IntType", "int">,
             BuildableType<"$_builder.getType<::linalgd::torch::IntType>()">;
def AnyValueTensor : TypeOf<"ValueTensorType", "value tensor">;
def AnyNonValueTensor : TypeOf<"NonValueTensorType", "non-value tensor">;
def AnyTorchList : TypeOf<"ListType", "list">;
def AnyTorchTuple : TypeOf<"TupleType", "tuple">;

class StructuralOp<string mnemonic, list<Trait> traits = []> : Torch_Op<mnemonic, traits> {
  let structural = 1;
}

//===-- constants -----------------------------------------------------------------------------===//

class BuildableTypeOf<string cppClass>
    : TypeOf<cppClass, cppClass>,
      BuildableType<"$_builder.getType<::linalgd::torch::" # cppClass # ">()">;

class ConstantOp<string kind, Attr attr, string resultType>
    : StructuralOp<"constant." # kind, [ConstantLike, Pure,
        DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let arguments = (ins attr:$value);
  let results = (outs BuildableTypeOf<resultType>:$result);
  let assemblyFormat = "$value attr-dict";
  let hasFolder = 1;
}

def Constant_ConstantIntOp : ConstantOp<"int", I64Attr, "IntType">;
def Constant_ConstantFloatOp : ConstantOp<"float", F64Attr, "FloatType">;
def Constant_ConstantBoolOp : ConstantOp<"bool", BoolAttr, "BoolType">;
def Constant_ConstantStrOp : ConstantOp<"str", StrAttr, "StringType">;
def Constant_ConstantDeviceOp : ConstantOp<"device", StrAttr, "DeviceType">;
def Constant_ConstantNumberOp : ConstantOp<"number", AnyAttr, "NumberType">;
def Constant_ConstantNoneOp : StructuralOp<"constant.none", [ConstantLike, Pure,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let results = (outs BuildableTypeOf<"NoneType">:$result);
  let assemblyFormat = "attr-dict";
  let hasFolder = 1;
}

class LiteralOp<string prefix, Type type> : StructuralOp<prefix # ".literal", [Pure,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let arguments = (ins ElementsAttr:$value);
  let results = (outs type:$result);
  let assemblyFormat = "`(` $value `)` attr-dict `:` qualified(type($result))";
  let hasVerifier = 1;
}
def Literal_TensorLiteralOp : LiteralOp<"tensor", AnyNonValueTensor> {
  let description = "A weight or tensor constant that may be written to.";
}
def Literal_ValueTensorLiteralOp : LiteralOp<"vtensor", AnyValueTensor>;

//===-- containers ----------------------------------------------------------------------------===//

def Prim_ListConstructOp : StructuralOp<"prim.ListConstruct", [Pure]> {
  let arguments = (ins Variadic<AnyType>:$elements);
  let results = (outs AnyTorchList:$result);
  let assemblyFormat = "$elements attr-dict `:` functional-type(operands, results)";
}
def Prim_ListUnpackOp : StructuralOp<"prim.ListUnpack", [Pure]> {
  let arguments = (ins AnyTorchList:$list);
  let results = (outs Variadic<AnyType>:$elements);
}
def Prim_TupleConstructOp : StructuralOp<"prim.TupleConstruct", [Pure]> {
  let arguments = (ins Variadic<AnyType>:$elements);
  let results = (outs AnyTorchTuple:$result);
}
def Prim_TupleUnpackOp : StructuralOp<"prim.TupleUnpack", [Pure]> {
  let arguments = (ins AnyTorchTuple:$tuple);
  let results = (outs Variadic<AnyType>:$elements);
}
def Prim_UncheckedCastOp : StructuralOp<"prim.unchecked_cast", [Pure]> {
  let arguments = (ins AnyType:$value);
  let results = (outs AnyType:$result);
}

//===-- tensors -------------------------------------------------------------------------------===//

def Torch_CopyToNonValueTensorOp : StructuralOp<"copy.to_tensor"> {
  let summary = "A fresh non-value tensor with the value's contents.";
  let arguments = (ins AnyValueTensor:$value);
  let results = (outs AnyNonValueTensor:$result);
  let hasCustomAssemblyFormat = 1;
}
def Torch_CopyToValueTensorOp : StructuralOp<"copy.to_vtensor"> {
  let summary = "The tensor's contents at this point of the program.";
  let arguments = (ins AnyNonValueTensor:$tensor);
  let results = (outs AnyValueTensor:$result);
  let hasCustomAssemblyFormat = 1;
}
def Torch_OverwriteTensorContentsOp : StructuralOp<"overwrite.tensor.contents"> {
  let arguments = (ins AnyTorchTensor:$value, AnyNonValueTensor:$overwritten);
  let assemblyFormat =
    "$value `overwrites` $overwritten attr-dict `:` qualified(type($value)) `,` qualified(type($overwritten))";
}
class CastLikeOp<string mnemonic, Type type> : StructuralOp<mnemonic, [Pure]> {
  let arguments = (ins type:$operand);
  let results = (outs type:$result);
  let assemblyFormat =
    "$operand attr-dict `:` qualified(type($operand)) `to` qualified(type($result))";
  let hasFolder = 1;
}
def Torch_TensorStaticInfoCastOp : CastLikeOp<"tensor_static_info_cast", AnyTorchTensor> {
  let summary = "The same tensor, more or less being known of its type.";
  let hasVerifier = 1;
}
def Torch_DerefineOp : CastLikeOp<"derefine", AnyType> {
  let summary = "The same value as a wider type: int as optional<int>.";
}

//===-- symbols and unknown ops ---------------------------------------------------------------===//

def Torch_SymbolicIntOp : StructuralOp<"symbolic_int", [Pure]> {
  let arguments = (ins StrAttr:$symbol_name, I64Attr:$min_val,
                       I64Attr:$max_val);
  let results = (outs AnyTorchInt:$result);
  let assemblyFormat =
    "$symbol_name `{` `min_val` `=` $min_val `,` `max_val` `=` $max_val `}` attr-dict `:` qualified(type($result))";
}
def Torch_BindSymbolicShapeOp : StructuralOp<"bind_symbolic_shape"> {
  let summary = "States a tensor's sizes as expressions of symbols; no run-time effect.";
  let arguments = (ins AnyTorchTensor:$operand, Variadic<AnyTorchInt>:$shape_symbols,
                       AffineMapAttr:$shape_expressions);
  let assemblyFormat =
    "$operand `,` `[` $shape_symbols `]` `,` $shape_expressions attr-dict `:` qualified(type($operand))";
}
def Torch_OperatorOp : StructuralOp<"operator"> {
  let summary = "A PyTorch op that linalgd gives no behaviour.";
  let arguments = (ins StrAttr:$name, Variadic<AnyType>:$operands);
  let results = (outs Variadic<AnyType>:$results);
  let assemblyFormat = "$name `(` $operands `)` attr-dict `:` functional-type(operands, results)";
}

#endif
