#include "compiler/import/model.h"
#include "compiler/import/pt2.h"
#include "compiler/import/text.h"
#include "compiler/import/torchscript/torchscript.h"

#include <cstring>

namespace linalgd {
namespace {

// torch.jit.save writes "constants.pkl", torch.export.save never does.
ModelFormat detectFormat(const ModelFiles &files) {
  if (isPt2(files))
    return ModelFormat::Pt2;
  return files.contains("constants.pkl") ? ModelFormat::TorchScript : ModelFormat::Detect;
}

absl::StatusOr<Graph> readGraph(const ModelFiles &files, const Model &model, const Options &options,
                                StageSink &sink) {
  ModelFormat format = model.format == ModelFormat::Detect ? detectFormat(files) : model.format;
  if (format == ModelFormat::Pt2)
    return readPt2(files, options.modelName);
  if (!options.modelName.empty())
    return absl::InvalidArgumentError("only torch.export archives hold models by name");
  if (format == ModelFormat::TorchScript && files.numBlobs() != 1)
    return absl::InvalidArgumentError("a TorchScript file is one blob, not a manifest of entries");
  if (format == ModelFormat::TorchScript)
    return readTorchScript(files.mapping(0), options, sink);
  return absl::UnimplementedError("the model is neither a torch.export archive (.pt2) nor a "
                                  "TorchScript file; save it with torch.export.save");
}

absl::StatusOr<ImportedModel> read(const Model &model, const Options &options, StageSink &sink) {
  absl::StatusOr<ModelFiles> files = ModelFiles::open(model);
  if (!files.ok())
    return files.status();
  ImportedModel result;
  result.files = *std::move(files);
  absl::StatusOr<Graph> graph = readGraph(result.files, model, options, sink);
  if (!graph.ok())
    return graph.status();
  result.graph = *std::move(graph);
  for (const Blob &blob : model.blobs)
    result.blobs.push_back(blob.digest);
  return result;
}

// Copies the elements of a strided view, last dimension innermost.
void gather(const char *from, const Weight &weight, size_t dimension, uint64_t elementBytes,
            char *&to) {
  if (dimension == weight.shape.size()) {
    std::memcpy(to, from, elementBytes);
    to += elementBytes;
    return;
  }
  for (int64_t i = 0; i < weight.shape[dimension]; ++i)
    gather(from + static_cast<uint64_t>(i * weight.strides[dimension]) * elementBytes, weight,
           dimension + 1, elementBytes, to);
}

} // namespace

absl::StatusOr<ImportedModel> readModel(const Model &model, const Options &options,
                                        StageSink &sink) {
  absl::StatusOr<ImportedModel> result = read(model, options, sink);
  if (!result.ok()) {
    Diagnostic diagnostic;
    diagnostic.code =
        absl::IsUnimplemented(result.status()) ? "unsupported-model" : "invalid-model";
    diagnostic.message = std::string(result.status().message());
    sink.diagnostic(std::move(diagnostic));
  }
  return result;
}

std::string_view storageBytes(const ImportedModel &model, const Weight &weight) {
  return model.files.mapping(weight.blob)->bytes().substr(weight.offset, weight.storageBytes);
}

std::string contiguousBytes(const ImportedModel &model, const Weight &weight) {
  uint64_t elementBytes = dtypeBytes(weight.dtype);
  std::string bytes(static_cast<uint64_t>(weight.numElements()) * elementBytes, '\0');
  const char *from = storageBytes(model, weight).data() + weight.storageOffset;
  char *to = bytes.data();
  if (!bytes.empty())
    gather(from, weight, 0, elementBytes, to);
  return bytes;
}

} // namespace linalgd
