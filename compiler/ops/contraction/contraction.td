// Matrix products.
#ifndef LINALGD_OPS_CONTRACTION
#define LINALGD_OPS_CONTRACTION

include "compiler/dialect/Torch.td"

class Product<string name, dag arguments, Trait way>
    : AtenOp<name, arguments, (outs Tensor:$result), [way]>;

def Aten_MmOp : Product<"mm", (ins Tensor:$self, Tensor:$mat2), Lowers>;
def Aten_BmmOp : Product<"bmm", (ins Tensor:$self, Tensor:$mat2), Lowers>;
def Aten_MatmulOp : Product<"matmul", (ins Tensor:$self, Tensor:$other), Decomposes>;
def Aten_MvOp : Product<"mv", (ins Tensor:$self, Tensor:$vec), Decomposes>;
def Aten_DotOp : Product<"dot", (ins Tensor:$self, Tensor:$tensor), Decomposes>;
def Aten_LinearOp : Product<"linear",
    (ins Tensor:$input, Tensor:$weight, Default<Opt<Tensor>, "None">:$bias), Lowers>;
def Aten_AddmmOp : Product<"addmm", (ins Tensor:$self, Tensor:$mat1, Tensor:$mat2,
    Kw<Scalar, "1">:$beta, Kw<Scalar, "1">:$alpha), Decomposes>;
def Aten_BaddbmmOp : Product<"baddbmm", (ins Tensor:$self, Tensor:$batch1, Tensor:$batch2,
    Kw<Scalar, "1">:$beta, Kw<Scalar, "1">:$alpha), Decomposes>;

#endif
