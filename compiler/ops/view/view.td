// Views: results that alias their operand, and the ops that write through them.
#ifndef LINALGD_OPS_VIEW
#define LINALGD_OPS_VIEW

include "compiler/dialect/Torch.td"

class ViewOf<string name, dag arguments, list<Trait> traits>
    : AtenOp<name, arguments, (outs Tensor:$result), traits>;

//===-- reshapes ------------------------------------------------------------------------------===//

def Aten_ViewOp : ViewOf<"view", (ins Tensor:$self, ListOf<SymInt>:$size), [IsContiguousView, Lowers]>;
def Aten_UnsafeViewOp : ViewOf<"_unsafe_view", (ins Tensor:$self, ListOf<SymInt>:$size), [Decomposes]>;
def Aten_ReshapeOp : ViewOf<"reshape", (ins Tensor:$self, ListOf<SymInt>:$shape), [IsMaybeView, Decomposes]>;
def Aten_ViewAsOp : ViewOf<"view_as", (ins Tensor:$self, Tensor:$other), [IsContiguousView, Decomposes]>;
def Aten_ReshapeAsOp : ViewOf<"reshape_as", (ins Tensor:$self, Tensor:$other), [IsMaybeView, Decomposes]>;
def Aten_RavelOp : ViewOf<"ravel", (ins Tensor:$self), [IsMaybeView, Decomposes]>;
def Aten_FlattenUsingIntsOp : ViewOf<"flatten.using_ints",
    (ins Tensor:$self, Default<Int, "0">:$start_dim, Default<Int, "-1">:$end_dim), [IsMaybeView, Lowers]>;
def Aten_UnflattenIntOp : ViewOf<"unflatten.int",
    (ins Tensor:$self, Int:$dim, ListOf<SymInt>:$sizes), [IsContiguousView, Lowers]>;
def Aten_UnsqueezeOp : ViewOf<"unsqueeze", (ins Tensor:$self, Int:$dim), [IsContiguousView, Lowers]>;
def Aten_SqueezeOp : ViewOf<"squeeze", (ins Tensor:$self), [IsContiguousView, Lowers]>;
def Aten_SqueezeDimOp : ViewOf<"squeeze.dim", (ins Tensor:$self, Int:$dim), [IsContiguousView, Lowers]>;
def Aten_SqueezeDimsOp : ViewOf<"squeeze.dims", (ins Tensor:$self, ListOf<Int>:$dim), [IsContiguousView, Lowers]>;
def Prims_PrimsSqueezeOp : Torch_SchemaOp<"prims.squeeze", (ins Tensor:$a, ListOf<Int>:$dimensions),
    (outs Tensor:$result), [IsContiguousView, Decomposes]>;

//===-- permutations and broadcasts -----------------------------------------------------------===//

def Aten_PermuteOp : ViewOf<"permute", (ins Tensor:$self, ListOf<Int>:$dims), [IsView, Lowers]>;

// `dims` gives the dimensions of the operand in the result's order, over `op` (view.h's helpers).
class Permutation<string name, dag arguments, string dims>
    : ViewOf<name, arguments, [IsView, Decomposes]> {
  let definition = [{
    ::llvm::LogicalResult $cppClass::infer(Adaptor op, ::linalgd::torch::Inference &r) {
      return ::linalgd::torch::inferPermuted(r, op.getSelf(), }] # dims # [{,
                                             op.getOperands().drop_front());
    }
    ::llvm::LogicalResult $cppClass::decompose(::linalgd::torch::Decomposition &b) {
      Adaptor op((*this)->getOperands());
      return ::linalgd::torch::decomposePermuted(b, op.getSelf(), }] # dims # [{);
    }
    ::mlir::Value $cppClass::scatter(::linalgd::torch::TorchBuilder &b, ::mlir::Value base,
                                     ::mlir::Value update, unsigned index) {
      Adaptor op((*this)->getOperands());
      return ::linalgd::torch::unpermute(b, update, }] # dims # [{);
    }
  }];
}
def Aten_TransposeIntOp : Permutation<"transpose.int", (ins Tensor:$self, Int:$dim0, Int:$dim1),
    "swapDims(op.getSelf(), op.getDim0(), op.getDim1())">;
