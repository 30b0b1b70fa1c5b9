// Softmax and attention.
#ifndef LINALGD_OPS_ATTENTION
#define LINALGD_OPS_ATTENTION

include "compiler/dialect/Torch.td"

class Softmax<string name> : AtenOp<name,
    (ins Tensor:$self, Int:$dim, Default<Opt<ScalarType>, "None">:$dtype), (outs Tensor:$result),
    [Decomposes]> {
  let infer = "inferSoftmax(r, op.getSelf(), op.getDim(), matchDtype(op.getDtype(), dtypeOf(op.getSelf())))";
}
def Aten_SoftmaxIntOp : Softmax<"softmax.int">;
def Aten_LogSoftmaxIntOp : Softmax<"log_softmax.int">;
class RawSoftmax<string name, Trait way> : AtenOp<name,
    (ins Tensor:$self, Int:$dim, Bool:$half_to_float), (outs Tensor:$result), [way]> {
  let infer = "inferSoftmax(r, op.getSelf(), op.getDim(), matchBool(op.getHalfToFloat()) == true ? r.f32() : dtypeOf(op.getSelf()))";
}
def Aten_RawSoftmaxOp : RawSoftmax<"_softmax", Lowers>;
def Aten_RawLogSoftmaxOp : RawSoftmax<"_log_softmax", Decomposes>;

def Aten_ScaledDotProductAttentionOp : AtenOp<"scaled_dot_product_attention",
    (ins Tensor:$query, Tensor:$key, Tensor:$value, Default<Opt<Tensor>, "None">:$attn_mask,
         Default<Float, "0.">:$dropout_p, Default<Bool, "False">:$is_causal,
         Kw<Opt<Float>, "None">:$scale, Kw<Bool, "False">:$enable_gqa),
    (outs Tensor:$result), [Decomposes]>;

#endif
