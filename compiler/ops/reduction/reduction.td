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

// Values and their positions: the first of equal ones, and the first NaN of all.
class PlacedExtremum<string name> : AtenOp<name,
    (ins Tensor:$self, Int:$dim, Default<Bool, "False">:$keepdim),
    (outs Tensor:$values, Tensor:$indices), [Lowers]>;
def Aten_MaxDimOp : PlacedExtremum<"max.dim">;
def Aten_MinDimOp : PlacedExtremum<"min.dim">;
class ExtremumPlace<string name> : Reduction<name,
    (ins Tensor:$self, Default<Opt<Int>, "None">:$dim, Default<Bool, "False">:$keepdim),
    "op.getDim()", "op.getKeepdim()", "r.si64()", Decomposes>;
def Aten_ArgmaxOp : ExtremumPlace<"argmax">;
def Aten_ArgminOp : ExtremumPlace<"argmin">;
def Aten_AminmaxOp : AtenOp<"aminmax",
    (ins Tensor:$self, Kw<Opt<Int>, "None">:$dim, Kw<Bool, "False">:$keepdim),
    (outs Tensor:$min, Tensor:$max), [Decomposes]>;

//===-- products and truth --------------------------------------------------------------------===//

def Aten_ProdOp : Reduction<"prod", (ins Tensor:$self, Kw<Opt<ScalarType>, "None">:$dtype),
    "nullptr", "nullptr", "matchDtype(op.getDtype(), sumDtype(op.getSelf()))", Decomposes>;
def Aten_ProdDimIntOp : Reduction<"prod.dim_int",
    (ins Tensor:$self, Int:$dim, Default<Bool, "False">:$keepdim, Kw<Opt<ScalarType>, "None">:$dtype),
    "op.getDim()", "op.getKeepdim()", "matchDtype(op.getDtype(), sumDtype(op.getSelf()))", Lowers>;

multiclass Truth<string name> {
  def Op : Reduction<name, (ins Tensor:$self), "nullptr", "nullptr",
                     "truthDtype(r, op.getSelf())", Decomposes>;
  def DimOp : Reduction<name # ".dim", (ins Tensor:$self, Int:$dim, Default<Bool, "False">:$keepdim),
                        "op.getDim()", "op.getKeepdim()", "truthDtype(r, op.getSelf())", Decomposes>;
  def DimsOp : Reduction<name # ".dims",
                         (ins Tensor:$self, Default<Opt<ListOf<Int>>, "None">:$dim,
                              Default<Bool, "False">:$keepdim),
                         "op.getDim()", "op.getKeepdim()", "truthDtype(r, op.getSelf())", Decomposes>;
}
defm Aten_Any : Truth<"any">;
defm Aten_All : Truth<"all">;
def Aten_CountNonzeroOp : Reduction<"count_nonzero", (ins Tensor:$self, Default<Opt<Int>, "None">:$dim),
    "op.getDim()", "nullptr", "r.si64()", Decomposes>;
def Aten_CountNonzeroDimIntListOp : Reduction<"count_nonzero.dim_IntList",
    (ins Tensor:$self, ListOf<Int>:$dim), "op.getDim()", "nullptr", "r.si64()", Decomposes>;

//===-- variances -----------------------------------------------------------------------------===//

// `keep` is an expression, or nullptr where all dimensions go.
class Variance<string name, dag arguments, string dims, string keep>
    : Reduction<name, arguments, dims, keep, "dtypeOf(op.getSelf())", Decomposes>;
