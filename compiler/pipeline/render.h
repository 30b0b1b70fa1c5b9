// Modules as text, and text in memory files.
#pragma once

#include "compiler/api/compiler.h"
#include "compiler/pipeline/stages.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <string>

namespace linalgd {

// The module's text with its locations. Weights: without their data (Embed, External), with it
// (Inline), or as globals that are bound to IREE's parameters (Params).
std::string renderModule(mlir::ModuleOp module, WeightsMode weights);

// A memory file with these bytes.
absl::StatusOr<UniqueFd> makeMemoryFile(std::string_view name, std::string_view bytes);
absl::StatusOr<Artifact> makeArtifact(const StageDefinition &stage, std::string_view bytes);

} // namespace linalgd
