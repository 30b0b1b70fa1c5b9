// What the parser and the verifiers refuse.
// RUN: linalgd-opt %s --split-input-file --verify-diagnostics

// expected-error @+1 {{a size is not negative}}
func.func private @f(!torch.vtensor<[-1],f32>)
// -----
// expected-error @+1 {{expected ','}}
func.func private @f(!torch.vtensor<[2]>)
// -----
// expected-error @+1 {{integer value too large}}
func.func private @f(!torch.vtensor<[99999999999999999999],f32>)
// -----
// expected-error @+1 {{not a dtype: integers are si64, ui8 and so on, bool is i1}}
func.func private @f(!torch.vtensor<[2],i32>)
// -----
// expected-error @+1 {{not a dtype}}
func.func private @f(!torch.tensor<[2],si7>)
// -----
// expected-error @+1 {{not a dtype}}
func.func private @f(!torch.vtensor<[2],complex<si32>>)
// -----
// expected-error @+1 {{not a dtype}}
func.func private @f(!torch.vtensor<[2],tensor<2xf32>>)
// -----
// expected-error @+1 {{unknown type '!torch.foo'}}
func.func private @f(!torch.foo)
// -----
// expected-error @+1 {{unknown type '!torch.foo'}}
func.func private @f(!torch.list<foo>)
// -----
// expected-error @+1 {{expected ','}}
func.func private @f(!torch.dict<str>)
// -----
func.func @f(%x: !torch.vtensor<[2],f32>) {
  // expected-error @+1 {{custom op 'torch.unknown' is unknown}}
  %0 = torch.unknown %x : !torch.vtensor<[2],f32> -> !torch.int
  return
}
// -----
func.func @f(%x: !torch.vtensor<[2],f32>) {
  // expected-error @+1 {{got 2 operands and 1 types}}
  %0 = torch.aten.relu %x, %x : !torch.vtensor<[2],f32> -> !torch.vtensor<[2],f32>
  return
}
// -----
func.func @f(%x: !torch.vtensor<[2],f32>) {
  // expected-error @+1 {{requires a single operand}}
  %0 = torch.aten.relu %x, %x : !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32> -> !torch.vtensor<[2],f32>
  return
}
// -----
func.func @f(%x: !torch.int) {
  // expected-error @+1 {{operand #0 must be Tensor, but got '!torch.int'}}
  %0 = torch.aten.relu %x : !torch.int -> !torch.vtensor<[2],f32>
  return
}
// -----
func.func @f(%x: !torch.tensor<[2],f32>) {
  // expected-error @+1 {{'torch.aten.relu_' op requires 1 operands}}
  torch.aten.relu_ %x, %x : !torch.tensor<[2],f32>, !torch.tensor<[2],f32>
  return
}
// -----
func.func @f(%x: !torch.vtensor<[2],f32>) {
  // expected-error @+1 {{writes to operand #0, which must be a non-value tensor}}
  torch.aten.relu_ %x : !torch.vtensor<[2],f32>
  return
}
// -----
func.func @f(%x: !torch.tensor<[2],f32>) {
  // expected-error @+1 {{has at most one result}}
  %0:2 = torch.aten.relu_ %x : !torch.tensor<[2],f32> -> !torch.tensor<[2],f32>, !torch.tensor<[2],f32>
  return
}
// -----
func.func @f(%x: !torch.vtensor<[2],f32>) {
  // expected-error @+2 {{inferred type(s) '!torch.vtensor<[2],f32>' are incompatible with return type(s) of operation '!torch.vtensor<[3],f32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.relu %x : !torch.vtensor<[2],f32> -> !torch.vtensor<[3],f32>
  return
}
// -----
func.func @f() {
  // expected-error @+1 {{has data of type 'tensor<2xf32>' and result type '!torch.vtensor<[3],f32>'}}
  %0 = torch.vtensor.literal(dense<1.0> : tensor<2xf32>) : !torch.vtensor<[3],f32>
  return
}
// -----
func.func @f() {
  // expected-error @+1 {{has data of type 'tensor<2xf32>' and result type '!torch.tensor<[2],f64>'}}
  %0 = torch.tensor.literal(dense<1.0> : tensor<2xf32>) : !torch.tensor<[2],f64>
  return
}
// -----
// expected-note @+1 {{prior use here}}
func.func @f(%x: !torch.vtensor<[2],f32>) {
  // expected-error @+1 {{expects different type than prior uses}}
  %0 = torch.copy.to_tensor %x : !torch.tensor<[3],f32>
  return
}
// -----
func.func @f(%x: !torch.vtensor<[2],f32>) {
  // expected-error @+1 {{cannot cast '!torch.vtensor<[2],f32>' to '!torch.vtensor<[3],f32>'}}
  %0 = torch.tensor_static_info_cast %x : !torch.vtensor<[2],f32> to !torch.vtensor<[3],f32>
  return
}
