// From bytes to a module in the form that the pipeline takes.
#include "compiler/dialect/peers.h"
#include "compiler/dialect/torch.h"
#include "compiler/import/graph_importer.h"
#include "compiler/import/mlir/bytecode_limits.h"
#include "compiler/import/mlir/checks.h"
#include "compiler/import/mlir/diagnostics.h"
#include "compiler/import/mlir/entry.h"
#include "compiler/import/mlir/mlir_model.h"
#include "compiler/import/mlir/slots.h"
#include "compiler/import/mlir/text_limits.h"
#include "compiler/import/text.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;

namespace linalgd {
namespace {

absl::Status reject(const TextProblem &problem, StageSink &sink) {
  Diagnostic diagnostic;
  diagnostic.code = "invalid-model";
  diagnostic.message = problem.message;
  SourceLocation &place = diagnostic.location.emplace();
  place.file = kMlirName;
  place.line = problem.line;
  place.column = problem.column;
  sink.diagnostic(std::move(diagnostic));
  return absl::InvalidArgumentError(concat("the model cannot be read as MLIR: ", kMlirName, ":",
                                           problem.line, ":", problem.column, ": ",
                                           problem.message));
}

absl::Status rejectBytecode(std::string problem, StageSink &sink) {
  Diagnostic diagnostic;
  diagnostic.code = "invalid-model";
  diagnostic.message = std::move(problem);
  diagnostic.hint = hintFor(diagnostic.message);
  absl::Status status =
      absl::InvalidArgumentError("the model cannot be read as MLIR: " + diagnostic.message);
  sink.diagnostic(std::move(diagnostic));
  return status;
}

// Resources of bytecode stay where they are in `bytes`, which outlives the context's module.
OwningOpRef<ModuleOp> parse(std::string_view bytes, MLIRContext &context) {
  ParserConfig config(&context, /*verifyAfterParse=*/false);
  auto sources = std::make_shared<llvm::SourceMgr>();
  auto buffer = isMlirBytecode(bytes) ? llvm::MemoryBuffer::getMemBuffer(bytes, kMlirName, false)
                                      : llvm::MemoryBuffer::getMemBufferCopy(bytes, kMlirName);
  sources->AddNewSourceBuffer(std::move(buffer), SMLoc());
  return parseSourceFile<ModuleOp>(sources, config);
}

// Brings a parsed module into the form of an imported one; errors are emitted.
LogicalResult normalize(MlirModel &model, const Options &options) {
  ModuleOp module = *model.module;
  torch::adoptOperators(module);
  std::vector<Operation *> ops;
  if (failed(collectOps(module, ops)))
    return failure();
  module->setLoc(UnknownLoc::get(module.getContext()));
  stripForeign(ops);
  module->setDiscardableAttrs(ArrayRef<NamedAttribute>());
  module.setSymName(std::nullopt);
  if (failed(checkAttributes(ops)))
    return failure();
  FailureOr<bool> isTorch = checkDialects(ops);
  if (failed(isTorch) || failed(checkTensors(ops)) || failed(verify(module)))
    return failure();
  model.stage = *isTorch ? Stage::TorchRaw : Stage::Linalg;
  return success(succeeded(isolateEntry(module, options.entry)) && succeeded(findSlots(model)) &&
                 succeeded(verify(module)));
}

// Numbers the ops, as the nodes of a graph are.
void numberOps(MlirModel &model, const Options &options) {
  std::vector<Operation *> ops;
  if (failed(collectOps(*model.module, ops)))
    return;
  size_t node = 0;
  for (Operation *op : ops) {
    Location unknown = UnknownLoc::get(op->getContext());
    std::optional<SourceLocation> place = placeOf(op->getLoc());
    for (Region &region : op->getRegions())
      for (Block &block : region)
        for (BlockArgument argument : block.getArguments())
          argument.setLoc(unknown);
    if (isa<func::FuncOp>(op)) {
      op->setLoc(unknown);
      continue;
    }
    if (place)
      model.sourceMap[nodeId(node)] = *std::move(place);
    op->setLoc(makeLocation(op->getContext(), node++, options, model.sourceMap));
  }
}

} // namespace

absl::StatusOr<MlirModel> readMlir(const Model &model, const Options &options, StageSink &sink,
                                   MLIRContext &context) {
  if (model.blobs.size() != 1)
    return reject({1, 1, "a model as MLIR is one blob, not a manifest of several"}, sink);
  MlirModel result;
  auto mapping = MappedBlob::map(model.blobs.front());
  if (!mapping.ok())
    return mapping.status();
  result.bytes = *std::move(mapping);
  result.blob = model.blobs.front().digest;
  std::string_view bytes = result.bytes->bytes();
  if (isMlirBytecode(bytes)) {
    if (auto problem = checkBytecode(bytes))
      return rejectBytecode(*std::move(problem), sink);
  } else if (auto problem = checkTextLimits(bytes)) {
    return reject(*problem, sink);
  }

  MlirDiagnostics diagnostics(context);
  context.printOpOnDiagnostic(false); // an op may be endless when it is written out
  context.loadDialect<torch::TorchDialect, func::FuncDialect>();
  result.module = parse(bytes, context);
  if (!result.module || failed(normalize(result, options)))
    return diagnostics.fail(sink);
  numberOps(result, options);
  return result;
}

} // namespace linalgd
