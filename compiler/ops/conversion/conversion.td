// Ops that give a tensor another dtype or identity, or other contents, and the assertions on tensors.
#ifndef LINALGD_OPS_CONVERSION
#define LINALGD_OPS_CONVERSION

include "compiler/dialect/Torch.td"

//===-- dtype ---------------------------------------------------------------------------------===//

// `dtype` is the result's dtype, an expression over `op`.
class Convert<string name, dag arguments, string dtype, list<Trait> traits = []>
    : AtenOp<name, arguments, (outs Tensor:$result), !listconcat([Lowers], traits)> {
  let infer = "r.sameSizes(op.getOperands()[0], " # dtype # ")";
  let definition = [{
    ::llvm::LogicalResult $cppClass::lowerToLinalg(::linalgd::torch::Lowering &b) {
      return ::linalgd::torch::lowerConversion(b);
    }
  }];
}
// PyTorch hands out the tensor itself where nothing changes, unless `copy`, an expression, is true.
class MaybeConvert<string name, dag arguments, string dtype, string copy>
    : Convert<name, arguments, dtype, [IsMaybeView]> {
  let hasFolder = 1;
  let definition = [{
    ::mlir::OpFoldResult $cppClass::fold(FoldAdaptor) {
      bool isSame = getSelf().getType() == getType() && dtypeOf(getSelf()) && aliases(true);
      return isSame ? ::mlir::OpFoldResult(getSelf()) : ::mlir::OpFoldResult();
    }
    ::llvm::LogicalResult $cppClass::lowerToLinalg(::linalgd::torch::Lowering &b) {
      return ::linalgd::torch::lowerConversion(b);
    }
    bool $cppClass::aliases(bool) {
      return dtypeOf(getSelf()) == dtypeOf(getResult()) && !(}] # copy # [{);
    }
    bool $cppClass::isContiguous(bool contiguous) { return contiguous; }
    ::mlir::Value $cppClass::scatter(TorchBuilder &, ::mlir::Value, ::mlir::Value update, unsigned) {
      return update;
    }
  }];
}
defvar selfDtype = "dtypeOf(op.getSelf())";
defvar namedDtype = "matchDtype(op.getDtype(), dtypeOf(op.getSelf()))";
defvar otherDtype = "dtypeOf(op.getOther())";
defvar copyFlag = "matchBool(getCopy()).value_or(true)";

def Aten_ToDtypeOp : MaybeConvert<"to.dtype", (ins Tensor:$self, ScalarType:$dtype,
    Default<Bool, "False">:$non_blocking, Default<Bool, "False">:$copy,
    Default<Opt<MemoryFormat>, "None">:$memory_format), namedDtype, copyFlag>;
def Aten_ToDeviceOp : MaybeConvert<"to.device", (ins Tensor:$self, Device:$device, ScalarType:$dtype,
    Default<Bool, "False">:$non_blocking, Default<Bool, "False">:$copy,
    Default<Opt<MemoryFormat>, "None">:$memory_format), namedDtype, copyFlag>;
def Aten_ToOtherOp : MaybeConvert<"to.other", (ins Tensor:$self, Tensor:$other,
    Default<Bool, "False">:$non_blocking, Default<Bool, "False">:$copy,
    Default<Opt<MemoryFormat>, "None">:$memory_format), otherDtype, copyFlag>;
def Aten_ToDtypeLayoutOp : MaybeConvert<"to.dtype_layout", (ins Tensor:$self,
    Kw<Opt<ScalarType>, "None">:$dtype, Kw<Opt<Layout>, "None">:$layout,
    Kw<Opt<Device>, "None">:$device, Kw<Opt<Bool>, "None">:$pin_memory,
    Kw<Bool, "False">:$non_blocking, Kw<Bool, "False">:$copy,
    Kw<Opt<MemoryFormat>, "None">:$memory_format), namedDtype, copyFlag>;
def Aten_ToPrimDeviceOp : MaybeConvert<"to.prim_Device", (ins Tensor:$self, Opt<Device>:$device,
    Default<Opt<Int>, "None">:$dtype, Default<Bool, "False">:$non_blocking,
    Default<Bool, "False">:$copy), namedDtype, copyFlag>;
def Aten_ToPrimDtypeOp : MaybeConvert<"to.prim_dtype", (ins Tensor:$self,
    Default<Opt<Int>, "None">:$dtype, Default<Bool, "False">:$non_blocking,
    Default<Bool, "False">:$copy), namedDtype, copyFlag>;
