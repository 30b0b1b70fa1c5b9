// Models that are MLIR already, text and bytecode: checks, parser, verifiers, what is made of a
// module; and that what is printed is read again.
#include "compiler/dialect/torch.h"
#include "compiler/import/mlir/mlir_model.h"
#include "tests/fuzz/support.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace linalgd;
using namespace mlir;

namespace {

const DialectRegistry &registry() {
  static const DialectRegistry registry = [] {
    DialectRegistry result;
    result
        .insert<torch::TorchDialect, func::FuncDialect, arith::ArithDialect, cf::ControlFlowDialect,
                linalg::LinalgDialect, math::MathDialect, scf::SCFDialect, tensor::TensorDialect>();
    return result;
  }();
  return registry;
}

absl::StatusOr<MlirModel> read(std::string_view bytes, fuzz::QuietSink &sink,
                               MLIRContext &context) {
  linalgd::Model model = fuzz::modelOf(bytes);
  model.format = ModelFormat::Mlir;
  return readMlir(model, Options(), sink, context);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz::AllocationBound bound(size, 4096, 64 << 20);
  fuzz::QuietSink sink;
  MLIRContext context(registry(), MLIRContext::Threading::DISABLED);
  auto model = read({reinterpret_cast<const char *>(data), size}, sink, context);
  if (!model.ok()) {
    fuzz::checkFailure(model.status(), sink);
    return 0;
  }
  canonicalGraph(*model);
  canonicalWeights(*model);
  extractedWeights(*model);
  std::string text;
  llvm::raw_string_ostream os(text);
  model->module->print(os);
  MLIRContext other(registry(), MLIRContext::Threading::DISABLED);
  auto again = read(text, sink, other);
  if (!again.ok())
    fuzz::fail("what is printed is not read: " + std::string(again.status().message()) + "\n" +
               text);
  return 0;
}

LINALGD_FUZZ_MUTATOR([](std::string &content, fuzz::Random &random) {
  bool isBytecode = content.starts_with("ML\xEFR");
  isBytecode ? fuzz::mutateBytes(content, random) : fuzz::mutateText(content, random);
})
