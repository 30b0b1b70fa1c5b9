// Quantized tensors: integers that stand for (integer - zero point) * scale.
//
// Where they come from is one of the ops of the first two sections; every other op on them is turned
// into one on the numbers that they stand for (passes/dequantize.cpp, helpers.h).
#ifndef LINALGD_OPS_QUANTIZATION
#define LINALGD_OPS_QUANTIZATION

include "compiler/dialect/Known.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

//===-- weights as they are in a file ---------------------------------------------------------===//

class MadeOp<string mnemonic> : Torch_Op<mnemonic, [Pure]> {
  let structural = 1;
  let results = (outs AnyType:$result);
}
def Quantization_PerTensorAffineCreateOp : MadeOp<"per_tensor_affine.create"> {
  let summary = "A quantized tensor of integers.";
  let arguments = (ins Tensor:$int_repr, Float:$scale, Int:$zero_point);
}
def Quantization_PerChannelAffineCreateOp : MadeOp<"per_channel_affine.create"> {
  let summary = "A quantized tensor with a scale and a zero point for each index of dimension `axis`.";
  let arguments = (ins Tensor:$int_repr, Tensor:$scales, Tensor:$zero_points, Int:$axis);
}
def Quantization_LinearParamsCreateOp : MadeOp<"linear_params.create"> {
  let arguments = (ins Tensor:$weight, Opt<Tensor>:$bias);
}
class ConvParamsCreateOp<string mnemonic> : MadeOp<mnemonic> {
  let arguments = (ins Tensor:$weight, Opt<Tensor>:$bias, ListOf<Int>:$stride, ListOf<Int>:$padding,
                       ListOf<Int>:$output_padding, ListOf<Int>:$dilation, Int:$groups, Bool:$transposed);
}
def Quantization_Conv2dParamsCreateOp : ConvParamsCreateOp<"conv2d_params.create">;
def Quantization_Conv3dParamsCreateOp : ConvParamsCreateOp<"conv3d_params.create">;
def Quantization_EmbeddingParamsCreateOp : MadeOp<"embedding_params.create"> {
  let arguments = (ins Tensor:$weight);
}
def Quantization_CellParamsCreateOp : MadeOp<"cell_params.create"> {
  let summary = "The parameters of a direction of a layer of a quantized LSTM or GRU, as PyTorch serializes them.";
  let arguments = (ins Str:$kind, ListOf<Tensor>:$tensors, ListOf<Float>:$scales, ListOf<Int>:$numbers,
                       AnyType:$weights);
}

//===-- between numbers and integers ----------------------------------------------------------===//

// These two have no form of their own: what reads their result is put into arithmetic on `self`.
class Quantize<string name, dag parameters> : AtenOp<name,
    !con((ins Tensor:$self), parameters, (ins ScalarType:$dtype)), (outs Tensor:$result), [Decomposes]> {
  let infer = "r.sameSizes(op.getSelf(), matchDtype(op.getDtype(), nullptr))";
}
def Aten_QuantizePerTensorOp : Quantize<"quantize_per_tensor", (ins Float:$scale, Int:$zero_point)>;
def Aten_QuantizePerChannelOp
    : Quantize<"quantize_per_channel", (ins Tensor:$scales, Tensor:$zero_points, Int:$axis)>;
def Aten_QuantizePerTensorTensorOp
    : Quantize<"quantize_per_tensor.tensor_qparams", (ins Tensor:$scale, Tensor:$zero_point)>;

// What a quantized tensor is made of; an op that knows quantized tensors.
def OnQuantized : NativeOpTrait<"OnQuantized"> { let cppNamespace = "::linalgd::torch"; }
class Reading<string name, SchemaType type, string rule>
    : AtenOp<name, (ins Tensor:$self), (outs type:$result), [Decomposes, OnQuantized]> {
  let infer = rule;
}
defvar numbers = "r.sameSizes(op.getOperands()[0], r.f32())";
def Aten_DequantizeSelfOp : Reading<"dequantize.self", Tensor, numbers>;
def Aten_DequantizeTensorOp : AtenOp<"dequantize.tensor", (ins Tensor:$qtensor), (outs Tensor:$result),
                                     [Decomposes, OnQuantized]> {
  let infer = numbers;
}
def Aten_IntReprOp : Reading<"int_repr", Tensor, "r.sameSizes(op.getSelf(), integersOf(dtypeOf(op.getSelf())))">;
def Aten_QScaleOp : Reading<"q_scale", Float, "r.floating()">;
def Aten_QZeroPointOp : Reading<"q_zero_point", Int, "r.integer()">;

//===-- quantized operators -------------------------------------------------------------------===//