def Aten_TypeAsOp : MaybeConvert<"type_as", (ins Tensor:$self, Tensor:$other), otherDtype, "false">;
def Aten_ToCopyOp : Convert<"_to_copy", (ins Tensor:$self,
    Kw<Opt<ScalarType>, "None">:$dtype, Kw<Opt<Layout>, "None">:$layout,
    Kw<Opt<Device>, "None">:$device, Kw<Opt<Bool>, "None">:$pin_memory,
    Kw<Bool, "False">:$non_blocking, Kw<Opt<MemoryFormat>, "None">:$memory_format), namedDtype>;
def Prims_ConvertElementTypeOp
    : Torch_SchemaOp<"prims.convert_element_type", (ins Tensor:$a, ScalarType:$dtype),
                     (outs Tensor:$result), [Lowers]> {
  let infer = "r.sameSizes(op.getA(), matchDtype(op.getDtype(), Type()))";
  let definition = [{
    ::llvm::LogicalResult $cppClass::lowerToLinalg(::linalgd::torch::Lowering &b) {
      return ::linalgd::torch::lowerConversion(b);
    }
  }];
}

//===-- identity ------------------------------------------------------------------------------===//

class Identity<string name, dag arguments, list<Trait> traits = []>
    : AtenOp<name, arguments, (outs Tensor:$result), !listconcat([Decomposes], traits)> {
  let infer = "r.same(op.getOperands()[0])";
  let definition = [{
    ::llvm::LogicalResult $cppClass::decompose(::linalgd::torch::Decomposition &b) {
      return b.replace(getOperation()->getOperand(0));
    }
  }];
}
class IdentityView<string name> : Identity<name, (ins Tensor:$self), [IsContiguousView]> {
  let definition = [{
    ::llvm::LogicalResult $cppClass::decompose(::linalgd::torch::Decomposition &b) {
      return b.replace(getSelf());
    }
    bool $cppClass::isContiguous(bool contiguous) { return contiguous; }
    ::mlir::Value $cppClass::scatter(TorchBuilder &, ::mlir::Value, ::mlir::Value update, unsigned) {
      return update;
    }
  }];
}
def Aten_AliasOp : IdentityView<"alias">;
def Aten_DetachOp : IdentityView<"detach"> { let inPlace = 1; }
def Aten_LiftFreshOp : IdentityView<"lift_fresh">;
def Aten_LiftFreshCopyOp : Identity<"lift_fresh_copy", (ins Tensor:$self)>;
def Aten_DetachCopyOp : Identity<"detach_copy", (ins Tensor:$self)>;
def Aten_PositiveOp : IdentityView<"positive">;
def Aten_CloneOp
    : Identity<"clone", (ins Tensor:$self, Kw<Opt<MemoryFormat>, "None">:$memory_format)>;
def Aten_ContiguousOp : Identity<"contiguous", (ins Tensor:$self,
    Kw<MemoryFormat, "0">:$memory_format), [IsMaybeView]>;

// Dropout in evaluation: the input itself.
class Dropout<string name>
    : AtenOp<name, (ins Tensor:$input, Float:$p, Bool:$train), (outs Tensor:$result), [Decomposes]> {
  let infer = "r.same(op.getInput())";
  let inPlace = 1;
  let definition = [{
    ::llvm::LogicalResult $cppClass::decompose(::linalgd::torch::Decomposition &b) {
      if (matchBool(getTrain()) != false && matchFloat(getP()) != 0.0)
        return ::llvm::failure();
      return b.replace(getInput());
    }
  }];
}
def Aten_DropoutOp : Dropout<"dropout">;
def Aten_FeatureDropoutOp : Dropout<"feature_dropout">;
def Aten_AlphaDropoutOp : Dropout<"alpha_dropout">;
def Aten_FeatureAlphaDropoutOp : Dropout<"feature_alpha_dropout">;

//===-- contents ------------------------------------------------------------------------------===//

let inPlace = 1 in {
class Overwrite<string name, dag arguments>
    : AtenOp<name, arguments, (outs Tensor:$result), [Lowers]> {
  let infer = "r.same(op.getSelf())";
}
def Aten_FillScalarOp : Overwrite<"fill.Scalar", (ins Tensor:$self, Scalar:$value)>;
def Aten_FillTensorOp : Overwrite<"fill.Tensor", (ins Tensor:$self, Tensor:$value)> {
  let infer = "success(succeeded(r.hasRank(op.getValue(), 0, 0, \"the value\")) && "
              "succeeded(r.same(op.getSelf())))";
}
def Aten_CopyOp : Overwrite<"copy", (ins Tensor:$self, Tensor:$src,
                                         Default<Bool, "False">:$non_blocking)> {
  let infer = "success(succeeded(r.broadcastsTo(op.getSrc(), sizesOf(op.getSelf()), \"src\")) && "
              "succeeded(r.same(op.getSelf())))";
}
def Aten_ZeroOp : Overwrite<"zero", (ins Tensor:$self)>;
}

#endif
