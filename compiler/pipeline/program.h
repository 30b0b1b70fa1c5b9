// What a job compiles, whatever it was written as: a graph, which becomes a module here, or a
// module already.
#pragma once

#include "compiler/api/compiler.h"
#include "compiler/codegen/codegen.h"
#include "compiler/import/key.h"
#include "compiler/import/model.h"
#include "compiler/pipeline/keep_ops.h"
#include "compiler/pipeline/report_model.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <deque>

namespace linalgd {

class Program {
public:
  virtual ~Program() = default;

  // The stage that its module is at.
  virtual Stage stage() const = 0;
  // Whether a contradiction in its types may be found on the way to a stage, not on reading it.
  virtual bool mayBeWrongUntil(Stage stage, const Options &options) const = 0;
  virtual KeyContent keyContent() const = 0;
  virtual OpNames opNames() const = 0;
  virtual SourceMap sourceMap() const = 0;
  // Whether a model is one of several, chosen by name.
  virtual bool hasName() const { return false; }
  // Runs type inference where results have no types yet. After keyContent().
  virtual std::string signature(const Options &options) = 0;
  // The model as it was written, for reports. Before takeModule().
  virtual ReportModel describe(const std::string &signature) const = 0;
  // Called once. Null after an error, which was emitted in the context of the program.
  virtual mlir::OwningOpRef<mlir::ModuleOp> takeModule(const Options &options,
                                                       const SourceMap &sourceMap) = 0;

  // The slots that the model uses, in the order of the signature.
  virtual std::vector<WeightBinding> bindWeights() const = 0;
  // The same for code generation. What is not contiguous in its blob is copied into `copies`.
  virtual std::vector<WeightSource> findWeights(const Model &model,
                                                std::deque<std::string> &copies) const = 0;
  // Files of every artifact beside its own: bytes of weights that no blob of the model holds.
  virtual absl::StatusOr<std::vector<ArtifactFile>> ownFiles() const {
    return std::vector<ArtifactFile>();
  }
};

// Reads a model of any format; its module will be one of `context`, which has the dialects of the
// pipeline and outlives the program. What is wrong goes to the sink as a diagnostic as well.
absl::StatusOr<std::unique_ptr<Program>> readProgram(const Model &model, const Options &options,
                                                     StageSink &sink, mlir::MLIRContext &context);

} // namespace linalgd
