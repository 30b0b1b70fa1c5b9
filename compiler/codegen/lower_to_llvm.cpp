// LowerToLlvm: from memref, arith, math, cf and func to the LLVM dialect, with the calls of the
// runtime (compiler/runtime/tables.h).
#include "compiler/codegen/passes.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ComplexToLLVM/ComplexToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MathToLibm/MathToLibm.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/LLVMIR/FunctionCallUtils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/ADT/StringMap.h"

namespace linalgd {
namespace {

using namespace mlir;

constexpr llvm::StringLiteral kFail = "linalgd_rt_fail";
constexpr llvm::StringLiteral kFailRelation = "linalgd_rt_fail_relation";
constexpr llvm::StringLiteral kWeight = "linalgd_rt_weight";

// What MLIR's allocation lowering calls, and what the runtime has for it.
constexpr std::pair<llvm::StringLiteral, llvm::StringLiteral> kRenamed[] = {
    {"_mlir_memref_to_llvm_aligned_alloc", "linalgd_rt_alloc"},
    {"_mlir_memref_to_llvm_free", "linalgd_rt_free"}};

// A slot's buffer: what the runtime says, as a descriptor.
struct SlotPattern : ConvertOpToLLVMPattern<memref::GetGlobalOp> {
  SlotPattern(const LLVMTypeConverter &converter, const llvm::StringMap<int64_t> &slots)
      : ConvertOpToLLVMPattern(converter, /*benefit=*/10), slots(slots) {}

  LogicalResult matchAndRewrite(memref::GetGlobalOp op, OpAdaptor,
                                ConversionPatternRewriter &rewriter) const override {
    auto slot = slots.find(op.getName());
    if (slot == slots.end())
      return failure();
    Location loc = op.getLoc();
    auto pointer = LLVM::LLVMPointerType::get(getContext());
    Value index = LLVM::ConstantOp::create(rewriter, loc, rewriter.getI64Type(), slot->second);
    Value data = LLVM::CallOp::create(rewriter, loc, TypeRange(pointer), kWeight, ValueRange(index))
                     .getResult();
    rewriter.replaceOp(op, Value(MemRefDescriptor::fromStaticShape(
                               rewriter, loc, *getTypeConverter(), op.getType(), data)));
    return success();
  }

  const llvm::StringMap<int64_t> &slots;
};

struct SlotGlobalPattern : ConvertOpToLLVMPattern<memref::GlobalOp> {
  SlotGlobalPattern(const LLVMTypeConverter &converter)
      : ConvertOpToLLVMPattern(converter, /*benefit=*/10) {}

  LogicalResult matchAndRewrite(memref::GlobalOp op, OpAdaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if (!op->hasAttr(kSlotIndexAttr))
      return failure();
    rewriter.eraseOp(op);
    return success();
  }
};

// A message with where the user looks for the op: the node's id, the line of Python.
std::string located(StringRef message, Location loc) {
  SmallVector<std::string> places;
  if (auto name = loc->findInstanceOf<NameLoc>())
    places.push_back(name.getName().str());
  if (auto file = loc->findInstanceOf<FileLineColLoc>())
    places.push_back(file.getFilename().str() + ":" + std::to_string(file.getLine()));
  return places.empty() ? message.str() : (message + " (" + llvm::join(places, ", ") + ")").str();
}

// What a comparison asks of its first number; empty where the numbers are of no interest.
StringRef relationOf(arith::CmpIPredicate predicate) {
  switch (predicate) {
  case arith::CmpIPredicate::eq:
    return "must be";
  case arith::CmpIPredicate::ne:
    return "must not be";
  case arith::CmpIPredicate::slt:
    return "must be less than";
  case arith::CmpIPredicate::sle:
    return "must be at most";
  case arith::CmpIPredicate::sgt:
    return "must be more than";
  case arith::CmpIPredicate::sge:
    return "must be at least";
  case arith::CmpIPredicate::ult:
    return "must be at least 0 and less than";
  default:
    return "";
  }
}

struct LowerToLlvmPass : PassWrapper<LowerToLlvmPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerToLlvmPass)

  StringRef getArgument() const override { return "linalgd-lower-to-llvm"; }
  StringRef getDescription() const override { return "Convert everything to the LLVM dialect"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<LLVM::LLVMDialect, cf::ControlFlowDialect>();
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    llvm::StringMap<int64_t> slots;
    module.walk([&](memref::GlobalOp op) {
      if (auto index = op->getAttrOfType<IntegerAttr>(kSlotIndexAttr))
        slots[op.getSymName()] = index.getInt();
    });
    declareRuntime();
    SmallVector<cf::AssertOp> asserts;
    module.walk([&](cf::AssertOp op) { asserts.push_back(op); });
    for (cf::AssertOp op : asserts)
      lowerAssert(op);
    for (auto function : module.getOps<func::FuncOp>())
      if (function->hasAttr(kKernelAttr))
        function->setAttr(
            "passthrough",
            ArrayAttr::get(&getContext(), StringAttr::get(&getContext(), "noinline")));
    llvm::StringMap<SmallVector<unsigned>> pointers;
    for (auto function : module.getOps<func::FuncOp>())
      pointers[function.getSymName()] = noAliasPointers(function);
    if (failed(convert(slots)))
      return signalPassFailure();
    for (auto function : module.getOps<LLVM::LLVMFuncOp>())
      for (unsigned position : pointers.lookup(function.getSymName()))
        function.setArgAttr(position, LLVM::LLVMDialect::getNoAliasAttrName(),
                            UnitAttr::get(&getContext()));
    for (auto [from, to] : kRenamed) {
      auto function = module.lookupSymbol<LLVM::LLVMFuncOp>(from);
      if (!function)
        continue;
      if (failed(SymbolTable::replaceAllSymbolUses(function, StringAttr::get(&getContext(), to),
                                                   module)))
        return signalPassFailure();
      function.setSymName(to);
    }
  }

