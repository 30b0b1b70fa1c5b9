// RUN: linalgd-opt %s --linalgd-infer-types --split-input-file --verify-diagnostics | FileCheck %s

// What inference and what the types as written know is joined, and flows on to the signature.
// CHECK-LABEL: func.func @flows(
// CHECK-SAME:    -> !torch.vtensor<[2,3],f32>
func.func @flows(%x: !torch.vtensor<[2,?],f32>) -> !torch.vtensor {
  // CHECK: torch.aten.exp {{.*}} -> !torch.vtensor<[2,?],f32>
  %0 = torch.aten.exp %x : !torch.vtensor<[2,?],f32> -> !torch.vtensor
  // CHECK: torch.aten.neg {{.*}} -> !torch.vtensor<[2,3],f32>
  %1 = torch.aten.neg %0 : !torch.vtensor -> !torch.vtensor<[?,3],unk>
  // CHECK: torch.aten.abs {{.*}} -> !torch.vtensor<[2,3],f32>
  %2 = torch.aten.abs %1 : !torch.vtensor<[?,3],unk> -> !torch.vtensor
  return %2 : !torch.vtensor
}
// -----
// CHECK-LABEL: func.func @casts(
func.func @casts(%x: !torch.vtensor<[2,?],f32>) -> !torch.vtensor {
  // CHECK: torch.tensor_static_info_cast {{.*}} to !torch.vtensor<[2,3],f32>
  %0 = torch.tensor_static_info_cast %x : !torch.vtensor<[2,?],f32> to !torch.vtensor<[?,3],unk>
  // CHECK: torch.aten.neg {{.*}} -> !torch.vtensor<[2,3],f32>
  %1 = torch.aten.neg %0 : !torch.vtensor<[?,3],unk> -> !torch.vtensor
  return %1 : !torch.vtensor
}
// -----
// What the operands contradict only now.
func.func @contradiction(%x: !torch.vtensor<[2],f32>) -> !torch.vtensor<[3],f32> {
  %0 = torch.aten.exp %x : !torch.vtensor<[2],f32> -> !torch.vtensor
  // expected-error @+1 {{has result type '!torch.vtensor<[3],f32>', but its operands give '!torch.vtensor<[2],f32>'}}
  %1 = torch.aten.neg %0 : !torch.vtensor -> !torch.vtensor<[3],f32>
  return %1 : !torch.vtensor<[3],f32>
}
// -----
func.func @rule_broken(%x: !torch.vtensor<[2],f32>, %y: !torch.vtensor<[3],f32>) {
  %0 = torch.aten.exp %x : !torch.vtensor<[2],f32> -> !torch.vtensor
  // expected-error @+1 {{sizes 2 and 3 of dimension 0 do not broadcast}}
  %1 = torch.aten.mul.Tensor %0, %y : !torch.vtensor, !torch.vtensor<[3],f32> -> !torch.vtensor
  return
}
// -----
// Nothing is known of an op without behaviour.
// CHECK-LABEL: func.func @unknown(
// CHECK-SAME:    -> !torch.vtensor {
func.func @unknown(%x: !torch.vtensor<[2],f32>) -> !torch.vtensor {
  %0 = torch.my.op %x : !torch.vtensor<[2],f32> -> !torch.vtensor
  %1 = torch.aten.neg %0 : !torch.vtensor -> !torch.vtensor
  return %1 : !torch.vtensor
}

// Tracing computes sizes with tensors.
// CHECK-LABEL: func.func @sizes_through_tensors(
// CHECK:         return {{.*}} : !torch.vtensor<[4,3,2],f32>
func.func @sizes_through_tensors(%x: !torch.vtensor<[8,3],f32>) -> !torch.vtensor {
  %i0 = torch.constant.int 0
  %i3 = torch.constant.int 3
  %n = torch.aten.size.int %x, %i0 : !torch.vtensor<[8,3],f32>, !torch.int -> !torch.int
  %t = torch.prim.NumToTensor.Scalar %n : !torch.int -> !torch.vtensor<[],si64>
  %two = torch.vtensor.literal(dense<2> : tensor<si64>) : !torch.vtensor<[],si64>
  %half = torch.aten.floor_divide %t, %two : !torch.vtensor<[],si64>, !torch.vtensor<[],si64> -> !torch.vtensor<[],si64>
  %a = torch.aten.Int.Tensor %half : !torch.vtensor<[],si64> -> !torch.int
  %c = torch.aten.IntImplicit %two : !torch.vtensor<[],si64> -> !torch.int
  %shape = torch.prim.ListConstruct %a, %i3, %c : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %0 = torch.aten.view %x, %shape : !torch.vtensor<[8,3],f32>, !torch.list<int> -> !torch.vtensor
  return %0 : !torch.vtensor
}
