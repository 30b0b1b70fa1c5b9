#include "compiler/capi/torch.h"

#include "compiler/dialect/torch.h"
#include "compiler/passes/passes.h"

#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Registration.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace linalgd::torch;

static void insertDialect(MlirDialectRegistry registry) {
  unwrap(registry)->insert<TorchDialect>();
}
static MlirDialect loadDialect(MlirContext context) {
  return wrap(static_cast<Dialect *>(unwrap(context)->getOrLoadDialect<TorchDialect>()));
}
static MlirStringRef dialectNamespace() { return wrap(TorchDialect::getDialectNamespace()); }

MlirDialectHandle linalgdGetTorchDialectHandle(void) {
  static const MlirDialectRegistrationHooks hooks = {insertDialect, loadDialect, dialectNamespace};
  return MlirDialectHandle{&hooks};
}

void linalgdRegisterTorchDialect(MlirContext context) { loadDialect(context); }

void linalgdRegisterTorchPasses(void) { linalgd::registerPasses(); }

LinalgdTorchTypeKind linalgdTorchTypeGetKind(MlirType type) {
  return llvm::TypeSwitch<Type, LinalgdTorchTypeKind>(unwrap(type))
      .Case<ValueTensorType>([](Type) { return LinalgdTorchTypeValueTensor; })
      .Case<NonValueTensorType>([](Type) { return LinalgdTorchTypeNonValueTensor; })
      .Case<linalgd::torch::IntType>([](Type) { return LinalgdTorchTypeInt; })
      .Case<linalgd::torch::FloatType>([](Type) { return LinalgdTorchTypeFloat; })
      .Case<linalgd::torch::BoolType>([](Type) { return LinalgdTorchTypeBool; })
      .Case<NumberType>([](Type) { return LinalgdTorchTypeNumber; })
      .Case<StringType>([](Type) { return LinalgdTorchTypeString; })
      .Case<linalgd::torch::NoneType>([](Type) { return LinalgdTorchTypeNoneType; })
      .Case<DeviceType>([](Type) { return LinalgdTorchTypeDevice; })
      .Case<GeneratorType>([](Type) { return LinalgdTorchTypeGenerator; })
      .Case<AnyType>([](Type) { return LinalgdTorchTypeAny; })
      .Case<ListType>([](Type) { return LinalgdTorchTypeList; })
      .Case<OptionalType>([](Type) { return LinalgdTorchTypeOptional; })
      .Case<linalgd::torch::TupleType>([](Type) { return LinalgdTorchTypeTuple; })
      .Case<UnionType>([](Type) { return LinalgdTorchTypeUnion; })
      .Case<DictType>([](Type) { return LinalgdTorchTypeDict; })
      .Case<NnModuleType>([](Type) { return LinalgdTorchTypeModule; })
      .Default([](Type) { return LinalgdTorchTypeNone; });
}

MlirType linalgdTorchTypeGet(MlirContext context, LinalgdTorchTypeKind kind) {
  MLIRContext *c = unwrap(context);
  switch (kind) {
  case LinalgdTorchTypeInt:
    return wrap(linalgd::torch::IntType::get(c));
  case LinalgdTorchTypeFloat:
    return wrap(linalgd::torch::FloatType::get(c));
  case LinalgdTorchTypeBool:
    return wrap(linalgd::torch::BoolType::get(c));
  case LinalgdTorchTypeNumber:
    return wrap(NumberType::get(c));
  case LinalgdTorchTypeString:
    return wrap(StringType::get(c));
  case LinalgdTorchTypeNoneType:
    return wrap(linalgd::torch::NoneType::get(c));
  case LinalgdTorchTypeDevice:
    return wrap(DeviceType::get(c));
  case LinalgdTorchTypeGenerator:
    return wrap(GeneratorType::get(c));
  case LinalgdTorchTypeAny:
    return wrap(AnyType::get(c));
  default:
    return MlirType{nullptr};
  }
}

MlirType linalgdTorchContainerTypeGet(MlirContext context, LinalgdTorchTypeKind kind,
                                      intptr_t numContained, const MlirType *contained) {
  MLIRContext *c = unwrap(context);
  SmallVector<Type> types;
  for (intptr_t i = 0; i < numContained; ++i)
    types.push_back(unwrap(contained[i]));
  if (kind == LinalgdTorchTypeTuple)
    return wrap(linalgd::torch::TupleType::get(c, types));
  if (kind == LinalgdTorchTypeUnion)
    return wrap(UnionType::get(c, types));
  if (kind == LinalgdTorchTypeList && numContained == 1)
    return wrap(ListType::get(types[0]));
  if (kind == LinalgdTorchTypeOptional && numContained == 1)
    return wrap(OptionalType::get(types[0]));
  if (kind == LinalgdTorchTypeDict && numContained == 2)
    return wrap(DictType::get(c, types[0], types[1]));
  return MlirType{nullptr};
}

static SmallVector<Type> containedTypes(MlirType type) {
  using Types = SmallVector<Type>;
  return llvm::TypeSwitch<Type, Types>(unwrap(type))
      .Case<ListType, OptionalType>([](auto t) { return Types{t.getContainedType()}; })
      .Case<linalgd::torch::TupleType, UnionType>(
          [](auto t) { return llvm::to_vector(t.getContainedTypes()); })
      .Case<DictType>([](DictType t) { return Types{t.getKeyType(), t.getValueType()}; })
      .Default([](Type) { return Types(); });
}

intptr_t linalgdTorchTypeGetNumContained(MlirType type) {
  return static_cast<intptr_t>(containedTypes(type).size());
}

MlirType linalgdTorchTypeGetContained(MlirType type, intptr_t index) {
  return wrap(containedTypes(type)[static_cast<size_t>(index)]);
}

MlirType linalgdTorchTensorTypeGet(MlirContext context, LinalgdTorchTypeKind kind, intptr_t rank,
                                   const int64_t *sizes, MlirType dtype) {
  std::optional<ArrayRef<int64_t>> shape;
  if (rank >= 0)
    shape = ArrayRef<int64_t>(sizes, static_cast<size_t>(rank));
  ValueTensorType type = getTensorType(unwrap(context), shape, unwrap(dtype));
  if (kind == LinalgdTorchTypeValueTensor)
    return wrap(type);
  if (kind == LinalgdTorchTypeNonValueTensor)
    return wrap(type.asNonValue());
  return MlirType{nullptr};
}

intptr_t linalgdTorchTensorTypeGetRank(MlirType type) {
  auto tensor = cast<BaseTensorType>(unwrap(type));
  return tensor.hasSizes() ? static_cast<intptr_t>(tensor.getSizes().size()) : -1;
}

int64_t linalgdTorchTensorTypeGetSize(MlirType type, intptr_t dimension) {
  return cast<BaseTensorType>(unwrap(type)).getSizes()[static_cast<size_t>(dimension)];
}

MlirType linalgdTorchTensorTypeGetDtype(MlirType type) {
  return wrap(cast<BaseTensorType>(unwrap(type)).getDtype());
}
