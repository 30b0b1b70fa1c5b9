// Ops that make a tensor from sizes and numbers.
#ifndef LINALGD_OPS_CREATION
#define LINALGD_OPS_CREATION

include "compiler/dialect/Known.td"

defvar options = (ins Kw<Opt<ScalarType>, "None">:$dtype, Kw<Opt<Layout>, "None">:$layout,
    Kw<Opt<Device>, "None">:$device, Kw<Opt<Bool>, "None">:$pin_memory);
defvar memoryFormat = (ins Kw<Opt<MemoryFormat>, "None">:$memory_format);

// `sizes` and `otherwise`, the dtype without a dtype argument, are expressions over `op`.
class Create<string name, dag arguments, string sizes, string otherwise, Trait way = Decomposes>
    : AtenOp<name, arguments, (outs Tensor:$result), [way]> {
  let infer = "r.tensor(" # sizes # ", matchDtype(op.getDtype(), " # otherwise # "))";
}
// A tensor of one number, `value`: an expression over the op and `b`.
class Filled<string name, dag arguments, string sizes, string otherwise, string value, string sizeList>
    : Create<name, arguments, sizes, otherwise> {
  let definition = [{
    ::llvm::LogicalResult $cppClass::decompose(::linalgd::torch::Decomposition &b) {
      Adaptor op((*this)->getOperands());
      return ::linalgd::torch::decomposeFilled(b, }] # sizeList # ", " # value # [{);
    }
  }];
}
class FilledSizes<string name, dag head, string otherwise, string value, dag tail = (ins)>
    : Filled<name, !con((ins ListOf<SymInt>:$size), head, options, tail), "matchSizes(op.getSize())",
             otherwise, value, "op.getSize()">;
class FilledLike<string name, dag head, string value>
    : Filled<name, !con((ins Tensor:$self), head, options, memoryFormat), "sizesOf(op.getSelf())",
             "dtypeOf(op.getSelf())", value, "sizesAs(b, op.getSelf())">;
class FilledNew<string name, dag head, string value>
    : Filled<name, !con((ins Tensor:$self, ListOf<SymInt>:$size), head, options),
             "matchSizes(op.getSize())", "dtypeOf(op.getSelf())", value, "op.getSize()">;

def Aten_FullOp : Create<"full", !con((ins ListOf<SymInt>:$size, Scalar:$fill_value), options),
    "matchSizes(op.getSize())", "scalarDtype(op.getFillValue())", Lowers>;
def Aten_ZerosOp : FilledSizes<"zeros", (ins), "r.f32()", "b.constInt(0)">;
def Aten_OnesOp : FilledSizes<"ones", (ins), "r.f32()", "b.constInt(1)">;
// What PyTorch leaves uninitialised is zero.
def Aten_EmptyMemoryFormatOp : FilledSizes<"empty.memory_format", (ins), "r.f32()", "b.constInt(0)", memoryFormat>;
def Aten_EmptyStridedOp : FilledSizes<"empty_strided", (ins ListOf<SymInt>:$stride), "r.f32()", "b.constInt(0)">;
def Aten_EmptyPermutedOp : FilledSizes<"empty_permuted", (ins ListOf<Int>:$physical_layout), "r.f32()", "b.constInt(0)">;
def Aten_FullLikeOp : FilledLike<"full_like", (ins Scalar:$fill_value), "op.getFillValue()">;
def Aten_ZerosLikeOp : FilledLike<"zeros_like", (ins), "b.constInt(0)">;
def Aten_OnesLikeOp : FilledLike<"ones_like", (ins), "b.constInt(1)">;
def Aten_EmptyLikeOp : FilledLike<"empty_like", (ins), "b.constInt(0)">;
def Aten_NewFullOp : FilledNew<"new_full", (ins Scalar:$fill_value), "op.getFillValue()">;
def Aten_NewZerosOp : FilledNew<"new_zeros", (ins), "b.constInt(0)">;
def Aten_NewOnesOp : FilledNew<"new_ones", (ins), "b.constInt(1)">;
def Aten_NewEmptyOp : FilledNew<"new_empty", (ins), "b.constInt(0)">;
def Aten_NewEmptyStridedOp : FilledNew<"new_empty_strided", (ins ListOf<SymInt>:$stride), "b.constInt(0)">;
def Aten_ScalarTensorOp : Filled<"scalar_tensor", !con((ins Scalar:$s), options), "scalarSizes()",
    "r.f32()", "op.getS()", "b.intList(::llvm::ArrayRef<int64_t>())">;

