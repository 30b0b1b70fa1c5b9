// Modules that are programs on objects, as TorchScript is: classes, objects and their methods.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace linalgd {

// Whether the module holds objects.
bool hasObjects(mlir::ModuleOp module);

// Objects and what they hold stand in order, and are not nested too deep: passes follow them.
llvm::LogicalResult checkObjects(mlir::ModuleOp module);

// Adds a function that calls a method of its first argument, the root object: the one that is
// called `name`, else "forward", else the only public one.
llvm::FailureOr<mlir::func::FuncOp> makeMethodEntry(mlir::ModuleOp module, llvm::StringRef name);

} // namespace linalgd
