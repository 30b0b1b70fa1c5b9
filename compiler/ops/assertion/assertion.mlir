// RUN: linalgd-opt %s -linalgd-decompose -linalgd-lower-to-linalg -canonicalize | FileCheck %s

// CHECK-LABEL: @numbers
// CHECK-SAME: %[[A:.*]]: i64
// CHECK: %[[LEAST:.*]] = arith.cmpi sge, %[[A]], %{{.*}} : i64
// CHECK: cf.assert %[[LEAST]], "at least two"
// CHECK: cf.assert %{{.*}}, "a number of the model must be at least 0"
// CHECK: cf.assert %{{.*}}, "a number of the model must be at most 9"
func.func @numbers(%a: !torch.int) {
  %none = torch.constant.none
  %int2 = torch.constant.int 2
  %int9 = torch.constant.int 9
  %least = torch.aten.ge.int %a, %int2 : !torch.int, !torch.int -> !torch.bool
  %text = torch.constant.str "at least two"
  torch.aten._assert_scalar %least, %text : !torch.bool, !torch.str
  torch.aten.sym_constrain_range_for_size %a, %none, %int9 : !torch.int, !torch.none, !torch.int
  return
}

// What holds anyway is dropped.
// CHECK-LABEL: @proven
// CHECK-NOT: cf.assert
// CHECK: return
func.func @proven(%x: !torch.vtensor<[4],f32>) {
  %none = torch.constant.none
  %int0 = torch.constant.int 0
  %int4 = torch.constant.int 4
  %int6 = torch.constant.int 6
  %size = torch.aten.size.int %x, %int0 : !torch.vtensor<[4],f32>, !torch.int -> !torch.int
  %same = torch.aten.eq.int %size, %int4 : !torch.int, !torch.int -> !torch.bool
  %text = torch.constant.str "four"
  torch.aten._assert_scalar %same, %text : !torch.bool, !torch.str
  torch.aten._assert_tensor_metadata %x, %none, %none, %int6, %none, %none : !torch.vtensor<[4],f32>, !torch.none, !torch.none, !torch.int, !torch.none, !torch.none
  return
}

// CHECK-LABEL: @tensor
// CHECK: %[[ELEMENT:.*]] = tensor.extract
// CHECK: cf.assert %[[ELEMENT]], "positive"
func.func @tensor(%x: !torch.vtensor<[],i1>) {
  %text = torch.constant.str "positive"
  torch.aten._assert_async.msg %x, %text : !torch.vtensor<[],i1>, !torch.str
  return
}
