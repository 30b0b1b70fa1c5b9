// CheckSizes: what the types of a model do not say is checked when it runs. Types come from the
// exporter's metadata and may claim anything; every op that would read or write outside of its
// tensors then gets an assertion before it, unless the sizes are known to agree.
//
// MLIR's generate-runtime-verification leaves out expansions and insertions, checks twice what is
// one size, and hides sizes in branches that later passes cannot see through.
#include "compiler/codegen/passes.h"
#include "compiler/codegen/sizes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace linalgd {
namespace {

using namespace mlir;

class Checker {
public:
  Checker(Operation *op, SizeTracer &tracer) : b_(op->getLoc(), op), tracer_(tracer) {}

  // Asserts what an op needs; fails on one that cannot be checked.
  LogicalResult check(Operation *op);

private:
  LogicalResult checkStructured(linalg::LinalgOp op);
  void checkCast(tensor::CastOp op);
  void checkSlice(OffsetSizeAndStrideOpInterface op, Value whole);
  void checkInsert(tensor::InsertSliceOp op);
  void checkExpand(tensor::ExpandShapeOp op);
  void checkReshape(tensor::ReshapeOp op);
  void checkPad(tensor::PadOp op);
  void checkConcat(tensor::ConcatOp op);
  bool isKnown(arith::CmpIPredicate relation, OpFoldResult x, OpFoldResult y);
  void dropKnown(cf::AssertOp op);
  void checkSame(Value x, Value y, const Twine &what);
  void checkResult(OpFoldResult size, Value result, int64_t dim);

  OpFoldResult number(int64_t value) { return b_.getIndexAttr(value); }
  OpFoldResult combine(AffineExpr expr, ArrayRef<OpFoldResult> symbols) {
    return affine::makeComposedFoldedAffineApply(b_, b_.getLoc(), expr, symbols);
  }
  AffineExpr symbol(unsigned i) { return b_.getAffineSymbolExpr(i); }
  OpFoldResult product(ArrayRef<OpFoldResult> sizes);
  void requireProducts(ArrayRef<OpFoldResult> xs, ArrayRef<OpFoldResult> ys);
  // Ends the call unless x == y, or x <= y.
  void require(arith::CmpIPredicate relation, OpFoldResult x, OpFoldResult y, const Twine &what);
  void requireEqual(OpFoldResult x, OpFoldResult y, const Twine &what) {
    require(arith::CmpIPredicate::eq, x, y, what);
  }
  void requireAtMost(OpFoldResult x, OpFoldResult y, const Twine &what) {
    require(arith::CmpIPredicate::sle, x, y, what);
  }
  void requireNatural(OpFoldResult size) { requireAtMost(number(0), size, "a size is negative"); }

