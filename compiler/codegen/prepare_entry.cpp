// PrepareEntry: the model's function as code generation wants it.
#include "compiler/codegen/passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/MapVector.h"

namespace linalgd {
namespace {

using namespace mlir;

struct PrepareEntryPass : PassWrapper<PrepareEntryPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PrepareEntryPass)

  explicit PrepareEntryPass(std::string entry) : entry(std::move(entry)) {}
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
    if (failed(makeTensors(function)))
      return signalPassFailure();
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      function.setArgAttr(i, bufferization::BufferizationDialect::kWritableAttrName,
                          BoolAttr::get(&getContext(), false));
    function->setAttr("llvm.emit_c_interface", UnitAttr::get(&getContext()));
    getOperation()->setAttr(kEntryTypeAttr, TypeAttr::get(function.getFunctionType()));
    nameSlots();
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

  void nameSlots() {
    llvm::MapVector<Attribute, memref::GlobalOp> slots;
    SmallVector<Attribute> names, types;
    SmallVector<arith::ConstantOp> constants;
    getOperation().walk([&](arith::ConstantOp op) {
      if (isa<DenseResourceElementsAttr>(op.getValue()))
        constants.push_back(op);
    });
    for (arith::ConstantOp op : constants) {
      auto resource = cast<DenseResourceElementsAttr>(op.getValue());
      auto type = cast<RankedTensorType>(resource.getType());
      auto memrefType = MemRefType::get(type.getShape(), type.getElementType());
      memref::GlobalOp &global = slots[resource];
      OpBuilder builder(&getContext());
      if (!global) {
        builder.setInsertionPointToStart(getOperation().getBody());
        std::string name = "linalgd_slot_" + std::to_string(names.size());
        global = memref::GlobalOp::create(builder, op.getLoc(), name,
                                          builder.getStringAttr("private"), memrefType,
                                          /*initial_value=*/Attribute(), /*constant=*/true,
                                          /*alignment=*/IntegerAttr());
        global->setAttr(kSlotIndexAttr, builder.getI64IntegerAttr(names.size()));
        names.push_back(builder.getStringAttr(resource.getRawHandle().getKey()));
        types.push_back(TypeAttr::get(type));
      }
      builder.setInsertionPoint(op);
      Value buffer =
          memref::GetGlobalOp::create(builder, op.getLoc(), memrefType, global.getSymName());
      Value tensor = bufferization::ToTensorOp::create(builder, op.getLoc(), type, buffer,
                                                       /*restrict=*/true);
      op.replaceAllUsesWith(tensor);
      op.erase();
    }
    getOperation()->setAttr(kSlotsAttr, ArrayAttr::get(&getContext(), names));
    getOperation()->setAttr(kSlotTypesAttr, ArrayAttr::get(&getContext(), types));
  }

  std::string entry;
};

} // namespace

std::unique_ptr<Pass> createPrepareEntryPass(std::string entry) {
  return std::make_unique<PrepareEntryPass>(std::move(entry));
}

} // namespace linalgd
