// RUN: linalgd-opt %s %to_linalg | FileCheck %s

// CHECK-LABEL: func.func @inferred(
func.func @inferred(%x: !torch.vtensor<[2,3,4],f32>) -> !torch.vtensor {
  %i6 = torch.constant.int 6
  %rest = torch.constant.int -1
  %size = torch.prim.ListConstruct %i6, %rest : (!torch.int, !torch.int) -> !torch.list<int>
  // CHECK-NEXT: %[[R:.*]] = tensor.collapse_shape %arg0 {{\[\[0, 1\], \[2\]\]}} : tensor<2x3x4xf32> into tensor<6x4xf32>
  // CHECK-NEXT: return %[[R]]
  %0 = torch.aten.view %x, %size : !torch.vtensor<[2,3,4],f32>, !torch.list<int> -> !torch.vtensor
  return %0 : !torch.vtensor
}

// Sizes without a common factor go over one dimension.
// CHECK-LABEL: func.func @unrelated(
func.func @unrelated(%x: !torch.vtensor<[6,4],f32>) -> !torch.vtensor {
  %i8 = torch.constant.int 8
  %rest = torch.constant.int -1
  %size = torch.prim.ListConstruct %i8, %rest : (!torch.int, !torch.int) -> !torch.list<int>
  // CHECK-NEXT: %[[FLAT:.*]] = tensor.collapse_shape %arg0 {{\[\[0, 1\]\]}} : tensor<6x4xf32> into tensor<24xf32>
  // CHECK-NEXT: tensor.expand_shape %[[FLAT]] {{\[\[0, 1\]\]}} output_shape [8, 3] : tensor<24xf32> into tensor<8x3xf32>
  %0 = torch.aten.view %x, %size : !torch.vtensor<[6,4],f32>, !torch.list<int> -> !torch.vtensor
  return %0 : !torch.vtensor
}

// A size that is read of the operand stays in its place, so that the rest is known.
// CHECK-LABEL: func.func @batch(
func.func @batch(%x: !torch.vtensor<[?,3,4],f32>) -> !torch.vtensor<[?,12],f32> {
  %i0 = torch.constant.int 0
  %rest = torch.constant.int -1
  %n = torch.aten.size.int %x, %i0 : !torch.vtensor<[?,3,4],f32>, !torch.int -> !torch.int
  %size = torch.prim.ListConstruct %n, %rest : (!torch.int, !torch.int) -> !torch.list<int>
  // CHECK-NEXT: %[[R:.*]] = tensor.collapse_shape %arg0 {{\[\[0\], \[1, 2\]\]}} : tensor<?x3x4xf32> into tensor<?x12xf32>
  // CHECK-NEXT: return %[[R]]
  %0 = torch.aten.view %x, %size : !torch.vtensor<[?,3,4],f32>, !torch.list<int> -> !torch.vtensor<[?,12],f32>
  return %0 : !torch.vtensor<[?,12],f32>
}

// CHECK-LABEL: func.func @inferred_of_dynamic(
func.func @inferred_of_dynamic(%x: !torch.vtensor<[?,8,4],f32>) -> !torch.vtensor {
  %rest = torch.constant.int -1
  %i16 = torch.constant.int 16
  %size = torch.prim.ListConstruct %rest, %i16 : (!torch.int, !torch.int) -> !torch.list<int>
  // 8 * 4 / 16 of each row.
  // CHECK-DAG: %[[TWO:.*]] = arith.constant 2
  // CHECK-DAG: %[[ROWS:.*]] = tensor.dim %arg0, %c0
  // CHECK:     %[[REST:.*]] = arith.muli %[[ROWS]], %[[TWO]]
  // CHECK:     tensor.expand_shape %{{.*}} {{\[\[0, 1\]\]}} output_shape [%[[REST]], 16] : tensor<?xf32> into tensor<?x16xf32>
  %0 = torch.aten.view %x, %size : !torch.vtensor<[?,8,4],f32>, !torch.list<int> -> !torch.vtensor
  return %0 : !torch.vtensor
}

