// PyTorch's type rules (type_rules.h).
#include "compiler/dialect/matchers.h"
#include "compiler/dialect/op_schema.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace linalgd::torch {

//===-- dtypes --------------------------------------------------------------------------------===//

Type dtypeFromScalarKind(MLIRContext *context, int64_t kind) {
  auto integer = [&](unsigned width, bool isSigned = true) -> Type {
    return IntegerType::get(context, width, isSigned ? IntegerType::Signed : IntegerType::Unsigned);
  };
  switch (static_cast<ScalarKind>(kind)) {
  case ScalarKind::Byte:
    return integer(8, false);
  case ScalarKind::Char:
    return integer(8);
  case ScalarKind::Short:
    return integer(16);
  case ScalarKind::Int:
    return integer(32);
  case ScalarKind::Long:
    return integer(64);
  case ScalarKind::Half:
    return Float16Type::get(context);
  case ScalarKind::Float:
    return Float32Type::get(context);
  case ScalarKind::Double:
    return Float64Type::get(context);
  case ScalarKind::ComplexHalf:
    return ComplexType::get(Float16Type::get(context));
  case ScalarKind::ComplexFloat:
    return ComplexType::get(Float32Type::get(context));
  case ScalarKind::ComplexDouble:
    return ComplexType::get(Float64Type::get(context));
  case ScalarKind::Bool:
    return IntegerType::get(context, 1);
  case ScalarKind::QInt8:
    return QInt8Type::get(context);
  case ScalarKind::QUInt8:
    return QUInt8Type::get(context);
  case ScalarKind::QInt32:
    return QInt32Type::get(context);
  case ScalarKind::BFloat16:
    return BFloat16Type::get(context);
  }
  return nullptr;
}

std::optional<int64_t> scalarKindFromDtype(Type dtype) {
  for (int64_t kind = 0; kind <= static_cast<int64_t>(ScalarKind::BFloat16); ++kind)
    if (Type known = dtypeFromScalarKind(dtype.getContext(), kind); known && known == dtype)
      return kind;
  return std::nullopt;
}

Type dtypeOf(Type type) {
  MLIRContext *context = type.getContext();
  if (auto tensor = dyn_cast<BaseTensorType>(type))
    return tensor.getDtype();
  if (isa<torch::IntType>(type))
    return IntegerType::get(context, 64, IntegerType::Signed);
  if (isa<torch::FloatType>(type))
    return Float64Type::get(context);
  if (isa<torch::BoolType>(type))
    return IntegerType::get(context, 1);
  return nullptr;
}

Type dtypeOf(Value value) { return dtypeOf(value.getType()); }

Sizes sizesOf(Value value) {
  auto tensor = dyn_cast<BaseTensorType>(value.getType());
  if (!tensor || !tensor.hasSizes())
    return std::nullopt;
  return llvm::to_vector(tensor.getSizes());
}

bool isFloatDtype(Type dtype) { return isa_and_present<mlir::FloatType>(dtype); }
bool isQuantizedDtype(Type dtype) {
  return isa_and_present<QInt8Type, QUInt8Type, QInt32Type>(dtype);
}
bool isBoolDtype(Type dtype) { return dtype && dtype.isInteger(1); }
bool isIntDtype(Type dtype) { return isa_and_present<IntegerType>(dtype) && !dtype.isInteger(1); }
bool isComplexDtype(Type dtype) { return isa_and_present<ComplexType>(dtype); }
bool isUnsignedDtype(Type dtype) {
  return dtype && (dtype.isUnsignedInteger() || dtype.isInteger(1));
}

static Type promoteFloats(Type a, Type b) {
  if (a == b)
    return a;
  // float16 and bfloat16 have no common type of their size.
  if (a.getIntOrFloatBitWidth() == b.getIntOrFloatBitWidth())
    return Float32Type::get(a.getContext());
  return a.getIntOrFloatBitWidth() > b.getIntOrFloatBitWidth() ? a : b;
}