  // MLIR's conversion drops the attribute of an argument that becomes several. These are the data
  // pointers' positions once it has.
  static SmallVector<unsigned> noAliasPointers(func::FuncOp function) {
    SmallVector<unsigned> positions;
    if (function->hasAttr("llvm.bareptr"))
      return positions;
    unsigned position = 0;
    for (auto [i, type] : llvm::enumerate(function.getArgumentTypes())) {
      auto memref = dyn_cast<MemRefType>(type);
      if (memref && function.getArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName()))
        positions.push_back(position + 1);
      position += memref ? 3 + 2 * memref.getRank() : 1;
    }
    return positions;
  }

  void declareRuntime() {
    OpBuilder builder = OpBuilder::atBlockBegin(getOperation().getBody());
    auto pointer = LLVM::LLVMPointerType::get(&getContext());
    auto nothing = LLVM::LLVMVoidType::get(&getContext());
    Location loc = getOperation().getLoc();
    LLVM::LLVMFuncOp::create(builder, loc, kWeight,
                             LLVM::LLVMFunctionType::get(pointer, {builder.getI64Type()}));
    auto word = builder.getI64Type();
    for (auto [name, type] :
         {std::pair{kFail, LLVM::LLVMFunctionType::get(nothing, {pointer})},
          {kFailRelation, LLVM::LLVMFunctionType::get(nothing, {pointer, pointer, word, word})}})
      LLVM::LLVMFuncOp::create(builder, loc, name, type)
          ->setAttr("passthrough", builder.getStrArrayAttr({"noreturn", "cold"}));
  }

  // The address of a constant, which equal ones share.
  Value text(OpBuilder &builder, Location loc, StringRef text) {
    LLVM::GlobalOp &global = texts[text];
    if (!global) {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(getOperation().getBody());
      std::string terminated = text.str() + '\0';
      global = LLVM::GlobalOp::create(
          builder, getOperation().getLoc(),
          LLVM::LLVMArrayType::get(builder.getI8Type(), terminated.size()), /*isConstant=*/true,
          LLVM::Linkage::Internal, "linalgd_message_" + std::to_string(texts.size()),
          builder.getStringAttr(terminated));
    }
    return LLVM::AddressOfOp::create(builder, loc, global);
  }

  // The block is split: on with the rest where the condition holds, else to the runtime, with both
  // numbers where it compares some.
  void lowerAssert(cf::AssertOp op) {
    OpBuilder builder(op);
    Location loc = op.getLoc();
    Block *block = op->getBlock();
    Block *rest = block->splitBlock(op->getNextNode());
    {
      OpBuilder::InsertionGuard guard(builder);
      Block *fail = builder.createBlock(block->getParent());
      Value message = text(builder, loc, located(op.getMsg(), loc));
      auto compare = op.getArg().getDefiningOp<arith::CmpIOp>();
      StringRef relation = compare ? relationOf(compare.getPredicate()) : "";
      if (compare && !relation.empty() && isWord(compare.getLhs().getType())) {
        SmallVector<Value> arguments = {message, text(builder, loc, relation)};
        for (Value side : compare.getOperands())
          arguments.push_back(
              side.getType().isIndex()
                  ? arith::IndexCastOp::create(builder, loc, builder.getI64Type(), side).getResult()
                  : side);
        LLVM::CallOp::create(builder, loc, TypeRange(), kFailRelation, arguments);
      } else {
        LLVM::CallOp::create(builder, loc, TypeRange(), kFail, ValueRange(message));
      }
      LLVM::UnreachableOp::create(builder, loc);
      builder.setInsertionPoint(op);
      cf::CondBranchOp::create(builder, loc, op.getArg(), rest, fail);
    }
    op.erase();
  }

  static bool isWord(Type type) { return type.isIndex() || type.isInteger(64); }

  LogicalResult convert(const llvm::StringMap<int64_t> &slots) {
    LowerToLLVMOptions options(&getContext());
    options.allocLowering = LowerToLLVMOptions::AllocLowering::AlignedAlloc;
    options.useGenericFunctions = true;
    LLVMTypeConverter converter(&getContext(), options);
    RewritePatternSet patterns(&getContext());
    SymbolTableCollection symbols;
    patterns.add<SlotPattern>(converter, slots);
    patterns.add<SlotGlobalPattern>(converter);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    populateComplexToLLVMConversionPatterns(converter, patterns);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    populateFuncToLLVMConversionPatterns(converter, patterns, &symbols);
    index::populateIndexToLLVMConversionPatterns(converter, patterns);
    populateMathToLLVMConversionPatterns(converter, patterns, /*approximateLog1p=*/false,
                                         /*benefit=*/2);
    populateMathToLibmConversionPatterns(patterns);
    populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns, &symbols);
    ub::populateUBToLLVMConversionPatterns(converter, patterns);
    populateVectorToLLVMConversionPatterns(converter, patterns);
    LLVMConversionTarget target(getContext());
    target.addLegalOp<ModuleOp>();
    return applyFullConversion(getOperation(), target, std::move(patterns));
  }

  llvm::StringMap<LLVM::GlobalOp> texts;
};

} // namespace

std::unique_ptr<Pass> createLowerToLlvmPass() { return std::make_unique<LowerToLlvmPass>(); }

} // namespace linalgd
