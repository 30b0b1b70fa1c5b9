// RUN: linalgd-opt %s --linalgd-lower-to-linalg | FileCheck %s

// CHECK-DAG: #[[ID3:.*]] = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
// CHECK-DAG: #[[MIDDLE:.*]] = affine_map<(d0, d1, d2) -> (d0, 0, d2)>
// CHECK-DAG: #[[LOW_RANK:.*]] = affine_map<(d0, d1, d2) -> (d1, 0)>
// CHECK-DAG: #[[ID2:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[ROW:.*]] = affine_map<(d0, d1) -> (0, d1)>

// Sizes of 1 and lacking dimensions are broadcast by the maps.
// CHECK-LABEL: func.func @broadcast(
// CHECK-SAME:    %[[X:.*]]: tensor<2x1x4xf32>, %[[Y:.*]]: tensor<3x1xf32>) -> tensor<2x3x4xf32>
func.func @broadcast(%x: !torch.vtensor<[2,1,4],f32>, %y: !torch.vtensor<[3,1],f32>) -> !torch.vtensor<[2,3,4],f32> {
  // CHECK:      %[[INIT:.*]] = tensor.empty() : tensor<2x3x4xf32>
  // CHECK-NEXT: %[[RESULT:.*]] = linalg.generic {indexing_maps = [#[[MIDDLE]], #[[LOW_RANK]], #[[ID3]]]
  // CHECK-SAME:   ins(%[[X]], %[[Y]] : {{.*}} outs(%[[INIT]]
  // CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32, %{{.*}}: f32):
  // CHECK-NEXT:   %[[PRODUCT:.*]] = arith.mulf %[[A]], %[[B]] : f32
  // CHECK-NEXT:   linalg.yield %[[PRODUCT]]
  // CHECK:      return %[[RESULT]]
  %0 = torch.aten.mul.Tensor %x, %y : !torch.vtensor<[2,1,4],f32>, !torch.vtensor<[3,1],f32> -> !torch.vtensor<[2,3,4],f32>
  return %0 : !torch.vtensor<[2,3,4],f32>
}

// An unknown size is never 1: it is read of the first operand that has it, and not broadcast.
// CHECK-LABEL: func.func @dynamic(
func.func @dynamic(%x: !torch.vtensor<[1,?],f32>, %y: !torch.vtensor<[?,4],f32>) -> !torch.vtensor<[?,4],f32> {
  // CHECK: %[[ROWS:.*]] = tensor.dim %arg1, %c0
  // CHECK: %[[INIT:.*]] = tensor.empty(%[[ROWS]]) : tensor<?x4xf32>
  // CHECK: linalg.generic {indexing_maps = [#[[ROW]], #[[ID2]], #[[ID2]]]
  %0 = torch.aten.mul.Tensor %x, %y : !torch.vtensor<[1,?],f32>, !torch.vtensor<[?,4],f32> -> !torch.vtensor<[?,4],f32>
  return %0 : !torch.vtensor<[?,4],f32>
}

// Data loses its signs, not its bytes; resources stay resources.
// CHECK-LABEL: func.func @literals() -> (tensor<2xi64>, tensor<2xf32>, tensor<?xi8>)
func.func @literals() -> (!torch.vtensor<[2],si64>, !torch.vtensor<[2],f32>, !torch.vtensor<[?],ui8>) {
  // CHECK: arith.constant dense<[1, -1]> : tensor<2xi64>
  %0 = torch.vtensor.literal(dense<[1, -1]> : tensor<2xsi64>) : !torch.vtensor<[2],si64>
  // CHECK: arith.constant dense_resource<w> : tensor<2xf32>
  %1 = torch.vtensor.literal(dense_resource<w> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  // CHECK: %[[BYTES:.*]] = arith.constant dense<[1, -1]> : tensor<2xi8>
  // CHECK: tensor.cast %[[BYTES]] : tensor<2xi8> to tensor<?xi8>
  %2 = torch.vtensor.literal(dense<[1, 255]> : tensor<2xui8>) : !torch.vtensor<[?],ui8>
  return %0, %1, %2 : !torch.vtensor<[2],si64>, !torch.vtensor<[2],f32>, !torch.vtensor<[?],ui8>
}

// CHECK-LABEL: func.func @scalars(
// CHECK-SAME:    %[[I:.*]]: i64, %[[F:.*]]: f64, %[[X:.*]]: tensor<?xi32>) -> (i64, tensor<?xf32>)
func.func @scalars(%i: !torch.int, %f: !torch.float, %x: !torch.vtensor<[?],si32>) -> (!torch.int, !torch.vtensor<[?],f32>) {
  %d = torch.constant.int 0
  // CHECK: %[[DIM:.*]] = tensor.dim %[[X]], %c0
  // CHECK: %[[SIZE:.*]] = arith.index_cast %[[DIM]] : index to i64
  %0 = torch.aten.size.int %x, %d : !torch.vtensor<[?],si32>, !torch.int -> !torch.int
  // CHECK: %[[PRODUCT:.*]] = arith.muli %[[I]], %[[SIZE]] : i64
  %1 = torch.aten.mul.int %i, %0 : !torch.int, !torch.int -> !torch.int
  // The number is no tensor: it does not promote to float64.
  // CHECK: arith.truncf %[[F]] : f64 to f32
  // CHECK: arith.sitofp %{{.*}} : i32 to f32
  %2 = torch.aten.mul.Scalar %x, %f : !torch.vtensor<[?],si32>, !torch.float -> !torch.vtensor<[?],f32>
  // CHECK: return %[[PRODUCT]], %{{.*}} : i64, tensor<?xf32>
  return %1, %2 : !torch.int, !torch.vtensor<[?],f32>
}

// Marks of state are for the signature; symbols are no code.
// CHECK-LABEL: func.func @erased(
// CHECK-SAME:    %[[X:.*]]: tensor<?xf32>) -> (tensor<2xf32>, tensor<?xf32>) {
func.func @erased(%x: !torch.vtensor<[?],f32>) -> (!torch.vtensor<[2],f32>, !torch.vtensor<[?],f32> {torch.state_slot = "a"}) {
  %s0 = torch.symbolic_int "s0" {min_val = 2, max_val = 9} : !torch.int
  torch.bind_symbolic_shape %x, [%s0], affine_map<()[s0] -> (s0)> : !torch.vtensor<[?],f32>
  // CHECK-NEXT: %[[CAST:.*]] = tensor.cast %[[X]] : tensor<?xf32> to tensor<2xf32>
  %0 = torch.tensor_static_info_cast %x : !torch.vtensor<[?],f32> to !torch.vtensor<[2],f32>
  // CHECK-NEXT: return %[[CAST]], %[[X]]
  return %0, %x : !torch.vtensor<[2],f32>, !torch.vtensor<[?],f32>
}