class VarianceAndMean<string name, dag arguments, string dims, string keep>
    : AtenOp<name, arguments, (outs Tensor:$spread, Tensor:$mean), [Decomposes]> {
  defvar rule = "inferReduced(r, op.getSelf(), " # dims # ", " # keep # ", dtypeOf(op.getSelf()))";
  let infer = "success(succeeded(" # rule # ") && succeeded(" # rule # "))";
}
multiclass Variances<string name> {
  defvar whole = (ins Tensor:$self, Default<Bool, "True">:$unbiased);
  defvar dim = (ins Tensor:$self, Opt<ListOf<Int, 1>>:$dim, Default<Bool, "True">:$unbiased,
                    Default<Bool, "False">:$keepdim);
  defvar correction = (ins Tensor:$self, Default<Opt<ListOf<Int, 1>>, "None">:$dim,
                           Kw<Opt<Scalar>, "None">:$correction, Kw<Bool, "False">:$keepdim);
  def Op : Variance<name, whole, "nullptr", "nullptr">;
  def DimOp : Variance<name # ".dim", dim, "op.getDim()", "op.getKeepdim()">;
  def CorrectionOp : Variance<name # ".correction", correction, "op.getDim()", "op.getKeepdim()">;
  def MeanOp : VarianceAndMean<name # "_mean", whole, "nullptr", "nullptr">;
  def MeanDimOp : VarianceAndMean<name # "_mean.dim", dim, "op.getDim()", "op.getKeepdim()">;
  def MeanCorrectionOp
      : VarianceAndMean<name # "_mean.correction", correction, "op.getDim()", "op.getKeepdim()">;
}
defm Aten_Var : Variances<"var">;
defm Aten_Std : Variances<"std">;

//===-- norms ---------------------------------------------------------------------------------===//

def Aten_LogsumexpOp : Reduction<"logsumexp",
    (ins Tensor:$self, ListOf<Int, 1>:$dim, Default<Bool, "False">:$keepdim),
    "op.getDim()", "op.getKeepdim()", "floatDtype(dtypeOf(op.getSelf()))", Decomposes>;
def Aten_LinalgVectorNormOp : Reduction<"linalg_vector_norm",
    (ins Tensor:$self, Default<Scalar, "2">:$ord, Default<Opt<ListOf<Int, 1>>, "None">:$dim,
         Default<Bool, "False">:$keepdim, Kw<Opt<ScalarType>, "None">:$dtype),
    "op.getDim()", "op.getKeepdim()", "matchDtype(op.getDtype(), dtypeOf(op.getSelf()))", Decomposes>;
def Aten_NormScalarOp : Reduction<"norm.Scalar", (ins Tensor:$self, Default<Scalar, "2">:$p),
    "nullptr", "nullptr", "dtypeOf(op.getSelf())", Decomposes>;
def Aten_NormScalarOptDimOp : Reduction<"norm.ScalarOpt_dim",
    (ins Tensor:$self, Opt<Scalar>:$p, ListOf<Int, 1>:$dim, Default<Bool, "False">:$keepdim),
    "op.getDim()", "op.getKeepdim()", "dtypeOf(op.getSelf())", Decomposes>;
def Aten_LinalgNormOp : Reduction<"linalg_norm",
    (ins Tensor:$self, Default<Opt<Scalar>, "None">:$ord, Default<Opt<ListOf<Int, 1>>, "None">:$dim,
         Default<Bool, "False">:$keepdim, Kw<Opt<ScalarType>, "None">:$dtype),
    "op.getDim()", "op.getKeepdim()", "matchDtype(op.getDtype(), dtypeOf(op.getSelf()))", Decomposes>;

//===-- scans ---------------------------------------------------------------------------------===//

class Scan<string name> : AtenOp<name,
    (ins Tensor:$self, Int:$dim, Kw<Opt<ScalarType>, "None">:$dtype), (outs Tensor:$result), [Lowers]> {
  let infer = "success(succeeded(r.hasDims(op.getSelf(), op.getDim())) && "
              "succeeded(r.sameSizes(op.getSelf(), matchDtype(op.getDtype(), sumDtype(op.getSelf())))))";
}
def Aten_CumsumOp : Scan<"cumsum">;
def Aten_CumprodOp : Scan<"cumprod">;

#endif
