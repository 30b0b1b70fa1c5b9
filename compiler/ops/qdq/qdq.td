// Quantization of plain tensors: integers, or numbers rounded as if they had been integers in
// between, with the scale and the zero point given apart. What torch.export's quantization flow and
// quantization-aware training write.
#ifndef LINALGD_OPS_QDQ
#define LINALGD_OPS_QDQ

include "compiler/dialect/Torch.td"

// `affine` are scale and zero point (Affine), `min` and `max` bound the integers.
class Qdq<string name, dag arguments, string dtype, string affine, string value>
    : Torch_SchemaOp<name, arguments, (outs Tensor:$result), [Decomposes]> {
  let infer = "r.sameSizes(op.getOperands()[0], " # dtype # ")";
  let definition = [{
    ::llvm::LogicalResult $cppClass::decompose(::linalgd::torch::Decomposition &b) {
      auto affine = }] # affine # [{;
      return affine ? b.replace(b.toDtype(}] # value # [{, b.resultDtype())) : ::mlir::failure();
    }
  }];
}
class Quantize<string name, dag arguments, string affine, SchemaType bound = Int> : Qdq<
    "quantized_decomposed.quantize_" # name,
    !con((ins Tensor:$input), arguments,
         (ins bound:$quant_min, bound:$quant_max, ScalarType:$dtype)),
    "matchDtype(op.getDtype(), nullptr)", affine,
    "quantize(b, getInput(), *affine, bound(b, getQuantMin()), bound(b, getQuantMax()))">;
class Dequantize<string name, dag arguments, string affine, SchemaType bound = Int,
                 SchemaType wanted = Kw<Opt<ScalarType>, "None">, string wantedName = "out_dtype",
                 string getter = "op.getOutDtype()"> : Qdq<
    "quantized_decomposed.dequantize_" # name,
    !con((ins Tensor:$input), arguments, (ins bound:$quant_min, bound:$quant_max, ScalarType:$dtype),
         !dag(ins, [wanted], [wantedName])),
    "matchDtype(" # getter # ", r.f32())", affine, "dequantize(b, getInput(), *affine)">;
class FakeQuantize<string name, dag arguments, string affine> : Qdq<
    name, !con(arguments, (ins Int:$quant_min, Int:$quant_max)), "dtypeOf(op.getOperands()[0])", affine,
    "dequantize(b, quantize(b, getOperands()[0], *affine, getQuantMin(), getQuantMax()), *affine)">;

defvar numbers = (ins Float:$scale, Int:$zero_point);
defvar ofNumbers = "std::optional(Affine{getScale(), getZeroPoint()})";
def QuantizedDecomposed_QuantizePerTensorDecomposedOp : Quantize<"per_tensor", numbers, ofNumbers>;
def QuantizedDecomposed_DequantizePerTensorDecomposedOp : Dequantize<"per_tensor", numbers, ofNumbers>;
def Aten_FakeQuantizePerTensorAffineOp
    : FakeQuantize<"aten.fake_quantize_per_tensor_affine", !con((ins Tensor:$self), numbers), ofNumbers>;

defvar tensors = (ins Tensor:$scale, Tensor:$zero_point);
defvar ofTensors = "std::optional(Affine{bound(b, getScale()), bound(b, getZeroPoint())})";
def QuantizedDecomposed_QuantizePerTensorTensorDecomposedOp
    : Quantize<"per_tensor.tensor", tensors, ofTensors>;
def QuantizedDecomposed_DequantizePerTensorTensorDecomposedOp
    : Dequantize<"per_tensor.tensor", tensors, ofTensors>;
def QuantizedDecomposed_QuantizePerTensorTensor2DecomposedOp
    : Quantize<"per_tensor.tensor2", tensors, ofTensors, Tensor>;
def QuantizedDecomposed_DequantizePerTensorTensor2DecomposedOp
    : Dequantize<"per_tensor.tensor2", tensors, ofTensors, Tensor>;
def Aten_FakeQuantizePerTensorAffineTensorQparamsOp
    : FakeQuantize<"aten.fake_quantize_per_tensor_affine.tensor_qparams",
                   !con((ins Tensor:$self), tensors), ofTensors>;

defvar ofChannels = "alongAxis(b, getOperands()[0], getOperands()[1], getOperands()[2], getAxis())";
def QuantizedDecomposed_QuantizePerChannelDecomposedOp
    : Quantize<"per_channel", (ins Tensor:$scales, Tensor:$zero_points, Int:$axis), ofChannels>;
def QuantizedDecomposed_DequantizePerChannelDecomposedOp
    : Dequantize<"per_channel", (ins Tensor:$scales, Opt<Tensor>:$zero_points, Int:$axis), ofChannels>;
def Aten_FakeQuantizePerChannelAffineOp : FakeQuantize<"aten.fake_quantize_per_channel_affine",
    (ins Tensor:$self, Tensor:$scale, Tensor:$zero_point, Int:$axis), ofChannels>;
def QuantizedDecomposed_FakeQuantPerChannelOp : FakeQuantize<"quantized_decomposed.fake_quant_per_channel",
    (ins Tensor:$input, Tensor:$scales, Tensor:$zero_points, Int:$axis), ofChannels>;

// Scales and zero points of size 1 in the last dimension.
defvar tokens = (ins Tensor:$scales, Tensor:$zero_points);
defvar ofTokens = "ofEachToken(b, getScales(), getZeroPoints())";
def QuantizedDecomposed_QuantizePerTokenOp : Quantize<"per_token", tokens, ofTokens>;
def QuantizedDecomposed_DequantizePerTokenOp
    : Dequantize<"per_token", tokens, ofTokens, Int, ScalarType, "output_dtype", "op.getOutputDtype()">;

class ChooseQparams<string name> : Torch_SchemaOp<"quantized_decomposed." # name,
    (ins Tensor:$input, Int:$quant_min, Int:$quant_max, Float:$eps, ScalarType:$dtype),
    (outs Tensor:$scale, Tensor:$zero_point), [Decomposes]> {
  let infer = "inferQparams(r)";
}
def QuantizedDecomposed_ChooseQparamsTensorOp : ChooseQparams<"choose_qparams.tensor">;

#endif
