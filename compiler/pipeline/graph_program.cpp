#include "compiler/pipeline/graph_program.h"
#include "compiler/import/importer.h"
#include "compiler/import/signature.h"
#include "compiler/import/source_map.h"
#include "compiler/pipeline/infer_outputs.h"
#include "compiler/pipeline/weights.h"

namespace linalgd {
namespace {

class GraphProgram : public Program {
public:
  GraphProgram(ImportedModel imported, mlir::MLIRContext &context)
      : imported_(std::move(imported)), context_(context) {}

  Stage stage() const override { return Stage::TorchRaw; }
  // Import and type inference find what contradicts the types that a .pt2 states for each value;
  // TorchScript has but those of its inputs, and decomposing finds out.
  bool mayBeWrongUntil(Stage stage, const Options &options) const override {
    return stage == Stage::TorchRaw || (stage == Stage::Torch && !options.inputs.empty());
  }
  KeyContent keyContent() const override { return linalgd::keyContent(imported_); }
  OpNames opNames() const override {
    OpNames names;
    forEachNode(imported_.graph, [&](const Node &node, size_t) { names.insert(node.target); });
    return names;
  }
  bool hasName() const override { return true; }
  SourceMap sourceMap() const override { return makeSourceMap(imported_.graph); }
  std::string signature(const Options &options) override {
    inferOutputTypes(imported_, options);
    return makeSignature(imported_.graph, options.entry);
  }
  ReportModel describe(const std::string &) const override {
    return describeGraph(imported_.graph);
  }
  mlir::OwningOpRef<mlir::ModuleOp> takeModule(const Options &options,
                                               const SourceMap &sourceMap) override {
    return importGraph(imported_, options, sourceMap, context_);
  }
  std::vector<WeightBinding> bindWeights() const override {
    return linalgd::bindWeights(imported_);
  }
  std::vector<WeightSource> findWeights(const Model &model,
                                        std::deque<std::string> &copies) const override {
    return linalgd::findWeights(imported_, model, copies);
  }

private:
  ImportedModel imported_;
  mlir::MLIRContext &context_;
};

} // namespace

absl::StatusOr<std::unique_ptr<Program>> readGraphProgram(const Model &model,
                                                          const Options &options, StageSink &sink,
                                                          mlir::MLIRContext &context) {
  absl::StatusOr<ImportedModel> imported = readModel(model, options, sink);
  if (!imported.ok())
    return imported.status();
  return std::make_unique<GraphProgram>(*std::move(imported), context);
}

} // namespace linalgd
