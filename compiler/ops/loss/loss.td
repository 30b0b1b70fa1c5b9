// Losses.
#ifndef LINALGD_OPS_LOSS
#define LINALGD_OPS_LOSS

include "compiler/dialect/Torch.td"

// `extra` arguments stand before or behind `reduction` (0: none, 1: mean, 2: sum).
class Loss<string name, dag arguments> : AtenOp<name, arguments, (outs Tensor:$result), [Decomposes]> {
  let infer = "inferLoss(r, op.getSelf(), op.getTarget(), op.getReduction())";
}
class PlainLoss<string name> : Loss<name,
    (ins Tensor:$self, Tensor:$target, Default<Int, "1">:$reduction)>;
def Aten_MseLossOp : PlainLoss<"mse_loss">;
def Aten_L1LossOp : PlainLoss<"l1_loss">;
def Aten_SoftMarginLossOp : PlainLoss<"soft_margin_loss">;
def Aten_SmoothL1LossOp : Loss<"smooth_l1_loss", (ins Tensor:$self, Tensor:$target,
    Default<Int, "1">:$reduction, Default<Float, "1.">:$beta)>;
def Aten_HuberLossOp : Loss<"huber_loss", (ins Tensor:$self, Tensor:$target,
    Default<Int, "1">:$reduction, Default<Float, "1.">:$delta)>;
def Aten_BinaryCrossEntropyOp : Loss<"binary_cross_entropy", (ins Tensor:$self, Tensor:$target,
    Default<Opt<Tensor>, "None">:$weight, Default<Int, "1">:$reduction)>;
def Aten_BinaryCrossEntropyWithLogitsOp : Loss<"binary_cross_entropy_with_logits",
    (ins Tensor:$self, Tensor:$target, Default<Opt<Tensor>, "None">:$weight,
         Default<Opt<Tensor>, "None">:$pos_weight, Default<Int, "1">:$reduction)>;
def Aten_KlDivOp : Loss<"kl_div", (ins Tensor:$self, Tensor:$target,
    Default<Int, "1">:$reduction, Kw<Bool, "False">:$log_target)>;
def Aten_HingeEmbeddingLossOp : Loss<"hinge_embedding_loss", (ins Tensor:$self, Tensor:$target,
    Default<Float, "1.">:$margin, Default<Int, "1">:$reduction)>;
def Aten_PoissonNllLossOp : AtenOp<"poisson_nll_loss",
    (ins Tensor:$input, Tensor:$target, Bool:$log_input, Bool:$full, Float:$eps, Int:$reduction),
    (outs Tensor:$result), [Decomposes]> {
  let infer = "inferLoss(r, op.getInput(), op.getTarget(), op.getReduction(), true)";
}
def Aten_MarginRankingLossOp : AtenOp<"margin_ranking_loss",
    (ins Tensor:$input1, Tensor:$input2, Tensor:$target, Default<Float, "0.">:$margin,
         Default<Int, "1">:$reduction),
    (outs Tensor:$result), [Decomposes]> {
  let infer = "inferLoss(r, op.getInput1(), op.getInput2(), op.getReduction(), true)";
}

// (N, C) or (C) scores against class numbers; cross_entropy_loss also against probabilities.
class ClassLoss<string name, dag extra> : AtenOp<name,
    !con((ins Tensor:$self, Tensor:$target, Default<Opt<Tensor>, "None">:$weight,
              Default<Int, "1">:$reduction, Default<SymInt, "-100">:$ignore_index), extra),
    (outs Tensor:$result), [Decomposes]> {
  let infer = "inferClassLoss(r, op.getSelf(), op.getTarget(), op.getWeight(), op.getReduction())";
}
def Aten_NllLossNdOp : ClassLoss<"nll_loss_nd", (ins)>;
def Aten_CrossEntropyLossOp
    : ClassLoss<"cross_entropy_loss", (ins Default<Float, "0.">:$label_smoothing)>;

#endif
