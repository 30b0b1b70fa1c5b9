// What decompositions and lowerings build with. Both are an ImplicitLocOpBuilder at the op
// concerned: `MulTensorOp::create(b, x, y)`, `arith::AddFOp::create(b, x, y)`.
#pragma once

#include "compiler/dialect/matchers.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/DialectConversion.h"

namespace linalgd::torch {

// Torch constants and lists at the insertion point.
class TorchBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;

  mlir::Value constInt(int64_t value);
  mlir::Value constFloat(double value);
  mlir::Value constBool(bool value);
  mlir::Value constNone();
  // The ScalarType constant of a dtype.
  mlir::Value constDtype(mlir::Type dtype);
  mlir::Value list(mlir::ValueRange elements, mlir::Type elementType);
  mlir::Value intList(llvm::ArrayRef<int64_t> values);
  mlir::Value intList(mlir::ValueRange values);
  // A tensor's size as torch.int: a constant where it is known.
  mlir::Value size(mlir::Value tensor, int64_t dim);
  mlir::Value sizeList(mlir::Value tensor);
  // `tensor` in another dtype; itself where it has that one already.
  mlir::Value toDtype(mlir::Value tensor, mlir::Type dtype);
  // `tensor` with the given static type: a tensor_static_info_cast where it differs.
  mlir::Value staticCast(mlir::Value tensor, mlir::Type type);
};

class Decomposition : public TorchBuilder {
public:
  Decomposition(mlir::Operation *op, mlir::PatternRewriter &rewriter)
      : TorchBuilder(op->getLoc(), rewriter), op(op), rewriter(rewriter) {}

  mlir::Operation *const op;
  mlir::PatternRewriter &rewriter;

  // Replaces the op; results keep their types (a cast bridges differences of what is known).
  llvm::LogicalResult replace(mlir::ValueRange values);
  llvm::LogicalResult replace(mlir::Value value) { return replace(mlir::ValueRange(value)); }
  mlir::Type resultDtype(unsigned index = 0) const { return dtypeOf(op->getResult(index)); }
};

// The signless element type of a dtype in linalg: si64 → i64.
mlir::Type lowerDtype(mlir::Type dtype);

// `value` (a scalar in lowered form) from one dtype to another, as PyTorch converts.
mlir::Value convertScalar(mlir::ImplicitLocOpBuilder &b, mlir::Value value, mlir::Type from,
                          mlir::Type to);

using ElementwiseBody =
    llvm::function_ref<mlir::Value(mlir::ImplicitLocOpBuilder &, mlir::ValueRange)>;

class Lowering : public TorchBuilder {
public:
  Lowering(mlir::Operation *op, mlir::ValueRange operands,
           mlir::ConversionPatternRewriter &rewriter, const mlir::TypeConverter &types,
           llvm::DenseMap<mlir::Operation *, std::string> &reasons)
      : TorchBuilder(op->getLoc(), rewriter), op(op), operands(operands), rewriter(rewriter),
        types(types), reasons_(reasons) {}

  mlir::Operation *const op;       // still on torch types: constants are matched here
  const mlir::ValueRange operands; // tensors, i64, f64, i1; lists and none as they were
  mlir::ConversionPatternRewriter &rewriter;
  const mlir::TypeConverter &types;

  // Replaces the op; values are cast to the result types where these say less or more of sizes.
  llvm::LogicalResult replace(mlir::ValueRange values);
  llvm::LogicalResult replace(mlir::Value value) { return replace(mlir::ValueRange(value)); }
  // Fails with the reason that the user will read.
  llvm::LogicalResult unsupported(const llvm::Twine &reason);

  mlir::RankedTensorType resultType(unsigned index = 0) const; // null where the rank is unknown
  mlir::Type resultDtype(unsigned index = 0) const { return dtypeOf(op->getResult(index)); }
  // The lowered form of a torch value that is no operand, such as an element of a list.
  mlir::Value lowered(mlir::Value torchValue);

  // Sizes and integers, as attributes where constant and `index` values where not.
  mlir::OpFoldResult dim(mlir::Value tensor, int64_t dim);
  llvm::SmallVector<mlir::OpFoldResult> sizes(mlir::Value tensor);
  mlir::OpFoldResult index(mlir::Value torchInt);
  // The elements of a list of ints; nullopt where it is not built here.
  std::optional<llvm::SmallVector<mlir::OpFoldResult>> indexList(mlir::Value torchList);
  mlir::OpFoldResult affine(mlir::AffineExpr expr, llvm::ArrayRef<mlir::OpFoldResult> symbols);
  mlir::Value indexValue(mlir::OpFoldResult index);
  mlir::Value toInt(mlir::OpFoldResult index); // as i64

  // A constant of a lowered element type.
  mlir::Value scalar(mlir::Type elementType, double value);
  mlir::Value empty(llvm::ArrayRef<mlir::OpFoldResult> sizes, mlir::Type elementType);
  mlir::Value filled(llvm::ArrayRef<mlir::OpFoldResult> sizes, mlir::Value scalar);
  mlir::Value zeros(llvm::ArrayRef<mlir::OpFoldResult> sizes, mlir::Type elementType);

  // One parallel linalg.generic over inputs that broadcast (through their indexing maps).
  mlir::Value elementwise(mlir::ValueRange inputs, mlir::Type elementType, ElementwiseBody body);
  // A tensor from one dtype to another; itself where they lower to the same.
  mlir::Value convert(mlir::Value tensor, mlir::Type from, mlir::Type to);
  mlir::Value tensorCast(mlir::Value tensor, mlir::Type type);

private:
  llvm::DenseMap<mlir::Operation *, std::string> &reasons_;
};

} // namespace linalgd::torch
