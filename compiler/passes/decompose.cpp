// Decompose: the driver of the Decompose interface.
#include "compiler/dialect/builders.h"
#include "compiler/passes/passes.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace linalgd {
namespace {

struct DecomposePattern : OpInterfaceRewritePattern<torch::Decompose> {
  DecomposePattern(MLIRContext *context, const llvm::StringSet<> &keep)
      : OpInterfaceRewritePattern(context), keep(keep) {}

  LogicalResult matchAndRewrite(torch::Decompose op, PatternRewriter &rewriter) const override {
    if (keep.contains(torch::getQualifiedName(op)))
      return failure();
    torch::Decomposition decomposition(op, rewriter);
    return op.decompose(decomposition);
  }

  const llvm::StringSet<> &keep;
};

// The tensors of a list that is built here.
struct UnpackList : OpRewritePattern<torch::ListUnpackOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(torch::ListUnpackOp op, PatternRewriter &rewriter) const override {
    auto list = op.getList().getDefiningOp<torch::ListConstructOp>();
    if (!list || list.getElements().size() != op.getNumResults())
      return failure();
    torch::Decomposition b(op, rewriter);
    return b.replace(list.getElements());
  }
};

struct Decompose : PassWrapper<Decompose, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Decompose)
  Decompose() = default;
  Decompose(const Decompose &other) : PassWrapper(other) {}
  StringRef getArgument() const override { return "linalgd-decompose"; }
  StringRef getDescription() const override { return "Replace ops by simpler torch ops"; }

  void runOnOperation() override {
    llvm::StringSet<> keep;
    for (const std::string &name : keepOps)
      keep.insert(name);
    RewritePatternSet patterns(&getContext());
    patterns.add<DecomposePattern>(&getContext(), keep);
    patterns.add<UnpackList>(&getContext());
    GreedyRewriteConfig config;
    config.setUseTopDownTraversal(true);
    config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    config.setMaxIterations(GreedyRewriteConfig::kNoLimit);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }

  ListOption<std::string> keepOps{*this, "keep-ops", llvm::cl::desc("Ops to leave alone")};
};

} // namespace

std::unique_ptr<Pass> createDecomposePass(const std::vector<std::string> &keepOps) {
  auto pass = std::make_unique<Decompose>();
  pass->keepOps = keepOps;
  return pass;
}

} // namespace linalgd
