// RUN: linalgd-opt %s %to_linalg | FileCheck %s

// CHECK-DAG: #[[COLUMN:.*]] = affine_map<(d0, d1, d2, d3) -> (d1, 0)>
// CHECK-DAG: #[[ROW:.*]] = affine_map<(d0, d1, d2, d3) -> (d2)>
// CHECK-DAG: #[[FIRST:.*]] = affine_map<(d0, d1, d2) -> (d0)>

// x[:, i, j] with neighbours: their broadcast dimensions stand where they were. Negative indices
// count from the end; one outside of the dimension is an error.
// CHECK-LABEL: func.func @neighbours(
// CHECK-SAME:    %[[X:.*]]: tensor<5x6x7x8xf32>, %[[I:.*]]: tensor<2x1xi64>, %[[J:.*]]: tensor<3xi32>) -> tensor<5x2x3x8xf32>
func.func @neighbours(%x: !torch.vtensor<[5,6,7,8],f32>, %i: !torch.vtensor<[2,1],si64>, %j: !torch.vtensor<[3],si32>) -> !torch.vtensor {
  %none = torch.constant.none
  %list = torch.prim.ListConstruct %none, %i, %j : (!torch.none, !torch.vtensor<[2,1],si64>, !torch.vtensor<[3],si32>) -> !torch.list<optional<vtensor>>
  // CHECK:      linalg.generic {indexing_maps = [#[[COLUMN]], #[[ROW]], #{{.*}}]{{.*}} ins(%[[I]], %[[J]]
  // CHECK-NEXT: ^bb0(%[[A:.*]]: i64, %[[B:.*]]: i32, %{{.*}}: f32):
  // CHECK-NEXT: %[[D0:.*]] = linalg.index 0
  // CHECK-NEXT: %[[AT:.*]] = arith.index_cast %[[A]] : i64 to index
  // CHECK-NEXT: %[[NEGATIVE:.*]] = arith.cmpi slt, %[[AT]], %c0
  // CHECK-NEXT: %[[FROM_END:.*]] = arith.addi %[[AT]], %c6
  // CHECK-NEXT: %[[D1:.*]] = arith.select %[[NEGATIVE]], %[[FROM_END]], %[[AT]]
  // CHECK-NEXT: %[[INSIDE:.*]] = arith.cmpi ult, %[[D1]], %c6
  // CHECK-NEXT: cf.assert %[[INSIDE]], "an index is out of range"
  // CHECK:      arith.index_cast %[[B]] : i32 to index
  // CHECK:      %[[D2:.*]] = arith.select
  // CHECK:      %[[D3:.*]] = linalg.index 3
  // CHECK-NEXT: tensor.extract %[[X]][%[[D0]], %[[D1]], %[[D2]], %[[D3]]]
  %0 = torch.aten.index.Tensor %x, %list : !torch.vtensor<[5,6,7,8],f32>, !torch.list<optional<vtensor>> -> !torch.vtensor
  return %0 : !torch.vtensor
}

// x[i, :, j]: apart from each other, their dimensions go to the front.
// CHECK-LABEL: func.func @apart(
// CHECK-SAME:    -> tensor<?x6x?xf32>
func.func @apart(%x: !torch.vtensor<[5,6,7,?],f32>, %i: !torch.vtensor<[?],si64>, %j: !torch.vtensor<[?],si64>) -> !torch.vtensor {
  %none = torch.constant.none
  %list = torch.prim.ListConstruct %i, %none, %j : (!torch.vtensor<[?],si64>, !torch.none, !torch.vtensor<[?],si64>) -> !torch.list<optional<vtensor>>
  // CHECK: linalg.generic {indexing_maps = [#[[FIRST]], #[[FIRST]], #{{.*}}]
  // CHECK: %[[D0:.*]] = arith.select
  // CHECK: %[[D1:.*]] = linalg.index 1
  // CHECK: %[[D2:.*]] = arith.select
  // CHECK: %[[D3:.*]] = linalg.index 2
  // CHECK: tensor.extract %arg0[%[[D0]], %[[D1]], %[[D2]], %[[D3]]]
  %0 = torch.aten.index.Tensor %x, %list : !torch.vtensor<[5,6,7,?],f32>, !torch.list<optional<vtensor>> -> !torch.vtensor
  return %0 : !torch.vtensor
}