def Aten_SwapaxesOp : Permutation<"swapaxes", (ins Tensor:$self, Int:$axis0, Int:$axis1),
    "swapDims(op.getSelf(), op.getAxis0(), op.getAxis1())">;
def Aten_SwapdimsOp : Permutation<"swapdims", (ins Tensor:$self, Int:$dim0, Int:$dim1),
    "swapDims(op.getSelf(), op.getDim0(), op.getDim1())">;
def Aten_TOp : Permutation<"t", (ins Tensor:$self), "reverseDims(op.getSelf())">;
def Aten_NumpyTOp : Permutation<"numpy_T", (ins Tensor:$self), "reverseDims(op.getSelf())">;
def Aten_MTOp : Permutation<"mT", (ins Tensor:$self), "swapLastDims(op.getSelf())">;
def Aten_MovedimIntOp : Permutation<"movedim.int", (ins Tensor:$self, Int:$source, Int:$destination),
    "moveDims(op.getSelf(), op.getSource(), op.getDestination())">;
def Aten_MovedimIntlistOp : Permutation<"movedim.intlist",
    (ins Tensor:$self, ListOf<Int>:$source, ListOf<Int>:$destination),
    "moveDims(op.getSelf(), op.getSource(), op.getDestination())">;
def Aten_MoveaxisIntOp : Permutation<"moveaxis.int", (ins Tensor:$self, Int:$source, Int:$destination),
    "moveDims(op.getSelf(), op.getSource(), op.getDestination())">;
def Aten_MoveaxisIntlistOp : Permutation<"moveaxis.intlist",
    (ins Tensor:$self, ListOf<Int>:$source, ListOf<Int>:$destination),
    "moveDims(op.getSelf(), op.getSource(), op.getDestination())">;

def Aten_ExpandOp : ViewOf<"expand",
    (ins Tensor:$self, ListOf<SymInt>:$size, Kw<Bool, "False">:$implicit), [IsView, Lowers]>;
def Aten_ExpandAsOp : ViewOf<"expand_as", (ins Tensor:$self, Tensor:$other), [IsView, Decomposes]>;
def Aten_BroadcastToOp : ViewOf<"broadcast_to",
    (ins Tensor:$self, ListOf<SymInt>:$size), [IsView, Decomposes]>;

//===-- parts ---------------------------------------------------------------------------------===//

def Aten_SelectIntOp : ViewOf<"select.int",
    (ins Tensor:$self, Int:$dim, SymInt:$index), [IsContiguousView, Lowers]>;
def Aten_SliceTensorOp : ViewOf<"slice.Tensor",
    (ins Tensor:$self, Default<Int, "0">:$dim, Default<Opt<SymInt>, "None">:$start,
         Default<Opt<SymInt>, "None">:$end, Default<SymInt, "1">:$step), [IsView, Lowers]>;
def Aten_NarrowOp : ViewOf<"narrow",
    (ins Tensor:$self, Int:$dim, SymInt:$start, SymInt:$length), [IsView, Lowers]>;
def Aten_DiagonalOp : ViewOf<"diagonal",
    (ins Tensor:$self, Default<Int, "0">:$offset, Default<Int, "0">:$dim1, Default<Int, "1">:$dim2),
    [IsView, Lowers]>;
def Aten_UnfoldOp : ViewOf<"unfold", (ins Tensor:$self, Int:$dimension, Int:$size, Int:$step),
    [IsView, Lowers]>;
// Of a tensor that is contiguous and begins its storage.
def Aten_AsStridedOp : ViewOf<"as_strided",
    (ins Tensor:$self, ListOf<SymInt>:$size, ListOf<SymInt>:$stride,
         Default<Opt<SymInt>, "None">:$storage_offset), [IsView, Lowers]>;

