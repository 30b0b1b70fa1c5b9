// Sizes of tensors as code generation knows them: traced back to where they come from, so that two
// dimensions that are one size are one value.
#pragma once

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <map>

namespace linalgd {

// A sum of products of sizes that are not known further: two sizes of one form are equal.
struct SizeForm {
  std::map<std::vector<void *>, int64_t> terms; // sorted factors → coefficient

  static SizeForm constant(int64_t value);
  static SizeForm unknown(mlir::Value value);
  SizeForm operator+(const SizeForm &other) const;
  SizeForm operator*(const SizeForm &other) const;
  bool operator==(const SizeForm &) const = default;
};

// The product of a number and sizes, with an assertion that it does not wrap around.
mlir::Value productOf(mlir::ImplicitLocOpBuilder &b, int64_t known, mlir::ValueRange sizes);

class SizeTracer {
public:
  // The size of a dimension: an attribute where it is static, else an `index` value that is there
  // wherever the tensor is.
  mlir::OpFoldResult sizeOf(mlir::Value tensor, int64_t dim);
  // A size that an op was given, traced back alike.
  mlir::OpFoldResult trace(mlir::OpFoldResult size);

  SizeForm form(mlir::OpFoldResult size);
  // Whether a size is known not to be negative.
  bool isNatural(mlir::OpFoldResult size) { return isNatural(form(size)); }
  bool isNatural(const SizeForm &size);

private:
  mlir::OpFoldResult compute(mlir::Value tensor, int64_t dim);
  SizeForm formOfExpr(mlir::AffineExpr expr, mlir::ValueRange operands, unsigned numDims);

  llvm::DenseMap<std::pair<mlir::Value, int64_t>, mlir::OpFoldResult> known_;
};

} // namespace linalgd
