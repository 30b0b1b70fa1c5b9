// PyTorch's type rules as pure functions: dtype promotion, broadcasting, type compatibility, and
// the Inference that an op's `infer` reports to.
#pragma once

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OperationSupport.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <optional>

namespace linalgd::torch {

using Sizes = std::optional<llvm::SmallVector<int64_t>>; // absent: rank unknown

// torch.dtype as numbers, as in `aten.to.dtype`'s constants (c10::ScalarType).
enum class ScalarKind : int64_t {
  Byte = 0,
  Char = 1,
  Short = 2,
  Int = 3,
  Long = 4,
  Half = 5,
  Float = 6,
  Double = 7,
  ComplexHalf = 8,
  ComplexFloat = 9,
  ComplexDouble = 10,
  Bool = 11,
  QInt8 = 12,
  QUInt8 = 13,
  QInt32 = 14,
  BFloat16 = 15,
};
// Null for a number that is no dtype of ours.
mlir::Type dtypeFromScalarKind(mlir::MLIRContext *context, int64_t kind);
std::optional<int64_t> scalarKindFromDtype(mlir::Type dtype);

// The torch dtype of a tensor, with signedness; of int, float, bool scalars: si64, f64, i1.
mlir::Type dtypeOf(mlir::Type torchType);

bool isFloatDtype(mlir::Type dtype); // real floating point
bool isIntDtype(mlir::Type dtype);   // integral, bool excluded
bool isBoolDtype(mlir::Type dtype);
bool isComplexDtype(mlir::Type dtype);
bool isQuantizedDtype(mlir::Type dtype); // stands for floating-point numbers
bool isUnsignedDtype(mlir::Type dtype);  // ui8 and bool

// torch.promote_types; null where either is null.
mlir::Type promoteDtypes(mlir::Type a, mlir::Type b);
// torch.result_type over tensors and scalars (torch.int, torch.float, torch.bool, torch.number);
// null where it depends on something unknown. Zero-dimensional tensors and scalars count by
// category only.
mlir::Type resultDtype(mlir::TypeRange operands);
mlir::Type resultDtype(mlir::ValueRange operands);
// What an integer becomes in a float op: the default dtype, float32. Others stay.
mlir::Type floatDtype(mlir::Type dtype);
// The type that PyTorch computes in: float32 for half and bfloat16.
mlir::Type computeDtype(mlir::Type dtype);

// Broadcast sizes of the tensors among `operands`; nullopt and `error` set where they disagree. An
// unknown size against a known one other than 1 takes the known one; two unknowns are equal.
std::optional<Sizes> broadcastSizes(mlir::TypeRange operands, std::string &error);

// The result of a lenient isCompatibleReturnTypes: nothing known on one side contradicts the other.
bool areCompatible(mlir::TypeRange inferred, mlir::TypeRange actual);
bool areCompatible(mlir::Type inferred, mlir::Type actual);
// What is known of either; null where they contradict each other. `keep` decides the kind of
// tensor.
mlir::Type meetTypes(mlir::Type keep, mlir::Type other);

// Whether two sizes are known to be different.
bool differ(int64_t a, int64_t b);
// As PyTorch prints them: [2, ?].
std::string toString(llvm::ArrayRef<int64_t> sizes);

// The size that `index` (maybe negative) names in `rank` dimensions; nullopt out of range. A scalar
// counts as rank 1.
std::optional<int64_t> normalizeDim(int64_t index, int64_t rank);

// What an op's `infer` works on: it adds one type a result, or fails with a reason.
class Inference {
public:
  Inference(mlir::MLIRContext *context, std::optional<mlir::Location> location,
            llvm::StringRef opName, mlir::ValueRange operands,
            llvm::SmallVectorImpl<mlir::Type> &types)
      : context(context), opName(opName), location_(location), operands_(operands), types_(types) {}

  mlir::MLIRContext *const context;
  const llvm::StringRef opName; // "torch.aten.relu"

  // Tensors of the operands' kind (non-value if any tensor operand is).
  llvm::LogicalResult tensor(const Sizes &sizes, mlir::Type dtype);
  llvm::LogicalResult tensorList(const Sizes &sizes, mlir::Type dtype); // of each tensor
  llvm::LogicalResult add(mlir::Type type);
  llvm::LogicalResult error(const llvm::Twine &message);

  // Checks of operands against each other. What is unknown contradicts nothing, nor does None.
  // `dims`, an int or a list of them, name dimensions of `tensor`, each at most once.
  llvm::LogicalResult hasDims(mlir::Value tensor, mlir::Value dims);
  // `name` is what messages call the tensor.
  llvm::LogicalResult hasRank(mlir::Value tensor, int64_t least, int64_t most,
                              llvm::StringRef name = "self");
  llvm::LogicalResult hasSizes(mlir::Value tensor, llvm::ArrayRef<int64_t> sizes,
                               llvm::StringRef name);
  llvm::LogicalResult broadcastsTo(mlir::Value tensor, const Sizes &sizes, llvm::StringRef name);
  // Of an integral dtype; bool is none.
  llvm::LogicalResult isIndex(mlir::Value tensor, llvm::StringRef name);
  llvm::LogicalResult areOfOneDtype(mlir::ValueRange tensors);
  llvm::LogicalResult isFloating(mlir::Value tensor, llvm::StringRef name = "self");

  // Rules. `tensorLike` is the operand whose sizes the result has.
  llvm::LogicalResult same(mlir::Value tensorLike);
  llvm::LogicalResult sameSizes(mlir::Value tensorLike, mlir::Type dtype);
  llvm::LogicalResult sameFloat(mlir::Value tensorLike);    // integers become float32
  llvm::LogicalResult broadcast(mlir::ValueRange operands); // promoted dtype
  llvm::LogicalResult broadcastFloat(mlir::ValueRange operands);
  llvm::LogicalResult broadcastAs(mlir::ValueRange operands, mlir::Type dtype);
  llvm::LogicalResult broadcastBool(mlir::ValueRange operands);
  llvm::LogicalResult integer();
  llvm::LogicalResult floating();
  llvm::LogicalResult boolean();

  mlir::Type i1() const { return mlir::IntegerType::get(context, 1); }
  mlir::Type si64() const { return mlir::IntegerType::get(context, 64, mlir::IntegerType::Signed); }
  mlir::Type f32() const { return mlir::Float32Type::get(context); }

private:
  std::optional<mlir::Location> location_;
  mlir::ValueRange operands_;
  llvm::SmallVectorImpl<mlir::Type> &types_;
};

// Sizes and dtype of a torch tensor value; absent and null where unknown (or no tensor).
Sizes sizesOf(mlir::Value value);
mlir::Type dtypeOf(mlir::Value value);

using InferFn = llvm::function_ref<llvm::LogicalResult(
    mlir::MLIRContext *, std::optional<mlir::Location>, mlir::ValueRange, mlir::DictionaryAttr,
    mlir::OpaqueProperties, mlir::RegionRange, llvm::SmallVectorImpl<mlir::Type> &)>;
// Adds the inferred result types to `state`. Where inference fails, it has emitted an error, by
// which the compile fails later on, and the types are a guess.
void inferResults(mlir::MLIRContext *context, mlir::OperationState &state, InferFn infer);

} // namespace linalgd::torch
