// OutlineLoops: every linalg op on buffers becomes a loop nest in a function of its own. Equal ops
// share one, so a model of many like layers compiles in the time of one; small functions with
// pointers that are known not to alias are what LLVM's vectoriser does best with.
#include "compiler/codegen/passes.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/StringMap.h"

namespace linalgd {
namespace {

using namespace mlir;

// The step of an operand in memory, in elements, when the loop `dim` advances by one; dynamic where
// it is not known.
int64_t stepOf(linalg::LinalgOp op, OpOperand &operand, unsigned dim) {
  auto type = dyn_cast<MemRefType>(operand.get().getType());
  if (!type)
    return 0;
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(type.getStridesAndOffset(strides, offset)))
    return ShapedType::kDynamic;
  // The difference between the indices at 1 and at 0: they are linear in the loops.
  AffineMap map = op.getMatchingIndexingMap(&operand);
  SmallVector<Attribute> zero(map.getNumDims(),
                              IntegerAttr::get(IndexType::get(op.getContext()), 0));
  SmallVector<Attribute> one = zero, from, to;
  one[dim] = IntegerAttr::get(IndexType::get(op.getContext()), 1);
  if (failed(map.constantFold(zero, from)) || failed(map.constantFold(one, to)))
    return ShapedType::kDynamic;
  int64_t step = 0;
  for (auto [before, after, stride] : llvm::zip_equal(from, to, strides)) {
    int64_t distance = cast<IntegerAttr>(after).getInt() - cast<IntegerAttr>(before).getInt();
    if (distance != 0 && ShapedType::isDynamic(stride))
      return ShapedType::kDynamic;
    step += distance * stride;
  }
  return step;
}

// The order of loops in which memory is walked best: the innermost one has steps of 0 and 1, the
// others follow with falling steps outwards.
SmallVector<unsigned> bestOrder(linalg::GenericOp op) {
  unsigned count = op.getNumLoops();
  SmallVector<int64_t> sizes = op.getStaticLoopRanges();
  SmallVector<std::pair<int64_t, unsigned>> costs;
  SmallVector<int64_t> reach(count, 0);
  for (unsigned dim = 0; dim < count; ++dim) {
    int64_t cost = 0;
    for (OpOperand &operand : op->getOpOperands()) {
      int64_t step = stepOf(op, operand, dim);
      int64_t weight = op.isDpsInit(&operand) ? 3 : 2;
      cost += step == 0 ? 0 : step == 1 ? 1 : 4 * weight;
      reach[dim] = std::max(reach[dim], ShapedType::isDynamic(step) ? int64_t(1) << 40 : step);
    }
    // A short loop is no loop to vectorise.
    if (!ShapedType::isDynamic(sizes[dim]) && sizes[dim] < 4)
      cost += 16;
    costs.push_back({cost, dim});
  }
  SmallVector<unsigned> order;
  for (unsigned dim = 0; dim < count; ++dim)
    order.push_back(dim);
  if (count < 2)
    return order;
  // Equal costs: the innermost of the given order.
  unsigned inner = count - 1;
  for (unsigned dim = count; dim-- > 0;)
    if (costs[dim].first < costs[inner].first)
      inner = dim;
  order.erase(order.begin() + inner);
  llvm::sort(order, [&](unsigned a, unsigned b) {
    return std::pair(-reach[a], a) < std::pair(-reach[b], b);
  });
  order.push_back(inner);
  return order;
}

// Takes the constant indices out of the maps, where an operand is broadcast along a dimension of
// size 1, so that all that remains are loops.
void dropConstantIndices(IRRewriter &rewriter, linalg::GenericOp op) {
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  rewriter.setInsertionPoint(op);
  for (auto [i, operand] : llvm::enumerate(op->getOpOperands())) {
    auto type = dyn_cast<MemRefType>(operand.get().getType());
    if (!type || !type.getLayout().isIdentity())
      continue;
    SmallVector<ReassociationIndices> groups;
    SmallVector<AffineExpr> kept;
    ReassociationIndices leading;
    for (auto [dim, result] : llvm::enumerate(maps[i].getResults())) {
      if (isa<AffineConstantExpr>(result) && type.getDimSize(dim) == 1) {
        (groups.empty() ? leading : groups.back()).push_back(dim);
        continue;
      }
      groups.push_back(std::exchange(leading, {}));
      groups.back().push_back(dim);
      kept.push_back(result);
    }
    if (kept.size() == maps[i].getNumResults())
      continue;
    operand.set(memref::CollapseShapeOp::create(rewriter, op.getLoc(), operand.get(), groups));
    maps[i] = AffineMap::get(maps[i].getNumDims(), 0, kept, op.getContext());
  }
  op.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(maps));
}