  ImplicitLocOpBuilder b_;
  SizeTracer &tracer_;
};

bool Checker::isKnown(arith::CmpIPredicate relation, OpFoldResult x, OpFoldResult y) {
  SizeForm difference = tracer_.form(y) + SizeForm::constant(-1) * tracer_.form(x);
  return difference.terms.empty() ||
         (relation == arith::CmpIPredicate::sle && tracer_.isNatural(difference));
}

// An assertion that a lowering made, without what is known by now.
void Checker::dropKnown(cf::AssertOp op) {
  auto compare = op.getArg().getDefiningOp<arith::CmpIOp>();
  if (!compare || !compare.getLhs().getType().isIndex())
    return;
  arith::CmpIPredicate relation = compare.getPredicate();
  Value x = compare.getLhs(), y = compare.getRhs();
  if (relation == arith::CmpIPredicate::sge)
    relation = arith::CmpIPredicate::sle, std::swap(x, y);
  if ((relation == arith::CmpIPredicate::eq || relation == arith::CmpIPredicate::sle) &&
      isKnown(relation, x, y))
    op.erase();
}

void Checker::require(arith::CmpIPredicate relation, OpFoldResult x, OpFoldResult y,
                      const Twine &what) {
  if (isKnown(relation, x, y))
    return;
  x = tracer_.trace(x), y = tracer_.trace(y);
  Value holds =
      arith::CmpIOp::create(b_, relation, getValueOrCreateConstantIndexOp(b_, b_.getLoc(), x),
                            getValueOrCreateConstantIndexOp(b_, b_.getLoc(), y));
  cf::AssertOp::create(b_, holds, what.str());
}

// The number of elements, which does not wrap around.
OpFoldResult Checker::product(ArrayRef<OpFoldResult> sizes) {
  int64_t known = 1;
  SmallVector<Value> unknown;
  for (OpFoldResult size : sizes) {
    size = tracer_.trace(size);
    if (std::optional<int64_t> constant = getConstantIntValue(size))
      known *= *constant;
    else
      unknown.push_back(cast<Value>(size));
  }
  if (unknown.empty())
    return number(known);
  if (unknown.size() == 1 && known == 1)
    return unknown.front();
  return productOf(b_, known, unknown);
}

void Checker::requireProducts(ArrayRef<OpFoldResult> xs, ArrayRef<OpFoldResult> ys) {
  SizeForm left = SizeForm::constant(1), right = left;
  for (OpFoldResult x : xs)
    left = left * tracer_.form(x);
  for (OpFoldResult y : ys)
    right = right * tracer_.form(y);
  if (left != right)
    requireEqual(product(xs), product(ys), "a view must have as many elements as its tensor");
}

void Checker::checkSame(Value x, Value y, const Twine &what) {
  for (int64_t i = 0; i < cast<RankedTensorType>(x.getType()).getRank(); ++i)
    requireEqual(tracer_.sizeOf(x, i), tracer_.sizeOf(y, i),
                 what + " must have one size in dimension " + Twine(i));
}

// A result of this size whose type may claim another one.
void Checker::checkResult(OpFoldResult size, Value result, int64_t dim) {
  auto type = cast<RankedTensorType>(result.getType());
  if (!type.isDynamicDim(dim))
    requireEqual(size, number(type.getDimSize(dim)),
                 "dimension " + Twine(dim) + " has not the size that the model says");
}

void Checker::checkCast(tensor::CastOp op) {
  if (!isa<RankedTensorType>(op.getSource().getType()) || !isa<RankedTensorType>(op.getType()))
    return;
  for (int64_t i = 0; i < op.getSource().getType().getRank(); ++i)
    checkResult(tracer_.sizeOf(op.getSource(), i), op.getDest(), i);
}

//===-- loops ---------------------------------------------------------------------------------===//

// The least and the largest value of an index, in the sizes of the loops; those of a remainder
// may be further apart than need be.
struct IndexRange {
  AffineExpr least, largest;
};

std::optional<IndexRange> rangeOf(AffineExpr expr) {
  MLIRContext *context = expr.getContext();
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return IndexRange{getAffineConstantExpr(0, context),
                      getAffineSymbolExpr(dim.getPosition(), context) - 1};
  if (isa<AffineConstantExpr>(expr))
    return IndexRange{expr, expr};
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  std::optional<IndexRange> left = binary ? rangeOf(binary.getLHS()) : std::nullopt;
  if (!left)
    return std::nullopt;
  if (expr.getKind() == AffineExprKind::Add) {
    std::optional<IndexRange> right = rangeOf(binary.getRHS());
    if (!right)
      return std::nullopt;
    return IndexRange{left->least + right->least, left->largest + right->largest};
  }
  auto by = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (!by || (by.getValue() <= 0 && expr.getKind() != AffineExprKind::Mul))
    return std::nullopt;
  switch (expr.getKind()) {
  case AffineExprKind::Mul:
    if (by.getValue() < 0)
      std::swap(left->least, left->largest);
    return IndexRange{left->least * by, left->largest * by};
  case AffineExprKind::FloorDiv:
    return IndexRange{left->least.floorDiv(by), left->largest.floorDiv(by)};
  case AffineExprKind::CeilDiv:
    return IndexRange{left->least.ceilDiv(by), left->largest.ceilDiv(by)};
  default: // a remainder
    return IndexRange{getAffineConstantExpr(0, context), by - 1};
  }
}

// All operands that a loop walks have one size; where an index is computed, its values are inside.
LogicalResult Checker::checkStructured(linalg::LinalgOp op) {
  SmallVector<OpFoldResult> loops(op.getNumLoops());
  for (bool known : {true, false})
    for (OpOperand &operand : op->getOpOperands()) {
      auto type = dyn_cast<RankedTensorType>(operand.get().getType());
      for (auto [i, expr] : llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
        if (auto dim = dyn_cast<AffineDimExpr>(expr);
            dim && type && !loops[dim.getPosition()] && (!known || !type.isDynamicDim(i)))
          loops[dim.getPosition()] = tracer_.sizeOf(operand.get(), i);
    }
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<RankedTensorType>(operand.get().getType()))
      continue;
    for (auto [i, expr] : llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults())) {
      OpFoldResult size = tracer_.sizeOf(operand.get(), i);
      std::string which =
          ("dimension " + Twine(i) + " of operand " + Twine(operand.getOperandNumber())).str();
      if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
        requireEqual(size, loops[dim.getPosition()], which + " must have the size of the others");
        continue;
      }
      std::optional<IndexRange> range = rangeOf(expr);
      if (!range)
        return op.emitError() << "has an index that cannot be checked: "
                              << AffineMapAttr::get(op.getMatchingIndexingMap(&operand));
      requireAtMost(number(0), combine(range->least, loops), which + " begins too late");
      requireAtMost(combine(range->largest + 1, loops), size, which + " is too small");
    }
  }
  return success();
}

