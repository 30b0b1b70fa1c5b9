// ExpandMath: transcendental functions as straight-line arithmetic, which LLVM vectorises; the C
// library's scalar functions only where there is no polynomial of enough accuracy.
#include "compiler/codegen/passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/ADT/StringSwitch.h"

namespace linalgd {
namespace {

using namespace mlir;

// sin and cos lose accuracy for large arguments; pow is exp of log; atan2 of zeros is NaN.
bool hasPolynomial(StringRef name) {
  return llvm::StringSwitch<bool>(name)
      .Cases({"math.exp", "math.expm1", "math.log", "math.log1p", "math.log2"}, true)
      .Cases({"math.tanh", "math.erf", "math.atan"}, true)
      .Default(false);
}

// Functions of half-precision numbers are computed in float32.
bool hasNoHalf(StringRef name) {
  return name.starts_with("math.") && name != "math.absf" && name != "math.copysign";
}

struct ExpandMathPass : PassWrapper<ExpandMathPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExpandMathPass)

  StringRef getArgument() const override { return "linalgd-expand-math"; }
  StringRef getDescription() const override { return "Expand math functions into arithmetic"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, math::MathDialect, vector::VectorDialect>();
  }

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateMathF32ExpansionPatterns(patterns, hasNoHalf);
    populateMathPolynomialApproximationPatterns(patterns, hasPolynomial);
    math::populateExpansionPatterns(
        patterns, {"tan", "sinh", "cosh", "asinh", "acosh", "atanh", "exp2f", "rsqrt", "clampf"});
    arith::populateArithExpandOpsPatterns(patterns);
    (void)applyPatternsGreedily(getOperation(), std::move(patterns));
  }
};

} // namespace

std::unique_ptr<Pass> createExpandMathPass() { return std::make_unique<ExpandMathPass>(); }

} // namespace linalgd
