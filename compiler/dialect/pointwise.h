// Elementwise lowerings: a scalar expression in PyTorch's compute dtype, broadcast over the
// operands.
#pragma once

#include "compiler/dialect/builders.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace linalgd::torch {

// Builds scalar arithmetic on one dtype: float or integer ops as the dtype asks.
class ScalarBuilder : public mlir::ImplicitLocOpBuilder {
public:
  ScalarBuilder(mlir::Location loc, const mlir::OpBuilder &builder, mlir::Type dtype)
      : ImplicitLocOpBuilder(loc, builder), dtype(dtype), type(lowerDtype(dtype)) {}

  const mlir::Type dtype; // the compute dtype, with signedness
  const mlir::Type type;  // as it is in linalg

  // The operands before their conversion, and their dtypes; null where `x` is.
  llvm::ArrayRef<mlir::Value> raw;
  llvm::ArrayRef<mlir::Type> rawDtypes;
  // Operand `index` as a condition: not zero.
  mlir::Value truth(unsigned index);

  bool isFloat() const { return isFloatDtype(dtype); }
  bool isUnsigned() const { return isUnsignedDtype(dtype); }

  mlir::Value constant(double value);
  mlir::Value add(mlir::Value a, mlir::Value b); // `or` on bool
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b); // `and` on bool
  mlir::Value div(mlir::Value a, mlir::Value b); // truncates integers; asserts that b is not 0
  mlir::Value rem(mlir::Value a, mlir::Value b); // of the sign of a; the same
  mlir::Value neg(mlir::Value a);
  mlir::Value abs(mlir::Value a);
  mlir::Value max(mlir::Value a, mlir::Value b); // NaN wins
  mlir::Value min(mlir::Value a, mlir::Value b);
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b);
  // Comparisons give i1; false where an operand is NaN, but for ne.
  mlir::Value eq(mlir::Value a, mlir::Value b);
  mlir::Value ne(mlir::Value a, mlir::Value b);
  mlir::Value lt(mlir::Value a, mlir::Value b);
  mlir::Value le(mlir::Value a, mlir::Value b);
  mlir::Value gt(mlir::Value a, mlir::Value b) { return lt(b, a); }
  mlir::Value ge(mlir::Value a, mlir::Value b) { return le(b, a); }
  mlir::Value isNan(mlir::Value a);
  mlir::Value isZero(mlir::Value a) { return eq(a, constant(0)); }

  // Any op of arith or math on values of one type, folded where possible.
  template <typename Op, typename... Args> mlir::Value make(Args &&...args) {
    return createOrFold<Op>(std::forward<Args>(args)...);
  }

  // Functions that several ops share.
  mlir::Value sigmoid(mlir::Value a);
  mlir::Value softplus(mlir::Value a); // log(1 + exp(a)) without overflow
  mlir::Value logSigmoid(mlir::Value a);

private:
  mlir::Value divisor(mlir::Value b);
  mlir::Value compare(mlir::arith::CmpFPredicate real, mlir::arith::CmpIPredicate isSigned,
                      mlir::arith::CmpIPredicate isUnsigned, mlir::Value a, mlir::Value b);
};

// `x` holds one value for each operand of the op, in order: of tensors an element, of numbers the
// number, both in the compute dtype; null for every other kind of operand (none, list, string).
using PointwiseBody = llvm::function_ref<mlir::Value(ScalarBuilder &, llvm::ArrayRef<mlir::Value>)>;

// Lowers an op whose result has the broadcast sizes of its tensor operands. The body returns the
// compute dtype or i1; it is converted to the result's dtype. Without `compute` the compute dtype
// is the promotion of the operands, made float where the result is, and float32 for half types.
llvm::LogicalResult lowerPointwise(Lowering &b, PointwiseBody body, mlir::Type compute = nullptr);

} // namespace linalgd::torch
