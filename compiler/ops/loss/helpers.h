// What the records of the loss family call.
#pragma once

#include "compiler/dialect/builders.h"

namespace linalgd::torch {

// The broadcast sizes without reduction, else a scalar. `isFloat`: of integers, too.
llvm::LogicalResult inferLoss(Inference &r, mlir::Value self, mlir::Value target,
                              mlir::Value reduction, bool isFloat = false);

// One loss a sample without reduction, else a scalar.
llvm::LogicalResult inferClassLoss(Inference &r, mlir::Value self, mlir::Value target,
                                   mlir::Value weight, mlir::Value reduction);

} // namespace linalgd::torch
