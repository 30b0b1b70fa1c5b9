// Images in another size.
#ifndef LINALGD_OPS_RESIZE
#define LINALGD_OPS_RESIZE

include "compiler/dialect/Torch.td"

// `self` (N, C, H, W) in `output_size`, or scaled by `scales`: expressions over `op`, lists of numbers or
// null. `filter` is an enumerator of Filter.
class Resize<string name, dag arguments, string self, string scales, string filter,
             string alignCorners = "nullptr">
    : AtenOp<name, arguments, (outs Tensor:$result), [Lowers]> {
  let infer = "inferResized(r, " # self # ", op.getOutputSize(), " # scales # ")";
  let definition = [{
    ::llvm::LogicalResult $cppClass::lowerToLinalg(::linalgd::torch::Lowering &b) {
      Adaptor op((*this)->getOperands());
      return ::linalgd::torch::lowerResized(b, op.getOutputSize(), }] # scales # ", Filter::" # filter
        # ", " # alignCorners # [{);
    }
  }];
}
// PyTorch has each with the scales one by one and, `.vec`, in a list.
multiclass Resize2d<string name, string filter, dag align = (ins), string alignCorners = "nullptr"> {
  def Op : Resize<name, !con((ins Tensor:$self, ListOf<SymInt, 2>:$output_size), align,
                             (ins Default<Opt<Float>, "None">:$scales_h, Default<Opt<Float>, "None">:$scales_w)),
                  "op.getSelf()", "{op.getScalesH(), op.getScalesW()}", filter, alignCorners>;
  def VecOp : Resize<name # ".vec", !con((ins Tensor:$input, Opt<ListOf<SymInt>>:$output_size), align,
                                         (ins Opt<ListOf<Float>>:$scale_factors)),
                     "op.getInput()", "listedScales(op.getScaleFactors())", filter, alignCorners>;
}
defm Aten_UpsampleNearest2d : Resize2d<"upsample_nearest2d", "Nearest">;
defm Aten_UpsampleNearestExact2d : Resize2d<"_upsample_nearest_exact2d", "NearestExact">;
defm Aten_UpsampleBilinear2d
    : Resize2d<"upsample_bilinear2d", "Linear", (ins Bool:$align_corners), "op.getAlignCorners()">;

#endif
