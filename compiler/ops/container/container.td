// Lists, strings and what a program asks of its values: what conditions are made of. All of it is
// known once types are, or the program cannot be compiled.
#ifndef LINALGD_OPS_CONTAINER
#define LINALGD_OPS_CONTAINER

include "compiler/dialect/Known.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def AnyValue : SchemaType<"Any", "Any", "isAny">;

class ContainerOp<string mnemonic, list<Trait> traits = []> : Torch_Op<mnemonic, traits> {
  let structural = 1;
}
def Prim_DictConstructOp : ContainerOp<"prim.DictConstruct", [Pure, AttrSizedOperandSegments]> {
  let arguments = (ins Variadic<AnyType>:$keys, Variadic<AnyType>:$values);
  let results = (outs Type<CPred<"::llvm::isa<::linalgd::torch::DictType>($_self)">, "dict",
                           "::linalgd::torch::DictType">:$result);
  let assemblyFormat = [{
    `keys` `(` ($keys^ `:` qualified(type($keys)))? `)` `values` `(` ($values^ `:` qualified(type($values)))? `)`
    attr-dict `->` qualified(type($result))
  }];
  let hasVerifier = 1;
}

//===-- lists ---------------------------------------------------------------------------------===//

def Aten_GetItemTOp : KnownOp<"aten.__getitem__.t", (ins ListOfT:$list, Int:$idx), T,
    "inferElement(r, op.getList(), op.getIdx())", "takeElement(b, getList(), getIdx())">;
def Prim_TupleIndexOp : KnownOp<"prim.TupleIndex", (ins AnyValue:$tup, Int:$i), AnyValue,
    "inferElement(r, op.getTup(), op.getI())", "elementOf(getTup(), getI())">;
def Aten_LenTOp : KnownInt<"aten.len.t", (ins ListOfT:$a), "lengthOf(b, getA())">;
def Aten_SliceTOp : KnownList<"aten.slice.t", (ins ListOfT:$l, Default<Opt<Int>, "None">:$start,
    Default<Opt<Int>, "None">:$end, Default<Int, "1">:$step), "sliceOf(b, getL(), getStart(), getEnd(), getStep())">;
def Aten_AddTOp : KnownList<"aten.add.t", (ins ListOfT:$a, ListOfT:$b), "joinLists(b, getA(), getB())">;
def Aten_MulLeftTOp : KnownList<"aten.mul.left_t", (ins ListOfT:$l, Int:$n), "repeatList(b, getL(), getN())">;
def Aten_ListTOp : KnownList<"aten.list.t", (ins ListOfT:$l), "copyList(b, getL())">;
def Aten_CopyTOp : KnownList<"aten.copy.t", (ins ListOfT:$self), "copyList(b, getSelf())">;
def Aten_ContainsStrListOp : KnownBool<"aten.__contains__.str_list", (ins ListOf<Str>:$l, Str:$item),
    "containsItem(b, getL(), getItem())">;
def Aten_ContainsIntListOp : KnownBool<"aten.__contains__.int_list", (ins ListOf<Int>:$l, Int:$item),
    "containsItem(b, getL(), getItem())">;
def Aten_EqIntListOp : KnownBool<"aten.eq.int_list", (ins ListOf<Int>:$a, ListOf<Int>:$b),
    "compareLists(b, getA(), getB(), true)">;
def Aten_NeIntListOp : KnownBool<"aten.ne.int_list", (ins ListOf<Int>:$a, ListOf<Int>:$b),
    "compareLists(b, getA(), getB(), false)">;
def Aten_EqStrListOp : KnownBool<"aten.eq.str_list", (ins ListOf<Str>:$a, ListOf<Str>:$b),
    "compareLists(b, getA(), getB(), true)">;
def Aten_NeStrListOp : KnownBool<"aten.ne.str_list", (ins ListOf<Str>:$a, ListOf<Str>:$b),
    "compareLists(b, getA(), getB(), false)">;
def Aten_AllBoolOp : KnownBool<"aten.all.bool", (ins ListOf<Bool>:$self), "isEvery(b, getSelf(), true)">;
def Aten_AnyBoolOp : KnownBool<"aten.any.bool", (ins ListOf<Bool>:$self), "isEvery(b, getSelf(), false)">;