// Unknown sizes on both sides need a run-time shape.
// CHECK-LABEL: func.func @run_time(
// CHECK-SAME:    %[[X:.*]]: tensor<?x?x4xf32>, %[[N:.*]]: i64)
func.func @run_time(%x: !torch.vtensor<[?,?,4],f32>, %n: !torch.int) -> !torch.vtensor {
  %rest = torch.constant.int -1
  %i2 = torch.constant.int 2
  %size = torch.prim.ListConstruct %n, %rest, %i2 : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  // CHECK-DAG: %[[FIRST:.*]] = arith.index_cast %[[N]] : i64 to index
  // CHECK-DAG: %[[D0:.*]] = tensor.dim %[[X]], %c0
  // CHECK-DAG: %[[D1:.*]] = tensor.dim %[[X]], %c1
  // CHECK:     %[[PAIRS:.*]] = arith.muli %[[D0]], %c2
  // CHECK:     %[[ALL:.*]] = arith.muli %[[PAIRS]], %[[D1]]
  // CHECK:     %[[REST:.*]] = arith.floordivsi %[[ALL]], %[[FIRST]]
  // CHECK:     %[[SHAPE:.*]] = tensor.from_elements %[[FIRST]], %[[REST]], %c2
  // CHECK:     tensor.reshape %[[X]](%[[SHAPE]]) : (tensor<?x?x4xf32>, tensor<3xindex>) -> tensor<?x?x2xf32>
  %0 = torch.aten.view %x, %size : !torch.vtensor<[?,?,4],f32>, !torch.list<int> -> !torch.vtensor
  return %0 : !torch.vtensor
}

// CHECK-LABEL: func.func @scalar(
func.func @scalar(%x: !torch.vtensor<[1,1],f32>) -> !torch.vtensor {
  %size = torch.prim.ListConstruct : () -> !torch.list<int>
  // CHECK-NEXT: tensor.collapse_shape %arg0 [] : tensor<1x1xf32> into tensor<f32>
  %0 = torch.aten.view %x, %size : !torch.vtensor<[1,1],f32>, !torch.list<int> -> !torch.vtensor
  return %0 : !torch.vtensor
}

// CHECK-LABEL: func.func @no_elements(
func.func @no_elements(%x: !torch.vtensor<[0,3],f32>) -> !torch.vtensor {
  %i5 = torch.constant.int 5
  %rest = torch.constant.int -1
  %size = torch.prim.ListConstruct %i5, %rest : (!torch.int, !torch.int) -> !torch.list<int>
  // CHECK-NEXT: tensor.empty() : tensor<5x0xf32>
  %0 = torch.aten.view %x, %size : !torch.vtensor<[0,3],f32>, !torch.list<int> -> !torch.vtensor
  return %0 : !torch.vtensor
}

// CHECK-LABEL: func.func @flatten(
func.func @flatten(%x: !torch.vtensor<[?,3,?,5],f32>) -> !torch.vtensor {
  %first = torch.constant.int 1
  %last = torch.constant.int -2
  // CHECK-NEXT: tensor.collapse_shape %arg0 {{\[\[0\], \[1, 2\], \[3\]\]}} : tensor<?x3x?x5xf32> into tensor<?x?x5xf32>
  %0 = torch.aten.flatten.using_ints %x, %first, %last : !torch.vtensor<[?,3,?,5],f32>, !torch.int, !torch.int -> !torch.vtensor
  return %0 : !torch.vtensor
}

// CHECK-LABEL: func.func @unflatten(
func.func @unflatten(%x: !torch.vtensor<[2,?,5],f32>) -> !torch.vtensor {
  %dim = torch.constant.int -2
  %rest = torch.constant.int -1
  %i4 = torch.constant.int 4
  %size = torch.prim.ListConstruct %rest, %i4 : (!torch.int, !torch.int) -> !torch.list<int>
  // CHECK: %[[DIM:.*]] = tensor.dim %arg0, %c1
  // CHECK: %[[REST:.*]] = arith.floordivsi %[[DIM]], %c4
  // CHECK: tensor.expand_shape %arg0 {{\[\[0\], \[1, 2\], \[3\]\]}} output_shape [2, %[[REST]], 4, 5]
  %0 = torch.aten.unflatten.int %x, %dim, %size : !torch.vtensor<[2,?,5],f32>, !torch.int, !torch.list<int> -> !torch.vtensor
  return %0 : !torch.vtensor
}
