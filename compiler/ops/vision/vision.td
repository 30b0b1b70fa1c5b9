// torchvision's own operators.
#ifndef LINALGD_OPS_VISION
#define LINALGD_OPS_VISION

include "compiler/dialect/Torch.td"

// Which boxes are left when those that overlap a better one are taken away, the best one first.
def Vision_NmsOp : Torch_SchemaOp<"torchvision.nms",
    (ins Tensor:$dets, Tensor:$scores, Float:$iou_threshold), (outs Tensor:$result), [Lowers]>;

// The mean of a grid of samples in each part of each region.
def Vision_RoiAlignOp : Torch_SchemaOp<"torchvision.roi_align",
    (ins Tensor:$input, Tensor:$rois, Float:$spatial_scale, SymInt:$pooled_height,
         SymInt:$pooled_width, Int:$sampling_ratio, Bool:$aligned), (outs Tensor:$result), [Lowers]>;

#endif
