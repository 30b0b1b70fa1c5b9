// What a program returns, without its containers.
// RUN: linalgd-opt %s --linalgd-flatten-results --split-input-file --verify-diagnostics | FileCheck %s

// CHECK-LABEL: func.func @containers
// CHECK-SAME: -> (!torch.vtensor<[2],f32>, !torch.int, !torch.vtensor<[3],f32> {torch.state_slot = "s"})
// CHECK-SAME: torch.outputs = [{tuple = [{keys = [{constant = "a"}], values = [{result = 0 : i64}]}, {list = [{input = 1 : i64}, {none}]}, {constant = 2 : i64}, {result = 1 : i64}]}]
func.func @containers(%n: !torch.int, %x: !torch.vtensor<[2],f32>, %s: !torch.vtensor<[3],f32>)
    -> (!torch.tuple<dict<str, vtensor>, list<optional<vtensor>>, int, int>, !torch.vtensor<[3],f32> {torch.state_slot = "s"}) attributes {torch.outputs} {
  %a = torch.constant.str "a"
  %none = torch.constant.none
  %int2 = torch.constant.int 2
  %y = torch.aten.exp %x : !torch.vtensor<[2],f32> -> !torch.vtensor<[2],f32>
  %m = torch.aten.add.int %n, %int2 : !torch.int, !torch.int -> !torch.int
  %d = torch.prim.DictConstruct keys(%a : !torch.str) values(%y : !torch.vtensor<[2],f32>) -> !torch.dict<str, vtensor>
  %l = torch.prim.ListConstruct %x, %none : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.list<optional<vtensor>>
  %t = torch.prim.TupleConstruct %d, %l, %int2, %m : !torch.dict<str, vtensor>, !torch.list<optional<vtensor>>, !torch.int, !torch.int -> !torch.tuple<dict<str, vtensor>, list<optional<vtensor>>, int, int>
  // CHECK: return %{{.*}}, %{{.*}}, %arg2
  return %t, %s : !torch.tuple<dict<str, vtensor>, list<optional<vtensor>>, int, int>, !torch.vtensor<[3],f32>
}

// -----

func.func @unknown(%c: !torch.bool, %x: !torch.vtensor<[2],f32>) -> !torch.optional<vtensor> attributes {torch.outputs} {
  %none = torch.constant.none
  %0 = torch.prim.If %c -> (!torch.optional<vtensor>) {
    torch.prim.If.yield %x : !torch.vtensor<[2],f32>
  } else {
    torch.prim.If.yield %none : !torch.none
  }
  // expected-error @below {{'torch.prim.If': the model returns a '!torch.optional<vtensor>' of it, and whether it is None is decided at run time}}
  return %0 : !torch.optional<vtensor>
}
