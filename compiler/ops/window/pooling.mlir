// RUN: linalgd-opt %s %to_linalg | FileCheck %s

// CHECK-DAG: #[[FLOOR:.*]] = affine_map<()[s0] -> ((s0 - 1) floordiv 3 + 1)>
// CHECK-DAG: #[[CEIL:.*]] = affine_map<()[s0] -> ((s0 - 1) ceildiv 2 + 1)>
// CHECK-DAG: #[[BEGUN:.*]] = affine_map<()[s0] -> (s0 floordiv 2 + 1)>

// No stride: the kernel's.
// CHECK-LABEL: func.func @max(
// CHECK-SAME:    -> tensor<2x3x3x?xf32>
func.func @max(%x: !torch.vtensor<[2,3,8,?],f32>) -> !torch.vtensor {
  %false = torch.constant.bool false
  %i1 = torch.constant.int 1
  %i3 = torch.constant.int 3
  %kernel = torch.prim.ListConstruct %i3 : (!torch.int) -> !torch.list<int>
  %stride = torch.prim.ListConstruct : () -> !torch.list<int>
  %one = torch.prim.ListConstruct %i1 : (!torch.int) -> !torch.list<int>
  // CHECK: affine.apply #[[FLOOR]]()
  // CHECK: tensor.pad %arg0 low[0, 0, 1, 1] high[0, 0, 1, 1]
  // CHECK: tensor.yield %cst : f32
  // CHECK: linalg.pooling_nchw_max {dilations = dense<1> : tensor<2xi64>, strides = dense<3> : tensor<2xi64>}
  %0 = torch.aten.max_pool2d %x, %kernel, %stride, %one, %one, %false : !torch.vtensor<[2,3,8,?],f32>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool -> !torch.vtensor
  return %0 : !torch.vtensor
}

// In ceil mode the last window may reach beyond the padding, but begins before its end.
// CHECK-LABEL: func.func @ceil(
// CHECK-SAME:    -> tensor<2x3x5x?xf32>
func.func @ceil(%x: !torch.vtensor<[2,3,8,?],f32>) -> !torch.vtensor {
  %true = torch.constant.bool true
  %i1 = torch.constant.int 1
  %i2 = torch.constant.int 2
  %i3 = torch.constant.int 3
  %kernel = torch.prim.ListConstruct %i3 : (!torch.int) -> !torch.list<int>
  %stride = torch.prim.ListConstruct %i2 : (!torch.int) -> !torch.list<int>
  %one = torch.prim.ListConstruct %i1 : (!torch.int) -> !torch.list<int>
  // CHECK-DAG: %[[ALL:.*]] = affine.apply #[[CEIL]]()
  // CHECK-DAG: %[[BEGUN_SIZE:.*]] = affine.apply #[[BEGUN]]()
  // CHECK:     %[[SIZE:.*]] = arith.minsi %[[ALL]], %[[BEGUN_SIZE]]
  // CHECK:     tensor.empty(%[[SIZE]]) : tensor<2x3x5x?xf32>
  // CHECK:     tensor.pad %arg0 low[0, 0, 1, 1] high[0, 0, 2, 2]
  %0 = torch.aten.max_pool2d %x, %kernel, %stride, %one, %one, %true : !torch.vtensor<[2,3,8,?],f32>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool -> !torch.vtensor
  return %0 : !torch.vtensor
}

// A third window would begin in the padding behind: 4 + 2 >= 4 + 1.
// CHECK-LABEL: func.func @ceil_within_input(
// CHECK-SAME:    -> tensor<1x1x2xf32>
func.func @ceil_within_input(%x: !torch.vtensor<[1,1,4],f32>) -> !torch.vtensor {
  %true = torch.constant.bool true
  %i1 = torch.constant.int 1
  %i2 = torch.constant.int 2
  %i3 = torch.constant.int 3
  %kernel = torch.prim.ListConstruct %i2 : (!torch.int) -> !torch.list<int>
  %stride = torch.prim.ListConstruct %i3 : (!torch.int) -> !torch.list<int>
  %one = torch.prim.ListConstruct %i1 : (!torch.int) -> !torch.list<int>
  %0 = torch.aten.max_pool1d %x, %kernel, %stride, %one, %one, %true : !torch.vtensor<[1,1,4],f32>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool -> !torch.vtensor
  return %0 : !torch.vtensor
}

// Divided by the kernel's size where padding counts, by what lies inside where it does not.
// CHECK-LABEL: func.func @average(
func.func @average(%x: !torch.vtensor<[1,3,8],f32>) -> (!torch.vtensor, !torch.vtensor) {
  %false = torch.constant.bool false
  %true = torch.constant.bool true
  %i1 = torch.constant.int 1
  %i2 = torch.constant.int 2
  %i3 = torch.constant.int 3
  %kernel = torch.prim.ListConstruct %i3 : (!torch.int) -> !torch.list<int>
  %stride = torch.prim.ListConstruct %i2 : (!torch.int) -> !torch.list<int>
  %one = torch.prim.ListConstruct %i1 : (!torch.int) -> !torch.list<int>
  // CHECK: %[[THREE:.*]] = arith.constant 3.000000e+00 : f32
  // CHECK: linalg.pooling_ncw_sum
  // CHECK: linalg.generic
  // CHECK: arith.divf %{{.*}}, %[[THREE]]
  %0 = torch.aten.avg_pool1d %x, %kernel, %stride, %one, %false, %true : !torch.vtensor<[1,3,8],f32>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.bool -> !torch.vtensor
  // CHECK:      linalg.generic
  // CHECK:      %[[O:.*]] = linalg.index 2
  // CHECK-NEXT: %[[AT:.*]] = arith.muli %[[O]], %c2
  // CHECK-NEXT: %[[FIRST:.*]] = arith.subi %[[AT]], %c1
  // CHECK-NEXT: %[[LAST:.*]] = arith.addi %[[AT]], %c2
  // CHECK-NEXT: %[[END:.*]] = arith.minsi %[[LAST]], %c8
  // CHECK-NEXT: %[[BEGIN:.*]] = arith.maxsi %[[FIRST]], %c0
  // CHECK-NEXT: arith.subi %[[END]], %[[BEGIN]]
  // CHECK:      arith.divf
  %1 = torch.aten.avg_pool1d %x, %kernel, %stride, %one, %false, %false : !torch.vtensor<[1,3,8],f32>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.bool -> !torch.vtensor
  return %0, %1 : !torch.vtensor, !torch.vtensor
}