static Type promoteIntegers(Type a, Type b) {
  unsigned widthA = a.getIntOrFloatBitWidth(), widthB = b.getIntOrFloatBitWidth();
  if (a.isUnsignedInteger() == b.isUnsignedInteger())
    return widthA >= widthB ? a : b;
  Type isSigned = a.isUnsignedInteger() ? b : a;
  unsigned unsignedWidth = a.isUnsignedInteger() ? widthA : widthB;
  unsigned width = std::max(isSigned.getIntOrFloatBitWidth(), std::min(64u, 2 * unsignedWidth));
  return IntegerType::get(a.getContext(), width, IntegerType::Signed);
}

Type promoteDtypes(Type a, Type b) {
  if (!a || !b)
    return nullptr;
  if (a == b || isBoolDtype(b) || isQuantizedDtype(a))
    return a;
  if (isBoolDtype(a) || isQuantizedDtype(b))
    return b;
  if (isComplexDtype(a) || isComplexDtype(b)) {
    auto element = [](Type type) {
      auto complex = dyn_cast<ComplexType>(type);
      return complex ? complex.getElementType() : type;
    };
    Type left = element(a), right = element(b);
    if (!isFloatDtype(left))
      return b;
    if (!isFloatDtype(right))
      return a;
    Type common = promoteFloats(left, right);
    return ComplexType::get(common.isBF16() ? Float32Type::get(a.getContext()) : common);
  }
  if (isFloatDtype(a) && isFloatDtype(b))
    return promoteFloats(a, b);
  if (isFloatDtype(a))
    return a;
  if (isFloatDtype(b))
    return b;
  return promoteIntegers(a, b);
}

static int category(Type dtype) {
  return isComplexDtype(dtype) ? 3 : isFloatDtype(dtype) ? 2 : isIntDtype(dtype) ? 1 : 0;
}

// `higher` counts in full; `lower` only where its category is greater.
static Type combineCategories(Type higher, Type lower) {
  if (!higher || !lower)
    return higher ? higher : lower;
  if (category(lower) <= category(higher))
    return higher;
  if (isFloatDtype(higher)) // and `lower` complex
    return ComplexType::get(higher.isBF16() ? Float32Type::get(higher.getContext()) : higher);
  return lower;
}

Type resultDtype(TypeRange operands) {
  Type dimensioned, zeroDim, wrapped;
  auto merge = [](Type &into, Type dtype) { into = into ? promoteDtypes(into, dtype) : dtype; };
  for (Type type : operands) {
    if (auto tensor = dyn_cast<BaseTensorType>(type)) {
      if (!tensor.hasDtype() || !tensor.hasSizes())
        return nullptr;
      merge(tensor.getSizes().empty() ? zeroDim : dimensioned, tensor.getDtype());
    } else if (isa<torch::FloatType>(type)) {
      merge(wrapped, Float32Type::get(type.getContext()));
    } else if (Type dtype = dtypeOf(type)) {
      merge(wrapped, dtype);
    } else if (isa<NumberType>(type)) {
      return nullptr;
    }
  }
  return combineCategories(dimensioned, combineCategories(zeroDim, wrapped));
}

Type resultDtype(ValueRange operands) {
  return resultDtype(
      llvm::map_to_vector(operands, [](Value operand) { return strip(operand).getType(); }));
}

Type floatDtype(Type dtype) {
  if (!dtype || isFloatDtype(dtype) || isComplexDtype(dtype) || isQuantizedDtype(dtype))
    return dtype;
  return Float32Type::get(dtype.getContext());
}

Type computeDtype(Type dtype) {
  if (dtype && isFloatDtype(dtype) && dtype.getIntOrFloatBitWidth() < 32)
    return Float32Type::get(dtype.getContext());
  return dtype;
}

//===-- sizes ---------------------------------------------------------------------------------===//

