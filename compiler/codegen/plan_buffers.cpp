// PlanBuffers: who owns which buffer, once tensors are gone.
#include "compiler/codegen/passes.h"
#include "compiler/codegen/sizes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

namespace linalgd {
namespace {

using namespace mlir;

// The allocation that a value is a reshape of, where it covers all of it from its start.
memref::AllocOp wholeAllocation(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (auto alloc = dyn_cast<memref::AllocOp>(op))
      return alloc;
    if (!isa<memref::CollapseShapeOp, memref::ExpandShapeOp, memref::CastOp>(op))
      return nullptr;
    value = cast<ViewLikeOpInterface>(op).getViewSource();
  }
  return nullptr;
}

// Sizes that are known when the model runs may multiply to more bytes than a number holds.
void assertFits(memref::AllocOp op) {
  MemRefType type = op.getType();
  if (type.hasStaticShape())
    return;
  Type element = type.getElementType();
  int64_t parts = 1;
  if (auto complex = dyn_cast<ComplexType>(element))
    parts = 2, element = complex.getElementType();
  int64_t bytes = llvm::divideCeil(parts * element.getIntOrFloatBitWidth(), 8);
  for (int64_t size : type.getShape())
    bytes *= ShapedType::isDynamic(size) ? 1 : size;
  ImplicitLocOpBuilder b(op.getLoc(), op);
  productOf(b, bytes, op.getDynamicSizes());
}

struct PlanBuffersPass : PassWrapper<PlanBuffersPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PlanBuffersPass)

  StringRef getArgument() const override { return "linalgd-plan-buffers"; }
  StringRef getDescription() const override {
    return "Make results fresh allocations and free buffers after their last use";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, cf::ControlFlowDialect, linalg::LinalgDialect,
                    memref::MemRefDialect>();
  }

  void runOnOperation() override {
    auto function = getOperation().lookupSymbol<func::FuncOp>(kEntryName);
    function.walk([&](func::ReturnOp op) { ownResults(op); });
    function.walk([&](memref::CopyOp op) {
      OpBuilder builder(op);
      if (isa<MemRefType>(op.getSource().getType()) && isa<MemRefType>(op.getTarget().getType())) {
        linalg::makeMemRefCopyOp(builder, op.getLoc(), op.getSource(), op.getTarget());
        op.erase();
      }
    });
    function.walk(assertFits);
    BufferViewFlowAnalysis views(function);
    SmallVector<memref::AllocOp> allocations;
    function.walk([&](memref::AllocOp op) { allocations.push_back(op); });
    for (memref::AllocOp allocation : allocations)
      freeAfterLastUse(allocation, views);
  }

  // A caller frees each result by itself, and its inputs and the weights are not ours to return.
  // The last results are the new values of state: they go back to where it is, and are no results
  // then.
  void ownResults(func::ReturnOp op) {
    auto function = cast<func::FuncOp>(op->getParentOp());
    auto state = getOperation()->getAttrOfType<ArrayAttr>(kStateAttr);
    size_t numOutputs = op.getNumOperands() - (state ? state.size() : 0);
    llvm::SmallPtrSet<Operation *, 8> returned;
    OpBuilder builder(op);
    for (OpOperand &operand : op->getOpOperands().take_front(numOutputs)) {
      memref::AllocOp allocation = wholeAllocation(operand.get());
      auto type = cast<MemRefType>(operand.get().getType());
      if (!allocation || !type.getLayout().isIdentity() || !returned.insert(allocation).second)
        operand.set(copyOf(builder, op.getLoc(), operand.get()));
    }
    // All that is read of the old state, before any of it is written.
    SmallVector<std::pair<Value, Value>> updates;
    for (size_t i = numOutputs; i < op.getNumOperands(); ++i) {
      Value value = op.getOperand(i), place = placeOf(function, state[i - numOutputs]);
      if (isSameBuffer(value, place))
        continue;
      if (!wholeAllocation(value))
        value = copyOf(builder, op.getLoc(), value);
      updates.emplace_back(value, place);
    }
    for (auto [value, place] : updates)
      memref::CopyOp::create(builder, op.getLoc(), value, place);
    op->eraseOperands(numOutputs, op.getNumOperands() - numOutputs);
    function.setType(FunctionType::get(&getContext(), function.getArgumentTypes(),
                                       TypeRange(op.getOperandTypes())));
  }

  static Value copyOf(OpBuilder &builder, Location loc, Value value) {
    auto type = cast<MemRefType>(value.getType());
    SmallVector<Value> sizes;
    for (int64_t i = 0; i < type.getRank(); ++i)
      if (type.isDynamicDim(i))
        sizes.push_back(memref::DimOp::create(builder, loc, value, i));
    auto copyType = MemRefType::get(type.getShape(), type.getElementType());
    Value copy =
        memref::AllocOp::create(builder, loc, copyType, sizes, builder.getI64IntegerAttr(64));
    memref::CopyOp::create(builder, loc, value, copy);
    return copy;
  }

  // The buffer of a piece of state: an argument, or what PrepareEntry read a slot from.
  Value placeOf(func::FuncOp function, Attribute state) {
    if (auto argument = dyn_cast<IntegerAttr>(state))
      return function.getArgument(argument.getInt());
    auto slots = getOperation()->getAttrOfType<ArrayAttr>(kSlotsAttr);
    Value place;
    for (auto global : getOperation().getOps<memref::GlobalOp>()) {
      auto index = global->getAttrOfType<IntegerAttr>(kSlotIndexAttr);
      if (!index || slots[index.getInt()] != state)
        continue;
      function.walk([&](memref::GetGlobalOp op) {
        if (op.getName() == global.getSymName())
          place = op;
      });
      if (!place) {
        OpBuilder builder = OpBuilder::atBlockBegin(&function.front());
        place = memref::GetGlobalOp::create(builder, function.getLoc(), global.getType(),
                                            global.getSymName());
      }
    }
    return place;
  }

  static bool isSameBuffer(Value value, Value place) {
    while (auto cast = value.getDefiningOp<memref::CastOp>())
      value = cast.getSource();
    return value == place;
  }

  // Leaves a buffer that outlives its block alone: the runtime frees it when the call ends.
  static void freeAfterLastUse(memref::AllocOp allocation, const BufferViewFlowAnalysis &views) {
    Block *block = allocation->getBlock();
    Operation *last = allocation;
    for (Value alias : views.resolve(allocation)) {
      for (Operation *user : alias.getUsers()) {
        Operation *ancestor = block->findAncestorOpInBlock(*user);
        if (!ancestor || ancestor->hasTrait<OpTrait::IsTerminator>())
          return;
        if (last->isBeforeInBlock(ancestor))
          last = ancestor;
      }
    }
    OpBuilder builder(allocation.getContext());
    builder.setInsertionPointAfter(last);
    memref::DeallocOp::create(builder, allocation.getLoc(), allocation);
  }
};

} // namespace

std::unique_ptr<Pass> createPlanBuffersPass() { return std::make_unique<PlanBuffersPass>(); }

} // namespace linalgd
