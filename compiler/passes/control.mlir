// Control flow that is decided at run time, through Functionalize and into scf.
// RUN: linalgd-opt %s --linalgd-functionalize --linalgd-lower-to-linalg --split-input-file --verify-diagnostics | FileCheck %s

// CHECK-LABEL: func.func @branches
func.func @branches(%c: !torch.bool, %x: !torch.tensor<[2],f32>) -> !torch.tensor<[2],f32> {
  // CHECK: %[[R:.*]] = scf.if %{{.*}} -> (tensor<2xf32>) {
  // CHECK:   linalg.generic
  // CHECK:   scf.yield
  // CHECK: } else {
  // CHECK:   scf.yield %{{.*}} : tensor<2xf32>
  // CHECK: return %[[R]]
  %r = torch.prim.If %c -> (!torch.tensor<[2],f32>) {
    %y = torch.aten.exp %x : !torch.tensor<[2],f32> -> !torch.tensor<[2],f32>
    %z = torch.aten.relu_ %y : !torch.tensor<[2],f32> -> !torch.tensor<[2],f32>
    torch.prim.If.yield %z : !torch.tensor<[2],f32>
  } else {
    torch.prim.If.yield %x : !torch.tensor<[2],f32>
  }
  return %r : !torch.tensor<[2],f32>
}

// -----

// CHECK-LABEL: func.func @rounds
func.func @rounds(%n: !torch.int, %x: !torch.tensor<[2],f32>) -> !torch.tensor<[2],f32> {
  %true = torch.constant.bool true
  // CHECK: scf.while
  // CHECK:   %[[LEFT:.*]] = arith.cmpi slt
  // CHECK:   arith.andi %[[LEFT]]
  // CHECK:   scf.condition
  // CHECK: } do {
  // CHECK:   linalg.generic
  // CHECK:   scf.yield
  %r = torch.prim.Loop %n, %true, init(%x) {
  ^bb0(%i: !torch.int, %y: !torch.tensor<[2],f32>):
    %z = torch.aten.exp %y : !torch.tensor<[2],f32> -> !torch.tensor<[2],f32>
    torch.prim.Loop.condition %true, iter(%z : !torch.tensor<[2],f32>)
  } : (!torch.int, !torch.bool, !torch.tensor<[2],f32>) -> !torch.tensor<[2],f32>
  return %r : !torch.tensor<[2],f32>
}

// -----

// CHECK-LABEL: func.func @writes_outside
func.func @writes_outside(%c: !torch.bool, %x: !torch.tensor<[2],f32>) {
  // CHECK: %[[R:.*]] = scf.if
  // CHECK:   linalg.generic
  // CHECK: } else {
  // CHECK:   scf.yield %arg1
  // CHECK: return %[[R]]
  torch.prim.If %c -> () {
    %0 = torch.aten.relu_ %x : !torch.tensor<[2],f32> -> !torch.tensor<[2],f32>
    torch.prim.If.yield
  } else {
    torch.prim.If.yield
  }
  return
}

// -----

// CHECK-LABEL: func.func @writes_outside_in_loop
func.func @writes_outside_in_loop(%n: !torch.int, %x: !torch.tensor<[2,2],f32>) -> !torch.tensor<[2],f32> {
  %true = torch.constant.bool true
  %0 = torch.constant.int 0
  %row = torch.aten.select.int %x, %0, %0 : !torch.tensor<[2,2],f32>, !torch.int, !torch.int -> !torch.tensor<[2],f32>
  // CHECK: %[[W:.*]]:2 = scf.while
  // CHECK-SAME: %arg1
  // CHECK: } do {
  // CHECK:   tensor.extract_slice
  // CHECK:   linalg.generic
  // CHECK:   tensor.insert_slice
  // CHECK: %[[ROW:.*]] = tensor.extract_slice %[[W]]#1
  // CHECK: return %{{.*}}, %[[W]]#1
  torch.prim.Loop %n, %true, init() {
  ^bb0(%i: !torch.int):
    %1 = torch.aten.relu_ %row : !torch.tensor<[2],f32> -> !torch.tensor<[2],f32>
    torch.prim.Loop.condition %true, iter()
  } : (!torch.int, !torch.bool) -> ()
  return %row : !torch.tensor<[2],f32>
}

// -----

// It may be the argument.
func.func @writes_to_either(%c: !torch.bool, %x: !torch.tensor<[2],f32>) {
  %r = torch.prim.If %c -> (!torch.tensor<[2],f32>) {
    %y = torch.aten.exp %x : !torch.tensor<[2],f32> -> !torch.tensor<[2],f32>
    torch.prim.If.yield %y : !torch.tensor<[2],f32>
  } else {
    torch.prim.If.yield %x : !torch.tensor<[2],f32>
  }
  // expected-error @below {{unsupported op 'torch.aten.relu_': which tensor it writes to is decided at run time}}
  %0 = torch.aten.relu_ %r : !torch.tensor<[2],f32> -> !torch.tensor<[2],f32>
  return
}
