// Control flow that types and constants decide.
// RUN: linalgd-opt %s --linalgd-simplify-control --split-input-file --verify-diagnostics | FileCheck %s

// CHECK-LABEL: func.func @rank_decides
func.func @rank_decides(%x: !torch.tensor<[2,3],f32>) -> !torch.tensor {
  %2 = torch.constant.int 2
  %0 = torch.aten.dim %x : !torch.tensor<[2,3],f32> -> !torch.int
  %c = torch.aten.eq.int %0, %2 : !torch.int, !torch.int -> !torch.bool
  // CHECK-NOT: torch.prim.If
  // CHECK: %[[Y:.*]] = torch.aten.relu
  // CHECK-NOT: tanh
  %y = torch.prim.If %c -> (!torch.tensor) {
    %1 = torch.aten.relu %x : !torch.tensor<[2,3],f32> -> !torch.tensor
    torch.prim.If.yield %1 : !torch.tensor
  } else {
    %1 = torch.aten.tanh %x : !torch.tensor<[2,3],f32> -> !torch.tensor
    torch.prim.If.yield %1 : !torch.tensor
  }
  // CHECK: return %[[Y]] : !torch.tensor<[2,3],f32>
  return %y : !torch.tensor
}

// -----

// A list that a loop builds.
// CHECK-LABEL: func.func @appends
func.func @appends(%x: !torch.tensor<[2,3],f32>) -> (!torch.tensor, !torch.int) {
  %0 = torch.constant.int 0
  %2 = torch.constant.int 2
  %true = torch.constant.bool true
  %l = torch.prim.ListConstruct : () -> !torch.list<tensor>
  // CHECK-NOT: torch.prim.Loop
  // CHECK: %[[A:.*]] = torch.aten.relu
  // CHECK: %[[B:.*]] = torch.aten.relu
  torch.prim.Loop %2, %true, init() {
  ^bb0(%i: !torch.int):
    %y = torch.aten.relu %x : !torch.tensor<[2,3],f32> -> !torch.tensor
    %z = torch.operator "torch.aten.append.t"(%l, %y) : (!torch.list<tensor>, !torch.tensor) -> !torch.list<tensor>
    torch.prim.Loop.condition %true, iter()
  } : (!torch.int, !torch.bool) -> ()
  // CHECK: %[[L:.*]] = torch.prim.ListConstruct %[[A]], %[[B]]
  // CHECK: %[[R:.*]] = torch.aten.cat %[[L]]
  %r = torch.aten.cat %l, %0 : !torch.list<tensor>, !torch.int -> !torch.tensor
  %n = torch.aten.len.t %l : !torch.list<tensor> -> !torch.int
  // CHECK: return %[[R]], %int2 : !torch.tensor<[4,3],f32>, !torch.int
  return %r, %n : !torch.tensor, !torch.int
}

// -----

// CHECK-LABEL: func.func @raises
func.func @raises(%x: !torch.tensor<[?,3],f32>) -> !torch.tensor {
  %0 = torch.constant.int 0
  %n = torch.aten.size.int %x, %0 : !torch.tensor<[?,3],f32>, !torch.int -> !torch.int
  // CHECK: %[[C:.*]] = torch.aten.eq.int
  %c = torch.aten.eq.int %n, %0 : !torch.int, !torch.int -> !torch.bool
  // CHECK-DAG: %[[N:.*]] = torch.aten.__not__ %[[C]]
  // CHECK-DAG: %[[M:.*]] = torch.constant.str "empty"
  // CHECK: torch.aten._assert_scalar %[[N]], %[[M]]
  %r = torch.prim.If %c -> (!torch.tensor) {
    %m = torch.constant.str "empty"
    %none = torch.constant.none
    torch.prim.RaiseException %m, %none : !torch.str, !torch.none
    %u = torch.prim.Uninitialized -> !torch.tensor
    torch.prim.If.yield %u : !torch.tensor
  } else {
    torch.prim.If.yield %x : !torch.tensor<[?,3],f32>
  }
  // CHECK: return %{{.*}} : !torch.tensor<[?,3],f32>
  return %r : !torch.tensor
}

// -----

// What a loop carries grows: its size is forgotten, its rank and dtype are not.
// CHECK-LABEL: func.func @grows
func.func @grows(%x: !torch.tensor<[2,3],f32>, %n: !torch.int) -> !torch.tensor {
  %0 = torch.constant.int 0
  %true = torch.constant.bool true
  // CHECK: torch.prim.Loop
  // CHECK-NEXT: ^bb0(%{{.*}}: !torch.int, %{{.*}}: !torch.tensor<[?,3],f32>):
  %r = torch.prim.Loop %n, %true, init(%x) {
  ^bb0(%i: !torch.int, %y: !torch.tensor):
    %l = torch.prim.ListConstruct %y, %x : (!torch.tensor, !torch.tensor<[2,3],f32>) -> !torch.list<tensor>
    %z = torch.aten.cat %l, %0 : !torch.list<tensor>, !torch.int -> !torch.tensor
    torch.prim.Loop.condition %true, iter(%z : !torch.tensor)
  } : (!torch.int, !torch.bool, !torch.tensor<[2,3],f32>) -> !torch.tensor
  // CHECK: return %{{.*}} : !torch.tensor<[?,3],f32>
  return %r : !torch.tensor
}

