// The text of control flow.
// RUN: linalgd-opt %s | FileCheck %s
// RUN: linalgd-opt %s --mlir-print-op-generic | linalgd-opt | FileCheck %s

// CHECK-LABEL: func.func @branches
func.func @branches(%c: !torch.bool, %a: !torch.int, %b: !torch.int) -> !torch.int {
  // CHECK: torch.prim.If %{{.*}} -> (!torch.int, !torch.optional<int>) {
  // CHECK:   torch.prim.If.yield %{{.*}}, %{{.*}} : !torch.int, !torch.none
  // CHECK: } else {
  // CHECK:   torch.prim.If.yield %{{.*}}, %{{.*}} : !torch.int, !torch.int
  // CHECK: }
  %0:2 = torch.prim.If %c -> (!torch.int, !torch.optional<int>) {
    %none = torch.constant.none
    torch.prim.If.yield %a, %none : !torch.int, !torch.none
  } else {
    torch.prim.If.yield %b, %b : !torch.int, !torch.int
  }
  // CHECK: torch.prim.If %{{.*}} -> () {
  // CHECK:   torch.prim.RaiseException %{{.*}}, %{{.*}} : !torch.str, !torch.none
  // CHECK:   torch.prim.If.yield
  torch.prim.If %c -> () {
    %m = torch.constant.str "no"
    %none = torch.constant.none
    torch.prim.RaiseException %m, %none : !torch.str, !torch.none
    torch.prim.If.yield
  } else {
    torch.prim.If.yield
  }
  return %0#0 : !torch.int
}

// CHECK-LABEL: func.func @loop
func.func @loop(%n: !torch.int, %x: !torch.tensor) -> !torch.tensor {
  %true = torch.constant.bool true
  // CHECK: torch.prim.Loop %{{.*}}, %{{.*}}, init(%{{.*}}) {
  // CHECK: ^bb0(%{{.*}}: !torch.int, %{{.*}}: !torch.tensor):
  // CHECK:   torch.prim.Loop.condition %{{.*}}, iter(%{{.*}} : !torch.tensor)
  // CHECK: } : (!torch.int, !torch.bool, !torch.tensor) -> !torch.tensor
  %0 = torch.prim.Loop %n, %true, init(%x) {
  ^bb0(%i: !torch.int, %y: !torch.tensor):
    %1 = torch.aten.relu %y : !torch.tensor -> !torch.tensor
    torch.prim.Loop.condition %true, iter(%1 : !torch.tensor)
  } : (!torch.int, !torch.bool, !torch.tensor) -> !torch.tensor
  // CHECK: torch.prim.Loop %{{.*}}, %{{.*}}, init() {
  // CHECK:   torch.prim.Loop.condition %{{.*}}, iter()
  torch.prim.Loop %n, %true, init() {
  ^bb0(%i: !torch.int):
    torch.prim.Loop.condition %true, iter()
  } : (!torch.int, !torch.bool) -> ()
  return %0 : !torch.tensor
}
