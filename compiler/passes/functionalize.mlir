// RUN: linalgd-opt %s --linalgd-functionalize | FileCheck %s

// Reads before and after a write see the tensor as it was and is.
// CHECK-LABEL: func.func @write(
// CHECK-SAME:    %[[X:.*]]: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>)
func.func @write(%x: !torch.vtensor<[2],f32>) -> (!torch.tensor<[2],f32>, !torch.tensor<[2],f32>) {
  %0 = torch.copy.to_tensor %x : !torch.tensor<[2],f32>
  // CHECK-NEXT: %[[BEFORE:.*]] = torch.aten.exp %[[X]] :
  %before = torch.aten.exp %0 : !torch.tensor<[2],f32> -> !torch.tensor<[2],f32>
  // CHECK-NEXT: %[[RELU:.*]] = torch.aten.relu %[[X]] :
  %1 = torch.aten.relu_ %0 : !torch.tensor<[2],f32> -> !torch.tensor<[2],f32>
  // CHECK-NEXT: %[[AFTER:.*]] = torch.aten.exp %[[RELU]] :
  %after = torch.aten.exp %0 : !torch.tensor<[2],f32> -> !torch.tensor<[2],f32>
  // CHECK-NEXT: return %[[BEFORE]], %[[AFTER]]
  return %before, %after : !torch.tensor<[2],f32>, !torch.tensor<[2],f32>
}

// The result of an in-place op is its operand; it keeps its dtype where the op promotes.
// CHECK-LABEL: func.func @promoted(
// CHECK-SAME:    %[[X:.*]]: !torch.vtensor<[2],f32>, %[[Y:.*]]: !torch.vtensor<[2],f64>)
func.func @promoted(%x: !torch.tensor<[2],f32>, %y: !torch.tensor<[2],f64>) -> !torch.tensor<[2],f32> {
  %0 = torch.aten.relu %x : !torch.tensor<[2],f32> -> !torch.tensor<[2],f32>
  // CHECK: %[[PRODUCT:.*]] = torch.aten.mul.Tensor {{.*}} -> !torch.vtensor<[2],f64>
  %1 = torch.aten.mul_.Tensor %0, %y : !torch.tensor<[2],f32>, !torch.tensor<[2],f64> -> !torch.tensor<[2],f32>
  // CHECK: %[[CAST:.*]] = torch.aten.to.dtype %[[PRODUCT]], {{.*}} -> !torch.vtensor<[2],f32>
  // CHECK: %[[EXP:.*]] = torch.aten.exp %[[CAST]]
  torch.aten.exp_ %1 : !torch.tensor<[2],f32>
  // CHECK: return %[[EXP]]
  return %0 : !torch.tensor<[2],f32>
}

// A write through a view of a view goes up to the base, where another view sees it.
// CHECK-LABEL: func.func @views(
func.func @views(%x: !torch.vtensor<[4,3],f32>) -> (!torch.tensor<[4,3],f32>, !torch.tensor<[4],f32>) {
  %base = torch.copy.to_tensor %x : !torch.tensor<[4,3],f32>
  // CHECK: %[[I0:.*]] = torch.constant.int 0
  // CHECK: %[[I1:.*]] = torch.constant.int 1
  %i0 = torch.constant.int 0
  %i1 = torch.constant.int 1
  %turned = torch.aten.transpose.int %base, %i0, %i1 : !torch.tensor<[4,3],f32>, !torch.int, !torch.int -> !torch.tensor<[3,4],f32>
  %row = torch.aten.select.int %turned, %i0, %i1 : !torch.tensor<[3,4],f32>, !torch.int, !torch.int -> !torch.tensor<[4],f32>
  %column = torch.aten.select.int %base, %i1, %i1 : !torch.tensor<[4,3],f32>, !torch.int, !torch.int -> !torch.tensor<[4],f32>
  // CHECK: %[[TURNED:.*]] = torch.aten.transpose.int %arg0, %[[I0]], %[[I1]]
  // CHECK: %[[ROW:.*]] = torch.aten.select.int %[[TURNED]], %[[I0]], %[[I1]]
  // CHECK: %[[EXP:.*]] = torch.aten.exp %[[ROW]]
  // CHECK: %[[SCATTERED:.*]] = torch.aten.select_scatter %{{.*}}, %[[EXP]], %[[I0]], %[[I1]] : !torch.vtensor<[3,4],f32>
  // CHECK: %[[NEW:.*]] = torch.aten.permute %[[SCATTERED]], {{.*}} -> !torch.vtensor<[4,3],f32>
  torch.aten.exp_ %row : !torch.tensor<[4],f32>
  // CHECK: %[[COLUMN:.*]] = torch.aten.select.int %[[NEW]], %[[I1]], %[[I1]]
  // CHECK: return %[[NEW]], %[[COLUMN]]
  return %base, %column : !torch.tensor<[4,3],f32>, !torch.tensor<[4],f32>
}

