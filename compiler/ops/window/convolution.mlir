// RUN: linalgd-opt %s %to_linalg | FileCheck %s

// CHECK-DAG: #[[GROUP_IN:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d4, d3 + d5)>
// CHECK-DAG: #[[GROUP_KERNEL:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d1, d2, d4, d5)>
// CHECK-DAG: #[[GROUP_OUT:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2, d3)>
// CHECK-DAG: #[[TURNED:.*]] = affine_map<(d0, d1, d2) -> ((d0 floordiv 5) * 2 + d1, d0 mod 5, -d2 + 2)>

// The input is padded by zeros; the sum begins with the bias. One number stands for each dimension.
// CHECK-LABEL: func.func @padded(
// CHECK-SAME:    -> tensor<?x6x4x5xf32>
func.func @padded(%x: !torch.vtensor<[?,3,8,8],f32>, %w: !torch.vtensor<[6,3,3,3],f32>, %b: !torch.vtensor<[6],f32>) -> !torch.vtensor {
  %i1 = torch.constant.int 1
  %i2 = torch.constant.int 2
  %stride = torch.prim.ListConstruct %i2 : (!torch.int) -> !torch.list<int>
  %padding = torch.prim.ListConstruct %i1, %i2 : (!torch.int, !torch.int) -> !torch.list<int>
  %dilation = torch.prim.ListConstruct %i1, %i1 : (!torch.int, !torch.int) -> !torch.list<int>
  // CHECK:      %[[PADDED:.*]] = tensor.pad %arg0 low[0, 0, 1, 2] high[0, 0, 1, 2]
  // CHECK:      %[[BIAS:.*]] = linalg.broadcast ins(%arg2 : tensor<6xf32>) {{.*}} dimensions = [0, 2, 3]
  // CHECK-NEXT: linalg.conv_2d_nchw_fchw {dilations = dense<1> : tensor<2xi64>, strides = dense<2> : tensor<2xi64>}
  // CHECK-SAME:   ins(%[[PADDED]], %arg1 : tensor<?x3x10x12xf32>, tensor<6x3x3x3xf32>) outs(%[[BIAS]]
  %0 = torch.aten.conv2d %x, %w, %b, %stride, %padding, %dilation, %i1 : !torch.vtensor<[?,3,8,8],f32>, !torch.vtensor<[6,3,3,3],f32>, !torch.vtensor<[6],f32>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.int -> !torch.vtensor
  return %0 : !torch.vtensor
}

// A half type accumulates in float32.
// CHECK-LABEL: func.func @depthwise(
func.func @depthwise(%x: !torch.vtensor<[2,3,8,8],f16>, %w: !torch.vtensor<[3,1,3,3],f16>) -> !torch.vtensor {
  %none = torch.constant.none
  %i0 = torch.constant.int 0
  %i1 = torch.constant.int 1
  %i3 = torch.constant.int 3
  %one = torch.prim.ListConstruct %i1 : (!torch.int) -> !torch.list<int>
  %zero = torch.prim.ListConstruct %i0 : (!torch.int) -> !torch.list<int>
  // CHECK-NOT: tensor.pad
  // CHECK:     %[[W:.*]] = tensor.collapse_shape %arg1 {{\[\[0, 1\], \[2\], \[3\]\]}}
  // CHECK:     %[[SUMS:.*]] = linalg.depthwise_conv_2d_nchw_chw {{.*}} ins(%arg0, %[[W]] : tensor<2x3x8x8xf16>, tensor<3x3x3xf16>) {{.*}} -> tensor<2x3x6x6xf32>
  // CHECK:     linalg.generic {{.*}} ins(%[[SUMS]]
  // CHECK:     arith.truncf %{{.*}} : f32 to f16
  %0 = torch.aten.conv2d %x, %w, %none, %one, %zero, %one, %i3 : !torch.vtensor<[2,3,8,8],f16>, !torch.vtensor<[3,1,3,3],f16>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.int -> !torch.vtensor
  return %0 : !torch.vtensor
}

// CHECK-LABEL: func.func @groups_2d(
func.func @groups_2d(%x: !torch.vtensor<[2,4,8,8],f32>, %w: !torch.vtensor<[6,2,3,3],f32>) -> !torch.vtensor {
  %none = torch.constant.none
  %i0 = torch.constant.int 0
  %i1 = torch.constant.int 1
  %i2 = torch.constant.int 2
  %one = torch.prim.ListConstruct %i1 : (!torch.int) -> !torch.list<int>
  %zero = torch.prim.ListConstruct %i0 : (!torch.int) -> !torch.list<int>
  // CHECK: %[[SUMS:.*]] = linalg.conv_2d_ngchw_gfchw {{.*}} ins({{.*}} : tensor<2x2x2x8x8xf32>, tensor<2x3x2x3x3xf32>)
  // CHECK: tensor.collapse_shape %[[SUMS]] {{\[\[0\], \[1, 2\], \[3\], \[4\]\]}} : tensor<2x2x3x6x6xf32> into tensor<2x6x6x6xf32>
  %0 = torch.aten.conv2d %x, %w, %none, %one, %zero, %one, %i2 : !torch.vtensor<[2,4,8,8],f32>, !torch.vtensor<[6,2,3,3],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.int -> !torch.vtensor
  return %0 : !torch.vtensor
}

