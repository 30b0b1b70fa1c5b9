// Reading and writing elements at computed places. An index outside its dimension ends the
// call with an error.
#ifndef LINALGD_OPS_INDEXING
#define LINALGD_OPS_INDEXING

include "compiler/dialect/Torch.td"

class Read<string name, dag arguments, Trait way = Lowers>
    : AtenOp<name, arguments, (outs Tensor:$result), [way]>;

def Aten_EmbeddingOp : Read<"embedding",
    (ins Tensor:$weight, Tensor:$indices, Default<SymInt, "-1">:$padding_idx,
         Default<Bool, "False">:$scale_grad_by_freq, Default<Bool, "False">:$sparse)>;
def Aten_IndexSelectOp : Read<"index_select", (ins Tensor:$self, Int:$dim, Tensor:$index)>;
def Aten_GatherOp : Read<"gather",
    (ins Tensor:$self, Int:$dim, Tensor:$index, Kw<Bool, "False">:$sparse_grad)>;
def Aten_IndexTensorOp : Read<"index.Tensor", (ins Tensor:$self, ListOf<Opt<Tensor>>:$indices)>;

// `self` with other elements at the places that `index` names. Where places repeat, the last one wins,
// or all are added.
class Write<string name, dag arguments, Trait way = Lowers>
    : AtenOp<name, arguments, (outs Tensor:$result), [way]> {
  let infer = "r.same(op.getSelf())";
  let inPlace = 1;
}

def Aten_ScatterSrcOp : Write<"scatter.src",
    (ins Tensor:$self, Int:$dim, Tensor:$index, Tensor:$src)>;
def Aten_ScatterValueOp : Write<"scatter.value",
    (ins Tensor:$self, Int:$dim, Tensor:$index, Scalar:$value)>;
def Aten_ScatterAddOp : Write<"scatter_add",
    (ins Tensor:$self, Int:$dim, Tensor:$index, Tensor:$src)>;
def Aten_IndexPutOp : Write<"index_put",
    (ins Tensor:$self, ListOf<Opt<Tensor>>:$indices, Tensor:$values, Default<Bool, "False">:$accumulate)>;
def Aten_IndexCopyOp : Write<"index_copy",
    (ins Tensor:$self, Int:$dim, Tensor:$index, Tensor:$source)>;
def Aten_IndexAddOp : Write<"index_add",
    (ins Tensor:$self, Int:$dim, Tensor:$index, Tensor:$source, Kw<Scalar, "1">:$alpha)>;
def Aten_IndexFillIntScalarOp : Write<"index_fill.int_Scalar",
    (ins Tensor:$self, Int:$dim, Tensor:$index, Scalar:$value)>;

#endif
