// Kept ops stay between casts, with constants and lists as they were; without the option, each op
// that is left is an error, and its constants are none.
// RUN: linalgd-opt %s --linalgd-lower-to-linalg=keep-ops=aten.softmax.int,my.op | FileCheck %s
// RUN: not linalgd-opt %s --linalgd-lower-to-linalg 2>&1 | FileCheck %s --check-prefix=ERROR --implicit-check-not=error:

// CHECK-LABEL: func.func @main(
// CHECK-SAME:    %[[X:.*]]: tensor<2x3xf32>) -> tensor<2x3xf32>
// CHECK-DAG:     %[[ONE:.*]] = torch.constant.int 1
// CHECK-DAG:     %[[NONE:.*]] = torch.constant.none
// CHECK-DAG:     %[[LIST:.*]] = torch.prim.ListConstruct %[[ONE]] : (!torch.int) -> !torch.list<int>
// CHECK:         %[[EXP:.*]] = linalg.generic {{.*}} ins(%[[X]]
// CHECK:         %[[IN:.*]] = builtin.unrealized_conversion_cast %[[EXP]] : tensor<2x3xf32> to !torch.vtensor<[2,3],f32>
// CHECK-NEXT:    %[[SOFTMAX:.*]] = torch.aten.softmax.int %[[IN]], %[[ONE]], %[[NONE]]
// CHECK-NEXT:    %[[MINE:.*]] = torch.operator "torch.my.op"(%[[SOFTMAX]], %[[LIST]])
// CHECK-NEXT:    %[[OUT:.*]] = builtin.unrealized_conversion_cast %[[MINE]] : !torch.vtensor<[2,3],f32> to tensor<2x3xf32>
// CHECK:         linalg.generic {{.*}} ins(%[[OUT]]

// ERROR: error: cannot lower 'torch.aten.softmax.int'
// ERROR: error: cannot lower 'torch.my.op'
func.func @main(%x: !torch.vtensor<[2,3],f32>) -> !torch.vtensor<[2,3],f32> {
  %i = torch.constant.int 1
  %none = torch.constant.none
  %list = torch.prim.ListConstruct %i : (!torch.int) -> !torch.list<int>
  %0 = torch.aten.exp %x : !torch.vtensor<[2,3],f32> -> !torch.vtensor<[2,3],f32>
  %1 = torch.aten.softmax.int %0, %i, %none : !torch.vtensor<[2,3],f32>, !torch.int, !torch.none -> !torch.vtensor<[2,3],f32>
  %2 = torch.my.op %1, %list : !torch.vtensor<[2,3],f32>, !torch.list<int> -> !torch.vtensor<[2,3],f32>
  %3 = torch.aten.exp %2 : !torch.vtensor<[2,3],f32> -> !torch.vtensor<[2,3],f32>
  return %3 : !torch.vtensor<[2,3],f32>
}
