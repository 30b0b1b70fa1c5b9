// Control flow: conditions, loops and exceptions, spelled as in TorchScript.
#ifndef LINALGD_OPS_CONTROL
#define LINALGD_OPS_CONTROL

include "compiler/dialect/Torch.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class ControlOp<string mnemonic, list<Trait> traits = []> : Torch_Op<mnemonic, traits> {
  let structural = 1;
}

def Condition : Type<CPred<"::llvm::isa<::linalgd::torch::BoolType>($_self)">, "!torch.bool",
                     "::linalgd::torch::BoolType">,
                BuildableType<"$_builder.getType<::linalgd::torch::BoolType>()">;

def Prim_IfOp : ControlOp<"prim.If", [RecursiveMemoryEffects, NoRegionArguments]> {
  let summary = "One of two branches.";
  let arguments = (ins Condition:$condition);
  let results = (outs Variadic<AnyType>:$results);
  let regions = (region SizedRegion<1>:$thenRegion, SizedRegion<1>:$elseRegion);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}
def Prim_IfYieldOp : ControlOp<"prim.If.yield", [Pure, Terminator, HasParent<"IfOp">]> {
  let summary = "The results of a branch.";
  let arguments = (ins Variadic<AnyType>:$results);
  let assemblyFormat = "attr-dict ($results^ `:` qualified(type($results)))?";
}

def Prim_LoopOp : ControlOp<"prim.Loop", [RecursiveMemoryEffects]> {
  let summary = "A loop that ends after `maxTripCount` rounds, or when its condition is false.";
  let description = [{
    The region takes the number of the round and the carried values; its terminator says whether to go on, and
    with what.
  }];
  let arguments = (ins Int:$maxTripCount, Condition:$initialCondition, Variadic<AnyType>:$inits);
  let results = (outs Variadic<AnyType>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $maxTripCount `,` $initialCondition `,` `init` `(` $inits `)` $body attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
}
def Prim_LoopConditionOp
    : ControlOp<"prim.Loop.condition", [Pure, Terminator, HasParent<"LoopOp">]> {
  let summary = "The end of a round.";
  let arguments = (ins Condition:$shouldContinue, Variadic<AnyType>:$iterArgs);
  let assemblyFormat =
    "$shouldContinue `,` `iter` `(` ($iterArgs^ `:` qualified(type($iterArgs)))? `)` attr-dict";
}
def Prim_RaiseExceptionOp
    : Torch_SchemaOp<"prim.RaiseException", (ins Str:$msg, Default<Opt<Str>, "None">:$cls), (outs), [Lowers]> {
  let infer = "success()";
}
def Prim_UninitializedOp : ControlOp<"prim.Uninitialized", [Pure]> {
  let summary = "A value that is never used: of a branch that raises.";
  let results = (outs AnyType:$result);
}

#endif
