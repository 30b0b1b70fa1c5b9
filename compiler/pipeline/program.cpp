#include "compiler/pipeline/program.h"
#include "compiler/import/mlir/text_limits.h"
#include "compiler/pipeline/graph_program.h"
#include "compiler/pipeline/mlir_program.h"

#include <unistd.h>

namespace linalgd {
namespace {

bool isMlir(const Model &model) {
  if (model.format != ModelFormat::Detect || model.blobs.size() != 1 ||
      !model.blobs.front().name.empty())
    return model.format == ModelFormat::Mlir;
  char head[4096];
  ssize_t bytes = pread(model.blobs.front().fd.get(), head, sizeof head, 0);
  return bytes > 0 && looksLikeMlir({head, static_cast<size_t>(bytes)});
}

} // namespace

absl::StatusOr<std::unique_ptr<Program>> readProgram(const Model &model, const Options &options,
                                                     StageSink &sink, mlir::MLIRContext &context) {
  return isMlir(model) ? readMlirProgram(model, options, sink, context)
                       : readGraphProgram(model, options, sink, context);
}

} // namespace linalgd
