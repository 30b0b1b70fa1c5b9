// The spelling of ops that other projects with a torch dialect take.
#pragma once

#include "mlir/IR/BuiltinOps.h"

namespace linalgd::torch {

// Puts `torch.operator "torch.aten.foo"` in the place of the ops that torch-mlir does not register:
// for printing.
void spellForPeers(mlir::ModuleOp module);

// Puts an op in the place of each torch.operator that names one that linalgd has. What it is given
// is left to the verifier.
void adoptOperators(mlir::ModuleOp module);

} // namespace linalgd::torch
