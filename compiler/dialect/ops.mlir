// The ops' text: printed as it was parsed, the same from the generic form.
// RUN: linalgd-opt %s | FileCheck %s
// RUN: linalgd-opt %s --mlir-print-op-generic | linalgd-opt | FileCheck %s

// CHECK-LABEL: func.func @constants
func.func @constants() {
  // CHECK-NEXT: %int-3 = torch.constant.int -3
  %0 = torch.constant.int -3
  // CHECK-NEXT: torch.constant.float 1.000000e-05
  %1 = torch.constant.float 1.0e-05
  // CHECK-NEXT: torch.constant.float 0xFFF0000000000000
  %2 = torch.constant.float 0xFFF0000000000000
  // CHECK-NEXT: %true = torch.constant.bool true
  %3 = torch.constant.bool true
  // CHECK-NEXT: %str = torch.constant.str "a\22b"
  %4 = torch.constant.str "a\22b"
  // CHECK-NEXT: %cpu = torch.constant.device "cpu"
  %5 = torch.constant.device "cpu"
  // CHECK-NEXT: %number5 = torch.constant.number 5 : i64
  %6 = torch.constant.number 5 : i64
  // CHECK-NEXT: %none = torch.constant.none
  %7 = torch.constant.none
  // CHECK-NEXT: return
  return
}

// A weight's literal is called after its slot.
// CHECK-LABEL: func.func @literals
func.func @literals() {
  // CHECK-NEXT: %layer.weight = torch.tensor.literal(dense_resource<layer.weight> : tensor<2xf32>) : !torch.tensor<[2],f32>
  %0 = torch.tensor.literal(dense_resource<layer.weight> : tensor<2xf32>) : !torch.tensor<[2],f32>
  // CHECK-NEXT: %0 = torch.vtensor.literal(dense<[1, -1]> : tensor<2xsi64>) : !torch.vtensor<[?],si64>
  %1 = torch.vtensor.literal(dense<[1, -1]> : tensor<2xsi64>) : !torch.vtensor<[?],si64>
  // CHECK-NEXT: return
  return
}

// CHECK-LABEL: func.func @containers
// CHECK-SAME:    %[[X:.*]]: !torch.vtensor<[2],f32>, %[[I:.*]]: !torch.int)
func.func @containers(%x: !torch.vtensor<[2],f32>, %i: !torch.int) {
  // CHECK-NEXT: torch.prim.ListConstruct : () -> !torch.list<int>
  %0 = torch.prim.ListConstruct : () -> !torch.list<int>
  // CHECK-NEXT: %[[LIST:.*]] = torch.prim.ListConstruct %[[I]], %[[I]] : (!torch.int, !torch.int) -> !torch.list<int>
  %1 = torch.prim.ListConstruct %i, %i : (!torch.int, !torch.int) -> !torch.list<int>
  // CHECK-NEXT: torch.prim.ListUnpack %[[LIST]] : !torch.list<int> -> !torch.int, !torch.int
  %2:2 = torch.prim.ListUnpack %1 : !torch.list<int> -> !torch.int, !torch.int
  // CHECK-NEXT: torch.prim.TupleConstruct %[[I]], %[[X]] : !torch.int, !torch.vtensor<[2],f32> -> !torch.tuple<int, vtensor<[2],f32>>
  %3 = torch.prim.TupleConstruct %i, %x : !torch.int, !torch.vtensor<[2],f32> -> !torch.tuple<int, vtensor<[2],f32>>
  // CHECK-NEXT: torch.derefine %[[I]] : !torch.int to !torch.optional<int>
  %4 = torch.derefine %i : !torch.int to !torch.optional<int>
  // CHECK-NEXT: return
  return
}

// CHECK-LABEL: func.func @tensors
// CHECK-SAME:    %[[V:.*]]: !torch.vtensor<[?],f32>, %[[T:.*]]: !torch.tensor<[?],f32>)
func.func @tensors(%v: !torch.vtensor<[?],f32>, %t: !torch.tensor<[?],f32>) {
  // CHECK-NEXT: torch.copy.to_vtensor %[[T]] : !torch.vtensor<[?],f32>
  %0 = torch.copy.to_vtensor %t : !torch.vtensor<[?],f32>
  // CHECK-NEXT: torch.copy.to_tensor %[[V]] : !torch.tensor<[?],f32>
  %1 = torch.copy.to_tensor %v : !torch.tensor<[?],f32>
  // CHECK-NEXT: torch.overwrite.tensor.contents %[[V]] overwrites %[[T]] : !torch.vtensor<[?],f32>, !torch.tensor<[?],f32>
  torch.overwrite.tensor.contents %v overwrites %t : !torch.vtensor<[?],f32>, !torch.tensor<[?],f32>
  // CHECK-NEXT: torch.tensor_static_info_cast %[[T]] : !torch.tensor<[?],f32> to !torch.tensor
  %2 = torch.tensor_static_info_cast %t : !torch.tensor<[?],f32> to !torch.tensor
  // CHECK-NEXT: %[[S:.*]] = torch.symbolic_int "s0"{min_val = 2, max_val = 9} : !torch.int
  %3 = torch.symbolic_int "s0" {min_val = 2, max_val = 9} : !torch.int
  // CHECK-NEXT: torch.bind_symbolic_shape %[[T]], [%[[S]]], #{{.*}} : !torch.tensor<[?],f32>
  torch.bind_symbolic_shape %t, [%3], affine_map<()[s0] -> (s0)> : !torch.tensor<[?],f32>
  // CHECK-NEXT: return
  return
}

// Ops of families and their in-place twins have one uniform form; any other op becomes
// torch.operator.
// CHECK-LABEL: func.func @calls
// CHECK-SAME:    %[[T:.*]]: !torch.tensor<[2],f32>, %[[I:.*]]: !torch.int)
func.func @calls(%t: !torch.tensor<[2],f32>, %i: !torch.int) {
  // CHECK-NEXT: torch.aten.relu %[[T]] : !torch.tensor<[2],f32> -> !torch.tensor<[2],f32>
  %0 = torch.aten.relu %t : !torch.tensor<[2],f32> -> !torch.tensor<[2],f32>
  // CHECK-NEXT: torch.aten.relu_ %[[T]] : !torch.tensor<[2],f32> -> !torch.tensor<[2],f32>
  %1 = torch.aten.relu_ %t : !torch.tensor<[2],f32> -> !torch.tensor<[2],f32>
  // CHECK-NEXT: torch.operator "torch.my.op.overload"(%[[T]], %[[I]]) {k = 1 : i64} : (!torch.tensor<[2],f32>, !torch.int) -> (!torch.tensor, !torch.int)
  %2:2 = torch.my.op.overload %t, %i {k = 1} : !torch.tensor<[2],f32>, !torch.int -> !torch.tensor, !torch.int
  // CHECK-NEXT: torch.operator "torch.my.effect"() : () -> ()
  torch.operator "torch.my.effect"() : () -> ()
  // CHECK-NEXT: return
  return
}
