// The torch dialect's C++ face: types, interfaces, structural ops.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/ExtensibleDialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include <optional>

namespace linalgd::torch {

// A tensor type of either kind: what is known of its sizes and dtype.
// Signedness is part of a dtype here (si64, ui8); `i1` is bool.
class BaseTensorType : public mlir::Type {
public:
  using Type::Type;
  static bool classof(mlir::Type type);

  bool hasSizes() const;
  llvm::ArrayRef<int64_t> getSizes() const; // ShapedType::kDynamic where unknown
  bool hasDtype() const { return static_cast<bool>(getDtype()); }
  mlir::Type getDtype() const; // null where unknown
  bool isValue() const;
  // The same kind of tensor with other contents.
  BaseTensorType with(std::optional<llvm::ArrayRef<int64_t>> sizes, mlir::Type dtype) const;
  BaseTensorType withDtype(mlir::Type dtype) const;
  // The value tensor with the same sizes and dtype, and the other way round.
  BaseTensorType asValue() const;
  BaseTensorType asNonValue() const;
};

class TorchBuilder;
class Decomposition;
class Lowering;

} // namespace linalgd::torch

#include "compiler/dialect/TorchDialect.h.inc"
#include "compiler/dialect/TorchInterfaces.h.inc"
#define GET_TYPEDEF_CLASSES
#include "compiler/dialect/TorchTypes.h.inc"

namespace linalgd::torch {

// A value tensor type; `sizes` absent or `dtype` null: unknown.
ValueTensorType getTensorType(mlir::MLIRContext *context,
                              std::optional<llvm::ArrayRef<int64_t>> sizes, mlir::Type dtype);

// Checks behind the ODS constraints.
inline bool isAny(mlir::Type) { return true; }
bool isTensor(mlir::Type type);
bool isIntLike(mlir::Type type);
bool isBoolLike(mlir::Type type);
bool isNumberLike(mlir::Type type);
bool isPackedParams(mlir::Type type);

// "aten.add.Tensor" of "torch.aten.add.Tensor", also where the op is a torch.operator.
llvm::StringRef getQualifiedName(mlir::Operation *op);
// Whether a qualified name is that of an in-place op: "aten.add_.Tensor", "aten.relu_".
bool isInPlaceName(llvm::StringRef qualified);

// On a function at torch-raw: what of the caller's it writes (an argument's index, or a slot's
// name), in the order in which the new values become results.
inline constexpr llvm::StringLiteral kStateAttr = "torch.state";

} // namespace linalgd::torch

#include "compiler/dialect/type_rules.h"

#define GET_OP_CLASSES
#include "compiler/dialect/TorchOps.h.inc"
