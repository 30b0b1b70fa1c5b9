// RUN: linalgd-opt %s --linalgd-outline-loops --split-input-file --verify-diagnostics | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>
#turned = affine_map<(d0, d1) -> (d1, d0)>
#row = affine_map<(d0, d1) -> (d0)>

// Equal ops share a function; one on a single buffer is another.
// CHECK-LABEL: func.func @linalgd_model(
// CHECK-SAME:    %[[X:.*]]: memref<4x8xf32>, %[[Y:.*]]: memref<4x8xf32>, %[[Z:.*]]: memref<4x8xf32>, %[[T:.*]]: memref<8x4xf32>, %[[N:.*]]: memref<?x8xf32>, %[[M:.*]]: memref<?x8xf32>, %[[R:.*]]: memref<4xf32>)
func.func @linalgd_model(%x: memref<4x8xf32>, %y: memref<4x8xf32>, %z: memref<4x8xf32>, %t: memref<8x4xf32>, %n: memref<?x8xf32>, %m: memref<?x8xf32>, %r: memref<4xf32>) {
  // CHECK-NEXT: call @linalgd_kernel_0(%[[X]], %[[Y]])
  linalg.exp ins(%x : memref<4x8xf32>) outs(%y : memref<4x8xf32>)
  // CHECK-NEXT: call @linalgd_kernel_0(%[[Y]], %[[Z]])
  linalg.exp ins(%y : memref<4x8xf32>) outs(%z : memref<4x8xf32>)
  // CHECK-NEXT: call @linalgd_kernel_1(%[[Z]])
  linalg.exp ins(%z : memref<4x8xf32>) outs(%z : memref<4x8xf32>)
  // CHECK-NEXT: call @linalgd_kernel_2(%[[T]], %[[Z]])
  linalg.generic {indexing_maps = [#turned, #id], iterator_types = ["parallel", "parallel"]} ins(%t : memref<8x4xf32>) outs(%z : memref<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  }
  // CHECK-NEXT: call @linalgd_kernel_3(%[[N]], %[[M]])
  linalg.exp ins(%n : memref<?x8xf32>) outs(%m : memref<?x8xf32>)
  // CHECK-NEXT: call @linalgd_kernel_4(%[[X]], %[[R]])
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%x : memref<4x8xf32>) outs(%r : memref<4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %sum = arith.addf %a, %o : f32
    linalg.yield %sum : f32
  }
  // CHECK-NEXT: return
  return
}

// All elements in one loop, bare pointers that do not alias.
// CHECK-LABEL: func.func private @linalgd_kernel_0(
// CHECK-SAME:    memref<4x8xf32> {llvm.noalias}, %{{.*}}: memref<4x8xf32> {llvm.noalias}) attributes {linalgd.kernel, llvm.bareptr}
// CHECK:         %[[ALL:.*]] = arith.constant 32
// CHECK:         scf.for %{{.*}} to %[[ALL]]
// CHECK-NOT:     scf.for
// CHECK:         math.exp

// CHECK-LABEL: func.func private @linalgd_kernel_2(
// A transposition is not one loop.
// CHECK-COUNT-2: scf.for

// Unknown sizes travel in descriptors.
// CHECK-LABEL: func.func private @linalgd_kernel_3(
// CHECK-SAME:    attributes {linalgd.kernel} {

// A sum may be taken in any order.
// CHECK-LABEL: func.func private @linalgd_kernel_4(
// CHECK:         arith.addf {{.*}} fastmath<reassoc,contract>

// -----
// Views of one buffer may alias where it is written.
// CHECK-LABEL: func.func @linalgd_model(
func.func @linalgd_model(%x: memref<8xf32>, %y: memref<4xf32>) {
  %a = memref.subview %x[0] [4] [1] : memref<8xf32> to memref<4xf32, strided<[1]>>
  %b = memref.subview %x[4] [4] [1] : memref<8xf32> to memref<4xf32, strided<[1], offset: 4>>
  linalg.exp ins(%a : memref<4xf32, strided<[1]>>) outs(%b : memref<4xf32, strided<[1], offset: 4>>)
  linalg.add ins(%a, %b : memref<4xf32, strided<[1]>>, memref<4xf32, strided<[1], offset: 4>>) outs(%y : memref<4xf32>)
  return
}
// CHECK-LABEL: func.func private @linalgd_kernel_0(
// CHECK-NOT:     llvm.noalias
// CHECK:         return
// Not where it is only read.
// CHECK-LABEL: func.func private @linalgd_kernel_1(
// CHECK-COUNT-3: {llvm.noalias}

// -----
// expected-error @+1 {{has no function 'linalgd_model'}}
module {
}
