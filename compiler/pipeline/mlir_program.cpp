#include "compiler/pipeline/mlir_program.h"
#include "compiler/dialect/torch.h"
#include "compiler/import/mlir/mlir_model.h"
#include "compiler/ops/object/object.h"
#include "compiler/passes/passes.h"
#include "compiler/pipeline/mlir_signature.h"
#include "compiler/pipeline/render.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;

namespace linalgd {
namespace {

bool isContainer(Type type) {
  return isa<torch::ListType, torch::TupleType, torch::DictType, torch::OptionalType>(type);
}

class MlirProgram : public Program {
public:
  explicit MlirProgram(MlirModel model) : model_(std::move(model)) {}

  Stage stage() const override { return model_.stage; }
  // It is its author's until it is linalg.
  bool mayBeWrongUntil(Stage stage, const Options &) const override {
    return stage <= Stage::Linalg;
  }
  KeyContent keyContent() const override {
    return {model_.stage, [this] { return canonicalGraph(model_); },
            [this] { return canonicalWeights(model_); }, [] { return CanonicalText(); },
            model_.extracted.has_value()};
  }
  OpNames opNames() const override {
    OpNames names;
    model_.module.get().walk([&](Operation *op) {
      if (isa_and_present<torch::TorchDialect>(op->getDialect()))
        names.insert(torch::getQualifiedName(op).str());
    });
    return names;
  }
  SourceMap sourceMap() const override { return model_.sourceMap; }

  std::string signature(const Options &options) override {
    OwningOpRef<ModuleOp> inferred;
    if (model_.stage == Stage::TorchRaw)
      inferred = inferTypes(options);
    ModuleOp module = inferred ? *inferred : *model_.module;
    return makeSignature(module.lookupSymbol<func::FuncOp>(options.entry), model_.weights);
  }

  ReportModel describe(const std::string &signature) const override {
    return describeModule(model_, signature);
  }
  OwningOpRef<ModuleOp> takeModule(const Options &, const SourceMap &) override {
    return std::move(model_.module);
  }

  std::vector<WeightBinding> bindWeights() const override {
    std::vector<WeightBinding> bindings;
    for (const MlirWeight &weight : model_.weights) {
      WeightBinding binding;
      binding.slot = weight.slot;
      binding.dtype = std::string(dtypeName(weight.dtype));
      binding.shape = weight.shape;
      binding.bound = weight.bound;
      if (weight.bound) {
        binding.blob = weight.inModel || !model_.extracted ? model_.blob : *model_.extracted;
        binding.offset = weight.offset;
        binding.size = weight.data.size();
      }
      bindings.push_back(std::move(binding));
    }
    return bindings;
  }

  std::vector<WeightSource> findWeights(const Model &, std::deque<std::string> &) const override {
    std::vector<WeightSource> sources;
    for (const MlirWeight &weight : model_.weights) {
      WeightSource source;
      source.slot = weight.slot;
      source.size = dtypeBytes(weight.dtype);
      for (int64_t size : weight.shape)
        source.size *= static_cast<uint64_t>(size);
      source.data = weight.bound ? weight.data.data() : nullptr;
      sources.push_back(std::move(source));
    }
    return sources;
  }

  absl::StatusOr<std::vector<ArtifactFile>> ownFiles() const override {
    std::vector<ArtifactFile> files;
    if (!model_.extracted)
      return files;
    std::string bytes = extractedWeights(model_);
    absl::StatusOr<UniqueFd> fd = makeMemoryFile(kExtractedName, bytes);
    if (!fd.ok())
      return fd.status();
    files.push_back({kExtractedName, "application/octet-stream", bytes.size(), *std::move(fd)});
    return files;
  }

private:
  // A copy that has gone the way to where types are known and writes are results; null where it
  // fails, which the compile itself reports.
  OwningOpRef<ModuleOp> inferTypes(const Options &options) {
    MLIRContext *context = model_.module->getContext();
    ScopedDiagnosticHandler quiet(context, [](mlir::Diagnostic &) { return success(); });
    OwningOpRef<ModuleOp> copy = model_.module->clone();
    PassManager pm(context);
    addContractPasses(pm, options.keepOps);
    if (failed(pm.run(*copy)))
      return nullptr;
    return copy;
  }

  MlirModel model_;
};

} // namespace

absl::StatusOr<std::unique_ptr<Program>> readMlirProgram(const Model &model, const Options &options,
                                                         StageSink &sink, MLIRContext &context) {
  absl::StatusOr<MlirModel> read = readMlir(model, options, sink, context);
  if (!read.ok())
    return read.status();
  // An executable gives back tensors, and a structure of them by its signature.
  auto entry = read->module->lookupSymbol<func::FuncOp>(options.entry);
  bool isGlobalized = read->module->getOps<torch::NnModuleOp>().empty(); // else that pass does it
  if (read->stage == Stage::TorchRaw && isGlobalized &&
      llvm::any_of(entry.getResultTypes(), isContainer) && !entry->hasAttr(kOutputsAttr))
    entry->setAttr(kOutputsAttr, UnitAttr::get(&context));
  return std::make_unique<MlirProgram>(*std::move(read));
}

} // namespace linalgd
