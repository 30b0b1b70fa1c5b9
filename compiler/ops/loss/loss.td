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

#endif
