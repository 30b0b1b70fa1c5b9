// RUN: linalgd-opt %s --linalgd-lower-to-linalg --split-input-file --verify-diagnostics

// The family's reason is told.
func.func @reason(%x: !torch.vtensor<[2,3],f32>, %dim: !torch.int) -> !torch.vtensor<*,f32> {
  %i = torch.constant.int 1
  // expected-error @+1 {{cannot lower 'torch.aten.select.int': the dimension or the rank of the operand is not constant}}
  %0 = torch.aten.select.int %x, %dim, %i : !torch.vtensor<[2,3],f32>, !torch.int, !torch.int -> !torch.vtensor<*,f32>
  return %0 : !torch.vtensor<*,f32>
}
// -----
// A list that leaves the function has no lowered form.
func.func @list() -> !torch.list<int> {
  %i = torch.constant.int 1
  // expected-error @+1 {{cannot lower 'torch.prim.ListConstruct'}}
  %0 = torch.prim.ListConstruct %i : (!torch.int) -> !torch.list<int>
  return %0 : !torch.list<int>
}
