#include "tests/fuzz/import.h"
#include "tests/fuzz/support.h"

#include "compiler/dialect/torch.h"
#include "compiler/import/importer.h"
#include "compiler/import/key.h"
#include "compiler/import/signature.h"
#include "compiler/import/source_map.h"

#include "mlir/IR/Verifier.h"

#include <memory>

using namespace mlir;

namespace linalgd::fuzz {
namespace {

// A context takes milliseconds to make; it serves a number of runs.
MLIRContext &sharedContext() {
  constexpr int kRuns = 64;
  static std::unique_ptr<MLIRContext> context;
  static int runs = 0;
  if (runs++ % kRuns == 0) {
    context = std::make_unique<MLIRContext>(MLIRContext::Threading::DISABLED);
    context->loadDialect<torch::TorchDialect, func::FuncDialect>();
  }
  return *context;
}

} // namespace

void importModel(const ImportedModel &model, const Options &options) {
  SourceMap sourceMap = makeSourceMap(model.graph);
  KeyMaker(keyContent(model), options, sourceMap, "target").make(Stage::Executable);
  if (makeSignature(model.graph, options.entry).empty())
    fail("a model without a signature");
  MLIRContext &context = sharedContext();
  bool said = false;
  ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &) {
    said = true;
    return success();
  });
  OwningOpRef<ModuleOp> module = importGraph(model, options, sourceMap, context);
  if (!module && !said)
    fail("an import that does not say why it fails");
  if (module && failed(verify(*module)))
    fail("an imported module that is invalid");
}

} // namespace linalgd::fuzz
