// Ops that put tensors together or their elements in another place: joining, repeating, padding.
#ifndef LINALGD_OPS_ASSEMBLY
#define LINALGD_OPS_ASSEMBLY

include "compiler/dialect/Torch.td"

class Make<string name, dag arguments, Trait way = Decomposes>
    : AtenOp<name, arguments, (outs Tensor:$result), [way]>;

//===-- joining -------------------------------------------------------------------------------===//

// `dim` and `least`, the rank that operands have at least, are expressions over `op`.
class Join<string name, dag arguments, string least, string dim, Trait way = Decomposes>
    : Make<name, arguments, way> {
  let infer = "inferJoined(r, op.getTensors(), " # least # ", " # dim # ")";
}
def Aten_CatOp : Join<"cat", (ins ListOf<Tensor>:$tensors, Default<Int, "0">:$dim), "0",
                      "matchInt(op.getDim())", Lowers>;
class JoinAs<string name, string argument, int least, string dim>
    : Join<name, !if(!empty(argument), (ins ListOf<Tensor>:$tensors),
                     (ins ListOf<Tensor>:$tensors, Default<Int, "0">:$dim)),
           !cast<string>(least), dim> {
  let definition = [{
    ::llvm::LogicalResult $cppClass::decompose(::linalgd::torch::Decomposition &b) {
      Adaptor op((*this)->getOperands());
      return ::linalgd::torch::decomposeJoined(b, }] # least # ", " # dim # [{);
    }
  }];
}
def Aten_ConcatOp : JoinAs<"concat", "dim", 0, "matchInt(op.getDim())">;
def Aten_ConcatenateOp : JoinAs<"concatenate", "dim", 0, "matchInt(op.getDim())">;
def Aten_HstackOp : JoinAs<"hstack", "", 1, "hstackDim(op.getTensors())">;
def Aten_VstackOp : JoinAs<"vstack", "", 2, "0">;
def Aten_RowStackOp : JoinAs<"row_stack", "", 2, "0">;
def Aten_DstackOp : JoinAs<"dstack", "", 3, "2">;
def Aten_ColumnStackOp : Make<"column_stack", (ins ListOf<Tensor>:$tensors)>;
def Aten_StackOp : Make<"stack", (ins ListOf<Tensor>:$tensors, Default<Int, "0">:$dim)>;

class AtLeast<string name, int rank> : Make<name, (ins Tensor:$self)> {
  let definition = [{
    ::llvm::LogicalResult $cppClass::infer(Adaptor op, ::linalgd::torch::Inference &r) {
      return r.tensor(::linalgd::torch::atLeast(sizesOf(op.getSelf()), }] # rank # [{),
                      dtypeOf(op.getSelf()));
    }
    ::llvm::LogicalResult $cppClass::decompose(::linalgd::torch::Decomposition &b) {
      ::mlir::Value result = ::linalgd::torch::makeAtLeast(b, getSelf(), }] # rank # [{);
      return result ? b.replace(result) : ::llvm::failure();
    }
  }];
}
def Aten_Atleast1dOp : AtLeast<"atleast_1d", 1>;
def Aten_Atleast2dOp : AtLeast<"atleast_2d", 2>;
def Aten_Atleast3dOp : AtLeast<"atleast_3d", 3>;

//===-- repeating -----------------------------------------------------------------------------===//

def Aten_RepeatOp : Make<"repeat", (ins Tensor:$self, ListOf<SymInt>:$repeats)>;
def Aten_TileOp : Make<"tile", (ins Tensor:$self, ListOf<SymInt>:$dims)>;
def Aten_RepeatInterleaveSelfIntOp : Make<"repeat_interleave.self_int",
    (ins Tensor:$self, SymInt:$repeats, Default<Opt<Int>, "None">:$dim,
         Kw<Opt<SymInt>, "None">:$output_size)>;

def Aten_BroadcastTensorsOp : AtenOp<"broadcast_tensors",
    (ins ListOf<Tensor>:$tensors), (outs ListOf<Tensor>:$result), [Decomposes]>;
def Aten_DiffOp : Make<"diff", (ins Tensor:$self, Default<Int, "1">:$n, Default<Int, "-1">:$dim,
    Default<Opt<Tensor>, "None">:$prepend, Default<Opt<Tensor>, "None">:$append)>;

#endif