// `value` builds the result of the same op on numbers, which is then quantized. Known as soon as its
// operands are: other types follow from what it becomes.
class Quantized<string name, dag arguments, string result, string value>
    : Torch_SchemaOp<"quantized." # name, arguments, (outs Tensor:$result), [Decomposes, IsKnown, OnQuantized]> {
  let infer = result;
  let definition = [{
    ::llvm::LogicalResult $cppClass::decompose(::linalgd::torch::Decomposition &b) {
      ::mlir::Value value = }] # value # [{;
      return value ? b.replace(value) : ::mlir::failure();
    }
  }];
}
// The result has the dtype of the first operand, and the scale and the zero point of the last two.
class Requantized<string name, dag arguments, string value, string like = "op.getOperands()[0]">
    : Quantized<name, arguments, "r.tensor(std::nullopt, dtypeOf(" # like # "))",
                "requantize(b, " # value # ", *this)">;
class Like<string name, dag arguments, string value> : Requantized<name, arguments, value> {
  let infer = "r.same(op.getOperands()[0])";
}

class Conv<string name, SchemaType params, string value> : Requantized<name,
    (ins Tensor:$qx, params:$packed_weight, Float:$output_scale, Int:$output_zero_point), value>;
multiclass ConvRelu<string name, string overload, SchemaType params, int dims> {
  def Op : Conv<name # overload, params, "convolve(b, getQx(), getPackedWeight(), " # dims # ")">;
  def ReluOp : Conv<name # "_relu" # overload, params,
                    "relu(b, convolve(b, getQx(), getPackedWeight(), " # dims # "))">;
}
defm Quantized_QuantizedConv1d : ConvRelu<"conv1d", "", Conv2dParams, 1>;
defm Quantized_QuantizedConv2d : ConvRelu<"conv2d", ".new", Conv2dParams, 2>;
defm Quantized_QuantizedConv3d : ConvRelu<"conv3d", ".new", Conv3dParams, 3>;
def Quantized_QuantizedConvTranspose1dOp
    : Conv<"conv_transpose1d", Conv2dParams, "convolve(b, getQx(), getPackedWeight(), 1)">;
def Quantized_QuantizedConvTranspose2dOp
    : Conv<"conv_transpose2d", Conv2dParams, "convolve(b, getQx(), getPackedWeight(), 2)">;
def Quantized_QuantizedConvTranspose3dOp
    : Conv<"conv_transpose3d", Conv3dParams, "convolve(b, getQx(), getPackedWeight(), 3)">;
class ConvAdd<string name, string value> : Requantized<name,
    (ins Tensor:$qx, Tensor:$qaccum, Conv2dParams:$packed_weight, Float:$output_scale,
         Int:$output_zero_point), value>;
defvar convAdd = "add(b, convolve(b, getQx(), getPackedWeight(), 2), getQaccum())";
def Quantized_QuantizedConv2dAddOp : ConvAdd<"conv2d_add", convAdd>;
def Quantized_QuantizedConv2dAddReluOp : ConvAdd<"conv2d_add_relu", !strconcat("relu(b, ", convAdd, ")")>;

class Linear<string name, string value, dag slope = (ins)> : Requantized<name,
    !con((ins Tensor:$X, LinearParams:$W_prepack, Float:$Y_scale_i, Int:$Y_zero_point_i), slope), value>;
defvar product = "linear(b, getX(), getWPrepack())";
def Quantized_QuantizedLinearOp : Linear<"linear", product>;
def Quantized_QuantizedLinearReluOp : Linear<"linear_relu", !strconcat("relu(b, ", product, ")")>;
def Quantized_QuantizedLinearTanhOp
    : Linear<"linear_tanh", !strconcat("apply<TanhOp>(b, ", product, ")")>;

// The input is quantized by its own range, the result is not.
class Dynamic<string name, dag reduce, string value> : Quantized<name,
    !con((ins Tensor:$X, LinearParams:$W_prepack), reduce), "r.tensor(std::nullopt, r.f32())", value>;
defvar reduceRange = (ins Default<Bool, "False">:$reduce_range);
defvar dynamic = "linearDynamic(b, getX(), getWPrepack(), getReduceRange())";
def Quantized_LinearDynamicOp : Dynamic<"linear_dynamic", reduceRange, dynamic>;
def Quantized_LinearReluDynamicOp
    : Dynamic<"linear_relu_dynamic", reduceRange, !strconcat("relu(b, ", dynamic, ")")>;
def Quantized_LinearDynamicFp16Op : Dynamic<"linear_dynamic_fp16", (ins), product>;
def Quantized_LinearReluDynamicFp16Op
    : Dynamic<"linear_relu_dynamic_fp16", (ins), !strconcat("relu(b, ", product, ")")>;

def Quantized_EmbeddingByteOp : Quantized<"embedding_byte",
    (ins EmbeddingParams:$weight, Tensor:$indices, Default<Bool, "False">:$pruned_weights),
    "r.tensor(std::nullopt, r.f32())", "embed(b, getWeight(), getIndices())">;

class Two<string name, string value> : Requantized<name,
    (ins Tensor:$qa, Tensor:$qb, Float:$scale, Int:$zero_point), value>;