std::optional<Sizes> broadcastSizes(TypeRange operands, std::string &error) {
  SmallVector<int64_t> result;
  for (Type type : operands) {
    auto tensor = dyn_cast<BaseTensorType>(type);
    if (!tensor)
      continue;
    if (!tensor.hasSizes())
      return Sizes();
    ArrayRef<int64_t> sizes = tensor.getSizes();
    if (sizes.size() > result.size())
      result.insert(result.begin(), sizes.size() - result.size(), 1);
    size_t offset = result.size() - sizes.size();
    for (auto [index, size] : llvm::enumerate(sizes)) {
      int64_t &into = result[offset + index];
      if (into == 1 || (into == ShapedType::kDynamic && size != 1)) {
        into = size;
      } else if (size != 1 && size != ShapedType::kDynamic && size != into) {
        error = llvm::formatv("sizes {0} and {1} of dimension {2} do not broadcast", into, size,
                              offset + index);
        return std::nullopt;
      }
    }
  }
  return Sizes(std::move(result));
}

bool differ(int64_t a, int64_t b) {
  return a != b && !ShapedType::isDynamic(a) && !ShapedType::isDynamic(b);
}

std::string toString(ArrayRef<int64_t> sizes) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << "[";
  llvm::interleaveComma(sizes, stream, [&](int64_t size) {
    if (ShapedType::isDynamic(size))
      stream << "?";
    else
      stream << size;
  });
  stream << "]";
  return text;
}

std::optional<int64_t> normalizeDim(int64_t index, int64_t rank) {
  rank = std::max<int64_t>(rank, 1);
  if (index < -rank || index >= rank)
    return std::nullopt;
  return index < 0 ? index + rank : index;
}

//===-- compatibility -------------------------------------------------------------------------===//

static bool areTensorsCompatible(BaseTensorType a, BaseTensorType b) {
  if (a.hasDtype() && b.hasDtype() && a.getDtype() != b.getDtype())
    return false;
  if (!a.hasSizes() || !b.hasSizes())
    return true;
  if (a.getSizes().size() != b.getSizes().size())
    return false;
  return llvm::all_of(llvm::zip(a.getSizes(), b.getSizes()), [](auto pair) {
    auto [x, y] = pair;
    return x == y || ShapedType::isDynamic(x) || ShapedType::isDynamic(y);
  });
}

bool areCompatible(Type inferred, Type actual) {
  if (inferred == actual || isa<AnyType>(inferred) || isa<AnyType>(actual))
    return true;
  auto tensorA = dyn_cast<BaseTensorType>(inferred), tensorB = dyn_cast<BaseTensorType>(actual);
  if (tensorA && tensorB)
    return areTensorsCompatible(tensorA, tensorB);
  auto listA = dyn_cast<ListType>(inferred), listB = dyn_cast<ListType>(actual);
  if (listA && listB)
    return areCompatible(listA.getContainedType(), listB.getContainedType());
  auto tupleA = dyn_cast<torch::TupleType>(inferred), tupleB = dyn_cast<torch::TupleType>(actual);
  if (tupleA && tupleB)
    return areCompatible(tupleA.getContainedTypes(), tupleB.getContainedTypes());
  if (auto several = dyn_cast<UnionType>(actual))
    return llvm::any_of(several.getContainedTypes(),
                        [&](Type one) { return areCompatible(inferred, one); });
  auto optional = dyn_cast<OptionalType>(actual);
  if (optional)
    return isa<NoneType>(inferred) || areCompatible(inferred, optional.getContainedType());
  return isa<NumberType>(actual) && isNumberLike(inferred);
}

bool areCompatible(TypeRange inferred, TypeRange actual) {
  return inferred.size() == actual.size() &&
         llvm::all_of(llvm::zip(inferred, actual), [](auto pair) {
           return areCompatible(std::get<0>(pair), std::get<1>(pair));
         });
}