// One tensor of a list of views.
// CHECK-LABEL: func.func @list_of_views(
func.func @list_of_views(%x: !torch.vtensor<[4],f32>) -> (!torch.tensor<[4],f32>, !torch.tensor<[2],f32>) {
  %base = torch.copy.to_tensor %x : !torch.tensor<[4],f32>
  %i0 = torch.constant.int 0
  %i2 = torch.constant.int 2
  %list = torch.aten.split.Tensor %base, %i2, %i0 : !torch.tensor<[4],f32>, !torch.int, !torch.int -> !torch.list<tensor<[2],f32>>
  %part:2 = torch.prim.ListUnpack %list : !torch.list<tensor<[2],f32>> -> !torch.tensor<[2],f32>, !torch.tensor<[2],f32>
  // CHECK: %[[PARTS:.*]]:2 = torch.prim.ListUnpack
  // CHECK: %[[EXP:.*]] = torch.aten.exp %[[PARTS]]#1
  // CHECK: %[[NEW:.*]] = torch.aten.slice_scatter %arg0, %[[EXP]], %{{int0.*}}, %{{int2.*}}, %int9223372036854775807, %int1 :
  torch.aten.exp_ %part#1 : !torch.tensor<[2],f32>
  // CHECK: torch.aten.split.Tensor %[[NEW]]
  // CHECK: %[[PARTS:.*]]:2 = torch.prim.ListUnpack
  // CHECK: return %[[NEW]], %[[PARTS]]#0
  return %base, %part#0 : !torch.tensor<[4],f32>, !torch.tensor<[2],f32>
}

// A reshape is a view of what is contiguous and a copy of what is not.
// CHECK-LABEL: func.func @reshapes(
func.func @reshapes(%x: !torch.vtensor<[4,3],f32>) -> (!torch.tensor<[4,3],f32>, !torch.tensor<[12],f32>) {
  %base = torch.copy.to_tensor %x : !torch.tensor<[4,3],f32>
  %i0 = torch.constant.int 0
  %i1 = torch.constant.int 1
  %i-1 = torch.constant.int -1
  %size = torch.prim.ListConstruct %i-1 : (!torch.int) -> !torch.list<int>
  %turned = torch.aten.transpose.int %base, %i0, %i1 : !torch.tensor<[4,3],f32>, !torch.int, !torch.int -> !torch.tensor<[3,4],f32>
  // CHECK: %[[TURNED:.*]] = torch.aten.transpose.int %arg0
  // CHECK: %[[COPY:.*]] = torch.aten.reshape %[[TURNED]]
  %copy = torch.aten.reshape %turned, %size : !torch.tensor<[3,4],f32>, !torch.list<int> -> !torch.tensor<[12],f32>
  // CHECK: %[[EXP:.*]] = torch.aten.exp %[[COPY]]
  torch.aten.exp_ %copy : !torch.tensor<[12],f32>
  // CHECK: %[[FLAT:.*]] = torch.aten.reshape %arg0
  %flat = torch.aten.reshape %base, %size : !torch.tensor<[4,3],f32>, !torch.list<int> -> !torch.tensor<[12],f32>
  // CHECK: %[[NEG:.*]] = torch.aten.neg %[[FLAT]]
  // CHECK: %[[NEW:.*]] = torch.aten.view %[[NEG]], {{.*}} -> !torch.vtensor<[4,3],f32>
  torch.aten.neg_ %flat : !torch.tensor<[12],f32>
  // CHECK: return %[[NEW]], %[[EXP]]
  return %base, %copy : !torch.tensor<[4,3],f32>, !torch.tensor<[12],f32>
}

