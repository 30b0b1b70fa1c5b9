// The stages of the pipeline, in one table: what each is called, what it runs, what it leaves.
#pragma once

#include "compiler/api/compiler.h"
#include "compiler/codegen/codegen.h"

#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/ArrayRef.h"

namespace linalgd {

struct StageOptions {
  std::vector<std::string> keepOps;
  CodegenOptions codegen;
};

struct StageDefinition {
  Stage stage;
  const char *description;
  const char *artifactName;
  const char *mediaType;
  // The passes that lead here from the stage before; none where other code does.
  void (*populate)(mlir::OpPassManager &pm, const StageOptions &options);
  // Whether the artifact is the module as text, from which a later compile can go on.
  bool isModule;
};

// In the order of Stage.
llvm::ArrayRef<StageDefinition> stages();
inline const StageDefinition &definitionOf(Stage stage) {
  return stages()[static_cast<size_t>(stage)];
}

} // namespace linalgd
