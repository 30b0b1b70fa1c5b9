// RUN: linalgd-opt %s --linalgd-decompose | FileCheck %s
// RUN: linalgd-opt %s --linalgd-decompose=keep-ops=aten.softmax.int,aten.split.Tensor | FileCheck %s --check-prefix=KEEP

// A half type is computed in float32.
// CHECK-LABEL: func.func @softmax(
// CHECK:         %[[X:.*]] = torch.aten.to.dtype %arg0, {{.*}} -> !torch.vtensor<[2,3],f32>
// CHECK:         %[[WIDE:.*]] = torch.aten._softmax %[[X]], %int1, %false
// CHECK:         %[[RESULT:.*]] = torch.aten.to.dtype %[[WIDE]], {{.*}} -> !torch.vtensor<[2,3],f16>
// CHECK:         return %[[RESULT]]

// KEEP-LABEL: func.func @softmax(
// KEEP-NOT:     to.dtype
// KEEP:         torch.aten.softmax.int %arg0
// KEEP-NOT:     torch.aten
// KEEP:         return
func.func @softmax(%x: !torch.vtensor<[2,3],f16>) -> !torch.vtensor<[2,3],f16> {
  %i = torch.constant.int 1
  %none = torch.constant.none
  %0 = torch.aten.softmax.int %x, %i, %none : !torch.vtensor<[2,3],f16>, !torch.int, !torch.none -> !torch.vtensor<[2,3],f16>
  return %0 : !torch.vtensor<[2,3],f16>
}

// A list that is built here is unpacked; the last part is short.
// CHECK-LABEL: func.func @split(
// CHECK-NOT:     torch.prim
// CHECK:         %[[FIRST:.*]] = torch.aten.slice.Tensor %arg0, %int0, %int0, %int2, %int1 {{.*}} -> !torch.vtensor<[2],f32>
// CHECK-NEXT:    %[[LAST:.*]] = torch.aten.slice.Tensor %arg0, %int0, %int4, %int9223372036854775807, %int1 {{.*}} -> !torch.vtensor<[1],f32>
// CHECK-NEXT:    return %[[FIRST]], %[[LAST]]

// KEEP-LABEL: func.func @split(
// KEEP:         %[[LIST:.*]] = torch.aten.split.Tensor %arg0
// KEEP:         torch.prim.ListUnpack %[[LIST]]
func.func @split(%x: !torch.vtensor<[5],f32>) -> (!torch.vtensor<[2],f32>, !torch.vtensor<[1],f32>) {
  %i2 = torch.constant.int 2
  %i0 = torch.constant.int 0
  %list = torch.aten.split.Tensor %x, %i2, %i0 : !torch.vtensor<[5],f32>, !torch.int, !torch.int -> !torch.list<vtensor<[?],f32>>
  %part:3 = torch.prim.ListUnpack %list : !torch.list<vtensor<[?],f32>> -> !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[1],f32>
  return %part#0, %part#2 : !torch.vtensor<[2],f32>, !torch.vtensor<[1],f32>
}

// What a list's elements are is known when it is unpacked; the ops behind it are decomposed then.
// CHECK-LABEL: func.func @types_flow_on(
// CHECK-SAME:    -> !torch.vtensor<[2,3],f32>
// CHECK-NOT:     torch.aten.softmax.int
// CHECK:         torch.aten._softmax
func.func @types_flow_on(%x: !torch.vtensor<[4,3],f32>) -> !torch.vtensor {
  %i0 = torch.constant.int 0
  %i2 = torch.constant.int 2
  %none = torch.constant.none
  %parts = torch.aten.split.Tensor %x, %i2, %i0 : !torch.vtensor<[4,3],f32>, !torch.int, !torch.int -> !torch.list<vtensor>
  %0:2 = torch.prim.ListUnpack %parts : !torch.list<vtensor> -> !torch.vtensor, !torch.vtensor
  %1 = torch.aten.softmax.int %0#0, %i0, %none : !torch.vtensor, !torch.int, !torch.none -> !torch.vtensor
  return %1 : !torch.vtensor
}

// An op that cannot be decomposed with what is known stays, and nothing of the attempt with it.
// CHECK-LABEL: func.func @gives_up(
// CHECK:         torch.prim.ListConstruct %arg1
// CHECK-NOT:     ListConstruct
// CHECK:         torch.aten.layer_norm
func.func @gives_up(%x: !torch.vtensor, %shape: !torch.int) -> !torch.vtensor {
  %none = torch.constant.none
  %eps = torch.constant.float 1.0e-5
  %false = torch.constant.bool false
  %dims = torch.prim.ListConstruct %shape : (!torch.int) -> !torch.list<int>
  %0 = torch.aten.layer_norm %x, %dims, %none, %none, %eps, %false : !torch.vtensor, !torch.list<int>, !torch.none, !torch.none, !torch.float, !torch.bool -> !torch.vtensor
  return %0 : !torch.vtensor
}
