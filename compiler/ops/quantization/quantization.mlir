// RUN: linalgd-opt %s | linalgd-opt | FileCheck %s --check-prefix=TEXT
// RUN: linalgd-opt %s --emit-bytecode | linalgd-opt | FileCheck %s --check-prefix=TEXT
// RUN: linalgd-opt %s --linalgd-infer-types --linalgd-dequantize --linalgd-decompose --canonicalize --cse | FileCheck %s

// Packed parameters and quantized weights, as torch-raw has them.
// TEXT-LABEL: func.func @linear(
// TEXT: torch.per_channel_affine.create %arg1, %arg2, %arg3, %int0 : !torch.vtensor<[2,4],si8>, !torch.vtensor<[2],f64>, !torch.vtensor<[2],si64>, !torch.int -> !torch.vtensor<[2,4],!torch.qint8>
// TEXT: torch.linear_params.create {{.*}} : !torch.vtensor<[2,4],!torch.qint8>, !torch.none -> !torch.LinearParams

// CHECK-LABEL: func.func @linear(
// CHECK-NOT:     !torch.qint8
// CHECK:         torch.aten.linear {{.*}} -> !torch.vtensor<[3,2],f32>
// CHECK:         torch.aten.clamp {{.*}}, %int0, %int255
// CHECK-NOT:     quantize
func.func @linear(%x: !torch.vtensor<[3,4],f32>, %w: !torch.vtensor<[2,4],si8>, %s: !torch.vtensor<[2],f64>,
                  %z: !torch.vtensor<[2],si64>) -> !torch.vtensor<*,f32> {
  %axis = torch.constant.int 0
  %none = torch.constant.none
  %scale = torch.constant.float 5.000000e-01
  %zero = torch.constant.int 3
  %dtype = torch.constant.int 13
  %weight = torch.per_channel_affine.create %w, %s, %z, %axis : !torch.vtensor<[2,4],si8>, !torch.vtensor<[2],f64>, !torch.vtensor<[2],si64>, !torch.int -> !torch.vtensor<[2,4],!torch.qint8>
  %params = torch.linear_params.create %weight, %none : !torch.vtensor<[2,4],!torch.qint8>, !torch.none -> !torch.LinearParams
  %q = torch.aten.quantize_per_tensor %x, %scale, %zero, %dtype : !torch.vtensor<[3,4],f32>, !torch.float, !torch.int, !torch.int -> !torch.vtensor<[3,4],!torch.quint8>
  %y = torch.quantized.linear %q, %params, %scale, %zero : !torch.vtensor<[3,4],!torch.quint8>, !torch.LinearParams, !torch.float, !torch.int -> !torch.vtensor<*,!torch.quint8>
  %r = torch.aten.dequantize.self %y : !torch.vtensor<*,!torch.quint8> -> !torch.vtensor<*,f32>
  return %r : !torch.vtensor<*,f32>
}

// Sigmoid has a scale of its own; other ops keep that of their operand.
// CHECK-LABEL: func.func @plain(
// CHECK:         torch.aten.sigmoid {{.*}} -> !torch.vtensor<[4],f32>
// CHECK:         torch.aten.mul.Scalar {{.*}}, %float2.560000e{{.*}}02
// CHECK:         torch.aten.slice.Tensor
// CHECK:         torch.aten.mul.Scalar {{.*}}, %float2.560000e{{.*}}02
// CHECK:         torch.aten.to.dtype {{.*}} -> !torch.vtensor<[2],ui8>
func.func @plain(%x: !torch.vtensor<[4],f32>) -> !torch.vtensor<[2],ui8> {
  %scale = torch.constant.float 5.000000e-01
  %zero = torch.constant.int 3
  %dtype = torch.constant.int 13
  %int0 = torch.constant.int 0
  %int2 = torch.constant.int 2
  %q = torch.aten.quantize_per_tensor %x, %scale, %zero, %dtype : !torch.vtensor<[4],f32>, !torch.float, !torch.int, !torch.int -> !torch.vtensor<[4],!torch.quint8>
  %s = torch.aten.sigmoid %q : !torch.vtensor<[4],!torch.quint8> -> !torch.vtensor<[4],!torch.quint8>
  %parts = torch.aten.chunk %s, %int2, %int0 : !torch.vtensor<[4],!torch.quint8>, !torch.int, !torch.int -> !torch.list<vtensor<*,!torch.quint8>>
  %0:2 = torch.prim.ListUnpack %parts : !torch.list<vtensor<*,!torch.quint8>> -> !torch.vtensor<[2],!torch.quint8>, !torch.vtensor<[2],!torch.quint8>
  %i = torch.aten.int_repr %0#1 : !torch.vtensor<[2],!torch.quint8> -> !torch.vtensor<[2],ui8>
  return %i : !torch.vtensor<[2],ui8>
}
