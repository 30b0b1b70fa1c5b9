// ExpandViews: expansions of one dimension to several unknown sizes, which MLIR's lowering of views
// takes to be one unknown size at most.
#include "compiler/codegen/passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/PatternMatch.h"

namespace linalgd {
namespace {

using namespace mlir;

bool hasSeveralUnknown(memref::ExpandShapeOp op) {
  return llvm::any_of(op.getReassociationIndices(), [&](const ReassociationIndices &group) {
    return llvm::count_if(group,
                          [&](int64_t dim) { return op.getResultType().isDynamicDim(dim); }) > 1;
  });
}

// The same memory by sizes and strides: those of a group are multiples of the operand's stride.
void expandView(IRRewriter &rewriter, memref::ExpandShapeOp op) {
  Location loc = op.getLoc();
  rewriter.setInsertionPoint(op);
  auto metadata = memref::ExtractStridedMetadataOp::create(rewriter, loc, op.getSrc());
  SmallVector<OpFoldResult> sizes = op.getMixedOutputShape(), strides(sizes.size());
  SmallVector<OpFoldResult> inner = metadata.getConstifiedMixedStrides();
  AffineExpr product = rewriter.getAffineSymbolExpr(0) * rewriter.getAffineSymbolExpr(1);
  for (auto [group, stride] : llvm::zip_equal(op.getReassociationIndices(), inner))
    for (int64_t dim : llvm::reverse(group)) {
      strides[dim] = stride;
      stride = affine::makeComposedFoldedAffineApply(rewriter, loc, product, {stride, sizes[dim]});
    }
  rewriter.replaceOpWithNewOp<memref::ReinterpretCastOp>(
      op, op.getResultType(), metadata.getBaseBuffer(), metadata.getConstifiedMixedOffset(), sizes,
      strides);
}

struct ExpandViewsPass : PassWrapper<ExpandViewsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExpandViewsPass)

  StringRef getArgument() const override { return "linalgd-expand-views"; }
  StringRef getDescription() const override { return "Lower expansions to several unknown sizes"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<affine::AffineDialect, memref::MemRefDialect>();
  }

  void runOnOperation() override {
    SmallVector<memref::ExpandShapeOp> ops;
    getOperation().walk([&](memref::ExpandShapeOp op) {
      if (hasSeveralUnknown(op))
        ops.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (memref::ExpandShapeOp op : ops)
      expandView(rewriter, op);
  }
};

} // namespace

std::unique_ptr<Pass> createExpandViewsPass() { return std::make_unique<ExpandViewsPass>(); }

} // namespace linalgd
