// Control flow that types and constants decide.
// RUN: linalgd-opt %s --linalgd-simplify-control --split-input-file --verify-diagnostics | FileCheck %s

// CHECK-LABEL: func.func @rank_decides
func.func @rank_decides(%x: !torch.tensor<[2,3],f32>) -> !torch.tensor {
  %2 = torch.constant.int 2
  %0 = torch.aten.dim %x : !torch.tensor<[2,3],f32> -> !torch.int
  %c = torch.aten.eq.int %0, %2 : !torch.int, !torch.int -> !torch.bool
  // CHECK-NOT: torch.prim.If
  // CHECK: %[[Y:.*]] = torch.aten.relu
  // CHECK-NOT: tanh
  %y = torch.prim.If %c -> (!torch.tensor) {
    %1 = torch.aten.relu %x : !torch.tensor<[2,3],f32> -> !torch.tensor
    torch.prim.If.yield %1 : !torch.tensor
  } else {
    %1 = torch.aten.tanh %x : !torch.tensor<[2,3],f32> -> !torch.tensor
    torch.prim.If.yield %1 : !torch.tensor
  }
  // CHECK: return %[[Y]] : !torch.tensor<[2,3],f32>
  return %y : !torch.tensor
}

// -----

// A list that a loop builds.
// CHECK-LABEL: func.func @appends
func.func @appends(%x: !torch.tensor<[2,3],f32>) -> (!torch.tensor, !torch.int) {
  %0 = torch.constant.int 0
  %2 = torch.constant.int 2
  %true = torch.constant.bool true
  %l = torch.prim.ListConstruct : () -> !torch.list<tensor>
  // CHECK-NOT: torch.prim.Loop
  // CHECK: %[[A:.*]] = torch.aten.relu
  // CHECK: %[[B:.*]] = torch.aten.relu
  torch.prim.Loop %2, %true, init() {
  ^bb0(%i: !torch.int):
    %y = torch.aten.relu %x : !torch.tensor<[2,3],f32> -> !torch.tensor
    %z = torch.operator "torch.aten.append.t"(%l, %y) : (!torch.list<tensor>, !torch.tensor) -> !torch.list<tensor>
    torch.prim.Loop.condition %true, iter()
  } : (!torch.int, !torch.bool) -> ()
  // CHECK: %[[L:.*]] = torch.prim.ListConstruct %[[A]], %[[B]]
  // CHECK: %[[R:.*]] = torch.aten.cat %[[L]]
  %r = torch.aten.cat %l, %0 : !torch.list<tensor>, !torch.int -> !torch.tensor
  %n = torch.aten.len.t %l : !torch.list<tensor> -> !torch.int
  // CHECK: return %[[R]], %int2 : !torch.tensor<[4,3],f32>, !torch.int
  return %r, %n : !torch.tensor, !torch.int
}

// -----

// CHECK-LABEL: func.func @raises
func.func @raises(%x: !torch.tensor<[?,3],f32>) -> !torch.tensor {
  %0 = torch.constant.int 0
  %n = torch.aten.size.int %x, %0 : !torch.tensor<[?,3],f32>, !torch.int -> !torch.int
  // CHECK: %[[C:.*]] = torch.aten.eq.int
  %c = torch.aten.eq.int %n, %0 : !torch.int, !torch.int -> !torch.bool
  // CHECK-DAG: %[[N:.*]] = torch.aten.__not__ %[[C]]
  // CHECK-DAG: %[[M:.*]] = torch.constant.str "empty"
  // CHECK: torch.aten._assert_scalar %[[N]], %[[M]]
  %r = torch.prim.If %c -> (!torch.tensor) {
    %m = torch.constant.str "empty"
    %none = torch.constant.none
    torch.prim.RaiseException %m, %none : !torch.str, !torch.none
    %u = torch.prim.Uninitialized -> !torch.tensor
    torch.prim.If.yield %u : !torch.tensor
  } else {
    torch.prim.If.yield %x : !torch.tensor<[?,3],f32>
  }
  // CHECK: return %{{.*}} : !torch.tensor<[?,3],f32>
  return %r : !torch.tensor
}

// -----

// What a loop carries grows: its size is forgotten, its rank and dtype are not.
// CHECK-LABEL: func.func @grows
func.func @grows(%x: !torch.tensor<[2,3],f32>, %n: !torch.int) -> !torch.tensor {
  %0 = torch.constant.int 0
  %true = torch.constant.bool true
  // CHECK: torch.prim.Loop
  // CHECK-NEXT: ^bb0(%{{.*}}: !torch.int, %{{.*}}: !torch.tensor<[?,3],f32>):
  %r = torch.prim.Loop %n, %true, init(%x) {
  ^bb0(%i: !torch.int, %y: !torch.tensor):
    %l = torch.prim.ListConstruct %y, %x : (!torch.tensor, !torch.tensor<[2,3],f32>) -> !torch.list<tensor>
    %z = torch.aten.cat %l, %0 : !torch.list<tensor>, !torch.int -> !torch.tensor
    torch.prim.Loop.condition %true, iter(%z : !torch.tensor)
  } : (!torch.int, !torch.bool, !torch.tensor<[2,3],f32>) -> !torch.tensor
  // CHECK: return %{{.*}} : !torch.tensor<[?,3],f32>
  return %r : !torch.tensor
}

// -----

func.func @list_of_unknown_length(%x: !torch.tensor<[2],f32>, %n: !torch.int) -> !torch.list<tensor> {
  %true = torch.constant.bool true
  %l = torch.prim.ListConstruct : () -> !torch.list<tensor>
  torch.prim.Loop %n, %true, init() {
  ^bb0(%i: !torch.int):
    // expected-error @below {{unsupported op 'torch.aten.append.t': it writes to a list that has another name}}
    %z = torch.operator "torch.aten.append.t"(%l, %x) : (!torch.list<tensor>, !torch.tensor<[2],f32>) -> !torch.list<tensor>
    torch.prim.Loop.condition %true, iter()
  } : (!torch.int, !torch.bool) -> ()
  return %l : !torch.list<tensor>
}
