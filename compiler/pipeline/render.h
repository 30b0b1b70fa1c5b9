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

// Gives the module's resources their data, a copy of it.
absl::Status fillResources(mlir::ModuleOp module, const std::vector<WeightSource> &weights);

// A memory file with these bytes.
absl::StatusOr<UniqueFd> makeMemoryFile(std::string_view name, std::string_view bytes);

struct TextFile {
  std::string name;
  std::string mediaType;
  std::string text;
};
// What a stage's artifact is called.
inline TextFile fileOf(const StageDefinition &stage, std::string text) {
  return {stage.artifactName, stage.mediaType, std::move(text)};
}
absl::StatusOr<Artifact> makeArtifact(llvm::ArrayRef<TextFile> files);

} // namespace linalgd
