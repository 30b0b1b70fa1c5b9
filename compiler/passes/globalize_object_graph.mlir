// Objects become global slots, calls what they do.
// RUN: linalgd-opt %s --linalgd-globalize-object-graph --split-input-file --verify-diagnostics | FileCheck %s

// CHECK: torch.global_slot "private" @a.weight : !torch.tensor<[2],f32>
// CHECK: torch.global_slot "private" @scale : !torch.float
// CHECK: torch.global_slot.module_initializer {
// CHECK:   @a.weight(
// CHECK:   @scale(
// CHECK-NOT: class_type
// CHECK-NOT: nn_module
torch.class_type @Child {
  torch.attr "weight" : !torch.tensor
  torch.method "forward", @child_forward
  torch.method "unused", @child_unused
}
torch.class_type @Root {
  torch.attr "a" : !torch.nn.Module<"Child">
  torch.attr "b" : !torch.nn.Module<"Child">
  torch.attr "scale" : !torch.float
  torch.method "forward", @root_forward
}
func.func private @child_forward(%self: !torch.nn.Module<"Child">, %x: !torch.tensor) -> !torch.tensor {
  %w = torch.prim.GetAttr %self["weight"] : !torch.nn.Module<"Child"> -> !torch.tensor
  %0 = torch.aten.mul.Tensor %x, %w : !torch.tensor, !torch.tensor -> !torch.tensor
  return %0 : !torch.tensor
}
func.func private @child_unused(%self: !torch.nn.Module<"Child">) -> !torch.none {
  %none = torch.constant.none
  return %none : !torch.none
}
func.func private @double(%x: !torch.tensor, %f: !torch.float) -> !torch.tensor {
  %0 = torch.aten.mul.Scalar %x, %f : !torch.tensor, !torch.float -> !torch.tensor
  return %0 : !torch.tensor
}
func.func private @root_forward(%self: !torch.nn.Module<"Root">, %x: !torch.tensor) -> !torch.tensor {
  %a = torch.prim.GetAttr %self["a"] : !torch.nn.Module<"Root"> -> !torch.nn.Module<"Child">
  %b = torch.prim.GetAttr %self["b"] : !torch.nn.Module<"Root"> -> !torch.nn.Module<"Child">
  %y = torch.prim.CallMethod %a["forward"] (%x) : !torch.nn.Module<"Child">, (!torch.tensor) -> !torch.tensor
  %z = torch.prim.CallMethod %b["forward"] (%y) : !torch.nn.Module<"Child">, (!torch.tensor) -> !torch.tensor
  %s = torch.prim.GetAttr %self["scale"] : !torch.nn.Module<"Root"> -> !torch.float
  %r = func.call @double(%z, %s) : (!torch.tensor, !torch.float) -> !torch.tensor
  torch.prim.SetAttr %self["scale"] = %s : !torch.nn.Module<"Root">, !torch.float
  return %r : !torch.tensor
}
// CHECK: func.func @main(%[[X:.*]]: !torch.tensor) -> !torch.tensor attributes {torch.outputs} {
// CHECK-NEXT: %[[A:.*]] = torch.global_slot.get @a.weight : !torch.tensor<[2],f32>
// CHECK-NEXT: %[[Y:.*]] = torch.aten.mul.Tensor %[[X]], %[[A]]
// The same object under another name.
// CHECK-NEXT: %[[B:.*]] = torch.global_slot.get @a.weight
// CHECK-NEXT: %[[Z:.*]] = torch.aten.mul.Tensor %[[Y]], %[[B]]
// CHECK-NEXT: %[[S:.*]] = torch.global_slot.get @scale : !torch.float
// CHECK-NEXT: %[[R:.*]] = torch.aten.mul.Scalar %[[Z]], %[[S]]
// CHECK-NEXT: torch.global_slot.set @scale = %[[S]]
// CHECK-NEXT: return %[[R]]
func.func @main(%self: !torch.nn.Module<"Root">, %x: !torch.tensor) -> !torch.tensor {
  %0 = torch.prim.CallMethod %self["forward"] (%x) : !torch.nn.Module<"Root">, (!torch.tensor) -> !torch.tensor
  return %0 : !torch.tensor
}
// CHECK-NOT: func.func
%w = torch.tensor.literal(dense<1.0> : tensor<2xf32>) : !torch.tensor<[2],f32>
%f = torch.constant.float 2.0
%child = torch.nn_module {
  torch.slot "weight", %w : !torch.tensor<[2],f32>
} : !torch.nn.Module<"Child">
%root = torch.nn_module {
  torch.slot "a", %child : !torch.nn.Module<"Child">
  torch.slot "b", %child : !torch.nn.Module<"Child">
  torch.slot "scale", %f : !torch.float
} : !torch.nn.Module<"Root">

// -----

torch.class_type @Root {
  torch.method "forward", @forward
}
func.func private @forward(%self: !torch.nn.Module<"Root">) -> !torch.int {
  // expected-error @below {{'forward' calls itself; write it as a loop}}
  %0 = torch.prim.CallMethod %self["forward"] () : !torch.nn.Module<"Root">, () -> !torch.int
  return %0 : !torch.int
}
func.func @main(%self: !torch.nn.Module<"Root">) -> !torch.int {
  %0 = torch.prim.CallMethod %self["forward"] () : !torch.nn.Module<"Root">, () -> !torch.int
  return %0 : !torch.int
}
%root = torch.nn_module {
} : !torch.nn.Module<"Root">

// -----

torch.class_type @Root {
}
func.func @main(%self: !torch.nn.Module<"Root">, %o: !torch.nn.Module<"Interface">) -> !torch.int {
  // expected-error @below {{it is not known which class's 'forward' is called}}
  %0 = torch.prim.CallMethod %o["forward"] () : !torch.nn.Module<"Interface">, () -> !torch.int
  return %0 : !torch.int
}
%root = torch.nn_module {
} : !torch.nn.Module<"Root">
