// The object graph of TorchScript modules: classes, objects, what programs do with them, and the
// globals that the object graph becomes.
#ifndef LINALGD_OPS_OBJECT
#define LINALGD_OPS_OBJECT

include "compiler/dialect/Known.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class ObjectOp<string mnemonic, list<Trait> traits = []> : Torch_Op<mnemonic, traits> {
  let structural = 1;
}
def AnyObject : Type<CPred<"::llvm::isa<::linalgd::torch::NnModuleType>($_self)">, "object",
                     "::linalgd::torch::NnModuleType">;
def AnyEnum : SchemaType<"AnyEnumType", "Any", "isAny">;

//===-- classes -------------------------------------------------------------------------------===//

def Object_ClassTypeOp : ObjectOp<"class_type", [Symbol, IsolatedFromAbove, SingleBlock, NoTerminator,
                                          HasParent<"::mlir::ModuleOp">]> {
  let summary = "A class of objects: its attributes and methods.";
  let arguments = (ins SymbolNameAttr:$sym_name);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name $body attr-dict";
  let hasVerifier = 1;
}
def Object_AttrOp : ObjectOp<"attr", [HasParent<"ClassTypeOp">]> {
  let summary = "An attribute of a class.";
  let arguments = (ins UnitAttr:$isPrivate, StrAttr:$name, TypeAttr:$type);
  let assemblyFormat = "(`private` $isPrivate^)? $name `:` $type attr-dict";
}
def Object_MethodOp : ObjectOp<"method", [HasParent<"ClassTypeOp">, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "A method of a class: a function that takes the object first.";
  let arguments = (ins UnitAttr:$isPrivate, StrAttr:$name, FlatSymbolRefAttr:$function);
  let assemblyFormat = "(`private` $isPrivate^)? $name `,` $function attr-dict";
}

//===-- objects -------------------------------------------------------------------------------===//

def Object_NnModuleOp : ObjectOp<"nn_module", [SingleBlock, NoTerminator, HasParent<"::mlir::ModuleOp">,
                                         DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "An object that is there when the program starts: a value for each attribute of its class.";
  let regions = (region SizedRegion<1>:$body);
  let results = (outs AnyObject:$result);
  let assemblyFormat = "$body attr-dict `:` qualified(type($result))";
}
def Object_SlotOp : ObjectOp<"slot", [HasParent<"NnModuleOp">]> {
  let summary = "The value of an attribute.";
  let arguments = (ins StrAttr:$name, AnyType:$value);
  let assemblyFormat = "$name `,` $value attr-dict `:` qualified(type($value))";
}
def Prim_CreateObjectOp : ObjectOp<"prim.CreateObject"> {
  let summary = "A new object, none of whose attributes has a value.";
  let results = (outs AnyObject:$result);
  let assemblyFormat = "attr-dict `:` qualified(type($result))";
}
def Prim_GetAttrOp : ObjectOp<"prim.GetAttr"> {
  let arguments = (ins AnyObject:$receiver, StrAttr:$name);
  let results = (outs AnyType:$result);
  let assemblyFormat =
    "$receiver `[` $name `]` attr-dict `:` qualified(type($receiver)) `->` qualified(type($result))";
}
def Prim_SetAttrOp : ObjectOp<"prim.SetAttr"> {
  let arguments = (ins AnyObject:$receiver, StrAttr:$name, AnyType:$value);
  let assemblyFormat = [{
    $receiver `[` $name `]` `=` $value attr-dict `:` qualified(type($receiver)) `,` qualified(type($value))
  }];
}
def Prim_CallMethodOp : ObjectOp<"prim.CallMethod"> {
  let arguments = (ins AnyObject:$receiver, StrAttr:$name, Variadic<AnyType>:$args);
  let results = (outs AnyType:$result);
  let assemblyFormat = [{
    $receiver `[` $name `]` `(` $args `)` attr-dict `:` qualified(type($receiver)) `,`
    functional-type($args, $result)
  }];
}

// The members of an enum are objects with a name and a value.
def Aten_EqEnumOp : KnownBool<"aten.eq.enum", (ins AnyEnum:$a, AnyEnum:$b), "compareEnums(b, getA(), getB(), true)">;
def Aten_NeEnumOp : KnownBool<"aten.ne.enum", (ins AnyEnum:$a, AnyEnum:$b), "compareEnums(b, getA(), getB(), false)">;

//===-- globals -------------------------------------------------------------------------------===//

def Object_GlobalSlotOp : ObjectOp<"global_slot", [Symbol, HasParent<"::mlir::ModuleOp">]> {
  let summary = "A variable of the module; torch.initialize.global_slots gives its first value.";
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttr:$typeBound, OptionalAttr<StrAttr>:$sym_visibility);
  let assemblyFormat = "($sym_visibility^)? $sym_name attr-dict `:` $typeBound";
}
def Object_GlobalSlotGetOp : ObjectOp<"global_slot.get", [DeclareOpInterfaceMethods<SymbolUserOpInterface>,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let arguments = (ins FlatSymbolRefAttr:$slot);
  let results = (outs AnyType:$result);
  let assemblyFormat = "$slot attr-dict `:` qualified(type($result))";
}
def Object_GlobalSlotSetOp : ObjectOp<"global_slot.set", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let arguments = (ins FlatSymbolRefAttr:$slot, AnyType:$value);
  let assemblyFormat = "$slot `=` $value attr-dict `:` qualified(type($value))";
}
def Object_GlobalSlotModuleInitializerOp
    : ObjectOp<"global_slot.module_initializer", [IsolatedFromAbove, HasParent<"::mlir::ModuleOp">]> {
  let summary = "Computes the first values of the global slots.";
  let regions = (region SizedRegion<1>:$initializer);
  let assemblyFormat = "$initializer attr-dict";
  let hasVerifier = 1;
}
def Object_InitializeGlobalSlotsOp
    : ObjectOp<"initialize.global_slots", [Terminator, HasParent<"GlobalSlotModuleInitializerOp">]> {
  let arguments = (ins ArrayAttr:$slotSymNames, Variadic<AnyType>:$initialValues);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

#endif
