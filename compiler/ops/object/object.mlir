// The text of the object graph.
// RUN: linalgd-opt %s | FileCheck %s
// RUN: linalgd-opt %s --mlir-print-op-generic | linalgd-opt | FileCheck %s
// RUN: linalgd-opt %s --emit-bytecode | linalgd-opt | FileCheck %s

// CHECK-LABEL: torch.class_type @Child {
// CHECK-NEXT:   torch.attr private "weight" : !torch.tensor
// CHECK-NEXT:   torch.attr "scale" : !torch.optional<float>
// CHECK-NEXT:   torch.attr "names" : !torch.dict<str, list<int>>
// CHECK-NEXT:   torch.method private "forward", @child_forward
// CHECK-NEXT: }
torch.class_type @Child {
  torch.attr private "weight" : !torch.tensor
  torch.attr "scale" : !torch.optional<float>
  torch.attr "names" : !torch.dict<str, list<int>>
  torch.method private "forward", @child_forward
}
// CHECK-LABEL: torch.class_type @Root {
torch.class_type @Root {
  torch.attr "a" : !torch.nn.Module<"Child">
  torch.attr "b" : !torch.nn.Module<"Child">
  torch.attr "pair" : !torch.tuple<str, none>
  torch.method "forward", @root_forward
}
func.func private @child_forward(%self: !torch.nn.Module<"Child">, %x: !torch.tensor) -> !torch.tensor {
  // CHECK: torch.prim.GetAttr %{{.*}}["weight"] : !torch.nn.Module<"Child"> -> !torch.tensor
  // CHECK: torch.prim.SetAttr %{{.*}}["weight"] = %{{.*}} : !torch.nn.Module<"Child">, !torch.tensor
  %w = torch.prim.GetAttr %self["weight"] : !torch.nn.Module<"Child"> -> !torch.tensor
  torch.prim.SetAttr %self["weight"] = %x : !torch.nn.Module<"Child">, !torch.tensor
  return %w : !torch.tensor
}
func.func private @root_forward(%self: !torch.nn.Module<"Root">, %x: !torch.tensor) -> !torch.tensor {
  %a = torch.prim.GetAttr %self["a"] : !torch.nn.Module<"Root"> -> !torch.nn.Module<"Child">
  // CHECK: torch.prim.CallMethod %{{.*}}["forward"] (%{{.*}}) : !torch.nn.Module<"Child">, (!torch.tensor) -> !torch.tensor
  %y = torch.prim.CallMethod %a["forward"] (%x) : !torch.nn.Module<"Child">, (!torch.tensor) -> !torch.tensor
  // CHECK: torch.prim.CreateObject : !torch.nn.Module<"Child">
  %c = torch.prim.CreateObject : !torch.nn.Module<"Child">
  return %y : !torch.tensor
}
%w = torch.tensor.literal(dense<1.0> : tensor<2xf32>) : !torch.tensor<[2],f32>
%none = torch.constant.none
%str = torch.constant.str "n"
%int = torch.constant.int 1
%list = torch.prim.ListConstruct %int, %int : (!torch.int, !torch.int) -> !torch.list<int>
// CHECK: torch.prim.DictConstruct keys(%{{.*}} : !torch.str) values(%{{.*}} : !torch.list<int>) -> !torch.dict<str, list<int>>
%dict = torch.prim.DictConstruct keys(%str : !torch.str) values(%list : !torch.list<int>) -> !torch.dict<str, list<int>>
%pair = torch.prim.TupleConstruct %str, %none : !torch.str, !torch.none -> !torch.tuple<str, none>
// CHECK: torch.nn_module {
// CHECK-NEXT: torch.slot "weight", %{{.*}} : !torch.tensor<[2],f32>
// CHECK-NEXT: torch.slot "scale", %{{.*}} : !torch.none
// CHECK: } : !torch.nn.Module<"Child">
%child = torch.nn_module {
  torch.slot "weight", %w : !torch.tensor<[2],f32>
  torch.slot "scale", %none : !torch.none
  torch.slot "names", %dict : !torch.dict<str, list<int>>
} : !torch.nn.Module<"Child">
// One object under two names.
%root = torch.nn_module {
  torch.slot "a", %child : !torch.nn.Module<"Child">
  torch.slot "b", %child : !torch.nn.Module<"Child">
  torch.slot "pair", %pair : !torch.tuple<str, none>
} : !torch.nn.Module<"Root">

// CHECK: torch.global_slot "private" @a.weight : !torch.tensor<[2],f32>
// CHECK: torch.global_slot @count : !torch.int
torch.global_slot "private" @a.weight : !torch.tensor<[2],f32>
torch.global_slot @count : !torch.int
// CHECK: torch.global_slot.module_initializer {
// CHECK:   torch.initialize.global_slots [
// CHECK-NEXT:  @a.weight(%{{.*}} : !torch.tensor<[2],f32>)
// CHECK-NEXT:  @count(%{{.*}} : !torch.int)
// CHECK-NEXT: ]
torch.global_slot.module_initializer {
  %0 = torch.tensor.literal(dense<1.0> : tensor<2xf32>) : !torch.tensor<[2],f32>
  %1 = torch.constant.int 3
  torch.initialize.global_slots [
    @a.weight(%0 : !torch.tensor<[2],f32>)
    @count(%1 : !torch.int)
  ]
}
// CHECK-LABEL: func.func @slots
func.func @slots(%x: !torch.tensor<[2],f32>) -> !torch.int {
  // CHECK: %count = torch.global_slot.get @count : !torch.int
  // CHECK: torch.global_slot.set @a.weight = %{{.*}} : !torch.tensor<[2],f32>
  %0 = torch.global_slot.get @count : !torch.int
  torch.global_slot.set @a.weight = %x : !torch.tensor<[2],f32>
  return %0 : !torch.int
}
