// Python's functions on strings and lists, where their operands are constants.
#pragma once

#include "mlir/IR/Operation.h"

#include <optional>

namespace linalgd {

// The result of a torch.operator that is known before the program runs; null where it is not.
mlir::Value foldKnown(mlir::Operation *op);

} // namespace linalgd
