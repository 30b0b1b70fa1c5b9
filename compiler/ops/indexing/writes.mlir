// RUN: linalgd-opt %s %to_linalg | FileCheck %s

// Writes are loops, one after another: places may repeat, and then all are added.
// CHECK-LABEL: func.func @accumulate(
// CHECK-SAME:    %[[X:.*]]: tensor<5x6xf32>, %[[I:.*]]: tensor<?xi64>, %[[V:.*]]: tensor<?x1xf32>)
// CHECK:       scf.for %[[ROW:.*]] = %{{.*}} iter_args(%{{.*}} = %[[X]])
// CHECK:         scf.for %[[COLUMN:.*]] = %{{.*}} iter_args(%[[STATE:.*]] = %{{.*}})
// CHECK:           tensor.extract %[[I]][%[[ROW]]]
// CHECK:           %[[PLACE:.*]] = arith.select
// CHECK:           cf.assert
// CHECK:           %[[VALUE:.*]] = tensor.extract %[[V]][%[[ROW]], %c0
// CHECK:           %[[OLD:.*]] = tensor.extract %[[STATE]][%[[PLACE]], %[[COLUMN]]]
// CHECK:           %[[SUM:.*]] = arith.addf %[[OLD]], %[[VALUE]]
// CHECK:           tensor.insert %[[SUM]] into %[[STATE]][%[[PLACE]], %[[COLUMN]]]
func.func @accumulate(%x: !torch.vtensor<[5,6],f32>, %i: !torch.vtensor<[?],si64>, %v: !torch.vtensor<[?,1],f32>) -> !torch.vtensor<[5,6],f32> {
  %true = torch.constant.bool true
  %list = torch.prim.ListConstruct %i : (!torch.vtensor<[?],si64>) -> !torch.list<optional<vtensor>>
  %0 = torch.aten.index_put %x, %list, %v, %true : !torch.vtensor<[5,6],f32>, !torch.list<optional<vtensor>>, !torch.vtensor<[?,1],f32>, !torch.bool -> !torch.vtensor<[5,6],f32>
  return %0 : !torch.vtensor<[5,6],f32>
}
