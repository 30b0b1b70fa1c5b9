// Reductions and scans.
#ifndef LINALGD_OPS_REDUCTION
#define LINALGD_OPS_REDUCTION

include "compiler/dialect/Torch.td"

// What is left of `self` without `dims`; `dtype` is an expression over `op`.
class Reduction<string name, dag arguments, string dims, string keep, string dtype, Trait way>
    : AtenOp<name, arguments, (outs Tensor:$result), [way]> {
  let infer = "inferReduced(r, op.getSelf(), " # dims # ", " # keep # ", " # dtype # ")";
}

// Sums of integers are int64.
def Aten_SumOp : Reduction<"sum", (ins Tensor:$self, Kw<Opt<ScalarType>, "None">:$dtype),
    "nullptr", "nullptr", "matchDtype(op.getDtype(), sumDtype(op.getSelf()))", Decomposes>;
def Aten_SumDimIntListOp : Reduction<"sum.dim_IntList",
    (ins Tensor:$self, Opt<ListOf<Int, 1>>:$dim, Default<Bool, "False">:$keepdim,
         Kw<Opt<ScalarType>, "None">:$dtype),
    "op.getDim()", "op.getKeepdim()", "matchDtype(op.getDtype(), sumDtype(op.getSelf()))", Lowers>;
def Aten_MeanOp : Reduction<"mean", (ins Tensor:$self, Kw<Opt<ScalarType>, "None">:$dtype),
    "nullptr", "nullptr", "matchDtype(op.getDtype(), dtypeOf(op.getSelf()))", Decomposes>;
def Aten_MeanDimOp : Reduction<"mean.dim",
    (ins Tensor:$self, Opt<ListOf<Int, 1>>:$dim, Default<Bool, "False">:$keepdim,
         Kw<Opt<ScalarType>, "None">:$dtype),
    "op.getDim()", "op.getKeepdim()", "matchDtype(op.getDtype(), dtypeOf(op.getSelf()))", Decomposes>;

class Extremum<string name> : Reduction<name,
    (ins Tensor:$self, Default<ListOf<Int, 1>, "[]">:$dim, Default<Bool, "False">:$keepdim),
    "op.getDim()", "op.getKeepdim()", "dtypeOf(op.getSelf())", Lowers>;
def Aten_AmaxOp : Extremum<"amax">;
def Aten_AminOp : Extremum<"amin">;
class WholeExtremum<string name> : Reduction<name, (ins Tensor:$self), "nullptr", "nullptr",
    "dtypeOf(op.getSelf())", Decomposes>;
def Aten_MaxOp : WholeExtremum<"max">;
def Aten_MinOp : WholeExtremum<"min">;

class Variance<string name> : Reduction<name,
    (ins Tensor:$self, Default<Opt<ListOf<Int, 1>>, "None">:$dim,
         Kw<Opt<Scalar>, "None">:$correction, Kw<Bool, "False">:$keepdim),
    "op.getDim()", "op.getKeepdim()", "dtypeOf(op.getSelf())", Decomposes>;
def Aten_VarCorrectionOp : Variance<"var.correction">;
def Aten_StdCorrectionOp : Variance<"std.correction">;

def Aten_CumsumOp : AtenOp<"cumsum",
    (ins Tensor:$self, Int:$dim, Kw<Opt<ScalarType>, "None">:$dtype), (outs Tensor:$result), [Lowers]> {
  let infer = "r.sameSizes(op.getSelf(), matchDtype(op.getDtype(), sumDtype(op.getSelf())))";
}

#endif
