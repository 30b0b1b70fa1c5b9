// Object graphs that do not fit together.
// RUN: linalgd-opt %s --split-input-file --verify-diagnostics

torch.class_type @C {
  torch.attr "x" : !torch.int
  // expected-error @below {{the class has two members 'x'}}
  torch.attr "x" : !torch.int
}

// -----

torch.class_type @C {
  // expected-error @below {{'nowhere' is no function}}
  torch.method "forward", @nowhere
}

// -----

func.func @f(%self: !torch.nn.Module<"C">) -> () { return }
torch.class_type @C {
  // expected-error @below {{the function of a method must be private, and 'f' is not}}
  torch.method "forward", @f
}

// -----

func.func private @f(%self: !torch.nn.Module<"D">) -> () { return }
torch.class_type @C {
  // expected-error @below {{the first argument of a method must be an object of its class, 'C'}}
  torch.method "forward", @f
}

// -----

// expected-error @below {{there is no class 'C'}}
%0 = torch.nn_module {
} : !torch.nn.Module<"C">

// -----

torch.class_type @C {
  torch.attr "x" : !torch.int
}
// expected-error @below {{the object has 0 slots, and its class has 1 attributes}}
%0 = torch.nn_module {
} : !torch.nn.Module<"C">

// -----

torch.class_type @C {
  torch.attr "x" : !torch.int
}
%0 = torch.constant.str "a"
%1 = torch.nn_module {
  // expected-error @below {{has a value of type '!torch.str'; the attribute is of type '!torch.int'}}
  torch.slot "x", %0 : !torch.str
} : !torch.nn.Module<"C">

// -----

torch.class_type @C {
  torch.attr "x" : !torch.int
}
%0 = torch.constant.int 1
%1 = torch.nn_module {
  // expected-error @below {{is in the place of the attribute 'x'}}
  torch.slot "y", %0 : !torch.int
} : !torch.nn.Module<"C">

// -----

func.func @f() -> () {
  // expected-error @below {{there is no global slot 'x'}}
  %0 = torch.global_slot.get @x : !torch.int
  return
}

// -----

torch.global_slot @x : !torch.int
func.func @f(%s: !torch.str) -> () {
  // expected-error @below {{a value of type '!torch.str' does not go with the slot 'x'}}
  torch.global_slot.set @x = %s : !torch.str
  return
}
