// RUN: linalgd-opt %s --linalgd-infer-types --linalgd-decompose=keep-ops=aten.matmul,aten.tril | FileCheck %s

!tensor = !torch.vtensor<[2,4,8,16],f32>

// Scaled by 1 / sqrt(16).
// CHECK-LABEL: func.func @plain(
// CHECK-SAME:    -> !torch.vtensor<[2,4,8,32],f32>
func.func @plain(%q: !tensor, %k: !torch.vtensor<[2,4,6,16],f32>, %v: !torch.vtensor<[2,4,6,32],f32>) -> !torch.vtensor {
  %none = torch.constant.none
  %false = torch.constant.bool false
  %zero = torch.constant.float 0.0
  // CHECK-DAG:  %[[SCALE:.*]] = torch.constant.float 2.500000e-01
  // CHECK-DAG:  %[[Q:.*]] = torch.aten.mul.Scalar %arg0, %[[SCALE]]
  // CHECK-DAG:  %[[K:.*]] = torch.aten.permute %arg1, {{.*}} -> !torch.vtensor<[2,4,16,6],f32>
  // CHECK:      %[[SCORES:.*]] = torch.aten.matmul %[[Q]], %[[K]]
  // CHECK-NOT:  masked_fill
  // CHECK:      %[[WEIGHTS:.*]] = torch.aten._softmax %[[SCORES]], %int-1, %false
  // CHECK-NEXT: torch.aten.matmul %[[WEIGHTS]], %arg2
  %0 = torch.aten.scaled_dot_product_attention %q, %k, %v, %none, %zero, %false, %none, %false : !tensor, !torch.vtensor<[2,4,6,16],f32>, !torch.vtensor<[2,4,6,32],f32>, !torch.none, !torch.float, !torch.bool, !torch.none, !torch.bool -> !torch.vtensor
  return %0 : !torch.vtensor
}

// A triangle of the scores' own sizes; the scale as given; a half type in float32.
// CHECK-LABEL: func.func @causal(
func.func @causal(%q: !torch.vtensor<[2,4,?,16],f16>) -> !torch.vtensor {
  %none = torch.constant.none
  %false = torch.constant.bool false
  %true = torch.constant.bool true
  %zero = torch.constant.float 0.0
  %scale = torch.constant.float 0.5
  // CHECK-DAG: %[[HALF:.*]] = torch.constant.float 5.000000e-01
  // CHECK-DAG: %[[INFINITY:.*]] = torch.constant.float 0xFFF0000000000000
  // CHECK:     torch.aten.mul.Scalar %{{.*}}, %[[HALF]] : !torch.vtensor<[2,4,?,16],f32>
  // CHECK:     %[[SCORES:.*]] = torch.aten.matmul
  // CHECK:     %[[ROWS:.*]] = torch.aten.size.int %[[SCORES]], %int2
  // CHECK:     %[[COLUMNS:.*]] = torch.aten.size.int %[[SCORES]], %int3
  // CHECK:     torch.prim.ListConstruct %[[ROWS]], %[[COLUMNS]]
  // CHECK:     %[[SEEN:.*]] = torch.aten.tril
  // CHECK:     %[[HIDDEN:.*]] = torch.aten.logical_not %[[SEEN]]
  // CHECK:     torch.aten.masked_fill.Scalar %[[SCORES]], %[[HIDDEN]], %[[INFINITY]]
  // CHECK:     torch.aten.to.dtype %{{.*}} -> !torch.vtensor<[2,4,?,16],f16>
  %0 = torch.aten.scaled_dot_product_attention %q, %q, %q, %none, %zero, %true, %scale, %false : !torch.vtensor<[2,4,?,16],f16>, !torch.vtensor<[2,4,?,16],f16>, !torch.vtensor<[2,4,?,16],f16>, !torch.none, !torch.float, !torch.bool, !torch.float, !torch.bool -> !torch.vtensor
  return %0 : !torch.vtensor
}

