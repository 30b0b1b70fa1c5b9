// Programs that are MLIR already.
#pragma once

#include "compiler/pipeline/program.h"

namespace linalgd {

absl::StatusOr<std::unique_ptr<Program>> readMlirProgram(const Model &model, const Options &options,
                                                         StageSink &sink,
                                                         mlir::MLIRContext &context);

} // namespace linalgd