// Loops that walk all operands as one can become one.
void collapseLoops(IRRewriter &rewriter, linalg::GenericOp &op) {
  // MLIR's collapsing takes no other maps.
  if (!llvm::all_of(op.getIndexingMapsArray(),
                    [](AffineMap map) { return map.isProjectedPermutation(); }))
    return;
  SmallVector<ReassociationIndices> groups;
  SmallVector<utils::IteratorType> types = op.getIteratorTypesArray();
  auto canAppend = [&](ReassociationIndices group) {
    for (OpOperand &operand : op->getOpOperands()) {
      AffineMap map = op.getMatchingIndexingMap(&operand);
      if (!linalg::isDimSequencePreserved(map, group))
        return false;
      auto type = dyn_cast<MemRefType>(operand.get().getType());
      if (!type)
        continue;
      // The dimensions of the buffer that the group covers, if it covers any.
      ReassociationIndices covered;
      for (auto [i, result] : llvm::enumerate(map.getResults()))
        if (auto dim = dyn_cast<AffineDimExpr>(result);
            dim && llvm::is_contained(group, dim.getPosition()))
          covered.push_back(i);
      if (covered.size() < 2)
        continue;
      SmallVector<ReassociationIndices> shape;
      for (int64_t i = 0; i < type.getRank(); ++i) {
        if (llvm::is_contained(covered, i) && i != covered.front())
          shape.back().push_back(i);
        else
          shape.push_back({i});
      }
      if (!memref::CollapseShapeOp::isGuaranteedCollapsible(type, shape))
        return false;
    }
    return true;
  };
  for (unsigned dim = 0; dim < op.getNumLoops(); ++dim) {
    if (!groups.empty() && types[groups.back().back()] == types[dim]) {
      ReassociationIndices longer = groups.back();
      longer.push_back(dim);
      if (canAppend(longer)) {
        groups.back() = longer;
        continue;
      }
    }
    groups.push_back({int64_t(dim)});
  }
  if (groups.size() == op.getNumLoops())
    return;
  SmallVector<ReassociationIndices> merged =
      llvm::filter_to_vector(groups, [](const auto &group) { return group.size() > 1; });
  rewriter.setInsertionPoint(op);
  FailureOr<linalg::CollapseResult> result = linalg::collapseOpIterationDims(op, merged, rewriter);
  if (failed(result))
    return;
  rewriter.eraseOp(op);
  op = cast<linalg::GenericOp>(result->collapsedOp.getOperation());
}

// Reductions may be summed in any order, as every vectorised or threaded sum is.
void allowReassociation(linalg::GenericOp op) {
  for (unsigned i = 0; i < op.getNumDpsInits(); ++i) {
    SmallVector<Operation *> combiners;
    if (op.getNumReductionLoops() == 0 || !matchReduction(op.getRegionOutputArgs(), i, combiners))
      continue;
    for (Operation *combiner : combiners)
      if (auto math = dyn_cast<arith::ArithFastMathInterface>(combiner))
        combiner->setAttr(
            math.getFastMathAttrName(),
            arith::FastMathFlagsAttr::get(op.getContext(), arith::FastMathFlags::reassoc |
                                                               arith::FastMathFlags::contract));
  }
}

// The buffer that a value is a view of.
Value rootOf(Value value) {
  while (auto view = value.getDefiningOp<ViewLikeOpInterface>())
    value = view.getViewSource();
  return value;
}

// Whether a root that is not this value is another buffer: not so for what a loop carries or a
// branch selects.
bool isDistinct(Value root) {
  if (auto argument = dyn_cast<BlockArgument>(root))
    return isa<func::FuncOp>(argument.getOwner()->getParentOp()) &&
           argument.getOwner()->isEntryBlock();
  return isa<memref::AllocOp, memref::AllocaOp, memref::GetGlobalOp>(root.getDefiningOp());
}

