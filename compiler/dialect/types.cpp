// The torch dialect's types: their text, with the prefix of nested types left out as the peers do
// (`!torch.list<vtensor<[2],f32>>`), and what the two tensor types share.
#include "compiler/dialect/torch.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace linalgd;
using namespace linalgd::torch;

static Type parseNested(AsmParser &parser);
static void printNested(Type type, AsmPrinter &printer);

#define GET_TYPEDEF_CLASSES
#include "compiler/dialect/TorchTypes.cpp.inc"

namespace linalgd::torch {

void TorchDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "compiler/dialect/TorchTypes.cpp.inc"
      >();
}

Type TorchDialect::parseType(DialectAsmParser &parser) const { return parseNested(parser); }
void TorchDialect::printType(Type type, DialectAsmPrinter &printer) const {
  printNested(type, printer);
}

bool BaseTensorType::classof(Type type) { return isa<ValueTensorType, NonValueTensorType>(type); }
bool BaseTensorType::isValue() const { return isa<ValueTensorType>(*this); }
bool BaseTensorType::hasSizes() const {
  return isValue() ? cast<ValueTensorType>(*this).getRanked()
                   : cast<NonValueTensorType>(*this).getRanked();
}
ArrayRef<int64_t> BaseTensorType::getSizes() const {
  return isValue() ? cast<ValueTensorType>(*this).getShape()
                   : cast<NonValueTensorType>(*this).getShape();
}
Type BaseTensorType::getDtype() const {
  return isValue() ? cast<ValueTensorType>(*this).getElementType()
                   : cast<NonValueTensorType>(*this).getElementType();
}
BaseTensorType BaseTensorType::with(std::optional<ArrayRef<int64_t>> sizes, Type dtype) const {
  ArrayRef<int64_t> shape = sizes.value_or(ArrayRef<int64_t>());
  if (isValue())
    return cast<BaseTensorType>(
        ValueTensorType::get(getContext(), sizes.has_value(), shape, dtype));
  return cast<BaseTensorType>(
      NonValueTensorType::get(getContext(), sizes.has_value(), shape, dtype));
}
BaseTensorType BaseTensorType::withDtype(Type dtype) const {
  return with(hasSizes() ? std::optional(getSizes()) : std::nullopt, dtype);
}
BaseTensorType BaseTensorType::asValue() const {
  return cast<BaseTensorType>(
      ValueTensorType::get(getContext(), hasSizes(), getSizes(), getDtype()));
}
BaseTensorType BaseTensorType::asNonValue() const {
  return cast<BaseTensorType>(
      NonValueTensorType::get(getContext(), hasSizes(), getSizes(), getDtype()));
}

ValueTensorType getTensorType(MLIRContext *context, std::optional<ArrayRef<int64_t>> sizes,
                              Type dtype) {
  return ValueTensorType::get(context, sizes.has_value(), sizes.value_or(ArrayRef<int64_t>()),
                              dtype);
}

bool isTensor(Type type) { return isa<BaseTensorType>(type); }
bool isIntLike(Type type) {
  return isa<torch::IntType, torch::BoolType, NumberType, AnyType>(type);
}
bool isBoolLike(Type type) { return isIntLike(type); }
bool isPackedParams(Type type) {
  return isa<LinearParamsType, Conv2dParamsType, Conv3dParamsType, EmbeddingParamsType,
             CellParamsType>(type);
}
bool isNumberLike(Type type) {
  if (auto several = dyn_cast<UnionType>(type))
    return llvm::all_of(several.getContainedTypes(), isNumberLike);
  return isa<torch::FloatType>(type) || isIntLike(type);
}

} // namespace linalgd::torch

//===-- text ----------------------------------------------------------------------------------===//

static Type parseNested(AsmParser &parser) {
  Type type;
  SMLoc loc = parser.getCurrentLocation();
  // Nested types may have their prefix. `tensor` and `tuple` without one are ours, where
  // parseOptionalType would see the builtin types.
  if (*loc.getPointer() == '!')
    return succeeded(parser.parseType(type)) ? type : Type();
  StringRef mnemonic;
  OptionalParseResult result = generatedTypeParser(parser, &mnemonic, type);
  if (result.has_value())
    return succeeded(*result) ? type : Type();
  parser.emitError(loc) << "unknown type '!torch." << mnemonic << "'";
  return nullptr;
}

static void printNested(Type type, AsmPrinter &printer) {
  if (!isa<TorchDialect>(type.getDialect()) || failed(generatedTypePrinter(type, printer)))
    printer << type;
}

static bool isDtype(Type type) {
  if (auto complex = dyn_cast<ComplexType>(type))
    return isa<mlir::FloatType>(complex.getElementType());
  if (isQuantizedDtype(type))
    return true;
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer)
    return isa<mlir::FloatType>(type);
  if (integer.isSignless())
    return integer.getWidth() == 1;
  return llvm::is_contained({8u, 16u, 32u, 64u}, integer.getWidth());
}

