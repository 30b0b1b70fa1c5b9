// The neutral graph as a module of the torch dialect, stage torch-raw: non-value tensors, in-place
// and view ops as they were written, result types as the model states them.
#pragma once

#include "compiler/import/model.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace linalgd {

// Null after an error, which was emitted at the location of its node. `sourceMap` is what
// options.locations=python takes the places from. Weights stay in the model's mapped blobs, which
// live on in the context's resources.
mlir::OwningOpRef<mlir::ModuleOp> importGraph(const ImportedModel &model, const Options &options,
                                              const SourceMap &sourceMap,
                                              mlir::MLIRContext &context);

} // namespace linalgd
