// The torch dialect: its types, the type constraints that also name PyTorch schema types, and the op
// base classes of every family (docs/adding-an-op.md).
#ifndef LINALGD_DIALECT_TORCH
#define LINALGD_DIALECT_TORCH

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "compiler/dialect/Interfaces.td"

def Torch_Dialect : Dialect {
  let name = "torch";
  let cppNamespace = "::linalgd::torch";
  let summary = "PyTorch programs";
  let isExtensible = 1;
  let hasConstantMaterializer = 1;
  let hasOperationInterfaceFallback = 1;
  let dependentDialects = ["::mlir::func::FuncDialect"];
  let extraClassDeclaration = [{
    // The uniform form of every op without a form of its own:
    // `torch.aten.foo %a, %b : T, T -> T`. Unregistered names parse to torch.operator.
    std::optional<ParseOpHook> getParseOperationHook(::llvm::StringRef opName) const override;
    ::llvm::unique_function<void(::mlir::Operation *, ::mlir::OpAsmPrinter &)>
    getOperationPrinter(::mlir::Operation *op) const override;
    ::mlir::Type parseType(::mlir::DialectAsmParser &parser) const override;
    void printType(::mlir::Type type, ::mlir::DialectAsmPrinter &printer) const override;

    // Called once for each op family by the generated registration.
    template <typename... Ops> void addFamily() { addOperations<Ops...>(); }
    // Registers the in-place twin `name` of a functional op: a schema, no C++ class.
    void addInPlaceOp(::llvm::StringRef name);
    void registerTypes();
  }];
}

//===-- types ---------------------------------------------------------------------------------===//

class Torch_Type<string name, string typeMnemonic, string base = "::mlir::Type">
    : TypeDef<Torch_Dialect, name, [], base> {
  let mnemonic = typeMnemonic;
}

class Torch_TensorType<string name, string typeMnemonic>
    : Torch_Type<name, typeMnemonic, "::linalgd::torch::BaseTensorType"> {
  // `elementType` is null and `ranked` false where unknown; unknown sizes are ShapedType::kDynamic.
  let parameters = (ins "bool":$ranked, ArrayRefParameter<"int64_t">:$shape,
                        OptionalParameter<"::mlir::Type">:$elementType);
  let hasCustomAssemblyFormat = 1;
}
def Torch_ValueTensorType : Torch_TensorType<"ValueTensor", "vtensor"> {
  let description = "A tensor with value semantics.";
}
def Torch_NonValueTensorType : Torch_TensorType<"NonValueTensor", "tensor"> {
  let description = "A tensor that may be aliased and written to.";
}

def Torch_IntType : Torch_Type<"Int", "int">;
def Torch_FloatType : Torch_Type<"Float", "float">;
def Torch_BoolType : Torch_Type<"Bool", "bool">;
def Torch_NumberType : Torch_Type<"Number", "number">;
def Torch_StringType : Torch_Type<"String", "str">;
def Torch_NoneType : Torch_Type<"None", "none">;
def Torch_DeviceType : Torch_Type<"Device", "Device">;
def Torch_GeneratorType : Torch_Type<"Generator", "Generator">;
def Torch_AnyType : Torch_Type<"Any", "any">;

// Dtypes of quantized tensors: integers that stand for (integer - zero point) * scale.
def Torch_QInt8Type : Torch_Type<"QInt8", "qint8">;
def Torch_QUInt8Type : Torch_Type<"QUInt8", "quint8">;
def Torch_QInt32Type : Torch_Type<"QInt32", "qint32">;

// What quantized operators keep their weights in (compiler/ops/quantization).
def Torch_LinearParamsType : Torch_Type<"LinearParams", "LinearParams">;
def Torch_Conv2dParamsType : Torch_Type<"Conv2dParams", "Conv2dParams">;
def Torch_Conv3dParamsType : Torch_Type<"Conv3dParams", "Conv3dParams">;
def Torch_EmbeddingParamsType : Torch_Type<"EmbeddingParams", "EmbeddingParams">;
def Torch_CellParamsType : Torch_Type<"CellParams", "CellParams">;

