// What the records of this family call: folding and lowering of numbers.
#pragma once

#include "compiler/dialect/builders.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/STLExtras.h"

#include <cmath>

namespace linalgd::torch {

// Python's // and %; 0 is returned for a zero divisor only after the caller has refused it.
int64_t floorDivide(int64_t a, int64_t b);
int64_t pythonModulo(int64_t a, int64_t b);
double floorDivide(double a, double b);
double pythonModulo(double a, double b);

std::optional<double> constantNumber(mlir::Attribute attribute);
mlir::Attribute numberAttr(mlir::Operation *op, int64_t value);
mlir::Attribute numberAttr(mlir::Operation *op, double value);
// Whether integer division by this constant has no result.
bool isZeroDivisor(mlir::Operation *op, llvm::ArrayRef<mlir::Attribute> operands);

// Applies `compute`, over two int64_t or two double (the second is 0 for a single operand), to
// constant operands.
template <typename Compute>
mlir::OpFoldResult foldNumbers(mlir::Operation *op, llvm::ArrayRef<mlir::Attribute> operands,
                               Compute compute) {
  using Number = std::decay_t<typename llvm::function_traits<Compute>::template arg_t<0>>;
  Number values[2] = {0, 0};
  for (auto [index, attribute] : llvm::enumerate(operands)) {
    if (auto integer = llvm::dyn_cast_if_present<mlir::IntegerAttr>(attribute)) {
      bool isBool = integer.getType().isInteger(1);
      values[index] = static_cast<Number>(isBool ? integer.getValue().getBoolValue()
                                                 : integer.getValue().getSExtValue());
    } else if (std::optional<double> number = constantNumber(attribute)) {
      values[index] = static_cast<Number>(*number);
    } else {
      return {};
    }
  }
  if (isZeroDivisor(op, operands))
    return {};
  return numberAttr(op, compute(values[0], values[1]));
}

mlir::Value lowerFloorDivide(Lowering &b, mlir::Value x, mlir::Value y);
mlir::Value lowerModulo(Lowering &b, mlir::Value x, mlir::Value y);
// By 63 bits at most: the processor's shift knows no more.
template <typename ShiftOp> mlir::Value lowerShift(Lowering &b, mlir::Value x, mlir::Value count) {
  mlir::Value most = mlir::arith::ConstantIntOp::create(b, 63, 64);
  return ShiftOp::create(b, x, mlir::arith::MinUIOp::create(b, count, most)).getResult();
}
// -number, once it is known whether that is an int or a float.
mlir::Value negated(TorchBuilder &b, mlir::Value number);
mlir::Value toFloat(Lowering &b, mlir::Value number);
mlir::Value toInteger(Lowering &b, mlir::Value number);

llvm::LogicalResult inferItem(Inference &r, mlir::Value tensor);
// Where the element is a number that was made a tensor, or computed from such.
mlir::OpFoldResult foldItem(mlir::Operation *op);
llvm::LogicalResult lowerItem(Lowering &b);
mlir::OpFoldResult foldSize(mlir::Value tensor, mlir::Value dim);
llvm::LogicalResult lowerSize(Lowering &b);
mlir::OpFoldResult foldNumel(mlir::Value tensor);
llvm::LogicalResult lowerNumel(Lowering &b);

} // namespace linalgd::torch
