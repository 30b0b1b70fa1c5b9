// Decompose: the driver of the Decompose interface. What the simpler ops tell about types goes on
// to the users, which may need it to be decomposed themselves.
#include "compiler/dialect/builders.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/refine_types.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace linalgd {
namespace {

// Each goes over all ops: many more than decompositions are deep.
constexpr int64_t kMaxIterations = 100;

struct DecomposePattern : OpInterfaceRewritePattern<torch::Decompose> {
  DecomposePattern(MLIRContext *context, const llvm::StringSet<> &keep)
      : OpInterfaceRewritePattern(context), keep(keep) {}

  LogicalResult matchAndRewrite(torch::Decompose op, PatternRewriter &rewriter) const override {
    if (keep.contains(torch::getQualifiedName(op)))
      return failure();
    Operation *before = op->getPrevNode();
    torch::Decomposition decomposition(op, rewriter);
    if (succeeded(op.decompose(decomposition)))
      return success();
    // What it built before it gave up would be swept up as dead code, count as progress, and be
    // built again.
    while (op->getPrevNode() != before)
      rewriter.eraseOp(op->getPrevNode());
    return failure();
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

struct RefineTypes : RewritePattern {
  explicit RefineTypes(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/2, context) {}

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    FailureOr<bool> changed = refineResultTypes(op);
    if (failed(changed) || !*changed)
      return failure();
    for (Operation *changedOrUser : llvm::concat<Operation *const>(ArrayRef(op), op->getUsers()))
      rewriter.modifyOpInPlace(changedOrUser, [] {});
    return success();
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
    patterns.add<UnpackList, RefineTypes>(&getContext());
    GreedyRewriteConfig config;
    config.setUseTopDownTraversal(true);
    config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    config.setMaxIterations(kMaxIterations);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), config))) {
      getOperation().emitError("the decomposition of ops does not come to an end");
      return signalPassFailure();
    }
    matchFunctionResults(getOperation());
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
