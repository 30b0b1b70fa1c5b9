// Ops about values that are no tensors: lists, strings, what conditions are made of. All of it is known
// once types are, or the program cannot be compiled.
#ifndef LINALGD_DIALECT_KNOWN
#define LINALGD_DIALECT_KNOWN

include "compiler/dialect/Torch.td"

// Of any type.
def T : SchemaType<"t", "Any", "isAny">;
def T1 : SchemaType<"t1", "Any", "isAny">;
def T2 : SchemaType<"t2", "Any", "isAny">;
def ListOfT : SchemaType<"t[]", "Any", "isAny"> { let isList = 1; }

def IsKnown : NativeOpTrait<"Known"> { let cppNamespace = "::linalgd::torch"; }

// `known` is the result as a value where it is known, else null.
class KnownOp<string qualified, dag ins_, SchemaType type, string rule, string known>
    : Torch_SchemaOp<qualified, ins_, (outs type:$result), [Decomposes, IsKnown]> {
  let infer = rule;
  let definition = [{
    ::llvm::LogicalResult $cppClass::decompose(::linalgd::torch::Decomposition &b) {
      ::mlir::Value known = }] # known # [{;
      return known ? b.replace(known) : ::mlir::failure();
    }
  }];
}
class KnownBool<string qualified, dag ins_, string known>
    : KnownOp<qualified, ins_, Bool, "r.boolean()", known>;
class KnownInt<string qualified, dag ins_, string known>
    : KnownOp<qualified, ins_, Int, "r.integer()", known>;
class KnownStr<string qualified, dag ins_, string known>
    : KnownOp<qualified, ins_, Str, "r.add(torch::StringType::get(r.context))", known>;
class KnownList<string qualified, dag ins_, string known>
    : KnownOp<qualified, ins_, ListOfT, "r.add(op.getOperands()[0].getType())", known>;

#endif
