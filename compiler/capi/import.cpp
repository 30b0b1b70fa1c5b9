#include "compiler/capi/import.h"

#include "compiler/api/input_spec.h"
#include "compiler/dialect/torch.h"
#include "compiler/import/importer.h"
#include "compiler/import/source_map.h"

#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Support.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace mlir;
using namespace linalgd;

namespace {

// What a reader says of a model, as diagnostics of the context.
class ContextSink : public StageSink {
public:
  explicit ContextSink(MLIRContext &context) : context_(context) {}
  void stageStarted(Stage) override {}
  void stageFinished(Stage, std::chrono::microseconds) override {}
  void stageArtifact(Stage, Artifact) override {}
  void reproducer(ArtifactFile) override {}
  void diagnostic(linalgd::Diagnostic diagnostic) override {
    Location location = UnknownLoc::get(&context_);
    if (!diagnostic.node.empty())
      location = NameLoc::get(StringAttr::get(&context_, diagnostic.node));
    if (diagnostic.location)
      location =
          FileLineColLoc::get(&context_, diagnostic.location->file, diagnostic.location->line, 0);
    InFlightDiagnostic emitted = diagnostic.severity == Severity::Error     ? emitError(location)
                                 : diagnostic.severity == Severity::Warning ? emitWarning(location)
                                                                            : emitRemark(location);
    emitted << diagnostic.message;
    if (!diagnostic.hint.empty())
      emitted.attachNote() << diagnostic.hint;
  }

private:
  MLIRContext &context_;
};

absl::StatusOr<Options> optionsOf(const LinalgdImportOptions *given) {
  Options options;
  if (!given)
    return options;
  if (given->entry.length)
    options.entry = unwrap(given->entry).str();
  if (given->modelName.length)
    options.modelName = unwrap(given->modelName).str();
  if (given->pythonLocations)
    options.locations = LocationsMode::Python;
  for (intptr_t i = 0; i < given->numInputs; ++i) {
    llvm::StringRef text = unwrap(given->inputs[i]);
    absl::StatusOr<InputSpec> input = parseInputSpec({text.data(), text.size()});
    if (!input.ok())
      return input.status();
    options.inputs.push_back(*std::move(input));
  }
  return options;
}

MlirModule fail(MLIRContext &context, const std::string &message) {
  emitError(UnknownLoc::get(&context)) << message;
  return MlirModule{nullptr};
}

// Null, with a diagnostic, where reading or importing fails.
MlirModule importBlob(MLIRContext &context, Blob blob, const LinalgdImportOptions *given) {
  context.loadDialect<torch::TorchDialect>();
  absl::StatusOr<Options> options = optionsOf(given);
  if (!options.ok())
    return fail(context, std::string(options.status().message()));
  Model model;
  model.blobs.push_back(std::move(blob));
  ContextSink sink(context);
  absl::StatusOr<ImportedModel> imported = readModel(model, *options, sink);
  if (!imported.ok())
    return MlirModule{nullptr};
  return wrap(importGraph(*imported, *options, makeSourceMap(imported->graph), context).release());
}

} // namespace

MlirModule linalgdImportFile(MlirContext context, MlirStringRef path,
                             const LinalgdImportOptions *options) {
  MLIRContext &c = *unwrap(context);
  std::string name = unwrap(path).str();
  Blob blob;
  blob.fd.reset(open(name.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info{};
  if (blob.fd.get() < 0 || fstat(blob.fd.get(), &info) != 0)
    return fail(c, "cannot read '" + name + "': " + std::strerror(errno));
  if (!S_ISREG(info.st_mode))
    return fail(c, "'" + name + "' is not a file");
  blob.size = static_cast<uint64_t>(info.st_size);
  return importBlob(c, std::move(blob), options);
}

MlirModule linalgdImportBuffer(MlirContext context, const void *bytes, size_t size,
                               const LinalgdImportOptions *options) {
  MLIRContext &c = *unwrap(context);
  Blob blob;
  blob.size = size;
  blob.fd.reset(memfd_create("model", MFD_CLOEXEC));
  const char *from = static_cast<const char *>(bytes);
  while (size > 0) {
    ssize_t written = write(blob.fd.get(), from, size);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return fail(c, std::string("cannot copy the model: ") + std::strerror(errno));
    from += written;
    size -= static_cast<size_t>(written);
  }
  return importBlob(c, std::move(blob), options);
}
