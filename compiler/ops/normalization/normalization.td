// Normalisations.
#ifndef LINALGD_OPS_NORMALIZATION
#define LINALGD_OPS_NORMALIZATION

include "compiler/dialect/Torch.td"

// `check`, over `op`, of the parameters' sizes.
class Normalization<string name, dag arguments, string check, list<Trait> traits = []>
    : AtenOp<name, arguments, (outs Tensor:$result), !listconcat([Decomposes], traits)> {
  let infer = "success(succeeded(" # check # ") && succeeded(r.same(op.getInput())))";
}
defvar channels = "checkChannels(r, op.getInput(), {op.getWeight(), op.getBias(), op.getRunningMean(), op.getRunningVar()})";
def Aten_BatchNormOp : Normalization<"batch_norm",
    (ins Tensor:$input, Opt<Tensor>:$weight, Opt<Tensor>:$bias, Opt<Tensor>:$running_mean,
         Opt<Tensor>:$running_var, Bool:$training, Float:$momentum, Float:$eps, Bool:$cudnn_enabled),
    channels, [Writes]> {
  let writes = ["running_mean", "running_var"];
  let writesIf = "training";
}
def Aten_LayerNormOp : Normalization<"layer_norm",
    (ins Tensor:$input, ListOf<SymInt>:$normalized_shape, Default<Opt<Tensor>, "None">:$weight,
         Default<Opt<Tensor>, "None">:$bias, Default<Float, "1.0000000000000001e-05">:$eps,
         Default<Bool, "True">:$cudnn_enable),
    "checkNormalized(r, op.getInput(), op.getNormalizedShape(), {op.getWeight(), op.getBias()})">;
def Aten_GroupNormOp : Normalization<"group_norm",
    (ins Tensor:$input, Int:$num_groups, Default<Opt<Tensor>, "None">:$weight,
         Default<Opt<Tensor>, "None">:$bias, Default<Float, "1.0000000000000001e-05">:$eps,
         Default<Bool, "True">:$cudnn_enabled),
    "checkGroups(r, op.getInput(), op.getNumGroups(), {op.getWeight(), op.getBias()})">;
def Aten_RmsNormOp : Normalization<"rms_norm",
    (ins Tensor:$input, ListOf<SymInt>:$normalized_shape, Default<Opt<Tensor>, "None">:$weight,
         Default<Opt<Float>, "None">:$eps),
    "checkNormalized(r, op.getInput(), op.getNormalizedShape(), op.getWeight())">;

def Aten_InstanceNormOp : Normalization<"instance_norm",
    (ins Tensor:$input, Opt<Tensor>:$weight, Opt<Tensor>:$bias, Opt<Tensor>:$running_mean,
         Opt<Tensor>:$running_var, Bool:$use_input_stats, Float:$momentum, Float:$eps,
         Bool:$cudnn_enabled),
    channels, [Writes]> {
  let writes = ["running_mean", "running_var"];
  let writesIf = "use_input_stats";
}

// What PyTorch's own decompositions leave: with the mean and the reciprocal deviation that were used.
class NativeNormalization<string name, dag arguments>
    : AtenOp<name, arguments, (outs Tensor:$result, Tensor:$mean, Tensor:$rstd), [Decomposes]>;
def Aten_NativeLayerNormOp : NativeNormalization<"native_layer_norm",
    (ins Tensor:$input, ListOf<SymInt>:$normalized_shape, Opt<Tensor>:$weight, Opt<Tensor>:$bias,
         Float:$eps)>;
def Aten_NativeGroupNormOp : NativeNormalization<"native_group_norm",
    (ins Tensor:$input, Opt<Tensor>:$weight, Opt<Tensor>:$bias, SymInt:$N, SymInt:$C, SymInt:$HxW,
         Int:$group, Float:$eps)>;

// With the running statistics, whose new values `functional` returns and the others write. Without
// `training` no statistics are made, and those results are empty.
defvar statistics = (ins Tensor:$running_mean, Tensor:$running_var);
defvar coefficients = (ins Bool:$training, Float:$momentum, Float:$eps);
defvar affine = (ins Tensor:$input, Opt<Tensor>:$weight, Opt<Tensor>:$bias);
class NativeBatchNorm<string name, dag statistics, list<Trait> traits = []>
    : AtenOp<name, !con(affine, statistics, coefficients),
             (outs Tensor:$result, Tensor:$mean, Tensor:$rstd), !listconcat([Decomposes], traits)> {
  let infer = "inferBatchNorm(r, op.getOperands())";
}
class WritingBatchNorm<string name, dag statistics> : NativeBatchNorm<name, statistics, [Writes]> {
  let writes = ["running_mean", "running_var"];
  let writesIf = "training";
}
def Aten_NativeBatchNormOp : WritingBatchNorm<"native_batch_norm",
    (ins Opt<Tensor>:$running_mean, Opt<Tensor>:$running_var)>;
def Aten_NativeBatchNormLegitOp : WritingBatchNorm<"_native_batch_norm_legit", statistics>;
def Aten_NativeBatchNormLegitNoStatsOp
    : NativeBatchNorm<"_native_batch_norm_legit.no_stats", (ins)>;
def Aten_NativeBatchNormLegitFunctionalOp
    : AtenOp<"_native_batch_norm_legit_functional", !con(affine, statistics, coefficients),
             (outs Tensor:$result, Tensor:$mean, Tensor:$rstd, Tensor:$new_mean, Tensor:$new_var),
             [Decomposes]> {
  let infer = "inferBatchNorm(r, op.getOperands())";
}
def Aten_NativeBatchNormLegitNoTrainingOp : NativeNormalization<"_native_batch_norm_legit_no_training",
    (ins Tensor:$input, Opt<Tensor>:$weight, Opt<Tensor>:$bias, Tensor:$running_mean,
         Tensor:$running_var, Float:$momentum, Float:$eps)>;

#endif
