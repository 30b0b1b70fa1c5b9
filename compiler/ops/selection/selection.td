// Selections: results that have as many elements as the data says, known when the model runs.
#ifndef LINALGD_OPS_SELECTION
#define LINALGD_OPS_SELECTION

include "compiler/dialect/Torch.td"

class Select<string name, dag arguments, Trait way>
    : AtenOp<name, arguments, (outs Tensor:$result), [way]>;

def Aten_NonzeroOp : Select<"nonzero", (ins Tensor:$self), Lowers>;
def Aten_ArgwhereOp : Select<"argwhere", (ins Tensor:$self), Decomposes> {
  let infer = "inferNonzero(r, op.getSelf())";
}
def Aten_NonzeroStaticOp : Select<"nonzero_static",
    (ins Tensor:$self, Kw<SymInt>:$size, Kw<Int, "-1">:$fill_value), Decomposes>;
// The columns of nonzero.
class Columns<string name, string argument>
    : AtenOp<name, !dag(ins, [Tensor], [argument]), (outs ListOf<Tensor>:$result), [Decomposes]> {
  let infer = "r.tensorList(SmallVector<int64_t>{ShapedType::kDynamic}, r.si64())";
  let definition = [{
    ::llvm::LogicalResult $cppClass::decompose(::linalgd::torch::Decomposition &b) {
      return ::linalgd::torch::decomposeColumns(b, getOperand());
    }
  }];
}
def Aten_NonzeroNumpyOp : Columns<"nonzero_numpy", "self">;
def Aten_WhereOp : Columns<"where", "condition">;
def Aten_MaskedSelectOp : Select<"masked_select", (ins Tensor:$self, Tensor:$mask), Lowers>;
// The elements of source, in order, where the mask is true.
def Aten_MaskedScatterOp
    : Select<"masked_scatter", (ins Tensor:$self, Tensor:$mask, Tensor:$source), Lowers> {
  let inPlace = 1;
}

// Each position as often as `repeats` says.
def Aten_RepeatInterleaveTensorOp : Select<"repeat_interleave.Tensor",
    (ins Tensor:$repeats, Kw<Opt<SymInt>, "None">:$output_size), Lowers>;
def Aten_RepeatInterleaveSelfTensorOp : Select<"repeat_interleave.self_Tensor",
    (ins Tensor:$self, Tensor:$repeats, Default<Opt<Int>, "None">:$dim,
         Kw<Opt<SymInt>, "None">:$output_size), Decomposes>;

class Unique<string name, dag arguments, string rule = "">
    : AtenOp<name, arguments, (outs Tensor:$values, Tensor:$inverse, Tensor:$counts), [Decomposes]> {
  let infer = rule;
}
def Aten_Unique2Op : Unique<"_unique2",
    (ins Tensor:$self, Default<Bool, "True">:$sorted, Default<Bool, "False">:$return_inverse,
         Default<Bool, "False">:$return_counts),
    "inferUnique(r, op.getSelf(), op.getReturnInverse(), op.getReturnCounts())">;
def Aten_UniqueDimOp : Unique<"unique_dim",
    (ins Tensor:$self, Int:$dim, Default<Bool, "True">:$sorted,
         Default<Bool, "False">:$return_inverse, Default<Bool, "False">:$return_counts),
    "inferUniqueSlices(r, op.getSelf(), op.getDim())">;
def Aten_UniqueDimConsecutiveOp : Unique<"unique_dim_consecutive",
    (ins Tensor:$self, Int:$dim, Default<Bool, "False">:$return_inverse,
         Default<Bool, "False">:$return_counts),
    "inferUniqueSlices(r, op.getSelf(), op.getDim())">;
def Aten_UniqueConsecutiveOp : Unique<"unique_consecutive",
    (ins Tensor:$self, Default<Bool, "False">:$return_inverse,
         Default<Bool, "False">:$return_counts, Default<Opt<Int>, "None">:$dim)>;

#endif