// True is seen. A row that sees nothing gets zeros, not NaN.
// CHECK-LABEL: func.func @bool_mask(
func.func @bool_mask(%q: !tensor, %mask: !torch.vtensor<[2,1,1,8],i1>) -> !torch.vtensor {
  %none = torch.constant.none
  %false = torch.constant.bool false
  %zero = torch.constant.float 0.0
  // CHECK:      %[[HIDDEN:.*]] = torch.aten.logical_not %arg1
  // CHECK:      %[[MASKED:.*]] = torch.aten.masked_fill.Scalar %{{.*}}, %[[HIDDEN]], %float0xFFF
  // CHECK:      %[[LARGEST:.*]] = torch.aten.amax %[[MASKED]]
  // CHECK:      %[[BLIND:.*]] = torch.aten.eq.Scalar %[[LARGEST]], %float0xFFF
  // CHECK:      %[[SOFTMAX:.*]] = torch.aten._softmax %[[MASKED]]
  // CHECK-NEXT: %[[WEIGHTS:.*]] = torch.aten.masked_fill.Scalar %[[SOFTMAX]], %[[BLIND]], %int0
  // CHECK-NEXT: torch.aten.matmul %[[WEIGHTS]], %arg0
  %0 = torch.aten.scaled_dot_product_attention %q, %q, %q, %mask, %zero, %false, %none, %false : !tensor, !tensor, !tensor, !torch.vtensor<[2,1,1,8],i1>, !torch.float, !torch.bool, !torch.none, !torch.bool -> !torch.vtensor
  return %0 : !torch.vtensor
}

// CHECK-LABEL: func.func @added_mask(
func.func @added_mask(%q: !tensor, %mask: !torch.vtensor<[8,8],f32>) -> !torch.vtensor {
  %none = torch.constant.none
  %false = torch.constant.bool false
  %zero = torch.constant.float 0.0
  // CHECK:     %[[SCORES:.*]] = torch.aten.matmul
  // CHECK-NOT: logical_not
  // CHECK:     %[[MASKED:.*]] = torch.aten.add.Tensor %[[SCORES]], %arg1
  // CHECK:     torch.aten._softmax %[[MASKED]]
  %0 = torch.aten.scaled_dot_product_attention %q, %q, %q, %mask, %zero, %false, %none, %false : !tensor, !tensor, !tensor, !torch.vtensor<[8,8],f32>, !torch.float, !torch.bool, !torch.none, !torch.bool -> !torch.vtensor
  return %0 : !torch.vtensor
}

// Two heads of the keys for four of the queries: each twice.
// CHECK-LABEL: func.func @grouped(
func.func @grouped(%q: !tensor, %k: !torch.vtensor<[2,2,8,16],f32>) -> !torch.vtensor {
  %none = torch.constant.none
  %false = torch.constant.bool false
  %true = torch.constant.bool true
  %zero = torch.constant.float 0.0
  // CHECK-NOT: scaled_dot_product_attention
  // CHECK:     torch.aten.matmul %{{.*}} : !torch.vtensor<[2,4,8,16],f32>, !torch.vtensor<[2,4,16,8],f32>
  // CHECK:     torch.aten.matmul %{{.*}} : !torch.vtensor<[2,4,8,8],f32>, !torch.vtensor<[2,4,8,16],f32>
  %0 = torch.aten.scaled_dot_product_attention %q, %k, %k, %none, %zero, %false, %none, %true : !tensor, !torch.vtensor<[2,2,8,16],f32>, !torch.vtensor<[2,2,8,16],f32>, !torch.none, !torch.float, !torch.bool, !torch.none, !torch.bool -> !torch.vtensor
  return %0 : !torch.vtensor
}

// Dropout is random: nothing is decomposed.
// CHECK-LABEL: func.func @dropout(
func.func @dropout(%q: !tensor) -> !torch.vtensor {
  %none = torch.constant.none
  %false = torch.constant.bool false
  %p = torch.constant.float 0.1
  // CHECK: torch.aten.scaled_dot_product_attention
  %0 = torch.aten.scaled_dot_product_attention %q, %q, %q, %none, %p, %false, %none, %false : !tensor, !tensor, !tensor, !torch.none, !torch.float, !torch.bool, !torch.none, !torch.bool -> !torch.vtensor
  return %0 : !torch.vtensor
}