// -----

func.func @list_of_unknown_length(%x: !torch.tensor<[2],f32>, %n: !torch.int) -> !torch.list<tensor> {
  %true = torch.constant.bool true
  %l = torch.prim.ListConstruct : () -> !torch.list<tensor>
  // expected-error @below {{a list or dict that it writes to changes its length}}
  torch.prim.Loop %n, %true, init() {
  ^bb0(%i: !torch.int):
    %z = torch.operator "torch.aten.append.t"(%l, %x) : (!torch.list<tensor>, !torch.tensor<[2],f32>) -> !torch.list<tensor>
    torch.prim.Loop.condition %true, iter()
  } : (!torch.int, !torch.bool) -> ()
  return %l : !torch.list<tensor>
}

// -----

// A list under two names, a dict and an object, which are written to in a branch that a run decides.
// CHECK-LABEL: func.func @branch_writes
func.func @branch_writes(%c: !torch.bool, %x: !torch.tensor<[2],f32>, %y: !torch.tensor<[3],f32>) -> (!torch.tensor, !torch.tensor, !torch.tensor) {
  %i0 = torch.constant.int 0
  %a = torch.constant.str "a"
  %l = torch.prim.ListConstruct %x, %x : (!torch.tensor<[2],f32>, !torch.tensor<[2],f32>) -> !torch.list<tensor>
  %pair = torch.prim.TupleConstruct %l, %a : !torch.list<tensor>, !torch.str -> !torch.tuple<list<tensor>, str>
  %d = torch.prim.DictConstruct keys() values() -> !torch.dict<str, tensor>
  torch.operator "torch.aten._set_item.str"(%d, %a, %x) : (!torch.dict<str, tensor>, !torch.str, !torch.tensor<[2],f32>) -> ()
  %o = torch.prim.CreateObject : !torch.nn.Module<"C">
  torch.prim.SetAttr %o["v"] = %x : !torch.nn.Module<"C">, !torch.tensor<[2],f32>
  // CHECK: %[[R:.*]]:3 = torch.prim.If %{{.*}} -> (!torch.tensor<[?],f32>, !torch.tensor<[?],f32>, !torch.tensor<[?],f32>) {
  // CHECK:   torch.prim.If.yield %[[Y:.*]], %[[Y]], %[[Y]]
  // CHECK: } else {
  // CHECK:   torch.prim.If.yield %[[X:.*]], %[[X]], %[[X]]
  torch.prim.If %c -> () {
    %1:2 = torch.prim.TupleUnpack %pair : !torch.tuple<list<tensor>, str> -> !torch.list<tensor>, !torch.str
    %2 = torch.operator "torch.aten._set_item.t"(%1#0, %i0, %y) : (!torch.list<tensor>, !torch.int, !torch.tensor<[3],f32>) -> !torch.list<tensor>
    torch.operator "torch.aten._set_item.str"(%d, %a, %y) : (!torch.dict<str, tensor>, !torch.str, !torch.tensor<[3],f32>) -> ()
    torch.prim.SetAttr %o["v"] = %y : !torch.nn.Module<"C">, !torch.tensor<[3],f32>
    torch.prim.If.yield
  } else {
    torch.prim.If.yield
  }
  %3 = torch.aten.__getitem__.t %l, %i0 : !torch.list<tensor>, !torch.int -> !torch.tensor
  %4 = torch.operator "torch.aten.__getitem__.Dict_str"(%d, %a) : (!torch.dict<str, tensor>, !torch.str) -> !torch.tensor
  %5 = torch.prim.GetAttr %o["v"] : !torch.nn.Module<"C"> -> !torch.tensor
  // CHECK: return %[[R]]#2, %[[R]]#0, %[[R]]#1
  return %3, %4, %5 : !torch.tensor, !torch.tensor, !torch.tensor
}

// -----

torch.global_slot "private" @state : !torch.tensor<[2],f32>
torch.global_slot.module_initializer {
  %0 = torch.tensor.literal(dense<1.0> : tensor<2xf32>) : !torch.tensor<[2],f32>
  torch.initialize.global_slots [
    @state(%0 : !torch.tensor<[2],f32>)
  ]
}
// CHECK-LABEL: func.func @loop_writes
func.func @loop_writes(%n: !torch.int, %x: !torch.tensor<[2],f32>) -> !torch.tensor {
  %true = torch.constant.bool true
  %i0 = torch.constant.int 0
  %l = torch.prim.ListConstruct %x : (!torch.tensor<[2],f32>) -> !torch.list<tensor>
  // CHECK: %[[S:.*]] = torch.tensor.literal
  // CHECK: %[[R:.*]]:2 = torch.prim.Loop %{{.*}}, %{{.*}}, init(%{{.*}}, %[[S]]) {
  torch.prim.Loop %n, %true, init() {
  ^bb0(%i: !torch.int):
    %s = torch.global_slot.get @state : !torch.tensor<[2],f32>
    %1 = torch.aten.exp %s : !torch.tensor<[2],f32> -> !torch.tensor
    torch.global_slot.set @state = %1 : !torch.tensor
    %2 = torch.operator "torch.aten._set_item.t"(%l, %i0, %1) : (!torch.list<tensor>, !torch.int, !torch.tensor) -> !torch.list<tensor>
    torch.prim.Loop.condition %true, iter()
  } : (!torch.int, !torch.bool) -> ()
  %3 = torch.aten.__getitem__.t %l, %i0 : !torch.list<tensor>, !torch.int -> !torch.tensor
  // CHECK: torch.global_slot.set @state = %[[R]]#1 : !torch.tensor<[2],f32>
  // CHECK: return %[[R]]#0
  return %3 : !torch.tensor
}

// -----

// Sizes that are given tell the parts of a tensor of any rank.
// CHECK-LABEL: func.func @parts_without_a_rank
func.func @parts_without_a_rank(%x: !torch.tensor, %n: !torch.int) -> (!torch.tensor, !torch.int) {
  %0 = torch.constant.int 0
  %1 = torch.constant.int 1
  %sizes = torch.prim.ListConstruct %n, %1 : (!torch.int, !torch.int) -> !torch.list<int>
  %parts = torch.aten.split.sizes %x, %sizes, %0 : !torch.tensor, !torch.list<int>, !torch.int -> !torch.list<tensor>
  // CHECK: %[[COUNT:.*]] = torch.constant.int 2
  // CHECK: %[[START:.*]] = torch.aten.add.int %{{.*}}, %arg1
  // CHECK: %[[SECOND:.*]] = torch.aten.slice.Tensor %arg0, %{{.*}}, %[[START]]
  %y = torch.aten.__getitem__.t %parts, %1 : !torch.list<tensor>, !torch.int -> !torch.tensor
  %count = torch.aten.len.t %parts : !torch.list<tensor> -> !torch.int
  // CHECK: return %[[SECOND]], %[[COUNT]]
  return %y, %count : !torch.tensor, !torch.int
}

// -----

// CHECK-LABEL: func.func @negated_number
func.func @negated_number() -> !torch.int {
  %x = torch.constant.float 5.0
  %y = torch.aten.neg.Scalar %x : !torch.float -> !torch.number
  // CHECK: %[[Y:.*]] = torch.constant.int -5
  %z = torch.aten.Int.Scalar %y : !torch.number -> !torch.int
  // CHECK: return %[[Y]]
  return %z : !torch.int
}

// -----

// What a slot held before is not read: what it is left with cannot matter.
// CHECK-NOT: torch.global_slot.set
torch.global_slot "private" @kept : !torch.list<tensor>
torch.global_slot.module_initializer {
  %l = torch.prim.ListConstruct : () -> !torch.list<tensor>
  torch.initialize.global_slots [@kept(%l : !torch.list<tensor>)]
}
// CHECK-LABEL: func.func @slot_that_is_written_first
func.func @slot_that_is_written_first(%x: !torch.tensor) -> !torch.tensor {
  %0 = torch.constant.int 0
  %l = torch.prim.ListConstruct %x : (!torch.tensor) -> !torch.list<tensor>
  torch.global_slot.set @kept = %l : !torch.list<tensor>
  %m = torch.global_slot.get @kept : !torch.list<tensor>
  %y = torch.aten.__getitem__.t %m, %0 : !torch.list<tensor>, !torch.int -> !torch.tensor
  // CHECK: return %arg0
  return %y : !torch.tensor
}

// -----

torch.global_slot "private" @kept : !torch.list<tensor>
torch.global_slot.module_initializer {
  %l = torch.prim.ListConstruct : () -> !torch.list<tensor>
  torch.initialize.global_slots [@kept(%l : !torch.list<tensor>)]
}
func.func @slot_that_is_read_first(%x: !torch.tensor) -> !torch.int {
  %m = torch.global_slot.get @kept : !torch.list<tensor>
  %n = torch.aten.len.t %m : !torch.list<tensor> -> !torch.int
  %l = torch.prim.ListConstruct %x : (!torch.tensor) -> !torch.list<tensor>
  torch.global_slot.set @kept = %l : !torch.list<tensor>
  // expected-error @+1 {{the model changes its attribute 'kept'}}
  return %n : !torch.int
}
