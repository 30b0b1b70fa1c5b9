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
// -----
// -----
func.func @transpose_dim(%a0: !torch.vtensor<[2,3],f32>) {
  %c0 = torch.constant.int 0
  %c1 = torch.constant.int 2
  // expected-error @+2 {{has a dimension out of range: 2 of 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.transpose.int %a0, %c0, %c1 : !torch.vtensor<[2,3],f32>, !torch.int, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @permute(%a0: !torch.vtensor<[2,3],f32>) {
  %c0 = torch.constant.int 0
  %c1 = torch.constant.int 0
  %c2 = torch.prim.ListConstruct %c0, %c1 : (!torch.int, !torch.int) -> !torch.list<int>
  // expected-error @+2 {{must name every dimension once}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.permute %a0, %c2 : !torch.vtensor<[2,3],f32>, !torch.list<int> -> !torch.vtensor
  return
}
// -----
func.func @mT(%a0: !torch.vtensor<[3],f32>) {
  // expected-error @+2 {{has dimensions that do not go together}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.mT %a0 : !torch.vtensor<[3],f32> -> !torch.vtensor
  return
}
// -----
func.func @movedim(%a0: !torch.vtensor<[2,3],f32>) {
  %c0 = torch.constant.int 0
  %c1 = torch.prim.ListConstruct %c0 : (!torch.int) -> !torch.list<int>
  %c2 = torch.constant.int 0
  %c3 = torch.constant.int 1
  %c4 = torch.prim.ListConstruct %c2, %c3 : (!torch.int, !torch.int) -> !torch.list<int>
  // expected-error @+2 {{has dimensions that do not go together}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.movedim.intlist %a0, %c1, %c4 : !torch.vtensor<[2,3],f32>, !torch.list<int>, !torch.list<int> -> !torch.vtensor
  return
}
// -----
func.func @expand(%a0: !torch.vtensor<[2,3],f32>) {
  %c0 = torch.constant.int 4
  %c1 = torch.constant.int 3
  %c2 = torch.prim.ListConstruct %c0, %c1 : (!torch.int, !torch.int) -> !torch.list<int>
  %c3 = torch.constant.bool false
  // expected-error @+2 {{cannot expand size 2 to 4}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.expand %a0, %c2, %c3 : !torch.vtensor<[2,3],f32>, !torch.list<int>, !torch.bool -> !torch.vtensor
  return
}
// -----
func.func @unsqueeze(%a0: !torch.vtensor<[2,3],f32>) {
  %c0 = torch.constant.int 3
  // expected-error @+2 {{has a dimension out of range}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.unsqueeze %a0, %c0 : !torch.vtensor<[2,3],f32>, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @squeeze_twice(%a0: !torch.vtensor<[2,1],f32>) {
  %c0 = torch.constant.int 1
  %c1 = torch.constant.int -1
  %c2 = torch.prim.ListConstruct %c0, %c1 : (!torch.int, !torch.int) -> !torch.list<int>
  // expected-error @+2 {{names dimension 1 twice}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.squeeze.dims %a0, %c2 : !torch.vtensor<[2,1],f32>, !torch.list<int> -> !torch.vtensor
  return
}
// -----
func.func @slice_dim(%a0: !torch.vtensor<[2,3],f32>) {
  %c0 = torch.constant.int 2
  %c1 = torch.constant.int 0
  %c2 = torch.constant.int 1
  %c3 = torch.constant.int 1
  // expected-error @+2 {{has a dimension out of range: 2 of 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.slice.Tensor %a0, %c0, %c1, %c2, %c3 : !torch.vtensor<[2,3],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @slice_scatter(%a0: !torch.vtensor<[8,3],f32>, %a1: !torch.vtensor<[3,3],f32>) {
  %c0 = torch.constant.int 0
  %c1 = torch.constant.int 2
  %c2 = torch.constant.int 4
  %c3 = torch.constant.int 1
  // expected-error @+2 {{src has sizes [3, 3], which must be [2, 3]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.slice_scatter %a0, %a1, %c0, %c1, %c2, %c3 : !torch.vtensor<[8,3],f32>, !torch.vtensor<[3,3],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @select_scatter(%a0: !torch.vtensor<[8,3],f32>, %a1: !torch.vtensor<[4],f32>) {
  %c0 = torch.constant.int 0
  %c1 = torch.constant.int 2
  // expected-error @+2 {{src has sizes [4], which must be [3]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.select_scatter %a0, %a1, %c0, %c1 : !torch.vtensor<[8,3],f32>, !torch.vtensor<[4],f32>, !torch.int, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @diagonal(%a0: !torch.vtensor<[3,3],f32>) {
  %c0 = torch.constant.int 0
  %c1 = torch.constant.int 1
  %c2 = torch.constant.int -1
  // expected-error @+2 {{needs two dimensions}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.diagonal %a0, %c0, %c1, %c2 : !torch.vtensor<[3,3],f32>, !torch.int, !torch.int, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @diagonal_scatter(%a0: !torch.vtensor<[3,3],f32>, %a1: !torch.vtensor<[2],f32>) {
  %c0 = torch.constant.int 0
  %c1 = torch.constant.int 0
  %c2 = torch.constant.int 1
  // expected-error @+2 {{src has sizes [2], which must be [3]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.diagonal_scatter %a0, %a1, %c0, %c1, %c2 : !torch.vtensor<[3,3],f32>, !torch.vtensor<[2],f32>, !torch.int, !torch.int, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @narrow_length(%a0: !torch.vtensor<[8],f32>) {
  %c0 = torch.constant.int 0
  %c1 = torch.constant.int 5
  %c2 = torch.constant.int 4
  // expected-error @+2 {{takes 4 elements from 5 on, of a dimension of size 8}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.narrow %a0, %c0, %c1, %c2 : !torch.vtensor<[8],f32>, !torch.int, !torch.int, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @narrow_start(%a0: !torch.vtensor<[8],f32>) {
  %c0 = torch.constant.int 0
  %c1 = torch.constant.int 9
  %c2 = torch.constant.int 0
  // expected-error @+2 {{starts at 9, out of range for size 8}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.narrow %a0, %c0, %c1, %c2 : !torch.vtensor<[8],f32>, !torch.int, !torch.int, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @split_sum(%a0: !torch.vtensor<[5],f32>) {
  %c0 = torch.constant.int 2
  %c1 = torch.constant.int 2
  %c2 = torch.prim.ListConstruct %c0, %c1 : (!torch.int, !torch.int) -> !torch.list<int>
  %c3 = torch.constant.int 0
  // expected-error @+2 {{parts of sizes [2, 2] do not make up size 5}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.split_with_sizes %a0, %c2, %c3 : !torch.vtensor<[5],f32>, !torch.list<int>, !torch.int -> !torch.list<vtensor>
  return
}
// -----
func.func @split_zero(%a0: !torch.vtensor<[5],f32>) {
  %c0 = torch.constant.int 0
  %c1 = torch.constant.int 0
  // expected-error @+2 {{cannot make parts by 0}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.split.Tensor %a0, %c0, %c1 : !torch.vtensor<[5],f32>, !torch.int, !torch.int -> !torch.list<vtensor>
  return
}
// -----
func.func @chunk(%a0: !torch.vtensor<[5],f32>) {
  %c0 = torch.constant.int 0
  %c1 = torch.constant.int 0
  // expected-error @+2 {{cannot make parts by 0}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.chunk %a0, %c0, %c1 : !torch.vtensor<[5],f32>, !torch.int, !torch.int -> !torch.list<vtensor>
  return
}
// -----
func.func @unbind(%a0: !torch.vtensor<[5],f32>) {
  %c0 = torch.constant.int 1
  // expected-error @+2 {{has a dimension out of range: 1 of 1}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.unbind.int %a0, %c0 : !torch.vtensor<[5],f32>, !torch.int -> !torch.list<vtensor>
  return
}
// -----
func.func @unfold(%a0: !torch.vtensor<[5],f32>) {
  %c0 = torch.constant.int 0
  %c1 = torch.constant.int 6
  %c2 = torch.constant.int 1
  // expected-error @+2 {{has a window larger than the dimension}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.unfold %a0, %c0, %c1, %c2 : !torch.vtensor<[5],f32>, !torch.int, !torch.int, !torch.int -> !torch.vtensor
  return
}
// -----
func.func @as_strided(%a0: !torch.vtensor<[5],f32>) {
  %c0 = torch.constant.int 2
  %c1 = torch.constant.int 2
  %c2 = torch.prim.ListConstruct %c0, %c1 : (!torch.int, !torch.int) -> !torch.list<int>
  %c3 = torch.constant.int 1
  %c4 = torch.prim.ListConstruct %c3 : (!torch.int) -> !torch.list<int>
  %c5 = torch.constant.none
  // expected-error @+2 {{needs a stride for each size}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.as_strided %a0, %c2, %c4, %c5 : !torch.vtensor<[5],f32>, !torch.list<int>, !torch.list<int>, !torch.none -> !torch.vtensor
  return
}
// -----
func.func @view_as(%a0: !torch.vtensor<[5],f32>, %a1: !torch.vtensor<[6],f32>) {
  // expected-error @+2 {{cannot give 5 elements these sizes}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.view_as %a0, %a1 : !torch.vtensor<[5],f32>, !torch.vtensor<[6],f32> -> !torch.vtensor
  return
}
// -----
func.func @unflatten(%a0: !torch.vtensor<[6],f32>) {
  %c0 = torch.constant.int 0
  %c1 = torch.constant.int 4
  %c2 = torch.constant.int -1
  %c3 = torch.prim.ListConstruct %c1, %c2 : (!torch.int, !torch.int) -> !torch.list<int>
  // expected-error @+2 {{cannot divide size 6 in these sizes}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = torch.aten.unflatten.int %a0, %c0, %c3 : !torch.vtensor<[6],f32>, !torch.int, !torch.list<int> -> !torch.vtensor
  return
}
