// The weights of a module.
#pragma once

#include "compiler/import/mlir/mlir_model.h"

namespace linalgd {

// Fills model.weights from the constants of the module: resources by their names, and literals that
// are too large to be a part of the graph, which become resources here.
llvm::LogicalResult findSlots(MlirModel &model);

// The dtype of an element type of torch or of linalg, whose integers have no sign: they count as
// signed.
std::optional<DType> dtypeOfElement(mlir::Type element);

// Of each weight in the file of those that are extracted.
inline constexpr uint64_t kExtractedAlignment = 64;

} // namespace linalgd
