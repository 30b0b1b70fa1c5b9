// PyTorch's type promotion, seen through ops that use it.
// RUN: linalgd-opt %s --linalgd-infer-types | FileCheck %s

!bool = !torch.vtensor<[2],i1>
!u8 = !torch.vtensor<[2],ui8>
!s8 = !torch.vtensor<[2],si8>
!s64 = !torch.vtensor<[2],si64>
!f16 = !torch.vtensor<[2],f16>
!bf16 = !torch.vtensor<[2],bf16>
!c64 = !torch.vtensor<[2],complex<f32>>
!s64_scalar = !torch.vtensor<[],si64>
!f64_scalar = !torch.vtensor<[],f64>

// CHECK-LABEL: func.func @tensors(
func.func @tensors(%bool: !bool, %u8: !u8, %s8: !s8, %s64: !s64, %f16: !f16, %bf16: !bf16, %c64: !c64) {
  // CHECK-NEXT: -> !torch.vtensor<[2],ui8>{{$}}
  %0 = torch.aten.mul.Tensor %bool, %u8 : !bool, !u8 -> !torch.vtensor
  // No 8 bits hold both.
  // CHECK-NEXT: -> !torch.vtensor<[2],si16>{{$}}
  %1 = torch.aten.mul.Tensor %u8, %s8 : !u8, !s8 -> !torch.vtensor
  // The kind counts before the width.
  // CHECK-NEXT: -> !torch.vtensor<[2],f16>{{$}}
  %2 = torch.aten.mul.Tensor %s64, %f16 : !s64, !f16 -> !torch.vtensor
  // CHECK-NEXT: -> !torch.vtensor<[2],f32>{{$}}
  %3 = torch.aten.mul.Tensor %f16, %bf16 : !f16, !bf16 -> !torch.vtensor
  // CHECK-NEXT: -> !torch.vtensor<[2],complex<f32>>{{$}}
  %4 = torch.aten.mul.Tensor %c64, %f16 : !c64, !f16 -> !torch.vtensor
  return
}

// Tensors of rank 0 raise the kind, not the width.
// CHECK-LABEL: func.func @rank_zero(
func.func @rank_zero(%s8: !s8, %f16: !f16, %c64: !c64, %s64: !s64_scalar, %f64: !f64_scalar) {
  // CHECK-NEXT: -> !torch.vtensor<[2],f16>{{$}}
  %0 = torch.aten.mul.Tensor %f16, %f64 : !f16, !f64_scalar -> !torch.vtensor
  // CHECK-NEXT: -> !torch.vtensor<[2],f64>{{$}}
  %1 = torch.aten.mul.Tensor %s8, %f64 : !s8, !f64_scalar -> !torch.vtensor
  // CHECK-NEXT: -> !torch.vtensor<[2],si8>{{$}}
  %2 = torch.aten.mul.Tensor %s64, %s8 : !s64_scalar, !s8 -> !torch.vtensor
  // CHECK-NEXT: -> !torch.vtensor<[2],complex<f32>>{{$}}
  %3 = torch.aten.mul.Tensor %c64, %f64 : !c64, !f64_scalar -> !torch.vtensor
  // CHECK-NEXT: -> !torch.vtensor<[],f64>{{$}}
  %4 = torch.aten.mul.Tensor %s64, %f64 : !s64_scalar, !f64_scalar -> !torch.vtensor
  return
}

// So do numbers, which have the default dtype of their kind.
// CHECK-LABEL: func.func @numbers(
func.func @numbers(%bool: !bool, %s8: !s8, %f16: !f16, %f64: !f64_scalar, %i: !torch.int, %f: !torch.float) {
  // CHECK-NEXT: -> !torch.vtensor<[2],f32>{{$}}
  %0 = torch.aten.mul.Scalar %s8, %f : !s8, !torch.float -> !torch.vtensor
  // CHECK-NEXT: -> !torch.vtensor<[2],f16>{{$}}
  %1 = torch.aten.mul.Scalar %f16, %f : !f16, !torch.float -> !torch.vtensor
  // CHECK-NEXT: -> !torch.vtensor<[2],si8>{{$}}
  %2 = torch.aten.mul.Scalar %s8, %i : !s8, !torch.int -> !torch.vtensor
  // CHECK-NEXT: -> !torch.vtensor<[2],si64>{{$}}
  %3 = torch.aten.mul.Scalar %bool, %i : !bool, !torch.int -> !torch.vtensor
  // CHECK-NEXT: -> !torch.vtensor<[],f64>{{$}}
  %4 = torch.aten.mul.Scalar %f64, %i : !f64_scalar, !torch.int -> !torch.vtensor
  return
}

// Ops with a rule of their own on top.
// CHECK-LABEL: func.func @rules(
func.func @rules(%s8: !s8, %s64: !s64, %f16: !f16) {
  // CHECK-NEXT: -> !torch.vtensor<[2],f32>{{$}}
  %0 = torch.aten.div.Tensor %s8, %s64 : !s8, !s64 -> !torch.vtensor
  // CHECK-NEXT: -> !torch.vtensor<[2],i1>{{$}}
  %1 = torch.aten.eq.Tensor %s8, %f16 : !s8, !f16 -> !torch.vtensor
  // CHECK-NEXT: -> !torch.vtensor<[2],f32>{{$}}
  %2 = torch.aten.exp %s8 : !s8 -> !torch.vtensor
  return
}
