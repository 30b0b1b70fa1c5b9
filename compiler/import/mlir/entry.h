// The function of a module that is compiled.
#pragma once

#include "mlir/IR/BuiltinOps.h"

namespace linalgd {

// Leaves one function in the module, public and named `name`: the public one of that name, else the
// only public one. What it calls is inlined; all else is removed.
llvm::LogicalResult isolateEntry(mlir::ModuleOp module, llvm::StringRef name);

} // namespace linalgd
