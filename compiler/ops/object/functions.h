// What the records of this family call.
#pragma once

#include "compiler/dialect/builders.h"
#include "compiler/ops/container/container.h"

namespace linalgd::torch {

// Null where one of them is no object.
mlir::Value compareEnums(TorchBuilder &b, mlir::Value first, mlir::Value second, bool equal);

} // namespace linalgd::torch