class Torch_ContainerType<string name, string typeMnemonic> : Torch_Type<name, typeMnemonic> {
  let parameters = (ins "::mlir::Type":$containedType);
  let hasCustomAssemblyFormat = 1;
  let builders = [TypeBuilderWithInferredContext<(ins "::mlir::Type":$containedType), [{
    return $_get(containedType.getContext(), containedType);
  }]>];
}
def Torch_ListType : Torch_ContainerType<"List", "list">;
def Torch_OptionalType : Torch_ContainerType<"Optional", "optional">;

class Torch_ProductType<string name, string typeMnemonic> : Torch_Type<name, typeMnemonic> {
  let parameters = (ins ArrayRefParameter<"::mlir::Type">:$containedTypes);
  let hasCustomAssemblyFormat = 1;
}
def Torch_TupleType : Torch_ProductType<"Tuple", "tuple">;
def Torch_UnionType : Torch_ProductType<"Union", "union">;

def Torch_DictType : Torch_Type<"Dict", "dict"> {
  let parameters = (ins "::mlir::Type":$keyType, "::mlir::Type":$valueType);
  let hasCustomAssemblyFormat = 1;
}
def Torch_NnModuleType : Torch_Type<"NnModule", "nn.Module"> {
  let parameters = (ins StringRefParameter<>:$className);
  let hasCustomAssemblyFormat = 1;
}

//===-- schema types --------------------------------------------------------------------------===//

// An operand or result: the MLIR constraint, and PyTorch's spelling of the schema type.
class SchemaType<string spelling, string arg_kind, string check, string arg_default = "", bit kw = 0>
    : Type<CPred<"::linalgd::torch::" # check # "($_self)">, spelling, "::mlir::Type"> {
  string schema = spelling;
  string kind = arg_kind;     // enumerator of linalgd::torch::ArgKind
  string checker = check;
  bit isList = 0;
  bit isOptional = 0;
  bit optionalElements = 0;
  int listSize = 0;           // int[2]: a single int stands for two
  string defaultValue = arg_default; // as PyTorch prints it; "" for none
  bit kwOnly = kw;
}
def Tensor : SchemaType<"Tensor", "Tensor", "isTensor">;
def Int : SchemaType<"int", "Int", "isIntLike">;
def SymInt : SchemaType<"SymInt", "Int", "isIntLike">;
def Float : SchemaType<"float", "Float", "isNumberLike">;
def Bool : SchemaType<"bool", "Bool", "isBoolLike">;
def Scalar : SchemaType<"Scalar", "Scalar", "isNumberLike">;
def Number : SchemaType<"number", "Scalar", "isNumberLike">;
def Str : SchemaType<"str", "Str", "isAny">;
def Device : SchemaType<"Device", "Device", "isAny">;
def Generator : SchemaType<"Generator", "Generator", "isAny">;
def ScalarType : SchemaType<"ScalarType", "ScalarType", "isIntLike">;
def Layout : SchemaType<"Layout", "Layout", "isIntLike">;
def MemoryFormat : SchemaType<"MemoryFormat", "MemoryFormat", "isIntLike">;

class PackedParams<string cppClass>
    : SchemaType<"__torch__.torch.classes." # cppClass, "Object", "isPackedParams">;
def LinearParams : PackedParams<"quantized.LinearPackedParamsBase">;
def Conv2dParams : PackedParams<"quantized.Conv2dPackedParamsBase">; // and of conv1d
def Conv3dParams : PackedParams<"quantized.Conv3dPackedParamsBase">;
def EmbeddingParams : PackedParams<"quantized.EmbeddingPackedParamsBase">;

class ListOf<SchemaType a, int size = 0>
    : SchemaType<a.schema # "[" # !if(!eq(size, 0), "", !cast<string>(size)) # "]", a.kind, "isAny"> {
  let isList = 1;
  let listSize = size;
  let optionalElements = a.isOptional;
}
class Opt<SchemaType a> : SchemaType<a.schema # "?", a.kind, "isAny"> {
  let isOptional = 1;
  let isList = a.isList;
  let listSize = a.listSize;
  let optionalElements = a.optionalElements;
}
class Default<SchemaType a, string value, bit kw = 0> : SchemaType<a.schema, a.kind, a.checker, value, kw> {
  let isOptional = a.isOptional;
  let isList = a.isList;
  let listSize = a.listSize;
  let optionalElements = a.optionalElements;
}
// A keyword-only argument.
class Kw<SchemaType a, string value = ""> : Default<a, value, 1>;

