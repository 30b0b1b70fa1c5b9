// Convolutions and poolings: ops that slide a window.
#ifndef LINALGD_OPS_WINDOW
#define LINALGD_OPS_WINDOW

include "compiler/dialect/Torch.td"

//===-- convolution ---------------------------------------------------------------------------===//

// The one convolution that is lowered: (N, C, spatial...) with 1 to 3 spatial dimensions.
def Aten_ConvolutionOp : AtenOp<"convolution",
    (ins Tensor:$input, Tensor:$weight, Opt<Tensor>:$bias, ListOf<SymInt>:$stride,
         ListOf<SymInt>:$padding, ListOf<SymInt>:$dilation, Bool:$transposed,
         ListOf<SymInt>:$output_padding, SymInt:$groups),
    (outs Tensor:$result), [Lowers]>;

class RawConvolution<string name, dag last> : AtenOp<name,
    !con((ins Tensor:$input, Tensor:$weight, Opt<Tensor>:$bias, ListOf<SymInt>:$stride,
              ListOf<SymInt>:$padding, ListOf<SymInt>:$dilation, Bool:$transposed), last),
    (outs Tensor:$result), [Decomposes]>;
def Aten_RawConvolutionOp : RawConvolution<"_convolution",
    (ins ListOf<SymInt>:$output_padding, SymInt:$groups, Bool:$benchmark, Bool:$deterministic,
         Bool:$cudnn_enabled, Bool:$allow_tf32)>;
def Aten_RawConvolutionDeprecatedOp : RawConvolution<"_convolution.deprecated",
    (ins ListOf<Int>:$output_padding, SymInt:$groups, Bool:$benchmark, Bool:$deterministic,
         Bool:$cudnn_enabled)>;

// `ones` and `zeros` are the defaults as PyTorch prints them.
class Convolution<int n, string ones, string zeros> : AtenOp<"conv" # n # "d",
    (ins Tensor:$input, Tensor:$weight, Default<Opt<Tensor>, "None">:$bias,
         Default<ListOf<SymInt, n>, ones>:$stride, Default<ListOf<SymInt, n>, zeros>:$padding,
         Default<ListOf<SymInt, n>, ones>:$dilation, Default<SymInt, "1">:$groups),
    (outs Tensor:$result), [Decomposes]>;
def Aten_Conv1dOp : Convolution<1, "[1]", "[0]">;
def Aten_Conv2dOp : Convolution<2, "[1, 1]", "[0, 0]">;
def Aten_Conv3dOp : Convolution<3, "[1, 1, 1]", "[0, 0, 0]">;

class PaddedConvolution<int n, string ones> : AtenOp<"conv" # n # "d.padding",
    (ins Tensor:$input, Tensor:$weight, Default<Opt<Tensor>, "None">:$bias,
         Default<ListOf<SymInt, n>, ones>:$stride, Default<Str, "\"valid\"">:$padding,
         Default<ListOf<SymInt, n>, ones>:$dilation, Default<SymInt, "1">:$groups),
    (outs Tensor:$result), [Decomposes]>;
def Aten_Conv1dPaddingOp : PaddedConvolution<1, "[1]">;
def Aten_Conv2dPaddingOp : PaddedConvolution<2, "[1, 1]">;
def Aten_Conv3dPaddingOp : PaddedConvolution<3, "[1, 1, 1]">;

class TransposedConvolution<string name, int n, string ones, string zeros> : AtenOp<name,
    (ins Tensor:$input, Tensor:$weight, Default<Opt<Tensor>, "None">:$bias,
         Default<ListOf<SymInt, n>, ones>:$stride, Default<ListOf<SymInt, n>, zeros>:$padding,
         Default<ListOf<SymInt, n>, zeros>:$output_padding, Default<SymInt, "1">:$groups,
         Default<ListOf<SymInt, n>, ones>:$dilation),
    (outs Tensor:$result), [Decomposes]>;
