// What the records of this family call.
#pragma once

#include "compiler/dialect/builders.h"

namespace linalgd::torch {

// Converts operand 0 to the dtype of the result.
llvm::LogicalResult lowerConversion(Lowering &b);

} // namespace linalgd::torch
