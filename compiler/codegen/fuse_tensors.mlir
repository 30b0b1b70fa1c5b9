// RUN: linalgd-opt %s --linalgd-fuse-tensors --cse | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>

// Named elementwise ops become one generic.
// CHECK-LABEL: func.func @chain(
func.func @chain(%x: tensor<4x8xf32>, %y: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  // CHECK:      linalg.generic {{.*}} ins(%arg0, %arg1
  // CHECK-NEXT: ^bb0(%[[X:.*]]: f32, %[[Y:.*]]: f32,
  // CHECK-NEXT: %[[EXP:.*]] = math.exp %[[X]]
  // CHECK-NEXT: %[[SUM:.*]] = arith.addf %[[EXP]], %[[Y]]
  // CHECK-NEXT: linalg.yield %[[SUM]]
  // CHECK-NOT:  linalg.generic
  // CHECK:      return
  %0 = linalg.exp ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = linalg.add ins(%0, %y : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}

// What is used twice is stored,
// CHECK-LABEL: func.func @dear(
func.func @dear(%x: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %e = tensor.empty() : tensor<4x8xf32>
  // CHECK: %[[EXP:.*]] = linalg.generic {{.*}} ins(%arg0
  // CHECK: math.exp
  // CHECK: linalg.generic {{.*}} ins(%[[EXP]]
  // CHECK: arith.negf
  // CHECK: linalg.generic {{.*}} ins(%[[EXP]]
  // CHECK: math.absf
  %0 = linalg.exp ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = linalg.negf ins(%0 : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = linalg.abs ins(%0 : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %1, %2 : tensor<4x8xf32>, tensor<4x8xf32>
}

// unless it only converts elements.
// CHECK-LABEL: func.func @cheap(
func.func @cheap(%x: tensor<4x8xf16>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %e = tensor.empty() : tensor<4x8xf32>
  // CHECK:      linalg.generic {{.*}} ins(%arg0
  // CHECK:      arith.extf
  // CHECK-NEXT: arith.negf
  // CHECK:      linalg.generic {{.*}} ins(%arg0
  // CHECK:      arith.extf
  // CHECK-NEXT: math.absf
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x8xf16>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f16, %o: f32):
    %wide = arith.extf %a : f16 to f32
    linalg.yield %wide : f32
  } -> tensor<4x8xf32>
  %1 = linalg.negf ins(%0 : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = linalg.abs ins(%0 : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %1, %2 : tensor<4x8xf32>, tensor<4x8xf32>
}

// A contraction keeps its name and takes nothing in.
// CHECK-LABEL: func.func @contraction(
func.func @contraction(%x: tensor<4x8xf32>, %y: tensor<8x6xf32>, %init: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  // CHECK: %[[EXP:.*]] = linalg.generic {{.*}} ins(%arg0
  // CHECK: linalg.matmul ins(%[[EXP]], %arg1
  %0 = linalg.exp ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = linalg.matmul ins(%0, %y : tensor<4x8xf32>, tensor<8x6xf32>) outs(%init : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %1 : tensor<4x6xf32>
}

// A reduction takes in what it reads.
// CHECK-LABEL: func.func @reduction(
func.func @reduction(%x: tensor<4x8xf32>, %init: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  // CHECK-NEXT: linalg.generic {{.*}} iterator_types = ["parallel", "reduction"]} ins(%arg0 : tensor<4x8xf32>) outs(%arg1
  // CHECK:      math.exp
  // CHECK-NEXT: arith.addf
  %0 = linalg.exp ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = linalg.reduce { arith.addf } ins(%0 : tensor<4x8xf32>) outs(%init : tensor<4xf32>) dimensions = [1]
  return %1 : tensor<4xf32>
}