// Written arguments and weights become results; two literals of one slot are one tensor.
// CHECK-LABEL: func.func @state(
// CHECK-SAME:    -> (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32> {torch.state_input = 1 : i64}, !torch.vtensor<[2],f32> {torch.state_slot = "mean"})
func.func @state(%x: !torch.tensor<[2],f32>, %y: !torch.tensor<[2],f32>) -> !torch.tensor<[2],f32> {
  // CHECK: %[[MEAN:.*]] = torch.vtensor.literal(dense_resource<mean> : tensor<2xf32>)
  // CHECK: %[[VAR:.*]] = torch.vtensor.literal(dense_resource<var> : tensor<2xf32>)
  %mean = torch.tensor.literal(dense_resource<mean> : tensor<2xf32>) : !torch.tensor<[2],f32>
  %var = torch.tensor.literal(dense_resource<var> : tensor<2xf32>) : !torch.tensor<[2],f32>
  // CHECK: %[[NEW_MEAN:.*]] = torch.aten.mul.Tensor %[[MEAN]], %arg0
  torch.aten.mul_.Tensor %mean, %x : !torch.tensor<[2],f32>, !torch.tensor<[2],f32>
  %again = torch.tensor.literal(dense_resource<mean> : tensor<2xf32>) : !torch.tensor<[2],f32>
  // CHECK: %[[NEW_Y:.*]] = torch.aten.mul.Tensor %arg1, %[[NEW_MEAN]]
  torch.aten.mul_.Tensor %y, %again : !torch.tensor<[2],f32>, !torch.tensor<[2],f32>
  // CHECK: return %[[VAR]], %[[NEW_Y]], %[[NEW_MEAN]]
  return %var : !torch.tensor<[2],f32>
}

// What the importer announced comes first, in its order, written or not.
// CHECK-LABEL: func.func @announced(
// CHECK-SAME:    {torch.state_slot = "b"}, {{.*}} {torch.state_input = 0 : i64}, {{.*}} {torch.state_slot = "a"})
// CHECK-NOT:     torch.state =
func.func @announced(%x: !torch.tensor<[2],f32>) attributes {torch.state = ["b", 0, "a"]} {
  %a = torch.tensor.literal(dense_resource<a> : tensor<2xf32>) : !torch.tensor<[2],f32>
  %b = torch.tensor.literal(dense_resource<b> : tensor<2xf32>) : !torch.tensor<[2],f32>
  // CHECK: %[[A:.*]] = torch.aten.exp
  torch.aten.exp_ %a : !torch.tensor<[2],f32>
  // CHECK: return %b, %arg0, %[[A]]
  return
}

// A copy is the tensor as it was.
// CHECK-LABEL: func.func @copies(
// CHECK-SAME:    -> (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32> {torch.state_input = 0 : i64}, !torch.vtensor<[2],f32> {torch.state_input = 1 : i64})
func.func @copies(%x: !torch.tensor<[2],f32>, %y: !torch.tensor<[2],f32>) -> !torch.vtensor<[2],f32> {
  %old = torch.copy.to_vtensor %x : !torch.vtensor<[2],f32>
  // CHECK-NEXT: %[[EXP:.*]] = torch.aten.exp %arg0
  torch.aten.exp_ %x : !torch.tensor<[2],f32>
  torch.overwrite.tensor.contents %old overwrites %y : !torch.vtensor<[2],f32>, !torch.tensor<[2],f32>
  // CHECK-NEXT: %[[NEG:.*]] = torch.aten.neg %arg0
  %0 = torch.aten.neg %old : !torch.vtensor<[2],f32> -> !torch.vtensor<[2],f32>
  // CHECK-NEXT: return %[[NEG]], %[[EXP]], %arg0
  return %0 : !torch.vtensor<[2],f32>
}