//===-- parts and views -----------------------------------------------------------------------===//

void Checker::checkSlice(OffsetSizeAndStrideOpInterface op, Value whole) {
  SmallVector<OpFoldResult> offsets = op.getMixedOffsets(), sizes = op.getMixedSizes(),
                            strides = op.getMixedStrides();
  for (size_t i = 0; i < sizes.size(); ++i) {
    std::string what = ("a slice is outside of dimension " + Twine(i)).str();
    requireNatural(sizes[i]);
    requireAtMost(number(0), offsets[i], what);
    requireAtMost(number(1), strides[i], "the step of a slice is not positive");
    OpFoldResult size = tracer_.trace(sizes[i]);
    // Of no elements where the size is 0: the end is the offset less what one step skips.
    AffineExpr end = symbol(0) + (symbol(1) - 1) * symbol(2) + 1;
    OpFoldResult behind = combine(end, {tracer_.trace(offsets[i]), size, strides[i]});
    requireAtMost(behind, tracer_.sizeOf(whole, i), what);
  }
}

// Of a slice's sizes, those that are dimensions of the smaller tensor too.
void Checker::checkInsert(tensor::InsertSliceOp op) {
  checkSlice(cast<OffsetSizeAndStrideOpInterface>(op.getOperation()), op.getDest());
  llvm::SmallBitVector dropped = op.getDroppedDims();
  int64_t dim = 0;
  for (auto [i, size] : llvm::enumerate(op.getMixedSizes()))
    if (!dropped.test(i))
      requireEqual(tracer_.sizeOf(op.getSource(), dim++), size,
                   "dimension " + Twine(i) + " of what is inserted must have the slice's size");
}

void Checker::checkExpand(tensor::ExpandShapeOp op) {
  SmallVector<OpFoldResult> sizes = op.getMixedOutputShape();
  for (auto [i, size] : llvm::enumerate(sizes)) {
    requireNatural(size);
    checkResult(size, op.getResult(), i);
  }
  for (auto [i, group] : llvm::enumerate(op.getReassociationIndices())) {
    SmallVector<OpFoldResult> parts =
        llvm::map_to_vector(group, [&](int64_t dim) { return sizes[dim]; });
    requireProducts(parts, tracer_.sizeOf(op.getSrc(), i));
  }
}