Type meetTypes(Type keep, Type other) {
  if (!areCompatible(other, keep))
    return nullptr;
  auto a = dyn_cast<BaseTensorType>(keep), b = dyn_cast<BaseTensorType>(other);
  if (!a || !b)
    return isa<AnyType, NumberType, OptionalType>(keep) ? other : keep;
  Type dtype = a.hasDtype() ? a.getDtype() : b.getDtype();
  if (!a.hasSizes())
    return b.hasSizes() ? a.with(b.getSizes(), dtype) : a.with(std::nullopt, dtype);
  SmallVector<int64_t> sizes(a.getSizes());
  if (b.hasSizes())
    for (auto [into, from] : llvm::zip(sizes, b.getSizes()))
      if (ShapedType::isDynamic(into))
        into = from;
  return a.with(ArrayRef(sizes), dtype);
}

//===-- Inference -----------------------------------------------------------------------------===//

LogicalResult Inference::error(const Twine &message) {
  return emitOptionalError(location_, "'", opName, "' op ", message);
}

LogicalResult Inference::add(Type type) {
  types_.push_back(type);
  return success();
}

LogicalResult Inference::hasDims(Value tensor, Value dims) {
  Sizes sizes = sizesOf(tensor);
  std::optional<SmallVector<int64_t>> given;
  if (std::optional<int64_t> single = dims ? matchInt(dims) : std::nullopt)
    given = SmallVector<int64_t>{*single};
  else if (dims)
    given = matchIntList(dims);
  if (!sizes || !given)
    return success();
  auto rank = static_cast<int64_t>(sizes->size());
  llvm::SmallDenseSet<int64_t> seen;
  for (int64_t dim : *given) {
    std::optional<int64_t> normal = normalizeDim(dim, rank);
    if (!normal)
      return error(Twine("has a dimension out of range: ") + Twine(dim) + " of " + Twine(rank));
    if (!seen.insert(*normal).second)
      return error(Twine("names dimension ") + Twine(*normal) + " twice");
  }
  return success();
}

LogicalResult Inference::hasRank(Value tensor, int64_t least, int64_t most, StringRef name) {
  Sizes sizes = sizesOf(tensor);
  if (!sizes ||
      (static_cast<int64_t>(sizes->size()) >= least && static_cast<int64_t>(sizes->size()) <= most))
    return success();
  std::string expected = std::to_string(least);
  if (most == INT64_MAX)
    expected += " or more";
  else if (most != least)
    expected += " to " + std::to_string(most);
  return error(name + " must have " + expected + " dimensions, and has sizes " + toString(*sizes));
}

LogicalResult Inference::hasSizes(Value tensor, ArrayRef<int64_t> sizes, StringRef name) {
  Sizes own = sizesOf(strip(tensor));
  if (!own)
    return success();
  bool fits = own->size() == sizes.size() && llvm::none_of(llvm::zip(*own, sizes), [](auto pair) {
                return differ(std::get<0>(pair), std::get<1>(pair));
              });
  return fits ? success()
              : error(name + " has sizes " + toString(*own) + ", which must be " + toString(sizes));
}

LogicalResult Inference::broadcastsTo(Value tensor, const Sizes &sizes, StringRef name) {
  Sizes own = sizesOf(strip(tensor));
  if (!own || !sizes)
    return success();
  bool fits = own->size() <= sizes->size();
  for (size_t i = 1; fits && i <= own->size(); ++i) {
    int64_t size = (*own)[own->size() - i];
    fits = size == 1 || !differ(size, (*sizes)[sizes->size() - i]);
  }
  return fits ? success()
              : error(name + " of sizes " + toString(*own) + " does not broadcast to " +
                      toString(*sizes));
}

LogicalResult Inference::isIndex(Value tensor, StringRef name) {
  Type dtype = dtypeOf(tensor);
  return !dtype || isIntDtype(dtype) ? success() : error(name + " must be of an integer dtype");
}

LogicalResult Inference::areOfOneDtype(ValueRange tensors) {
  Type common;
  for (Value tensor : tensors) {
    Type dtype = dtypeOf(strip(tensor));
    if (dtype && common && dtype != common)
      return error("has operands of different dtypes");
    common = dtype ? dtype : common;
  }
  return success();
}

LogicalResult Inference::isFloating(Value tensor, StringRef name) {
  Type dtype = dtypeOf(tensor);
  return !dtype || isFloatDtype(dtype) || isComplexDtype(dtype) || isQuantizedDtype(dtype)
             ? success()
             : error(name + " must be of a floating-point dtype");
}

