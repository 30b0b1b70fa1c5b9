// Types, locations and weights on their way into MLIR.
#include "compiler/import/graph_importer.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"

#include <bit>

using namespace mlir;

namespace linalgd {
namespace {

SmallVector<int64_t> convertSizes(const TensorType &type) {
  SmallVector<int64_t> sizes;
  for (const Dimension &size : type.sizes) {
    const auto *fixed = std::get_if<int64_t>(&size);
    sizes.push_back(fixed ? *fixed : ShapedType::kDynamic);
  }
  return sizes;
}

// The elements of a small constant, in the IR itself.
ElementsAttr makeInlineData(const ImportedModel &model, const Weight &weight, ShapedType type) {
  std::string bytes = contiguousBytes(model, weight);
  if (weight.dtype == DType::Bool)
    return DenseElementsAttr::get(
        type, ArrayRef<bool>(reinterpret_cast<const bool *>(bytes.data()), bytes.size()));
  return DenseElementsAttr::getFromRawBuffer(type, ArrayRef<char>(bytes.data(), bytes.size()));
}

AsmResourceBlob makeBlob(const ImportedModel &model, const Weight &weight) {
  size_t alignment = dtypeBytes(weight.dtype);
  size_t bytes = static_cast<size_t>(weight.numElements()) * alignment;
  std::string_view storage = storageBytes(model, weight).substr(weight.storageOffset, bytes);
  bool aligned = reinterpret_cast<uintptr_t>(storage.data()) % alignment == 0;
  if (weight.contiguous() && aligned) {
    auto keepAlive = [mapping = model.files.mapping(weight.blob)](void *, size_t, size_t) {};
    return UnmanagedAsmResourceBlob::allocateWithAlign(
        ArrayRef<char>(storage.data(), storage.size()), alignment, std::move(keepAlive),
        /*dataIsMutable=*/false);
  }
  std::string copy = contiguousBytes(model, weight);
  return HeapAsmResourceBlob::allocateAndCopyWithAlign(ArrayRef<char>(copy.data(), copy.size()),
                                                       alignment, /*dataIsMutable=*/false);
}

} // namespace

Location makeLocation(MLIRContext *context, size_t node, const Options &options,
                      const SourceMap &sourceMap) {
  std::string id = nodeId(node);
  Location inner = UnknownLoc::get(context);
  auto source = sourceMap.find(id);
  if (options.locations == LocationsMode::Python && source != sourceMap.end()) {
    const SourceLocation &place = source->second;
    inner = FileLineColLoc::get(context, place.file, place.line, place.column);
    if (!place.module.empty())
      inner = NameLoc::get(StringAttr::get(context, place.module), inner);
  }
  return NameLoc::get(StringAttr::get(context, id), inner);
}

mlir::Type convertDType(MLIRContext *context, DType dtype) {
  auto integer = [&](unsigned width, IntegerType::SignednessSemantics signedness) {
    return IntegerType::get(context, width, signedness);
  };
  switch (dtype) {
  case DType::UInt8:
    return integer(8, IntegerType::Unsigned);
  case DType::Int8:
    return integer(8, IntegerType::Signed);
  case DType::Int16:
    return integer(16, IntegerType::Signed);
  case DType::Int32:
    return integer(32, IntegerType::Signed);
  case DType::Int64:
    return integer(64, IntegerType::Signed);
  case DType::UInt16:
    return integer(16, IntegerType::Unsigned);
  case DType::UInt32:
    return integer(32, IntegerType::Unsigned);
  case DType::UInt64:
    return integer(64, IntegerType::Unsigned);
  case DType::Bool:
    return integer(1, IntegerType::Signless);
  case DType::Float16:
    return Float16Type::get(context);
  case DType::BFloat16:
    return BFloat16Type::get(context);
  case DType::Float32:
    return Float32Type::get(context);
  case DType::Float64:
    return Float64Type::get(context);
  case DType::Complex32:
    return ComplexType::get(Float16Type::get(context));
  case DType::Complex64:
    return ComplexType::get(Float32Type::get(context));
  case DType::Complex128:
    return ComplexType::get(Float64Type::get(context));
  case DType::Float8E4M3FN:
    return Float8E4M3FNType::get(context);
  case DType::Float8E5M2:
    return Float8E5M2Type::get(context);
  case DType::Float8E4M3FNUZ:
    return Float8E4M3FNUZType::get(context);
  case DType::Float8E5M2FNUZ:
    return Float8E5M2FNUZType::get(context);
  case DType::Float8E8M0FNU:
    return Float8E8M0FNUType::get(context);
  case DType::QInt8:
    return torch::QInt8Type::get(context);
  case DType::QUInt8:
    return torch::QUInt8Type::get(context);
  case DType::QInt32:
    return torch::QInt32Type::get(context);
  }
  return {};
}

mlir::Type convertType(MLIRContext *context, const Graph &graph, const GraphType &type) {
  auto parameters = [&] {
    return llvm::map_to_vector(type.parameters, [&](const GraphType &parameter) {
      return convertType(context, graph, parameter);
    });
  };
  switch (type.kind) {
  case TypeKind::None:
    return torch::NoneType::get(context);
  case TypeKind::Tensor: {
    SmallVector<int64_t> sizes = convertSizes(type.tensor);
    return torch::NonValueTensorType::get(
        context, type.tensor.ranked, sizes,
        type.tensor.dtype ? convertDType(context, *type.tensor.dtype) : mlir::Type());
  }
  case TypeKind::Int:
    return torch::IntType::get(context);
  case TypeKind::Float:
    return torch::FloatType::get(context);
  case TypeKind::Bool:
    return torch::BoolType::get(context);
  case TypeKind::Number:
    return torch::NumberType::get(context);
  case TypeKind::String:
    return torch::StringType::get(context);
  case TypeKind::Device:
    return torch::DeviceType::get(context);
  case TypeKind::Generator:
    return torch::GeneratorType::get(context);
  case TypeKind::List:
    return torch::ListType::get(convertType(context, graph, type.parameters.at(0)));
  case TypeKind::Optional:
    return torch::OptionalType::get(convertType(context, graph, type.parameters.at(0)));
  case TypeKind::Tuple:
    return torch::TupleType::get(context, parameters());
  case TypeKind::Union:
    return torch::UnionType::get(context, parameters());
  case TypeKind::Object:
    return torch::NnModuleType::get(context, graph.classOf(type.object).name);
  case TypeKind::Dict:
    return torch::DictType::get(context, convertType(context, graph, type.parameters.at(0)),
                                convertType(context, graph, type.parameters.at(1)));
  case TypeKind::LinearParams:
    return torch::LinearParamsType::get(context);
  case TypeKind::Conv2dParams:
    return torch::Conv2dParamsType::get(context);
  case TypeKind::Conv3dParams:
    return torch::Conv3dParamsType::get(context);
  case TypeKind::EmbeddingParams:
    return torch::EmbeddingParamsType::get(context);
  case TypeKind::CellParams:
    return torch::CellParamsType::get(context);
  case TypeKind::Any:
    return torch::AnyType::get(context);
  }
  return {};
}

ElementsAttr makeWeightData(MLIRContext *context, const ImportedModel &model,
                            const Weight &weight) {
  auto type = RankedTensorType::get(weight.shape, convertDType(context, weight.dtype));
  if (weight.inlined)
    return makeInlineData(model, weight, type);
  if (weight.bound)
    return DenseResourceElementsAttr::get(type, weight.slot, makeBlob(model, weight));
  auto &manager = DenseResourceElementsHandle::getManagerInterface(context);
  return DenseResourceElementsAttr::get(type, manager.insert(weight.slot));
}

} // namespace linalgd