// `<[1,?],f32>`, `<*,f32>`, `<[1,?],unk>`; nothing where neither sizes nor dtype are known.
template <typename T> static Type parseTensor(AsmParser &parser) {
  MLIRContext *context = parser.getContext();
  if (failed(parser.parseOptionalLess()))
    return T::get(context, false, ArrayRef<int64_t>(), Type());
  SmallVector<int64_t> shape;
  bool ranked = failed(parser.parseOptionalStar());
  auto parseSize = [&]() -> ParseResult {
    if (succeeded(parser.parseOptionalQuestion())) {
      shape.push_back(ShapedType::kDynamic);
      return success();
    }
    SMLoc loc = parser.getCurrentLocation();
    if (failed(parser.parseInteger(shape.emplace_back())))
      return failure();
    return shape.back() < 0 ? parser.emitError(loc, "a size is not negative") : success();
  };
  if (ranked && failed(parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseSize)))
    return nullptr;
  Type dtype;
  if (failed(parser.parseComma()))
    return nullptr;
  if (failed(parser.parseOptionalKeyword("unk"))) {
    SMLoc loc = parser.getCurrentLocation();
    if (failed(parser.parseType(dtype)))
      return nullptr;
    if (!isDtype(dtype)) {
      parser.emitError(loc, "not a dtype: integers are si64, ui8 and so on, bool is i1");
      return nullptr;
    }
  }
  if (failed(parser.parseGreater()))
    return nullptr;
  return T::get(context, ranked, shape, dtype);
}

static void printTensor(BaseTensorType type, AsmPrinter &printer) {
  if (!type.hasSizes() && !type.hasDtype())
    return;
  printer << "<";
  if (type.hasSizes()) {
    printer << "[";
    llvm::interleave(
        type.getSizes(),
        [&](int64_t size) {
          if (ShapedType::isDynamic(size))
            printer << "?";
          else
            printer << size;
        },
        [&] { printer << ","; });
    printer << "]";
  } else {
    printer << "*";
  }
  printer << ",";
  if (type.hasDtype())
    printer << type.getDtype();
  else
    printer << "unk";
  printer << ">";
}

Type ValueTensorType::parse(AsmParser &parser) { return parseTensor<ValueTensorType>(parser); }
void ValueTensorType::print(AsmPrinter &printer) const { printTensor(*this, printer); }
Type NonValueTensorType::parse(AsmParser &parser) {
  return parseTensor<NonValueTensorType>(parser);
}
void NonValueTensorType::print(AsmPrinter &printer) const { printTensor(*this, printer); }

template <typename T> static Type parseContainer(AsmParser &parser) {
  if (failed(parser.parseLess()))
    return nullptr;
  Type contained = parseNested(parser);
  if (!contained || failed(parser.parseGreater()))
    return nullptr;
  return T::get(contained);
}
static void printContained(ArrayRef<Type> types, AsmPrinter &printer) {
  printer << "<";
  llvm::interleave(types, [&](Type type) { printNested(type, printer); }, [&] { printer << ", "; });
  printer << ">";
}

Type ListType::parse(AsmParser &parser) { return parseContainer<ListType>(parser); }
void ListType::print(AsmPrinter &printer) const { printContained(getContainedType(), printer); }
Type OptionalType::parse(AsmParser &parser) { return parseContainer<OptionalType>(parser); }
void OptionalType::print(AsmPrinter &printer) const { printContained(getContainedType(), printer); }

template <typename T> static Type parseProduct(AsmParser &parser) {
  SmallVector<Type> types;
  auto parseOne = [&]() -> ParseResult {
    return success(static_cast<bool>(types.emplace_back(parseNested(parser))));
  };
  if (failed(parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater, parseOne)))
    return nullptr;
  return T::get(parser.getContext(), types);
}
Type torch::TupleType::parse(AsmParser &parser) { return parseProduct<torch::TupleType>(parser); }
void torch::TupleType::print(AsmPrinter &printer) const {
  printContained(getContainedTypes(), printer);
}
Type UnionType::parse(AsmParser &parser) { return parseProduct<UnionType>(parser); }
void UnionType::print(AsmPrinter &printer) const { printContained(getContainedTypes(), printer); }

Type DictType::parse(AsmParser &parser) {
  if (failed(parser.parseLess()))
    return nullptr;
  Type key = parseNested(parser);
  if (!key || failed(parser.parseComma()))
    return nullptr;
  Type value = parseNested(parser);
  if (!value || failed(parser.parseGreater()))
    return nullptr;
  return DictType::get(parser.getContext(), key, value);
}
void DictType::print(AsmPrinter &printer) const {
  printContained({getKeyType(), getValueType()}, printer);
}

Type NnModuleType::parse(AsmParser &parser) {
  std::string name;
  if (failed(parser.parseLess()) || failed(parser.parseString(&name)) ||
      failed(parser.parseGreater()))
    return nullptr;
  return NnModuleType::get(parser.getContext(), name);
}
void NnModuleType::print(AsmPrinter &printer) const {
  printer << "<";
  printer.printString(getClassName());
  printer << ">";
}