LogicalResult Inference::tensor(const Sizes &sizes, Type dtype) {
  int64_t elements = 1;
  for (int64_t size : sizes.value_or(SmallVector<int64_t>())) {
    if (ShapedType::isDynamic(size))
      continue;
    if (size < 0)
      return error(Twine("would have a size of ") + Twine(size));
    if (__builtin_mul_overflow(elements, std::max<int64_t>(size, 1), &elements))
      return error("would have more elements than can be counted");
  }
  bool nonValue = llvm::any_of(operands_.getTypes(), llvm::IsaPred<NonValueTensorType>);
  BaseTensorType value = getTensorType(
      context, sizes ? std::optional<ArrayRef<int64_t>>(*sizes) : std::nullopt, dtype);
  return add(nonValue ? value.asNonValue() : value);
}

LogicalResult Inference::tensorList(const Sizes &sizes, Type dtype) {
  if (failed(tensor(sizes, dtype)))
    return failure();
  types_.back() = ListType::get(types_.back());
  return success();
}

LogicalResult Inference::same(Value like) { return sameSizes(like, dtypeOf(like)); }
LogicalResult Inference::sameSizes(Value like, Type dtype) { return tensor(sizesOf(like), dtype); }
LogicalResult Inference::sameFloat(Value like) {
  return sameSizes(like, floatDtype(dtypeOf(like)));
}

LogicalResult Inference::broadcastAs(ValueRange operands, Type dtype) {
  std::string message;
  SmallVector<Type> types =
      llvm::map_to_vector(operands, [](Value operand) { return strip(operand).getType(); });
  std::optional<Sizes> sizes = broadcastSizes(types, message);
  return sizes ? tensor(*sizes, dtype) : error(message);
}
LogicalResult Inference::broadcast(ValueRange operands) {
  return broadcastAs(operands, resultDtype(operands));
}
LogicalResult Inference::broadcastFloat(ValueRange operands) {
  return broadcastAs(operands, floatDtype(resultDtype(operands)));
}
LogicalResult Inference::broadcastBool(ValueRange operands) { return broadcastAs(operands, i1()); }
LogicalResult Inference::integer() { return add(torch::IntType::get(context)); }
LogicalResult Inference::floating() { return add(torch::FloatType::get(context)); }
LogicalResult Inference::boolean() { return add(torch::BoolType::get(context)); }

// Result types that a decomposition can go on with to its end, for a schema's results.
static void guessTypes(Inference &guess, const OpSchema &schema, ValueRange operands) {
  Value like;
  for (Value operand : operands)
    if (Value tensor = strip(operand); !like && isa<BaseTensorType>(tensor.getType()))
      like = tensor;
  Sizes sizes = like ? sizesOf(like) : SmallVector<int64_t>();
  Type dtype = like ? dtypeOf(like) : guess.f32();
  for (StringRef result : schema.results) {
    LogicalResult added = result == "Tensor"     ? guess.tensor(sizes, dtype)
                          : result == "Tensor[]" ? guess.tensorList(sizes, dtype)
                          : result == "float"    ? guess.floating()
                          : result == "bool"     ? guess.boolean()
                                                 : guess.integer();
    assert(succeeded(added));
    (void)added;
  }
}

void inferResults(MLIRContext *context, OperationState &state, InferFn infer) {
  SmallVector<Type> types;
  if (failed(infer(context, state.location, state.operands, state.attributes.getDictionary(context),
                   state.getRawProperties(), state.regions, types))) {
    const OpSchema *schema = lookupSchema(state.name.getStringRef());
    if (!schema)
      llvm::report_fatal_error(Twine("cannot infer the types of ") + state.name.getStringRef());
    types.clear();
    Inference guess(context, std::nullopt, state.name.getStringRef(), state.operands, types);
    guessTypes(guess, *schema, state.operands);
  }
  state.addTypes(types);
}

} // namespace linalgd::torch
