// RUN: linalgd-opt %s %to_linalg | FileCheck %s

// Negative dimensions in any order; kept ones are added by a reshape.
// CHECK-LABEL: func.func @dims(
// CHECK-SAME:    -> (tensor<?xf32>, tensor<1x?x1xf32>)
func.func @dims(%x: !torch.vtensor<[2,?,4],f32>) -> (!torch.vtensor, !torch.vtensor) {
  %false = torch.constant.bool false
  %true = torch.constant.bool true
  %none = torch.constant.none
  %last = torch.constant.int -1
  %first = torch.constant.int -3
  %dims = torch.prim.ListConstruct %last, %first : (!torch.int, !torch.int) -> !torch.list<int>
  // CHECK: %[[SIZE:.*]] = tensor.dim %arg0, %c1
  // CHECK: %[[SUM:.*]] = linalg.reduce ins(%arg0 : tensor<2x?x4xf32>) {{.*}} dimensions = [0, 2]
  // CHECK: arith.addf
  // CHECK: %[[KEPT:.*]] = tensor.expand_shape %[[SUM]] {{\[\[0, 1, 2\]\]}} output_shape [1, %[[SIZE]], 1]
  // CHECK: return %[[SUM]], %[[KEPT]]
  %0 = torch.aten.sum.dim_IntList %x, %dims, %false, %none : !torch.vtensor<[2,?,4],f32>, !torch.list<int>, !torch.bool, !torch.none -> !torch.vtensor
  %1 = torch.aten.sum.dim_IntList %x, %dims, %true, %none : !torch.vtensor<[2,?,4],f32>, !torch.list<int>, !torch.bool, !torch.none -> !torch.vtensor
  return %0, %1 : !torch.vtensor, !torch.vtensor
}

// No dimension means all of them; bools are counted in int64.
// CHECK-LABEL: func.func @all(
// CHECK-SAME:    -> tensor<1x1xi64>
func.func @all(%x: !torch.vtensor<[2,3],i1>) -> !torch.vtensor {
  %true = torch.constant.bool true
  %none = torch.constant.none
  %dims = torch.prim.ListConstruct : () -> !torch.list<int>
  // CHECK: arith.extui %{{.*}} : i1 to i64
  // CHECK: %[[SUM:.*]] = linalg.reduce {{.*}} dimensions = [0, 1]
  // CHECK: tensor.expand_shape %[[SUM]] [] output_shape [1, 1] : tensor<i64> into tensor<1x1xi64>
  %0 = torch.aten.sum.dim_IntList %x, %dims, %true, %none : !torch.vtensor<[2,3],i1>, !torch.list<int>, !torch.bool, !torch.none -> !torch.vtensor
  return %0 : !torch.vtensor
}

// A half type is summed in float32 and rounded once, behind the division.
// CHECK-LABEL: func.func @mean(
func.func @mean(%x: !torch.vtensor<[2,3],f16>) -> !torch.vtensor {
  %false = torch.constant.bool false
  %none = torch.constant.none
  %i0 = torch.constant.int 0
  %dims = torch.prim.ListConstruct %i0 : (!torch.int) -> !torch.list<int>
  // CHECK: %[[COUNT:.*]] = arith.constant 2.000000e+00 : f32
  // CHECK: arith.extf
  // CHECK: linalg.reduce ins(%{{.*}} : tensor<2x3xf32>)
  // CHECK-NOT: arith.truncf
  // CHECK: arith.divf %{{.*}}, %[[COUNT]] : f32
  // CHECK: arith.truncf %{{.*}} : f32 to f16
  %0 = torch.aten.mean.dim %x, %dims, %false, %none : !torch.vtensor<[2,3],f16>, !torch.list<int>, !torch.bool, !torch.none -> !torch.vtensor
  return %0 : !torch.vtensor
}

// Each dtype begins with its own extreme and compares in its own way; a scalar has no dimension 0,
// but may be asked for it.
// CHECK-LABEL: func.func @extremes(
func.func @extremes(%x: !torch.vtensor<[2,3],si32>, %y: !torch.vtensor<[2,3],ui8>, %z: !torch.vtensor<[],f32>) -> (!torch.vtensor, !torch.vtensor, !torch.vtensor) {
  %false = torch.constant.bool false
  %i0 = torch.constant.int 0
  %dims = torch.prim.ListConstruct %i0 : (!torch.int) -> !torch.list<int>
  // CHECK-DAG: %[[INFINITY:.*]] = arith.constant 0x7F800000 : f32
  // CHECK-DAG: %[[LARGEST:.*]] = arith.constant -1 : i8
  // CHECK-DAG: %[[LEAST:.*]] = arith.constant -2147483648 : i32
  // CHECK: linalg.fill ins(%[[LEAST]]
  // CHECK: arith.maxsi
  %0 = torch.aten.amax %x, %dims, %false : !torch.vtensor<[2,3],si32>, !torch.list<int>, !torch.bool -> !torch.vtensor
  // CHECK: linalg.fill ins(%[[LARGEST]]
  // CHECK: arith.minui
  %1 = torch.aten.amin %y, %dims, %false : !torch.vtensor<[2,3],ui8>, !torch.list<int>, !torch.bool -> !torch.vtensor
  // CHECK: linalg.fill ins(%[[INFINITY]]
  // CHECK: linalg.reduce {{.*}} dimensions = []
  // CHECK: arith.minimumf
  %2 = torch.aten.amin %z, %dims, %false : !torch.vtensor<[],f32>, !torch.list<int>, !torch.bool -> !torch.vtensor
  return %0, %1, %2 : !torch.vtensor, !torch.vtensor, !torch.vtensor
}
