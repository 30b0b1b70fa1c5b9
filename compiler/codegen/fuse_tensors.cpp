// FuseTensors: as few passes over memory as possible, before there are buffers.
#include "compiler/codegen/passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace linalgd {
namespace {

using namespace mlir;

// Ops that are the roots of kernels, or whose named form later passes look for.
bool staysNamed(linalg::LinalgOp op) {
  return isa<linalg::GenericOp, linalg::FillOp>(op.getOperation()) ||
         linalg::isaContractionOpInterface(op) || linalg::isaConvolutionOpInterface(op);
}

// Whether recomputing the producer in each of several consumers beats storing it: it only moves or
// converts elements.
bool isCheap(linalg::GenericOp op) {
  for (Operation &inner : op.getBody()->without_terminator())
    if (!isa<arith::ExtFOp, arith::TruncFOp, arith::ExtSIOp, arith::ExtUIOp, arith::TruncIOp,
             arith::SIToFPOp, arith::UIToFPOp, arith::IndexCastOp, linalg::IndexOp>(inner))
      return false;
  return true;
}

bool shouldFuse(OpOperand *operand) {
  auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  if (!producer || !consumer)
    return false;
  // A contraction or convolution stays bare, for its kernel.
  if (consumer.getNumReductionLoops() > 0 && consumer.getNumDpsInputs() > 1)
    return isCheap(producer) && producer.getNumDpsInputs() == 0;
  if (operand->get().hasOneUse())
    return true;
  return isCheap(producer) && producer.getNumResults() == 1;
}

struct FuseTensorsPass : PassWrapper<FuseTensorsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FuseTensorsPass)

  StringRef getArgument() const override { return "linalgd-fuse-tensors"; }
  StringRef getDescription() const override {
    return "Fuse elementwise chains into single linalg.generic ops";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<linalg::LinalgDialect, tensor::TensorDialect, math::MathDialect>();
  }

  void runOnOperation() override {
    if (failed(decompose()))
      return signalPassFailure();
    RewritePatternSet patterns(&getContext());
    linalg::populateElementwiseToLinalgConversionPatterns(patterns);
    linalg::populateElementwiseOpsFusionPatterns(patterns, shouldFuse);
    linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
    linalg::populateInlineConstantOperandsPatterns(patterns);
    linalg::GenericOp::getCanonicalizationPatterns(patterns, &getContext());
    tensor::populateDecomposeTensorConcatPatterns(patterns);
    tensor::EmptyOp::getCanonicalizationPatterns(patterns, &getContext());
    // A pattern that does not converge costs speed, not correctness.
    (void)applyPatternsGreedily(getOperation(), std::move(patterns));
  }

  LogicalResult decompose() {
    IRRewriter rewriter(&getContext());
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) { ops.push_back(op); });
    for (Operation *op : ops) {
      rewriter.setInsertionPoint(op);
      if (auto aggregate = dyn_cast<linalg::AggregatedOpInterface>(op)) {
        FailureOr<SmallVector<Value>> values = aggregate.decomposeOperation(rewriter);
        if (failed(values))
          return op->emitError("cannot decompose this op");
        rewriter.replaceOp(op, *values);
      } else if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
                 linalgOp && !staysNamed(linalgOp)) {
        if (failed(linalg::generalizeNamedOp(rewriter, linalgOp)))
          return op->emitError("cannot express this op as linalg.generic");
      }
    }
    return success();
  }
};

} // namespace

std::unique_ptr<Pass> createFuseTensorsPass() { return std::make_unique<FuseTensorsPass>(); }

} // namespace linalgd