void Checker::checkReshape(tensor::ReshapeOp op) {
  auto type = cast<RankedTensorType>(op.getSource().getType());
  SmallVector<OpFoldResult> from, to;
  for (int64_t i = 0; i < type.getRank(); ++i)
    from.push_back(tracer_.sizeOf(op.getSource(), i));
  for (int64_t i = 0; i < cast<RankedTensorType>(op.getShape().getType()).getDimSize(0); ++i) {
    Value at = arith::ConstantIndexOp::create(b_, i);
    OpFoldResult size = b_.createOrFold<tensor::ExtractOp>(op.getShape(), ValueRange(at));
    to.push_back(size);
    requireNatural(size);
    checkResult(size, op.getResult(), i);
  }
  requireProducts(to, from);
}

void Checker::checkPad(tensor::PadOp op) {
  auto low = op.getMixedLowPad(), high = op.getMixedHighPad();
  AffineExpr sum = symbol(0) + symbol(1) + symbol(2);
  for (size_t i = 0; i < low.size(); ++i) {
    requireAtMost(number(0), low[i], "a padding is negative");
    requireAtMost(number(0), high[i], "a padding is negative");
    checkResult(combine(sum, {low[i], tracer_.sizeOf(op.getSource(), i), high[i]}), op.getResult(),
                i);
  }
}

void Checker::checkConcat(tensor::ConcatOp op) {
  auto along = static_cast<int64_t>(op.getDim());
  OpFoldResult total = number(0);
  for (Value input : op.getInputs())
    total = combine(symbol(0) + symbol(1), {total, tracer_.sizeOf(input, along)});
  checkResult(total, op.getResult(), along);
  for (auto [n, input] : llvm::enumerate(op.getInputs()))
    for (int64_t i = 0; i < op.getResultType().getRank(); ++i)
      if (i != along)
        requireEqual(tracer_.sizeOf(input, i), tracer_.sizeOf(op.getResult(), i),
                     "dimension " + Twine(i) + " of part " + Twine(n) +
                         " must have the size of the others");
}

LogicalResult Checker::check(Operation *op) {
  if (auto structured = dyn_cast<linalg::LinalgOp>(op))
    return checkStructured(structured);
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
    checkSlice(slice, slice.getSource());
  else if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
    checkInsert(insert);
  else if (auto cast = dyn_cast<tensor::CastOp>(op))
    checkCast(cast);
  else if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    checkExpand(expand);
  else if (auto reshape = dyn_cast<tensor::ReshapeOp>(op))
    checkReshape(reshape);
  else if (auto pad = dyn_cast<tensor::PadOp>(op))
    checkPad(pad);
  else if (auto concat = dyn_cast<tensor::ConcatOp>(op))
    checkConcat(concat);
  else if (auto softmax = dyn_cast<linalg::SoftmaxOp>(op))
    checkSame(softmax.getInput(), softmax.getOutput(), "the tensors of a softmax");
  else if (auto assertion = dyn_cast<cf::AssertOp>(op))
    dropKnown(assertion);
  else if (auto empty = dyn_cast<tensor::EmptyOp>(op))
    for (OpFoldResult size : empty.getMixedSizes())
      requireNatural(size);
  return success();
}

struct CheckSizesPass : PassWrapper<CheckSizesPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CheckSizesPass)

  StringRef getArgument() const override { return "linalgd-check-sizes"; }
  StringRef getDescription() const override {
    return "Assert that sizes which must agree do, where types do not say so";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<affine::AffineDialect, arith::ArithDialect, cf::ControlFlowDialect,
                    tensor::TensorDialect>();
  }

  void runOnOperation() override {
    SmallVector<Operation *> ops;
    // What a loop of linalg computes inside is scalar: lowerings see to the indices there.
    getOperation().walk<WalkOrder::PreOrder>([&](Operation *op) {
      ops.push_back(op);
      return isa<linalg::LinalgOp>(op) ? WalkResult::skip() : WalkResult::advance();
    });
    SizeTracer tracer;
    for (Operation *op : ops)
      if (failed(Checker(op, tracer).check(op)))
        return signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass> createCheckSizesPass() { return std::make_unique<CheckSizesPass>(); }

} // namespace linalgd
