// Control flow that does not fit together.
// RUN: linalgd-opt %s --split-input-file --verify-diagnostics

func.func @branch_of_another_type(%c: !torch.bool, %a: !torch.int, %b: !torch.str) {
  // expected-error @below {{yields ('!torch.str'), which does not go with ('!torch.int')}}
  %0 = torch.prim.If %c -> (!torch.int) {
    torch.prim.If.yield %a : !torch.int
  } else {
    torch.prim.If.yield %b : !torch.str
  }
  return
}

// -----

func.func @too_few_carried(%n: !torch.int, %c: !torch.bool, %a: !torch.int) {
  // expected-error @below {{goes on with (), which does not go with ('!torch.int')}}
  %0 = torch.prim.Loop %n, %c, init(%a) {
  ^bb0(%i: !torch.int, %x: !torch.int):
    torch.prim.Loop.condition %c, iter()
  } : (!torch.int, !torch.bool, !torch.int) -> !torch.int
  return
}

// -----

func.func @no_number(%n: !torch.int, %c: !torch.bool) {
  // expected-error @below {{has a body whose first argument is no !torch.int}}
  torch.prim.Loop %n, %c, init() {
    torch.prim.Loop.condition %c, iter()
  } : (!torch.int, !torch.bool) -> ()
  return
}