//===-- op base classes -----------------------------------------------------------------------===//

def Decomposes : DeclareOpInterfaceMethods<DecomposeOpInterface>;
def Lowers : DeclareOpInterfaceMethods<LowerToLinalgOpInterface>;
def Writes : DeclareOpInterfaceMethods<WritesOpInterface>;
// `IsView` declares `scatter`; the others of the interface's methods as well, as named.
def IsView : DeclareOpInterfaceMethods<ViewOpInterface>;
def IsContiguousView : DeclareOpInterfaceMethods<ViewOpInterface, ["isContiguous"]>;
def IsMaybeView : DeclareOpInterfaceMethods<ViewOpInterface, ["aliases", "isContiguous"]>;

// Every op of the dialect; `structural` ops belong to the IR itself and no family lowers them.
class Torch_Op<string mnemonic, list<Trait> traits = []> : Op<Torch_Dialect, mnemonic, traits> {
  bit structural = 0;
}

// An op with a PyTorch schema. `qualified` is "aten.add.Tensor": namespace, name, overload (without
// ".default"). `infer` is an expression over `op` (the adaptor) and `r` (Inference); empty means that
// the family's .cpp defines `LogicalResult X::infer(Adaptor op, Inference &r)`.
class Torch_SchemaOp<string qualified, dag ins_, dag outs_, list<Trait> traits = []>
    : Torch_Op<qualified, !listconcat(traits, [DeclareOpInterfaceMethods<InferTypeOpInterface>])> {
  let arguments = ins_;
  let results = outs_;
  code infer = "";
  // Further members and definitions for a family's base classes.
  code declaration = "";
  code definition = "";
  // The in-place twin ("relu_"), which has the same arguments and writes the result to the first.
  bit inPlace = 0;
  string inPlaceName = ""; // where its overload has another name: "aten.pow_.Scalar"
  // Operands that the op writes to, though it is no in-place twin; only where the Bool operand `writesIf`
  // is true, if there is one. The op then has the trait `Writes`.
  list<string> writes = [];
  string writesIf = "";
  // Reads random numbers: neither removable duplicates nor foldable.
  bit random = 0;

  // One builder with inferred results, one with given results.
  let skipDefaultBuilders = 1;
  list<int> indices = !range(!size(arguments));
  list<string> names = !foreach(i, indices, !getdagname(arguments, i));
  let builders = [
    OpBuilder<!dag(ins, !foreach(i, indices, "::mlir::Value"), names),
              "build($_builder, $_state, ::mlir::ValueRange{" # !interleave(names, ", ") # "});">,
    OpBuilder<(ins "::mlir::ValueRange":$operands), [{
      $_state.addOperands(operands);
      ::linalgd::torch::inferResults($_builder.getContext(), $_state, inferReturnTypes);
    }]>,
    OpBuilder<(ins "::mlir::TypeRange":$types, "::mlir::ValueRange":$operands), [{
      $_state.addOperands(operands);
      $_state.addTypes(types);
    }]>];
  let extraClassDeclaration = [{
    static bool isCompatibleReturnTypes(::mlir::TypeRange inferred, ::mlir::TypeRange actual) {
      return ::linalgd::torch::areCompatible(inferred, actual);
    }
    static ::llvm::LogicalResult infer(Adaptor op, ::linalgd::torch::Inference &r);
  }] # declaration;
  let extraClassDefinition = [{
    ::llvm::LogicalResult $cppClass::inferReturnTypes(
        ::mlir::MLIRContext *context, ::std::optional<::mlir::Location> location,
        ::mlir::ValueRange operands, ::mlir::DictionaryAttr, ::mlir::OpaqueProperties,
        ::mlir::RegionRange, ::llvm::SmallVectorImpl<::mlir::Type> &types) {
      ::linalgd::torch::Inference inference(context, location, getOperationName(), operands, types);
      return infer(Adaptor(operands), inference);
    }
  }] # !if(!empty(infer), "",
           "::llvm::LogicalResult $cppClass::infer(Adaptor op, ::linalgd::torch::Inference &r) { return "
             # infer # "; }\n")
     # definition;
}
class AtenOp<string name, dag ins_, dag outs_, list<Trait> traits = []>
    : Torch_SchemaOp<"aten." # name, ins_, outs_, traits>;

#endif