// A tensor of `data`, a number or nested lists of them.
class FromData<string name, string argument, SchemaType type, dag tail = (ins)>
    : AtenOp<name, !con(!dag(ins, [type], [argument]), (ins Kw<Opt<ScalarType>, "None">:$dtype,
        Kw<Opt<Device>, "None">:$device), tail), (outs Tensor:$result), [Decomposes]> {
  let infer = "inferData(r, op.getOperands()[0], op.getDtype())";
  let definition = [{
    ::llvm::LogicalResult $cppClass::decompose(::linalgd::torch::Decomposition &b) {
      return ::linalgd::torch::decomposeData(b, getOperand(0));
    }
  }];
}
class FromNumbers<string overload, string argument, SchemaType type>
    : FromData<"tensor" # overload, argument, type, (ins Kw<Bool, "False">:$requires_grad)>;
def Aten_TensorOfDataOp : FromNumbers<"", "data", ListOfT>;
def Aten_TensorOfIntOp : FromNumbers<".int", "t", Int>;
def Aten_TensorOfFloatOp : FromNumbers<".float", "t", Float>;
def Aten_TensorOfBoolOp : FromNumbers<".bool", "t", Bool>;
def Aten_AsTensorListOp : FromData<"as_tensor.list", "data", ListOfT>;

//===-- ranges --------------------------------------------------------------------------------===//

class Arange<string name, dag head, Trait way = Decomposes>
    : AtenOp<name, !con(head, options), (outs Tensor:$result), [way]>;
def Aten_ArangeOp : Arange<"arange", (ins Scalar:$end)>;
def Aten_ArangeStartOp : Arange<"arange.start", (ins Scalar:$start, Scalar:$end)>;
def Aten_ArangeStartStepOp : Arange<"arange.start_step",
    (ins Scalar:$start, Scalar:$end, Default<Scalar, "1">:$step), Lowers>;
def Aten_LinspaceOp : Create<"linspace", !con((ins Scalar:$start, Scalar:$end, Int:$steps), options),
    "sizesOfInts({op.getSteps()})", "r.f32()", Lowers>;
def Aten_EyeOp : Create<"eye", !con((ins SymInt:$n), options),
    "sizesOfInts({op.getN(), op.getN()})", "r.f32()">;
def Aten_EyeMOp : Create<"eye.m", !con((ins SymInt:$n, SymInt:$m), options),
    "sizesOfInts({op.getN(), op.getM()})", "r.f32()", Lowers>;

class TriangleIndices<string name>
    : AtenOp<name, (ins Int:$row, Int:$col, Default<Int, "0">:$offset,
        Kw<Opt<ScalarType>, "4">:$dtype, Kw<Opt<Layout>, "None">:$layout,
        Kw<Opt<Device>, "None">:$device, Kw<Opt<Bool>, "None">:$pin_memory),
        (outs Tensor:$result), [Decomposes]> {
  let infer = "r.tensor(::llvm::SmallVector<int64_t>{2, ::mlir::ShapedType::kDynamic}, matchDtype(op.getDtype(), r.si64()))";
}
def Aten_TrilIndicesOp : TriangleIndices<"tril_indices">;
def Aten_TriuIndicesOp : TriangleIndices<"triu_indices">;

//===-- parts of a matrix, grids --------------------------------------------------------------===//

class Triangle<string name> : AtenOp<name, (ins Tensor:$self, Default<SymInt, "0">:$diagonal),
                                     (outs Tensor:$result), [Lowers]> {
  let infer = "r.same(op.getSelf())";
  let inPlace = 1;
}
def Aten_TrilOp : Triangle<"tril">;
def Aten_TriuOp : Triangle<"triu">;

class Meshgrid<string name, dag tail> : AtenOp<name, !con((ins ListOf<Tensor>:$tensors), tail),
                                               (outs ListOf<Tensor>:$result), [Decomposes]>;
def Aten_MeshgridOp : Meshgrid<"meshgrid", (ins)>;
def Aten_MeshgridIndexingOp : Meshgrid<"meshgrid.indexing", (ins Kw<Str>:$indexing)>;

#endif
