#include "compiler/passes/lower_control.h"
#include "compiler/dialect/torch.h"
#include "compiler/ops/control/control.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace linalgd {
namespace {

bool isLowered(Type type) { return !isa<torch::TorchDialect>(type.getDialect()); }

// Tensors of which more or less is known, as those that a region or its op has.
SmallVector<Value> castTo(OpBuilder &b, Location loc, ValueRange values, TypeRange types) {
  SmallVector<Value> casted;
  for (auto [value, type] : llvm::zip_equal(values, types)) {
    bool differs = value.getType() != type && isa<RankedTensorType>(value.getType()) &&
                   isa<RankedTensorType>(type);
    casted.push_back(differs ? Value(tensor::CastOp::create(b, loc, type, value)) : value);
  }
  return casted;
}

struct LowerIf : OpConversionPattern<torch::IfOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(torch::IfOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    SmallVector<Type> types;
    if (failed(getTypeConverter()->convertTypes(op.getResultTypes(), types)) ||
        !llvm::all_of(types, isLowered))
      return failure();
    auto lowered = scf::IfOp::create(rewriter, op.getLoc(), types, adaptor.getCondition());
    rewriter.inlineRegionBefore(op.getThenRegion(), lowered.getThenRegion(),
                                lowered.getThenRegion().end());
    rewriter.inlineRegionBefore(op.getElseRegion(), lowered.getElseRegion(),
                                lowered.getElseRegion().end());
    rewriter.replaceOp(op, lowered.getResults());
    return success();
  }
};

struct LowerIfYield : OpConversionPattern<torch::IfYieldOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(torch::IfYieldOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    auto parent = dyn_cast<scf::IfOp>(op->getParentOp());
    if (!parent)
      return failure();
    rewriter.replaceOpWithNewOp<scf::YieldOp>(
        op, castTo(rewriter, op.getLoc(), adaptor.getResults(), parent.getResultTypes()));
    return success();
  }
};

// scf.while carries the round's number and the condition of the next one as well.
struct LowerLoop : OpConversionPattern<torch::LoopOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(torch::LoopOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    SmallVector<Type> bodyTypes, results;
    if (failed(
            getTypeConverter()->convertTypes(op.getBody().front().getArgumentTypes(), bodyTypes)) ||
        failed(getTypeConverter()->convertTypes(op.getResultTypes(), results)) ||
        !llvm::all_of(bodyTypes, isLowered) || !llvm::all_of(results, isLowered))
      return failure();
    ArrayRef<Type> carried = ArrayRef(bodyTypes).drop_front();
    SmallVector<Value> inits = {arith::ConstantIntOp::create(rewriter, loc, 0, 64),
                                adaptor.getInitialCondition()};
    llvm::append_range(inits, castTo(rewriter, loc, adaptor.getInits(), carried));
    auto loop = scf::WhileOp::create(rewriter, loc, bodyTypes, inits);

    SmallVector<Type> types = llvm::to_vector(ValueRange(inits).getTypes());
    Block *before = rewriter.createBlock(&loop.getBefore(), {}, types,
                                         SmallVector<Location>(types.size(), loc));
    Value isLeft = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::slt,
                                         before->getArgument(0), adaptor.getMaxTripCount());
    Value goesOn = arith::AndIOp::create(rewriter, loc, isLeft, before->getArgument(1));
    SmallVector<Value> round = {before->getArgument(0)};
    llvm::append_range(round, before->getArguments().drop_front(2));
    scf::ConditionOp::create(rewriter, loc, goesOn, round);

    rewriter.inlineRegionBefore(op.getBody(), loop.getAfter(), loop.getAfter().end());
    if (failed(rewriter.convertRegionTypes(&loop.getAfter(), *getTypeConverter())))
      return failure();
    rewriter.setInsertionPointAfter(loop);
    rewriter.replaceOp(op, castTo(rewriter, loc, loop.getResults().drop_front(), results));
    return success();
  }
};

struct LowerLoopCondition : OpConversionPattern<torch::LoopConditionOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(torch::LoopConditionOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    auto loop = dyn_cast<scf::WhileOp>(op->getParentOp());
    if (!loop)
      return failure();
    Location loc = op.getLoc();
    Value one = arith::ConstantIntOp::create(rewriter, loc, 1, 64);
    Value number = loop.getAfter().front().getArgument(0);
    SmallVector<Value> next = {arith::AddIOp::create(rewriter, loc, number, one),
                               adaptor.getShouldContinue()};
    llvm::append_range(next, castTo(rewriter, loc, adaptor.getIterArgs(),
                                    loop.getInits().drop_front(2).getTypes()));
    rewriter.replaceOpWithNewOp<scf::YieldOp>(op, next);
    return success();
  }
};

} // namespace

void populateLowerControlPatterns(const TypeConverter &types, RewritePatternSet &patterns) {
  patterns.add<LowerIf, LowerIfYield, LowerLoop, LowerLoopCondition>(types, patterns.getContext());
}

} // namespace linalgd