def Quantized_QuantizedAddOp : Two<"add", "add(b, getQa(), getQb())">;
def Quantized_QuantizedAddReluOp : Two<"add_relu", "relu(b, add(b, getQa(), getQb()))">;
def Quantized_QuantizedMulOp : Two<"mul", "apply<MulTensorOp>(b, getQa(), getQb())">;
def Quantized_QuantizedMulReluOp : Two<"mul_relu", "relu(b, apply<MulTensorOp>(b, getQa(), getQb()))">;
def Quantized_QuantizedMatmulOp : Two<"matmul", "apply<MatmulOp>(b, getQa(), getQb())">;

class Concatenation<string name, string value> : Quantized<name,
    (ins ListOf<Tensor>:$qx, Int:$dim, Opt<Float>:$scale, Opt<Int>:$zero_point),
    "r.tensor(std::nullopt, dtypeOfFirst(op.getQx()))", value>;
def Quantized_QuantizedCatOp : Concatenation<"cat", "concatenate(b, *this, false)">;
def Quantized_QuantizedCatReluOp : Concatenation<"cat_relu", "concatenate(b, *this, true)">;

defvar output = (ins Float:$output_scale, Int:$output_zero_point);
def Quantized_QuantizedHardswishOp
    : Like<"hardswish", !con((ins Tensor:$input), output), "apply<HardswishOp>(b, getInput())">;
def Quantized_QuantizedSigmoidOp
    : Like<"sigmoid", !con((ins Tensor:$qx), output), "apply<SigmoidOp>(b, getQx())">;
def Quantized_QuantizedSoftmaxOp : Like<"softmax", !con((ins Tensor:$qx, Int:$dim), output),
    "apply<SoftmaxIntOp>(b, getQx(), getDim(), b.constNone())">;
def Quantized_QuantizedLeakyReluOp : Like<"leaky_relu",
    !con((ins Tensor:$qx, Scalar:$negative_slope, Bool:$inplace), output),
    "apply<LeakyReluOp>(b, getQx(), getNegativeSlope())">;
def Quantized_QuantizedPreluOp : Like<"prelu", !con((ins Tensor:$qx, Tensor:$weight), output),
    "apply<PreluOp>(b, getQx(), numbersOf(b, getWeight()))">;

def Quantized_QuantizedEluOp : Quantized<"elu",
    !con((ins Tensor:$self), output, (ins Default<Scalar, "1">:$alpha, Default<Scalar, "1">:$scale,
         Default<Scalar, "1">:$input_scale)), "r.same(op.getSelf())",
    [{quantizeLike(b, apply<EluOp>(b, getSelf(), getAlpha(), getScale(), getInputScale()), getSelf(),
                   getOutputScale(), getOutputZeroPoint())}]>;
def Quantized_QuantizedRelu6Op : Quantized<"relu6",
    (ins Tensor:$qx, Default<Bool, "False">:$inplace), "r.same(op.getQx())",
    "quantizeLike(b, apply<Relu6Op>(b, getQx()), getQx())">;

class BatchNorm<string name, string value> : Like<name,
    !con((ins Tensor:$qx, Opt<Tensor>:$weight, Opt<Tensor>:$bias, Tensor:$mean, Tensor:$var, Float:$eps),
         output), value>;
defvar batchNorm = [{apply<BatchNormOp>(b, getQx(), getWeight(), getBias(), getMean(), getVar(),
                                        b.constBool(false), b.constFloat(0), getEps(), b.constBool(false))}];
multiclass BatchNormRelu<string name> {
  def Op : BatchNorm<name, batchNorm>;
  def ReluOp : BatchNorm<name # "_relu", !strconcat("relu(b, ", batchNorm, ")")>;
}
defm Quantized_QuantizedBatchNorm : BatchNormRelu<"batch_norm">;
defm Quantized_QuantizedBatchNorm2d : BatchNormRelu<"batch_norm2d">;
defm Quantized_QuantizedBatchNorm3d : BatchNormRelu<"batch_norm3d">;
def Quantized_QuantizedBatchNorm1dOp : BatchNorm<"batch_norm1d", batchNorm>;

def Quantized_QuantizedLayerNormOp : Like<"layer_norm",
    !con((ins Tensor:$input, ListOf<Int>:$normalized_shape, Opt<Tensor>:$weight, Opt<Tensor>:$bias,
              Float:$eps), output),
    [{apply<LayerNormOp>(b, getInput(), getNormalizedShape(), getWeight(), getBias(), getEps(),
                         b.constBool(false))}]>;
def Quantized_QuantizedGroupNormOp : Like<"group_norm",
    !con((ins Tensor:$input, Int:$num_groups, Opt<Tensor>:$weight, Opt<Tensor>:$bias, Float:$eps), output),
    [{apply<GroupNormOp>(b, getInput(), getNumGroups(), getWeight(), getBias(), getEps(),
                         b.constBool(false))}]>;
def Quantized_QuantizedInstanceNormOp : Like<"instance_norm",
    !con((ins Tensor:$input, Opt<Tensor>:$weight, Opt<Tensor>:$bias, Float:$eps), output),
    [{apply<InstanceNormOp>(b, getInput(), getWeight(), getBias(), b.constNone(), b.constNone(),
                            b.constBool(true), b.constFloat(0), getEps(), b.constBool(false))}]>;

#endif
