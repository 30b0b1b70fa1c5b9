// The signature of a function that came as MLIR.
#pragma once

#include "compiler/import/mlir/mlir_model.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <string>

namespace linalgd {

// As JSON (docs/protocol.md). Inputs are called as `torch.name` of the argument says, else arg0,
// arg1 and so on; sizes are as torch.bind_symbolic_shape says, else a symbol each. Results that
// Functionalize has added are the state.
std::string makeSignature(mlir::func::FuncOp function, const std::vector<MlirWeight> &weights);

} // namespace linalgd
