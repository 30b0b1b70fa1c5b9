// Programs that are graphs: .pt2 and TorchScript.
#pragma once

#include "compiler/pipeline/program.h"

namespace linalgd {

absl::StatusOr<std::unique_ptr<Program>> readGraphProgram(const Model &model,
                                                          const Options &options, StageSink &sink,
                                                          mlir::MLIRContext &context);

} // namespace linalgd
