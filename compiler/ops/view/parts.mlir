// RUN: linalgd-opt %s %to_linalg | FileCheck %s

// [-7:-1:2] of 10, along dimension -2 of 2.
// CHECK-LABEL: func.func @from_the_end(
func.func @from_the_end(%x: !torch.vtensor<[10,4],f32>) -> !torch.vtensor {
  %dim = torch.constant.int -2
  %start = torch.constant.int -7
  %end = torch.constant.int -1
  %step = torch.constant.int 2
  // CHECK-NEXT: tensor.extract_slice %arg0[3, 0] [3, 4] [2, 1] : tensor<10x4xf32> to tensor<3x4xf32>
  %0 = torch.aten.slice.Tensor %x, %dim, %start, %end, %step : !torch.vtensor<[10,4],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor
  return %0 : !torch.vtensor
}

// Bounds beyond the tensor's are the tensor's.
// CHECK-LABEL: func.func @clamped(
func.func @clamped(%x: !torch.vtensor<[10,4],f32>) -> !torch.vtensor {
  %dim = torch.constant.int 1
  %start = torch.constant.int -100
  %end = torch.constant.int 100
  %step = torch.constant.int 3
  // CHECK-NEXT: tensor.extract_slice %arg0[0, 0] [10, 2] [1, 3] : tensor<10x4xf32> to tensor<10x2xf32>
  %0 = torch.aten.slice.Tensor %x, %dim, %start, %end, %step : !torch.vtensor<[10,4],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor
  return %0 : !torch.vtensor
}

// CHECK-LABEL: func.func @nothing(
func.func @nothing(%x: !torch.vtensor<[10,4],f32>) -> !torch.vtensor {
  %dim = torch.constant.int 0
  %start = torch.constant.int 8
  %end = torch.constant.int 3
  %step = torch.constant.int 1
  // CHECK-NEXT: tensor.empty() : tensor<0x4xf32>
  %0 = torch.aten.slice.Tensor %x, %dim, %start, %end, %step : !torch.vtensor<[10,4],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor
  return %0 : !torch.vtensor
}

// CHECK-LABEL: func.func @whole(
func.func @whole(%x: !torch.vtensor<[?,4],f32>) -> !torch.vtensor {
  %dim = torch.constant.int 0
  %start = torch.constant.none
  %end = torch.constant.int 9223372036854775807
  %step = torch.constant.int 1
  // CHECK-NEXT: return %arg0
  %0 = torch.aten.slice.Tensor %x, %dim, %start, %end, %step : !torch.vtensor<[?,4],f32>, !torch.int, !torch.none, !torch.int, !torch.int -> !torch.vtensor
  return %0 : !torch.vtensor
}

// [-3::2] of an unknown size, which may be below 3: start = min(max(n - 3, 0), n), and
// ceil((n - start) / 2) elements.
// CHECK-LABEL: func.func @dynamic(
func.func @dynamic(%x: !torch.vtensor<[?,4],f32>) -> !torch.vtensor {
  %dim = torch.constant.int 0
  %start = torch.constant.int -3
  %end = torch.constant.none
  %step = torch.constant.int 2
  // CHECK:      %[[N:.*]] = tensor.dim %arg0, %c0
  // CHECK-NEXT: %[[WRAPPED:.*]] = arith.addi %[[N]], %c-3
  // CHECK-NEXT: %[[LOW:.*]] = arith.maxsi %[[WRAPPED]], %c0
  // CHECK-NEXT: %[[START:.*]] = arith.minsi %[[LOW]], %[[N]]
  // CHECK-NEXT: %[[REST:.*]] = arith.subi %[[N]], %[[START]]
  // CHECK-NEXT: %[[ROUND:.*]] = arith.addi %[[REST]], %c1
  // CHECK-NEXT: %[[COUNT:.*]] = arith.floordivsi %[[ROUND]], %c2
  // CHECK-NEXT: tensor.extract_slice %arg0[%[[START]], 0] [%[[COUNT]], 4] [2, 1]
  %0 = torch.aten.slice.Tensor %x, %dim, %start, %end, %step : !torch.vtensor<[?,4],f32>, !torch.int, !torch.int, !torch.none, !torch.int -> !torch.vtensor
  return %0 : !torch.vtensor
}

// The update takes the dtype of what it goes into.
// CHECK-LABEL: func.func @scatter(
func.func @scatter(%x: !torch.vtensor<[10],f32>, %y: !torch.vtensor<[3],si64>) -> !torch.vtensor {
  %dim = torch.constant.int 0
  %start = torch.constant.int -6
  %end = torch.constant.none
  %step = torch.constant.int 2
  // CHECK: %[[UPDATE:.*]] = linalg.generic {{.*}} ins(%arg1 : tensor<3xi64>)
  // CHECK: arith.sitofp
  // CHECK: tensor.insert_slice %[[UPDATE]] into %arg0[4] [3] [2] : tensor<3xf32> into tensor<10xf32>
  %0 = torch.aten.slice_scatter %x, %y, %dim, %start, %end, %step : !torch.vtensor<[10],f32>, !torch.vtensor<[3],si64>, !torch.int, !torch.int, !torch.none, !torch.int -> !torch.vtensor
  return %0 : !torch.vtensor
}

// CHECK-LABEL: func.func @select_last(
func.func @select_last(%x: !torch.vtensor<[3,4],f32>) -> !torch.vtensor {
  %dim = torch.constant.int -1
  // CHECK-NEXT: tensor.extract_slice %arg0[0, 3] [3, 1] [1, 1] : tensor<3x4xf32> to tensor<3xf32>
  %0 = torch.aten.select.int %x, %dim, %dim : !torch.vtensor<[3,4],f32>, !torch.int, !torch.int -> !torch.vtensor
  return %0 : !torch.vtensor
}