// linalg has no name for this one.
// CHECK-LABEL: func.func @groups_1d(
func.func @groups_1d(%x: !torch.vtensor<[2,4,8],f32>, %w: !torch.vtensor<[6,2,3],f32>) -> !torch.vtensor {
  %none = torch.constant.none
  %i0 = torch.constant.int 0
  %i1 = torch.constant.int 1
  %i2 = torch.constant.int 2
  %one = torch.prim.ListConstruct %i1 : (!torch.int) -> !torch.list<int>
  %zero = torch.prim.ListConstruct %i0 : (!torch.int) -> !torch.list<int>
  // CHECK:      linalg.generic {indexing_maps = [#[[GROUP_IN]], #[[GROUP_KERNEL]], #[[GROUP_OUT]]],
  // CHECK-SAME:   iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]
  // CHECK-NEXT: ^bb0(%[[X:.*]]: f32, %[[W:.*]]: f32, %[[SUM:.*]]: f32):
  // CHECK-NEXT:   %[[PRODUCT:.*]] = arith.mulf %[[X]], %[[W]]
  // CHECK-NEXT:   arith.addf %[[SUM]], %[[PRODUCT]]
  %0 = torch.aten.conv1d %x, %w, %none, %one, %zero, %one, %i2 : !torch.vtensor<[2,4,8],f32>, !torch.vtensor<[6,2,3],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.int -> !torch.vtensor
  return %0 : !torch.vtensor
}

// CHECK-LABEL: func.func @without_batch(
// CHECK-SAME:    -> tensor<6x6xf32>
func.func @without_batch(%x: !torch.vtensor<[3,8],f32>, %w: !torch.vtensor<[6,3,3],f32>) -> !torch.vtensor {
  %none = torch.constant.none
  %i0 = torch.constant.int 0
  %i1 = torch.constant.int 1
  %one = torch.prim.ListConstruct %i1 : (!torch.int) -> !torch.list<int>
  %zero = torch.prim.ListConstruct %i0 : (!torch.int) -> !torch.list<int>
  // CHECK: %[[X:.*]] = tensor.expand_shape %arg0 {{.*}} : tensor<3x8xf32> into tensor<1x3x8xf32>
  // CHECK: %[[SUMS:.*]] = linalg.conv_1d_ncw_fcw {{.*}} ins(%[[X]], %arg1
  // CHECK: tensor.collapse_shape %[[SUMS]] {{.*}} : tensor<1x6x6xf32> into tensor<6x6xf32>
  %0 = torch.aten.conv1d %x, %w, %none, %one, %zero, %one, %i1 : !torch.vtensor<[3,8],f32>, !torch.vtensor<[6,3,3],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.int -> !torch.vtensor
  return %0 : !torch.vtensor
}

// Transposed: elements `stride` apart among zeros, the kernel turned around within its group, and an
// ordinary convolution of stride 1. (8 - 1) * 2 - 2 * 1 + 3 + 1 = 16.
// CHECK-LABEL: func.func @transposed(
// CHECK-SAME:    -> tensor<2x10x16xf32>
func.func @transposed(%x: !torch.vtensor<[2,4,8],f32>, %w: !torch.vtensor<[4,5,3],f32>) -> !torch.vtensor {
  %none = torch.constant.none
  %true = torch.constant.bool true
  %i1 = torch.constant.int 1
  %i2 = torch.constant.int 2
  %one = torch.prim.ListConstruct %i1 : (!torch.int) -> !torch.list<int>
  %two = torch.prim.ListConstruct %i2 : (!torch.int) -> !torch.list<int>
  // CHECK: %[[ZEROS:.*]] = linalg.fill {{.*}} -> tensor<2x4x15xf32>
  // CHECK: %[[SPREAD:.*]] = tensor.insert_slice %arg0 into %[[ZEROS]][0, 0, 0] [2, 4, 8] [1, 1, 2]
  // CHECK: tensor.pad %[[SPREAD]] low[0, 0, 1] high[0, 0, 2]
  // CHECK: linalg.generic {indexing_maps = [#[[TURNED]], #{{.*}}]{{.*}} ins(%arg1 : tensor<4x5x3xf32>) outs(%{{.*}} : tensor<10x2x3xf32>)
  %0 = torch.aten.convolution %x, %w, %none, %two, %one, %one, %true, %one, %i2 : !torch.vtensor<[2,4,8],f32>, !torch.vtensor<[4,5,3],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.list<int>, !torch.int -> !torch.vtensor
  return %0 : !torch.vtensor
}

// "same" of an even kernel pads one more behind than before.
// CHECK-LABEL: func.func @same(
// CHECK-SAME:    -> tensor<2x6x8xf32>
func.func @same(%x: !torch.vtensor<[2,3,8],f32>, %w: !torch.vtensor<[6,3,4],f32>) -> !torch.vtensor {
  %none = torch.constant.none
  %padding = torch.constant.str "same"
  %i1 = torch.constant.int 1
  %one = torch.prim.ListConstruct %i1 : (!torch.int) -> !torch.list<int>
  // CHECK: tensor.pad %arg0 low[0, 0, 2] high[0, 0, 2]
  // CHECK: %[[SUMS:.*]] = linalg.conv_1d_ncw_fcw {{.*}} -> tensor<2x6x9xf32>
  // CHECK: tensor.extract_slice %[[SUMS]][0, 0, 1] [2, 6, 8] [1, 1, 1]
  %0 = torch.aten.conv1d.padding %x, %w, %none, %one, %padding, %one, %i1 : !torch.vtensor<[2,3,8],f32>, !torch.vtensor<[6,3,4],f32>, !torch.none, !torch.list<int>, !torch.str, !torch.list<int>, !torch.int -> !torch.vtensor
  return %0 : !torch.vtensor
}