struct OutlineLoopsPass : PassWrapper<OutlineLoopsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(OutlineLoopsPass)

  StringRef getArgument() const override { return "linalgd-outline-loops"; }
  StringRef getDescription() const override {
    return "Lower linalg ops to loops in shared functions";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry
        .insert<affine::AffineDialect, arith::ArithDialect, func::FuncDialect, LLVM::LLVMDialect,
                linalg::LinalgDialect, memref::MemRefDialect, scf::SCFDialect>();
  }

  void runOnOperation() override {
    auto function = getOperation().lookupSymbol<func::FuncOp>(kEntryName);
    if (!function) {
      getOperation().emitError("has no function '") << kEntryName << "'";
      return signalPassFailure();
    }
    SmallVector<linalg::LinalgOp> ops;
    // An op inside of another op's region (rare: a nested computation) is lowered with it.
    function.walk<WalkOrder::PreOrder>([&](linalg::LinalgOp op) {
      ops.push_back(op);
      return WalkResult::skip();
    });
    for (linalg::LinalgOp op : ops)
      if (failed(outline(op)))
        return signalPassFailure();
  }

  LogicalResult outline(linalg::LinalgOp op) {
    // The arguments: each buffer and value of outside once; constants move along.
    llvm::SetVector<Value> captured(op->getOperands().begin(), op->getOperands().end());
    getUsedValuesDefinedAbove(op->getRegions(), captured);
    SmallVector<Value> arguments, constants;
    for (Value value : captured) {
      Operation *definition = value.getDefiningOp();
      bool constant = definition && definition->hasTrait<OpTrait::ConstantLike>();
      (constant ? constants : arguments).push_back(value);
    }
    OpBuilder builder(&getContext());
    builder.setInsertionPointToEnd(getOperation().getBody());
    auto function = func::FuncOp::create(
        builder, op.getLoc(), "kernel",
        builder.getFunctionType(ValueRange(arguments).getTypes(), TypeRange()));
    function.setPrivate();
    Block *body = function.addEntryBlock();
    builder.setInsertionPointToStart(body);
    IRMapping mapping;
    mapping.map(arguments, body->getArguments());
    for (Value value : constants)
      builder.clone(*value.getDefiningOp(), mapping);
    Operation *clone = builder.clone(*op, mapping);
    func::ReturnOp::create(builder, op.getLoc());
    setConventions(function, op, arguments);
    if (failed(lower(cast<linalg::LinalgOp>(clone))))
      return failure();
    func::FuncOp shared = share(function);
    builder.setInsertionPoint(op);
    func::CallOp::create(builder, op.getLoc(), shared, arguments);
    op->erase();
    return success();
  }

  // Bare pointers where the types say all else; no aliases where the buffers are different.
  void setConventions(func::FuncOp function, linalg::LinalgOp op, ArrayRef<Value> arguments) {
    auto unit = UnitAttr::get(&getContext());
    function->setAttr(kKernelAttr, unit);
    bool bare = llvm::all_of(arguments, [](Value value) {
      auto type = dyn_cast<MemRefType>(value.getType());
      SmallVector<int64_t> strides;
      int64_t offset;
      return !type ||
             (type.hasStaticShape() && succeeded(type.getStridesAndOffset(strides, offset)) &&
              llvm::none_of(strides, ShapedType::isDynamic) && !ShapedType::isDynamic(offset));
    });
    if (bare)
      function->setAttr("llvm.bareptr", unit);
    llvm::SmallPtrSet<Value, 4> written;
    for (Value init : op.getDpsInits())
      written.insert(rootOf(init));
    llvm::SmallDenseMap<Value, int> sharers;
    for (Value argument : arguments) {
      if (!isa<MemRefType>(argument.getType()))
        continue;
      Value root = rootOf(argument);
      if (!isDistinct(root))
        return;
      ++sharers[root];
    }
    for (auto [i, argument] : llvm::enumerate(arguments)) {
      Value root = rootOf(argument);
      if (isa<MemRefType>(argument.getType()) && (sharers[root] == 1 || !written.contains(root)))
        function.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), unit);
    }
  }

  LogicalResult lower(linalg::LinalgOp op) {
    IRRewriter rewriter(&getContext());
    rewriter.setInsertionPoint(op);
    auto generic = dyn_cast<linalg::GenericOp>(op.getOperation());
    if (!generic) {
      FailureOr<linalg::GenericOp> made = linalg::generalizeNamedOp(rewriter, op);
      if (succeeded(made))
        generic = *made;
    }
    if (!generic) {
      if (failed(linalg::linalgOpToLoops(rewriter, op)))
        return op.emitError("cannot lower this op to loops");
      rewriter.eraseOp(op);
      return success();
    }
    dropConstantIndices(rewriter, generic);
    SmallVector<unsigned> order = bestOrder(generic);
    if (!llvm::is_sorted(order)) {
      rewriter.setInsertionPoint(generic);
      FailureOr<linalg::GenericOp> reordered =
          linalg::interchangeGenericOp(rewriter, generic, order);
      if (succeeded(reordered))
        generic = *reordered;
    }
    collapseLoops(rewriter, generic);
    allowReassociation(generic);
    rewriter.setInsertionPoint(generic);
    if (failed(linalg::linalgOpToLoops(rewriter, generic)))
      return generic.emitError("cannot lower this op to loops");
    rewriter.eraseOp(generic);
    return success();
  }

  // The function that equals this one, which is the function itself when it is new.
  func::FuncOp share(func::FuncOp function) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    function->print(stream, OpPrintingFlags().useLocalScope().enableDebugInfo(false));
    auto [entry, isNew] = kernels.try_emplace(text, function);
    if (isNew)
      function.setSymName("linalgd_kernel_" + std::to_string(kernels.size() - 1));
    else
      function->erase();
    return entry->second;
  }

  llvm::StringMap<func::FuncOp> kernels;
};

} // namespace

std::unique_ptr<Pass> createOutlineLoopsPass() { return std::make_unique<OutlineLoopsPass>(); }

} // namespace linalgd