def Aten_ConvTranspose1dOp : TransposedConvolution<"conv_transpose1d", 1, "[1]", "[0]">;
def Aten_ConvTranspose2dOp : TransposedConvolution<"conv_transpose2d.input", 2, "[1, 1]", "[0, 0]">;
def Aten_ConvTranspose3dOp
    : TransposedConvolution<"conv_transpose3d.input", 3, "[1, 1, 1]", "[0, 0, 0]">;

//===-- pooling -------------------------------------------------------------------------------===//

class MaxPool<string name, int n, string zeros, string ones, dag outs_, list<Trait> traits>
    : AtenOp<name,
    (ins Tensor:$self, ListOf<Int, n>:$kernel_size, Default<ListOf<Int, n>, "[]">:$stride,
         Default<ListOf<Int, n>, zeros>:$padding, Default<ListOf<Int, n>, ones>:$dilation,
         Default<Bool, "False">:$ceil_mode),
    outs_, traits>;
def Aten_MaxPool1dOp : MaxPool<"max_pool1d", 1, "[0]", "[1]", (outs Tensor:$result), [Lowers]>;
def Aten_MaxPool2dOp : MaxPool<"max_pool2d", 2, "0", "1", (outs Tensor:$result), [Lowers]>;
def Aten_MaxPool3dOp : MaxPool<"max_pool3d", 3, "0", "1", (outs Tensor:$result), [Lowers]>;
def Aten_MaxPool2dWithIndicesOp : MaxPool<"max_pool2d_with_indices", 2, "0", "1",
    (outs Tensor:$result0, Tensor:$result1), [Lowers]>;
def Aten_MaxPool3dWithIndicesOp : MaxPool<"max_pool3d_with_indices", 3, "0", "1",
    (outs Tensor:$result0, Tensor:$result1), [Lowers]>;

class AvgPool<int n, string zeros, dag last> : AtenOp<"avg_pool" # n # "d",
    !con((ins Tensor:$self, ListOf<Int, n>:$kernel_size, Default<ListOf<Int, n>, "[]">:$stride,
              Default<ListOf<Int, n>, zeros>:$padding, Default<Bool, "False">:$ceil_mode,
              Default<Bool, "True">:$count_include_pad), last),
    (outs Tensor:$result), [Lowers]>;
def Aten_AvgPool1dOp : AvgPool<1, "[0]", (ins)>;
def Aten_AvgPool2dOp : AvgPool<2, "0", (ins Default<Opt<Int>, "None">:$divisor_override)>;
def Aten_AvgPool3dOp : AvgPool<3, "0", (ins Default<Opt<Int>, "None">:$divisor_override)>;

class AdaptiveAvgPool<string name, SchemaType size, list<Trait> traits>
    : AtenOp<name, (ins Tensor:$self, size:$output_size), (outs Tensor:$result), traits>;
def Aten_AdaptiveAvgPool1dOp : AdaptiveAvgPool<"adaptive_avg_pool1d", ListOf<Int, 1>, [Lowers]>;
def Aten_AdaptiveAvgPool2dOp : AdaptiveAvgPool<"adaptive_avg_pool2d", ListOf<SymInt, 2>, [Lowers]>;
def Aten_AdaptiveAvgPool3dOp : AdaptiveAvgPool<"adaptive_avg_pool3d", ListOf<SymInt, 3>, [Lowers]>;
def Aten_RawAdaptiveAvgPool2dOp
    : AdaptiveAvgPool<"_adaptive_avg_pool2d", ListOf<SymInt, 2>, [Decomposes]>;

class AdaptiveMaxPool<int n> : AtenOp<"adaptive_max_pool" # n # "d",
    (ins Tensor:$self, ListOf<Int, n>:$output_size), (outs Tensor:$result0, Tensor:$result1), [Lowers]>;
def Aten_AdaptiveMaxPool1dOp : AdaptiveMaxPool<1>;
def Aten_AdaptiveMaxPool2dOp : AdaptiveMaxPool<2>;

#endif