// Containers hold the tensors as they are where they are used.
// CHECK-LABEL: func.func @containers(
func.func @containers(%x: !torch.tensor<[2],f32>, %y: !torch.tensor<[2],f32>) -> !torch.tuple<tensor<[2],f32>, list<tensor<[2],f32>>> {
  %list = torch.prim.ListConstruct %x, %y : (!torch.tensor<[2],f32>, !torch.tensor<[2],f32>) -> !torch.list<tensor<[2],f32>>
  %tuple = torch.prim.TupleConstruct %x, %list : !torch.tensor<[2],f32>, !torch.list<tensor<[2],f32>> -> !torch.tuple<tensor<[2],f32>, list<tensor<[2],f32>>>
  // CHECK-NEXT: %[[EXP:.*]] = torch.aten.exp %arg0
  torch.aten.exp_ %x : !torch.tensor<[2],f32>
  // CHECK-NEXT: %[[LIST:.*]] = torch.prim.ListConstruct %[[EXP]], %arg1
  // CHECK-NEXT: %[[TUPLE:.*]] = torch.prim.TupleConstruct %[[EXP]], %[[LIST]]
  // CHECK-NEXT: return %[[TUPLE]], %[[EXP]]
  return %tuple : !torch.tuple<tensor<[2],f32>, list<tensor<[2],f32>>>
}

// An op without behaviour makes a fresh tensor.
// CHECK-LABEL: func.func @unknown(
func.func @unknown(%x: !torch.tensor<[2],f32>) -> (!torch.tensor<[2],f32>, !torch.tensor) {
  // CHECK-NEXT: %[[OP:.*]] = torch.operator "torch.my.op"(%arg0) : (!torch.vtensor<[2],f32>) -> !torch.vtensor
  %0 = torch.my.op %x : !torch.tensor<[2],f32> -> !torch.tensor
  // CHECK-NEXT: %[[EXP:.*]] = torch.aten.exp %[[OP]]
  torch.aten.exp_ %0 : !torch.tensor
  // CHECK-NEXT: return %arg0, %[[EXP]] :
  return %x, %0 : !torch.tensor<[2],f32>, !torch.tensor
}

// A write through a view of a tensor whose rank nobody knows yet asks for its sizes.
// CHECK-LABEL: func.func @view_of_unknown_rank(
func.func @view_of_unknown_rank(%x: !torch.tensor) -> (!torch.tensor, !torch.tensor) {
  %0 = torch.aten.exp %x : !torch.tensor -> !torch.tensor
  %start = torch.constant.int 1
  %end = torch.constant.int -1
  %1 = torch.aten.flatten.using_ints %0, %start, %end : !torch.tensor, !torch.int, !torch.int -> !torch.tensor
  // CHECK: %[[EXP:.*]] = torch.aten.exp %{{.*}} : !torch.vtensor -> !torch.vtensor
  // CHECK: %[[RELU:.*]] = torch.aten.relu
  // CHECK-NEXT: %[[SIZE:.*]] = torch.aten.size %[[EXP]] : !torch.vtensor -> !torch.list<int>
  // CHECK-NEXT: %[[VIEW:.*]] = torch.aten.view %[[RELU]], %[[SIZE]] : !torch.vtensor, !torch.list<int> -> !torch.vtensor
  %2 = torch.aten.relu_ %1 : !torch.tensor -> !torch.tensor
  // CHECK: return %[[VIEW]], %[[RELU]]
  return %0, %2 : !torch.tensor, !torch.tensor
}