def Prim_MinSelfIntOp : KnownInt<"prim.min.self_int", (ins ListOf<Int>:$self), "extremeOf(b, getSelf(), false)">;
def Prim_MaxSelfIntOp : KnownInt<"prim.max.self_int", (ins ListOf<Int>:$self), "extremeOf(b, getSelf(), true)">;

//===-- ranges --------------------------------------------------------------------------------===//

def Aten_RangeLengthOp : KnownInt<"aten.__range_length", (ins Int:$lo, Int:$hi, Int:$step),
    "rangeLength(b, getLo(), getHi(), getStep())">;
def Aten_DeriveIndexOp : KnownInt<"aten.__derive_index", (ins Int:$index, Int:$start, Int:$step),
    "AddIntOp::create(b, getStart(), MulIntOp::create(b, getIndex(), getStep()))">;

//===-- none, strings -------------------------------------------------------------------------===//

def Aten_IsOp : KnownBool<"aten.__is__", (ins T1:$self, T2:$obj), "isSame(b, getSelf(), getObj(), true)">;
def Aten_IsNotOp : KnownBool<"aten.__isnot__", (ins T1:$self, T2:$obj), "isSame(b, getSelf(), getObj(), false)">;
def Aten_AddStrOp : KnownStr<"aten.add.str", (ins Str:$a, Str:$b), "joinStrings(b, getA(), getB())">;
def Aten_LenStrOp : KnownInt<"aten.len.str", (ins Str:$s), "lengthOfString(b, getS())">;
def Aten_EqStrOp : KnownBool<"aten.eq.str", (ins Str:$a, Str:$b), "compareStrings(b, getA(), getB(), true)">;
def Aten_NeStrOp : KnownBool<"aten.ne.str", (ins Str:$a, Str:$b), "compareStrings(b, getA(), getB(), false)">;

//===-- tensors -------------------------------------------------------------------------------===//

def Aten_LenTensorOp : KnownInt<"aten.len.Tensor", (ins Tensor:$t), "lengthOfTensor(b, getT())">;
def Prim_DtypeOp : KnownInt<"prim.dtype", (ins Tensor:$a), "dtypeNumber(b, getA())">;
// An executable runs on the processor.
def Prim_DeviceOp : KnownOp<"prim.device", (ins Tensor:$a), Device,
    "r.add(torch::DeviceType::get(r.context))", "ConstantDeviceOp::create(b, \"cpu\")">;
def Aten_DeviceStrOp : KnownOp<"aten.device", (ins Str:$a), Device,
    "r.add(torch::DeviceType::get(r.context))", "ConstantDeviceOp::create(b, \"cpu\")">;
def Prim_TypeOp : KnownStr<"prim.type", (ins Device:$self), "deviceType(b, getSelf())">;
def Prim_IsCudaOp : KnownBool<"prim.is_cuda", (ins Tensor:$a), "b.constBool(false)">;
def Prim_IsNestedOp : KnownBool<"prim.is_nested", (ins Tensor:$a), "b.constBool(false)">;
def Prim_IsQuantizedOp : KnownBool<"prim.is_quantized", (ins Tensor:$a), "isOfKind(b, getA(), isQuantizedDtype)">;
def Prim_IsSparseOp : KnownBool<"prim.is_sparse", (ins Tensor:$a), "b.constBool(false)">;
// Models take their differentiable way: fast paths for inference are fused kernels that compute the same.
def Prim_RequiresGradOp : KnownBool<"prim.requires_grad", (ins Tensor:$a), "b.constBool(true)">;
def Aten_IsGradEnabledOp : KnownBool<"aten.is_grad_enabled", (ins), "b.constBool(true)">;
def Aten_IsAutocastEnabledOp : KnownBool<"aten.is_autocast_enabled", (ins), "b.constBool(false)">;
def Aten_IsFloatingPointOp : KnownBool<"aten.is_floating_point", (ins Tensor:$self), "isOfKind(b, getSelf(), isFloatDtype)">;
def Aten_IsComplexOp : KnownBool<"aten.is_complex", (ins Tensor:$self), "isOfKind(b, getSelf(), isComplexDtype)">;

#endif
