// RUN: linalgd-opt %s --linalgd-check-sizes --canonicalize --cse | FileCheck %s

#id = affine_map<(d0) -> (d0)>

// Two unknown sizes that meet.
// CHECK-LABEL: func.func @meet(
// CHECK:         %[[X:.*]] = tensor.dim %arg0
// CHECK:         %[[SAME:.*]] = arith.cmpi eq, %{{.*}}, %[[X]]
// CHECK:         cf.assert %[[SAME]], "dimension 0 of operand 1 must have the size of the others"
// CHECK-NEXT:    linalg.generic
func.func @meet(%x: tensor<?xf32>, %y: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %r = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%x, %y : tensor<?xf32>, tensor<?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<?xf32>
  return %r : tensor<?xf32>
}

// Sizes that are known to agree, by whatever way, cost nothing.
// CHECK-LABEL: func.func @known(
// CHECK-NOT:     cf.assert
func.func @known(%x: tensor<?x4x6xf32>) -> tensor<?x8x3xf32> {
  %c0 = arith.constant 0 : index
  %c12 = arith.constant 12 : index
  %n = tensor.dim %x, %c0 : tensor<?x4x6xf32>
  %flat = tensor.collapse_shape %x [[0, 1, 2]] : tensor<?x4x6xf32> into tensor<?xf32>
  %parts = tensor.expand_shape %flat [[0, 1, 2]] output_shape [%n, 8, 3] : tensor<?xf32> into tensor<?x8x3xf32>
  %m = tensor.dim %parts, %c0 : tensor<?x8x3xf32>
  %e = tensor.empty(%m) : tensor<?x8x3xf32>
  %r = linalg.exp ins(%parts : tensor<?x8x3xf32>) outs(%e : tensor<?x8x3xf32>) -> tensor<?x8x3xf32>
  return %r : tensor<?x8x3xf32>
}

// A type that claims more than is known.
// CHECK-LABEL: func.func @claim(
// CHECK:         %[[N:.*]] = tensor.dim %arg0
// CHECK:         %[[FOUR:.*]] = arith.cmpi eq, %[[N]], %c4
// CHECK:         cf.assert %[[FOUR]], "dimension 0 has not the size that the model says"
// CHECK:         tensor.cast
func.func @claim(%x: tensor<?xf32>) -> tensor<4xf32> {
  %r = tensor.cast %x : tensor<?xf32> to tensor<4xf32>
  return %r : tensor<4xf32>
}

// Parts that are computed.
// CHECK-LABEL: func.func @part(
// CHECK:         cf.assert %{{.*}}, "a size is negative"
// CHECK:         cf.assert %{{.*}}, "a slice is outside of dimension 0"
// CHECK:         %[[END:.*]] = affine.apply
// CHECK:         arith.cmpi sle, %[[END]]
// CHECK:         cf.assert %{{.*}}, "a slice is outside of dimension 0"
// CHECK:         tensor.extract_slice
func.func @part(%x: tensor<?xf32>, %from: index, %count: index) -> tensor<?xf32> {
  %r = tensor.extract_slice %x[%from] [%count] [2] : tensor<?xf32> to tensor<?xf32>
  return %r : tensor<?xf32>
}

// Products that nothing is known of.
// CHECK-LABEL: func.func @view(
// CHECK:         arith.mului_extended
// CHECK:         cf.assert %{{.*}}, "a tensor is too large"
// CHECK:         cf.assert %{{.*}}, "a view must have as many elements as its tensor"
// CHECK:         tensor.expand_shape
func.func @view(%x: tensor<?xf32>, %n: index, %m: index) -> tensor<?x?xf32> {
  %r = tensor.expand_shape %x [[0, 1]] output_shape [%n, %m] : tensor<?xf32> into tensor<?x?xf32>
  return %r : tensor<?x?xf32>
}
