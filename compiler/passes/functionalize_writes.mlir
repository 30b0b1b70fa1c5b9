// RUN: linalgd-opt %s -linalgd-functionalize -split-input-file -verify-diagnostics | FileCheck %s

// What batch normalisation writes in training are results of their own.
// CHECK-LABEL: func.func @training
// CHECK-SAME: -> (!torch.vtensor<[4,3],f32>, !torch.vtensor<[3],f32> {torch.state_input = 1 : i64}, !torch.vtensor<[3],f32> {torch.state_input = 2 : i64})
func.func @training(%x: !torch.tensor<[4,3],f32>, %mean: !torch.tensor<[3],f32>, %var: !torch.tensor<[3],f32>) -> !torch.tensor<[4,3],f32> {
  %none = torch.constant.none
  %true = torch.constant.bool true
  %momentum = torch.constant.float 1.000000e-01
  %eps = torch.constant.float 1.000000e-05
  // CHECK: %[[R:.*]], %{{.*}}, %{{.*}}, %[[MEAN:.*]], %[[VAR:.*]] = torch.aten._native_batch_norm_legit_functional
  %0 = torch.aten.batch_norm %x, %none, %none, %mean, %var, %true, %momentum, %eps, %true : !torch.tensor<[4,3],f32>, !torch.none, !torch.none, !torch.tensor<[3],f32>, !torch.tensor<[3],f32>, !torch.bool, !torch.float, !torch.float, !torch.bool -> !torch.tensor<[4,3],f32>
  // CHECK: return %[[R]], %[[MEAN]], %[[VAR]] :
  return %0 : !torch.tensor<[4,3],f32>
}

// -----

// CHECK-LABEL: func.func @inference
// CHECK-NOT: state_input
// CHECK: torch.aten.batch_norm
func.func @inference(%x: !torch.tensor<[4,3],f32>, %mean: !torch.tensor<[3],f32>, %var: !torch.tensor<[3],f32>) -> !torch.tensor<[4,3],f32> {
  %none = torch.constant.none
  %false = torch.constant.bool false
  %momentum = torch.constant.float 1.000000e-01
  %eps = torch.constant.float 1.000000e-05
  %0 = torch.aten.batch_norm %x, %none, %none, %mean, %var, %false, %momentum, %eps, %false : !torch.tensor<[4,3],f32>, !torch.none, !torch.none, !torch.tensor<[3],f32>, !torch.tensor<[3],f32>, !torch.bool, !torch.float, !torch.float, !torch.bool -> !torch.tensor<[4,3],f32>
  return %0 : !torch.tensor<[4,3],f32>
}

// -----

func.func @unknown(%x: !torch.tensor<[4,3],f32>, %mean: !torch.tensor<[3],f32>, %var: !torch.tensor<[3],f32>, %training: !torch.bool) -> !torch.tensor<[4,3],f32> {
  %none = torch.constant.none
  %momentum = torch.constant.float 1.000000e-01
  %eps = torch.constant.float 1.000000e-05
  // expected-error @below {{whether it writes to its operands is decided at run time}}
  %0 = torch.aten.batch_norm %x, %none, %none, %mean, %var, %training, %momentum, %eps, %training : !torch.tensor<[4,3],f32>, !torch.none, !torch.none, !torch.tensor<[3],f32>, !torch.tensor<[3],f32>, !torch.bool, !torch.float, !torch.float, !torch.bool -> !torch.tensor<[4,3],f32>
  return %0 : !torch.tensor<[4,3],f32>
}
