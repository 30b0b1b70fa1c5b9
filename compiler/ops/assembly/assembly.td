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
      [[maybe_unused]] Adaptor op((*this)->getOperands());
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

//===-- moving --------------------------------------------------------------------------------===//

def Aten_FlipOp : Make<"flip", (ins Tensor:$self, ListOf<Int>:$dims), Lowers>;
def Aten_FliplrOp : Make<"fliplr", (ins Tensor:$self)>;
def Aten_FlipudOp : Make<"flipud", (ins Tensor:$self)>;
def Aten_RollOp : Make<"roll",
    (ins Tensor:$self, ListOf<SymInt, 1>:$shifts, Default<ListOf<Int, 1>, "[]">:$dims)>;
def Aten_ChannelShuffleOp : Make<"channel_shuffle", (ins Tensor:$self, SymInt:$groups)>;
def Aten_PixelShuffleOp : Make<"pixel_shuffle", (ins Tensor:$self, Int:$upscale_factor)>;
def Aten_PixelUnshuffleOp : Make<"pixel_unshuffle", (ins Tensor:$self, Int:$downscale_factor)>;

//===-- padding -------------------------------------------------------------------------------===//

class Padded<string name, dag arguments, string padding, Trait way = Lowers> : Make<name, arguments, way> {
  let infer = "inferPadded(r, op.getSelf(), " # padding # ")";
}
def Aten_ConstantPadNdOp : Padded<"constant_pad_nd",
    (ins Tensor:$self, ListOf<SymInt>:$pad, Default<Scalar, "0">:$value), "op.getPad()">;
def Aten_PadOp : Padded<"pad", (ins Tensor:$self, ListOf<SymInt>:$pad,
    Default<Str, "\"constant\"">:$mode, Default<Opt<Float>, "None">:$value), "op.getPad()", Decomposes>;

// Padded with elements of the operand; `edge` is an enumerator of Edge.
class EdgePadded<string name, dag arguments, string padding, string edge>
    : Padded<name, arguments, padding> {
  let infer = "inferEdgePadded(r, op.getSelf(), " # padding # ", Edge::" # edge # ")";
  let definition = [{
    ::llvm::LogicalResult $cppClass::lowerToLinalg(::linalgd::torch::Lowering &b) {
      [[maybe_unused]] Adaptor op((*this)->getOperands());
      return ::linalgd::torch::lowerEdgePadded(b, }] # padding # ", Edge::" # edge # [{);
    }
  }];
}
class PadNd<string name, int size, string edge>
    : EdgePadded<name, (ins Tensor:$self, ListOf<SymInt, size>:$padding), "op.getPadding()", edge>;
def Aten_ReflectionPad1dOp : PadNd<"reflection_pad1d", 2, "Reflect">;
def Aten_ReflectionPad2dOp : PadNd<"reflection_pad2d", 4, "Reflect">;
def Aten_ReflectionPad3dOp : PadNd<"reflection_pad3d", 6, "Reflect">;
def Aten_ReplicationPad1dOp : PadNd<"replication_pad1d", 2, "Replicate">;
def Aten_ReplicationPad2dOp : PadNd<"replication_pad2d", 4, "Replicate">;
def Aten_ReplicationPad3dOp : PadNd<"replication_pad3d", 6, "Replicate">;
def Aten_PadCircularOp : EdgePadded<"_pad_circular",
    (ins Tensor:$self, ListOf<SymInt>:$pad), "op.getPad()", "Circular">;

#endif
