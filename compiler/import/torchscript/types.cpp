#include "compiler/import/torchscript/types.h"

#include "llvm/ADT/StringSwitch.h"

#include <ATen/core/class_type.h>

namespace linalgd {

static TypeKind kindOfClass(const c10::ClassType &type) {
  std::string name = type.name() ? type.name()->qualifiedName() : "";
  llvm::StringRef suffix = name;
  if (!suffix.consume_front("__torch__.torch.classes."))
    return TypeKind::Object;
  return llvm::StringSwitch<TypeKind>(suffix)
      .Case("quantized.LinearPackedParamsBase", TypeKind::LinearParams)
      .Case("quantized.Conv2dPackedParamsBase", TypeKind::Conv2dParams)
      .Case("quantized.Conv3dPackedParamsBase", TypeKind::Conv3dParams)
      .Case("quantized.EmbeddingPackedParamsBase", TypeKind::EmbeddingParams)
      .Case("rnn.CellParamsBase", TypeKind::CellParams)
      .Default(TypeKind::Object);
}

TypeKind kindOf(const c10::Type &type) {
  switch (type.kind()) {
  case c10::TypeKind::TensorType:
    return TypeKind::Tensor;
  case c10::TypeKind::IntType:
  case c10::TypeKind::SymIntType:
  case c10::TypeKind::ScalarTypeType:
  case c10::TypeKind::LayoutType:
  case c10::TypeKind::MemoryFormatType:
    return TypeKind::Int;
  case c10::TypeKind::FloatType:
  case c10::TypeKind::SymFloatType:
    return TypeKind::Float;
  case c10::TypeKind::BoolType:
    return TypeKind::Bool;
  case c10::TypeKind::NumberType:
    return TypeKind::Number;
  case c10::TypeKind::StringType:
    return TypeKind::String;
  case c10::TypeKind::DeviceObjType:
    return TypeKind::Device;
  case c10::TypeKind::GeneratorType:
    return TypeKind::Generator;
  case c10::TypeKind::NoneType:
    return TypeKind::None;
  case c10::TypeKind::ListType:
  case c10::TypeKind::AnyListType:
    return TypeKind::List;
  case c10::TypeKind::OptionalType:
    return TypeKind::Optional;
  case c10::TypeKind::TupleType:
  case c10::TypeKind::AnyTupleType:
    return TypeKind::Tuple;
  case c10::TypeKind::DictType:
    return TypeKind::Dict;
  case c10::TypeKind::UnionType:
    return TypeKind::Union;
  case c10::TypeKind::ClassType:
    return kindOfClass(*type.castRaw<c10::ClassType>());
  case c10::TypeKind::EnumType:
  case c10::TypeKind::InterfaceType:
    return TypeKind::Object;
  default:
    return TypeKind::Any;
  }
}

} // namespace linalgd
