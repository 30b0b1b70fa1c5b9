// The function of a module that is compiled.
#pragma once

#include "mlir/IR/BuiltinOps.h"

namespace linalgd {

// Makes one function the public one, named `name`: the public one of that name, else the only
// public one, else a method of the root object. What it calls is inlined and all other functions
// are removed, but where the module holds objects: what their methods do is for
// GlobalizeObjectGraph.
llvm::LogicalResult isolateEntry(mlir::ModuleOp module, llvm::StringRef name);

} // namespace linalgd
