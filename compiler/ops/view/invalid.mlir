// What contradicts PyTorch's rules is an error of type inference.
// RUN: linalgd-opt %s --linalgd-infer-types --split-input-file --verify-diagnostics

func.func @two_inferred(%x: !torch.vtensor<[2,4],f32>) {
  %i = torch.constant.int -1
  %size = torch.prim.ListConstruct %i, %i : (!torch.int, !torch.int) -> !torch.list<int>
  // expected-error @+2 {{has more than one size of -1}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.view %x, %size : !torch.vtensor<[2,4],f32>, !torch.list<int> -> !torch.vtensor
  return
}
// -----
func.func @does_not_fit(%x: !torch.vtensor<[2,4],f32>) {
  %i = torch.constant.int -1
  %j = torch.constant.int 3
  %size = torch.prim.ListConstruct %i, %j : (!torch.int, !torch.int) -> !torch.list<int>
  // expected-error @+2 {{cannot give 8 elements these sizes}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.view %x, %size : !torch.vtensor<[2,4],f32>, !torch.list<int> -> !torch.vtensor
  return
}
// -----
func.func @negative(%x: !torch.vtensor<[?,4],f32>) {
  %i = torch.constant.int -2
  %size = torch.prim.ListConstruct %i, %i : (!torch.int, !torch.int) -> !torch.list<int>
  // expected-error @+2 {{would have a size of -2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.view %x, %size : !torch.vtensor<[?,4],f32>, !torch.list<int> -> !torch.vtensor
  return
}
// -----
func.func @step(%x: !torch.vtensor<[10],f32>) {
  %i = torch.constant.int 0
  %j = torch.constant.int -1
  // expected-error @+2 {{must have a positive step}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.slice.Tensor %x, %i, %i, %i, %j : !torch.vtensor<[10],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @dimension(%x: !torch.vtensor<[10],f32>) {
  %i = torch.constant.int -2
  // expected-error @+2 {{has a dimension out of range}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.select.int %x, %i, %i : !torch.vtensor<[10],f32>, !torch.int, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @index(%x: !torch.vtensor<[10],f32>) {
  %i = torch.constant.int 0
  %j = torch.constant.int 10
  // expected-error @+2 {{has index 10, out of range for size 10}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.select.int %x, %i, %j : !torch.vtensor<[10],f32>, !torch.int, !torch.int -> !torch.vtensor
  return
}
