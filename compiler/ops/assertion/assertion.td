// What a program states of its values: cf.assert where it cannot be proven.
#ifndef LINALGD_OPS_ASSERTION
#define LINALGD_OPS_ASSERTION

include "compiler/dialect/Torch.td"

class Assertion<string name, dag arguments, Trait method>
    : AtenOp<name, arguments, (outs), [method]> {
  let infer = "success()";
}
def Aten_AssertScalarOp
    : Assertion<"_assert_scalar", (ins Scalar:$self, Str:$assert_msg), Lowers>;
def Aten_AssertAsyncOp : Assertion<"_assert_async", (ins Tensor:$self), Decomposes>;
def Aten_AssertAsyncMsgOp
    : Assertion<"_assert_async.msg", (ins Tensor:$self, Str:$assert_msg), Decomposes>;
def Aten_SymConstrainRangeOp : Assertion<"sym_constrain_range",
    (ins Scalar:$size, Kw<Opt<Int>, "None">:$min, Kw<Opt<Int>, "None">:$max), Decomposes>;
def Aten_SymConstrainRangeForSizeOp : Assertion<"sym_constrain_range_for_size",
    (ins Scalar:$size, Kw<Opt<Int>, "None">:$min, Kw<Opt<Int>, "None">:$max), Decomposes>;
// Strides, device and layout are linalgd's own, whatever they were.
def Aten_AssertTensorMetadataOp : Assertion<"_assert_tensor_metadata", (ins Tensor:$a,
    Default<Opt<ListOf<SymInt>>, "None">:$size, Default<Opt<ListOf<SymInt>>, "None">:$stride,
    Default<Opt<ScalarType>, "None">:$dtype, Kw<Opt<Device>, "None">:$device,
    Kw<Opt<Layout>, "None">:$layout), Decomposes>;

#endif
