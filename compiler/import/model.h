// Reading a model into the neutral graph, without MLIR.
#pragma once

#include "compiler/api/compiler.h"
#include "compiler/import/archive.h"
#include "compiler/import/graph.h"

#include "absl/status/statusor.h"

namespace linalgd {

struct ImportedModel {
  ModelFiles files; // keeps the weights' bytes in memory
  Graph graph;
  std::vector<Digest> blobs; // of the model's blobs, by index
};

// Reads a model of any format. What is wrong with it goes to the sink as a diagnostic as well.
absl::StatusOr<ImportedModel> readModel(const Model &model, const Options &options,
                                        StageSink &sink);

// The bytes of a bound weight's storage, from its first byte.
std::string_view storageBytes(const ImportedModel &model, const Weight &weight);
// A copy of a bound weight's elements, row-major.
std::string contiguousBytes(const ImportedModel &model, const Weight &weight);

} // namespace linalgd