def Aten_SliceScatterOp : ViewOf<"slice_scatter",
    (ins Tensor:$self, Tensor:$src, Default<Int, "0">:$dim, Default<Opt<SymInt>, "None">:$start,
         Default<Opt<SymInt>, "None">:$end, Default<SymInt, "1">:$step), [Lowers]>;
def Aten_SelectScatterOp : ViewOf<"select_scatter",
    (ins Tensor:$self, Tensor:$src, Int:$dim, SymInt:$index), [Lowers]>;
def Aten_DiagonalScatterOp : ViewOf<"diagonal_scatter",
    (ins Tensor:$self, Tensor:$src, Default<Int, "0">:$offset, Default<Int, "0">:$dim1,
         Default<Int, "1">:$dim2), [Lowers]>;

//===-- lists of parts ------------------------------------------------------------------------===//

// Slices along `dim`, whose bounds partBounds (parts.cpp) knows.
class Parts<string name, dag arguments, int least, bit sums = 0, bit isView = 1>
    : AtenOp<name, arguments, (outs ListOf<Tensor>:$result),
             !if(isView, [IsView, Decomposes], [Decomposes])> {
  let definition = [{
    ::llvm::LogicalResult $cppClass::infer(Adaptor op, ::linalgd::torch::Inference &r) {
      return ::linalgd::torch::inferParts(r, op.getSelf(), op.getOperands()[1], op.getDim(),
                                          }] # least # ", " # sums # [{);
    }
    ::llvm::LogicalResult $cppClass::decompose(::linalgd::torch::Decomposition &b) {
      return ::linalgd::torch::decomposeParts(b, getDim());
    }
  }] # !if(!not(isView), "", [{
    ::mlir::Value $cppClass::scatter(::linalgd::torch::TorchBuilder &b, ::mlir::Value base,
                                     ::mlir::Value update, unsigned index) {
      return ::linalgd::torch::scatterPart(b, getOperation(), base, update, getDim(), index);
    }
  }]);
}
def Aten_SplitTensorOp : Parts<"split.Tensor",
    (ins Tensor:$self, SymInt:$split_size, Default<Int, "0">:$dim), 0>;
def Aten_SplitSizesOp : Parts<"split.sizes",
    (ins Tensor:$self, ListOf<SymInt>:$split_size, Default<Int, "0">:$dim), 0, 1>;
def Aten_SplitWithSizesOp : Parts<"split_with_sizes",
    (ins Tensor:$self, ListOf<SymInt>:$split_sizes, Default<Int, "0">:$dim), 0, 1>;
def Aten_ChunkOp : Parts<"chunk", (ins Tensor:$self, Int:$chunks, Default<Int, "0">:$dim), 1>;
def Aten_TensorSplitSectionsOp : Parts<"tensor_split.sections",
    (ins Tensor:$self, SymInt:$sections, Default<Int, "0">:$dim), 1>;
def Aten_TensorSplitIndicesOp : Parts<"tensor_split.indices",
    (ins Tensor:$self, ListOf<SymInt>:$indices, Default<Int, "0">:$dim), 0>;
def Aten_UnsafeSplitTensorOp : Parts<"unsafe_split.Tensor",
    (ins Tensor:$self, SymInt:$split_size, Default<Int, "0">:$dim), 0, 0, 0>;
def Aten_UnsafeSplitWithSizesOp : Parts<"unsafe_split_with_sizes",
    (ins Tensor:$self, ListOf<SymInt>:$split_sizes, Default<Int, "0">:$dim), 0, 1, 0>;
def Aten_UnsafeChunkOp : Parts<"unsafe_chunk",
    (ins Tensor:$self, Int:$chunks, Default<Int, "0">:$dim), 1, 0, 0>;
def Aten_UnbindIntOp : AtenOp<"unbind.int", (ins Tensor:$self, Default<Int, "0">:$dim),
    (outs ListOf<Tensor>:$result), [IsView, Decomposes]>;

#endif
