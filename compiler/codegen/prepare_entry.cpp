// PrepareEntry: the model's function as code generation wants it.
#include "compiler/codegen/passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/StringMap.h"

namespace linalgd {
namespace {

using namespace mlir;

struct PrepareEntryPass : PassWrapper<PrepareEntryPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PrepareEntryPass)

  PrepareEntryPass(std::string entry, std::vector<StateResult> state)
      : entry(std::move(entry)), state(std::move(state)) {}
  StringRef getArgument() const override { return "linalgd-prepare-entry"; }
  StringRef getDescription() const override {
    return "Give the entry function tensors only and name its weights";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, bufferization::BufferizationDialect, func::FuncDialect,
                    memref::MemRefDialect, tensor::TensorDialect>();
  }

  void runOnOperation() override {
    auto function = getOperation().lookupSymbol<func::FuncOp>(entry);
    if (!function || function.isExternal()) {
      getOperation().emitError() << "there is no function @" << entry << " to compile";
      return signalPassFailure();
    }
    renameEntry(function);
    if (failed(makeTensors(function)) || failed(checkState(function)))
      return signalPassFailure();
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      bool isState = llvm::any_of(
          state, [&](const StateResult &s) { return s.slot.empty() && s.argument == i; });
      function.setArgAttr(i, bufferization::BufferizationDialect::kWritableAttrName,
                          BoolAttr::get(&getContext(), isState));
    }
    function->setAttr("llvm.emit_c_interface", UnitAttr::get(&getContext()));
    getOperation()->setAttr(kEntryTypeAttr, TypeAttr::get(function.getFunctionType()));
    nameSlots(function);
  }

  // Says on the module which results are state.
  LogicalResult checkState(func::FuncOp function) {
    Builder builder(&getContext());
    ArrayRef<Type> results = function.getResultTypes();
    if (state.size() > results.size())
      return function.emitError() << "the function has fewer results than the model has state";
    SmallVector<Attribute> entries;
    for (const StateResult &entry : state) {
      if (!entry.slot.empty())
        entries.push_back(builder.getStringAttr(entry.slot));
      else if (entry.argument < function.getNumArguments())
        entries.push_back(builder.getI64IntegerAttr(entry.argument));
      else
        return function.emitError() << "there is no argument " << entry.argument;
    }
    getOperation()->setAttr(kStateAttr, builder.getArrayAttr(entries));
    return success();
  }

  void renameEntry(func::FuncOp function) {
    // Nothing else is called from outside; a private function is inlined or removed.
    for (auto other : getOperation().getOps<func::FuncOp>())
      if (other != function)
        other.setPrivate();
    if (failed(SymbolTable::replaceAllSymbolUses(
            function, StringAttr::get(&getContext(), kEntryName), getOperation())))
      return;
    function.setSymName(kEntryName);
    function.setPublic();
  }

  LogicalResult makeTensors(func::FuncOp function) {
    Block &block = function.front();
    OpBuilder builder = OpBuilder::atBlockBegin(&block);
    for (BlockArgument argument : block.getArguments()) {
      Type type = argument.getType();
      if (isa<RankedTensorType>(type))
        continue;
      if (!type.isIntOrIndexOrFloat() && !isa<ComplexType>(type))
        return function.emitError() << "an argument of type " << type << " cannot be compiled";
      auto tensorType = RankedTensorType::get({}, storageType(type));
      argument.setType(tensorType);
      Value scalar = tensor::ExtractOp::create(builder, argument.getLoc(), argument, ValueRange());
      Value used = scalar;
      if (type.isIndex())
        used = arith::IndexCastOp::create(builder, argument.getLoc(), type, scalar);
      argument.replaceAllUsesExcept(used, scalar.getDefiningOp());
    }
    SmallVector<Type> results;
    for (auto returnOp : block.getParent()->getOps<func::ReturnOp>()) {
      builder.setInsertionPoint(returnOp);
      results.clear();
      for (OpOperand &operand : returnOp->getOpOperands()) {
        if (failed(makeTensor(builder, operand)))
          return failure();
        results.push_back(operand.get().getType());
      }
    }
    function.setType(FunctionType::get(&getContext(), block.getArgumentTypes(), results));
    return success();
  }

  static Type storageType(Type type) {
    return type.isIndex() ? IntegerType::get(type.getContext(), 64) : type;
  }

  static LogicalResult makeTensor(OpBuilder &builder, OpOperand &operand) {
    Value value = operand.get();
    Location loc = operand.getOwner()->getLoc();
    if (isa<RankedTensorType>(value.getType()))
      return success();
    if (!value.getType().isIntOrIndexOrFloat() && !isa<ComplexType>(value.getType()))
      return emitError(loc) << "a result of type " << value.getType() << " cannot be compiled";
    Type type = storageType(value.getType());
    if (type != value.getType())
      value = arith::IndexCastOp::create(builder, loc, type, value);
    operand.set(
        tensor::FromElementsOp::create(builder, loc, RankedTensorType::get({}, type), value));
    return success();
  }

  // The slot's buffer, as a tensor. What the model writes is read in one place only, so that
  // bufferization knows all that there is of it and may update it in place.
  struct Slot {
    memref::GlobalOp global;
    Value tensor; // of state
  };

  memref::GlobalOp addSlot(Location loc, StringRef name, RankedTensorType type, bool isState) {
    OpBuilder builder = OpBuilder::atBlockBegin(getOperation().getBody());
    auto global = memref::GlobalOp::create(
        builder, loc, "linalgd_slot_" + std::to_string(slotNames.size()),
        builder.getStringAttr("private"), MemRefType::get(type.getShape(), type.getElementType()),
        /*initial_value=*/Attribute(), /*constant=*/!isState, /*alignment=*/IntegerAttr());
    global->setAttr(kSlotIndexAttr, builder.getI64IntegerAttr(slotNames.size()));
    slotNames.push_back(builder.getStringAttr(name));
    slotTypes.push_back(TypeAttr::get(type));
    return global;
  }

  static Value readSlot(OpBuilder &builder, Location loc, memref::GlobalOp global,
                        RankedTensorType type, bool isState) {
    Value buffer = memref::GetGlobalOp::create(builder, loc, global.getType(), global.getSymName());
    return bufferization::ToTensorOp::create(builder, loc, type, buffer, /*restrict=*/true,
                                             /*writable=*/isState);
  }

  void nameSlots(func::FuncOp function) {
    llvm::StringMap<Slot> slots;
    SmallVector<arith::ConstantOp> constants;
    getOperation().walk([&](arith::ConstantOp op) {
      if (isa<DenseResourceElementsAttr>(op.getValue()))
        constants.push_back(op);
    });
    OpBuilder entryBuilder = OpBuilder::atBlockBegin(&function.front());
    auto results = function.getResultTypes().take_back(state.size());
    for (auto [entry, result] : llvm::zip_equal(state, results))
      if (!entry.slot.empty()) {
        auto type = cast<RankedTensorType>(result);
        Slot &slot = slots[entry.slot];
        slot.global = addSlot(function.getLoc(), entry.slot, type, true);
        slot.tensor = readSlot(entryBuilder, function.getLoc(), slot.global, type, true);
      }
    for (arith::ConstantOp op : constants) {
      auto resource = cast<DenseResourceElementsAttr>(op.getValue());
      auto type = cast<RankedTensorType>(resource.getType());
      StringRef name = resource.getRawHandle().getKey();
      Slot &slot = slots[name];
      if (!slot.global)
        slot.global = addSlot(op.getLoc(), name, type, false);
      OpBuilder builder(op);
      Value tensor =
          slot.tensor ? slot.tensor : readSlot(builder, op.getLoc(), slot.global, type, false);
      op.replaceAllUsesWith(tensor);
      op.erase();
    }
    getOperation()->setAttr(kSlotsAttr, ArrayAttr::get(&getContext(), slotNames));
    getOperation()->setAttr(kSlotTypesAttr, ArrayAttr::get(&getContext(), slotTypes));
  }

  SmallVector<Attribute> slotNames, slotTypes;
  std::string entry;
  std::vector<StateResult> state;
};

} // namespace

std::unique_ptr<Pass> createPrepareEntryPass(std::string entry, std::vector<StateResult> state) {
  return std::make_unique<PrepareEntryPass>(std::move(entry), std::move(state));
}

} // namespace linalgd
