// Which ops cannot be lowered.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <string>
#include <vector>

namespace linalgd {

// Calls `visit` on every op, in the order of the program, that stands between a module at stage
// `torch` and linalg, but for `keepOps`.
void forEachUnsupportedOp(mlir::ModuleOp module, const std::vector<std::string> &keepOps,
                          llvm::function_ref<void(mlir::Operation *)> visit);

} // namespace linalgd
