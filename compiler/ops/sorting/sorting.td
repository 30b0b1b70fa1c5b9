// Sorting. All sorts are stable; NaN is the largest number.
#ifndef LINALGD_OPS_SORTING
#define LINALGD_OPS_SORTING

include "compiler/dialect/Torch.td"

class Sort<string name, dag arguments, list<Trait> traits>
    : AtenOp<name, arguments, (outs Tensor:$values, Tensor:$indices), traits>;
def Aten_SortStableOp : Sort<"sort.stable",
    (ins Tensor:$self, Kw<Opt<Bool>>:$stable, Kw<Int, "-1">:$dim, Kw<Bool, "False">:$descending), [Lowers]>;
def Aten_SortOp : Sort<"sort",
    (ins Tensor:$self, Default<Int, "-1">:$dim, Default<Bool, "False">:$descending), [Decomposes]>;
def Aten_TopkOp : Sort<"topk",
    (ins Tensor:$self, SymInt:$k, Default<Int, "-1">:$dim, Default<Bool, "True">:$largest,
         Default<Bool, "True">:$sorted), [Decomposes]>;

class Argsort<string name, dag arguments>
    : AtenOp<name, arguments, (outs Tensor:$result), [Decomposes]> {
  let infer = "success(succeeded(r.hasDims(op.getSelf(), op.getDim())) && "
              "succeeded(r.sameSizes(op.getSelf(), r.si64())))";
}
def Aten_ArgsortOp : Argsort<"argsort",
    (ins Tensor:$self, Default<Int, "-1">:$dim, Default<Bool, "False">:$descending)>;
def Aten_ArgsortStableOp : Argsort<"argsort.stable",
    (ins Tensor:$self, Kw<Bool>:$stable, Kw<Int, "-1">:$dim, Kw<Bool, "False">:$descending)>;

#endif
