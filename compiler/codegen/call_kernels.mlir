// RUN: linalgd-opt %s --linalgd-call-kernels --canonicalize --cse | FileCheck %s

// Each kernel is declared once.
// CHECK-DAG: llvm.func @linalgd_gemm_f32_avx(
// CHECK-DAG: llvm.func @linalgd_gemm_f64_avx(
// CHECK-DAG: llvm.func @linalgd_conv_f32_avx(

// M, N, K, then each matrix's address and its steps by row and column.
// CHECK-LABEL: func.func @matmul(
func.func @matmul(%a: memref<4x8xf32>, %b: memref<8x?xf32>, %c: memref<4x?xf32>) {
  // CHECK-NOT: linalg.matmul
  // CHECK-DAG: %[[A:.*]] = memref.extract_aligned_pointer_as_index %arg0
  // CHECK-DAG: %[[B:.*]] = memref.extract_aligned_pointer_as_index %arg1
  // CHECK-DAG: %{{.*}}, %{{.*}}, %{{.*}}:2, %[[B_STEPS:.*]]:2 = memref.extract_strided_metadata %arg1
  // CHECK-DAG: %{{.*}}, %{{.*}}, %[[C_SIZES:.*]]:2, %[[C_STEPS:.*]]:2 = memref.extract_strided_metadata %arg2
  // CHECK-DAG: %[[N:.*]] = arith.index_cast %[[C_SIZES]]#1
  // CHECK-DAG: %[[B_STEP:.*]] = arith.index_cast %[[B_STEPS]]#0
  // CHECK-DAG: %[[C_STEP:.*]] = arith.index_cast %[[C_STEPS]]#0
  // CHECK:     llvm.call @linalgd_gemm_f32_avx(%c4_i64, %[[N]], %c8_i64, %{{.*}}, %c8_i64, %c1_i64, %{{.*}}, %[[B_STEP]], %c1_i64, %{{.*}}, %[[C_STEP]], %c1_i64)
  linalg.matmul ins(%a, %b : memref<4x8xf32>, memref<8x?xf32>) outs(%c : memref<4x?xf32>)
  return
}

// A batch is a loop, with steps in bytes.
// CHECK-LABEL: func.func @batch(
func.func @batch(%a: memref<2x4x8xf64>, %b: memref<2x8x6xf64>, %c: memref<2x4x6xf64>) {
  // CHECK:     scf.for %[[I:.*]] = %c0 to %c2 step %c1
  // CHECK-DAG: arith.muli %[[I]], %c256
  // CHECK-DAG: arith.muli %[[I]], %c384
  // CHECK-DAG: arith.muli %[[I]], %c192
  // CHECK:     llvm.call @linalgd_gemm_f64_avx(%c4_i64, %c6_i64, %c8_i64,
  linalg.batch_matmul ins(%a, %b : memref<2x4x8xf64>, memref<2x8x6xf64>) outs(%c : memref<2x4x6xf64>)
  return
}

// Two dimensions that walk memory as one are one: rows of (2, 4) are 8 rows.
// CHECK-LABEL: func.func @joined(
#a = affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>
#b = affine_map<(d0, d1, d2, d3) -> (d3, d2)>
#c = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
func.func @joined(%a: memref<2x4x8xf32>, %b: memref<8x6xf32>, %c: memref<2x4x6xf32>) {
  // CHECK-NOT: scf.for
  // CHECK:     llvm.call @linalgd_gemm_f32_avx(%c8_i64, %c6_i64, %c8_i64,
  linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%a, %b : memref<2x4x8xf32>, memref<8x6xf32>) outs(%c : memref<2x4x6xf32>) {
  ^bb0(%x: f32, %y: f32, %sum: f32):
    %0 = arith.mulf %x, %y : f32
    %1 = arith.addf %sum, %0 : f32
    linalg.yield %1 : f32
  }
  return
}

// CHECK-LABEL: func.func @convolution(
func.func @convolution(%a: memref<2x3x10x10xf32>, %b: memref<6x3x3x3xf32>, %c: memref<2x6x8x8xf32>) {
  // CHECK-NOT: linalg.conv
  // CHECK:     llvm.call @linalgd_conv_f32_avx(
  linalg.conv_2d_nchw_fchw {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>} ins(%a, %b : memref<2x3x10x10xf32>, memref<6x3x3x3xf32>) outs(%c : memref<2x6x8x8xf32>)
  return
}

// Other layouts, poolings and element types that have no kernel stay.
// CHECK-LABEL: func.func @others(
func.func @others(%a: memref<2x10x10x3xf32>, %b: memref<3x3x3x6xf32>, %c: memref<2x8x8x6xf32>,
                  %d: memref<2x3x10x10xf32>, %e: memref<3x3xf32>, %f: memref<2x3x8x8xf32>,
                  %g: memref<4x8xf16>, %h: memref<8x6xf16>, %i: memref<4x6xf32>,
                  %j: memref<4x8xi32>, %k: memref<8x6xi32>, %l: memref<4x6xi32>) {
  // CHECK-NEXT: linalg.conv_2d_nhwc_hwcf
  linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>} ins(%a, %b : memref<2x10x10x3xf32>, memref<3x3x3x6xf32>) outs(%c : memref<2x8x8x6xf32>)
  // CHECK-NEXT: linalg.pooling_nchw_sum
  linalg.pooling_nchw_sum {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>} ins(%d, %e : memref<2x3x10x10xf32>, memref<3x3xf32>) outs(%f : memref<2x3x8x8xf32>)
  // CHECK-NEXT: linalg.matmul ins({{.*}} : memref<4x8xf16>
  linalg.matmul ins(%g, %h : memref<4x8xf16>, memref<8x6xf16>) outs(%i : memref<4x6xf32>)
  // CHECK-NEXT: linalg.matmul ins({{.*}} : memref<4x8xi32>
  linalg.matmul ins(%j, %k : memref<4x8xi32>, memref<8x6xi32>) outs(%l : memref<4x6xi32>)
  return
}
