// All ops that cannot be lowered are reported at once, each at its place.
// RUN: not linalgd-opt %s --linalgd-check-supported 2>&1 | FileCheck %s --implicit-check-not=error:
// RUN: not linalgd-opt %s --linalgd-check-supported=keep-ops=my.first,aten.relu_ 2>&1 | FileCheck %s --check-prefix=KEEP --implicit-check-not=error:

// CHECK: error: loc("n1"): unsupported op 'torch.my.first'
// CHECK: error: loc("n3"): unsupported op 'torch.my.second'
// CHECK: error: loc("n4"): unsupported op 'torch.aten.softmax.int': not for operands of these types and values
// CHECK: error: loc("n5"): unsupported op 'torch.aten.relu_'

// KEEP: error: loc("n3"): unsupported op 'torch.my.second'
// KEEP: error: loc("n4"): unsupported op 'torch.aten.softmax.int'

func.func @main(%x: !torch.vtensor<[2],f32>) -> !torch.vtensor {
  %i = torch.constant.int 1
  %list = torch.prim.ListConstruct %i : (!torch.int) -> !torch.list<int>
  %0 = torch.my.first %x, %list : !torch.vtensor<[2],f32>, !torch.list<int> -> !torch.vtensor loc("n1")
  %1 = torch.aten.exp %0 : !torch.vtensor -> !torch.vtensor loc("n2")
  %2 = torch.my.second %1 : !torch.vtensor -> !torch.vtensor loc("n3")
  return %2 : !torch.vtensor
}
func.func @other(%x: !torch.vtensor<*,f32>, %y: !torch.tensor<[2],f32>) -> !torch.vtensor {
  %i = torch.constant.int 1
  %none = torch.constant.none
  // Decomposed only where the rank is known.
  %0 = torch.aten.softmax.int %x, %i, %none : !torch.vtensor<*,f32>, !torch.int, !torch.none -> !torch.vtensor loc("n4")
  // To be functionalized.
  torch.aten.relu_ %y : !torch.tensor<[2],f32> loc("n5")
  return %0 : !torch.vtensor
}
