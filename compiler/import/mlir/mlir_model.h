// A model that comes as MLIR: the torch dialect, or linalg on tensors, as text or as bytecode of
// this build. It is parsed under limits, held against what linalgd reads, and brought into the form
// that a model of any other kind has: one function, weights by slot, node ids as locations.
#pragma once

#include "compiler/api/compiler.h"
#include "compiler/import/archive.h"
#include "compiler/import/canonical.h"
#include "compiler/import/dtype.h"

#include "absl/status/statusor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace linalgd {

// A weight: a resource of the module.
struct MlirWeight {
  std::string slot;
  DType dtype = DType::Float32;
  std::vector<int64_t> shape;
  bool bound = false;    // whether there are bytes
  std::string_view data; // row-major; lives as long as the module's context and the model's bytes
  bool inModel = false;  // `data` is a part of the model's blob as it stands (bytecode)
  uint64_t offset = 0;   // in that blob, or in the file of extracted weights
};

struct MlirModel {
  std::shared_ptr<const MappedBlob> bytes;
  Digest blob;
  Stage stage = Stage::TorchRaw;            // that the module is at: TorchRaw or Linalg
  mlir::OwningOpRef<mlir::ModuleOp> module; // one function, named as the options say
  SourceMap sourceMap;                      // node id → a place in the text, or what it says
  std::vector<MlirWeight> weights;          // in the order of first use
  std::optional<Digest> extracted;          // of the file that extractedWeights() makes
};

// Reads a model of one blob. `context` has the dialects of the pipeline. What is wrong goes to the
// sink with its line and column; the status is a summary.
absl::StatusOr<MlirModel> readMlir(const Model &model, const Options &options, StageSink &sink,
                                   mlir::MLIRContext &context);

// Weights that the model's blob does not hold as plain bytes (text has them in hexadecimal), one
// after the other.
inline constexpr const char *kExtractedName = "weights.bin";
std::string extractedWeights(const MlirModel &model);

// What two spellings of one module have in common: everything but names of values, white space,
// locations, and the data of the weights.
CanonicalText canonicalGraph(const MlirModel &model);
CanonicalText canonicalWeights(const MlirModel &model);

} // namespace linalgd
