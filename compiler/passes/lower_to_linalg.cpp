// LowerToLinalg: the driver of the LowerToLinalg interface, on MLIR's dialect conversion, and the
// lowering of the structural ops.
#include "compiler/dialect/builders.h"
#include "compiler/passes/lower_control.h"
#include "compiler/passes/passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Complex/IR/Complex.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/Transforms/FuncConversions.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Iterators.h"
#include "mlir/Transforms/DialectConversion.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace linalgd {
namespace {

// Tensors of known rank and dtype, int, float and bool are converted; all else stays.
class LoweredTypes : public TypeConverter {
public:
  LoweredTypes() {
    addConversion([](Type type) { return type; });
    addConversion([](torch::IntType type) { return IntegerType::get(type.getContext(), 64); });
    addConversion([](torch::FloatType type) { return Float64Type::get(type.getContext()); });
    addConversion([](torch::BoolType type) { return IntegerType::get(type.getContext(), 1); });
    addConversion([](torch::ValueTensorType type) -> Type {
      torch::BaseTensorType tensor = type;
      if (!tensor.hasSizes() || !tensor.hasDtype())
        return type;
      return RankedTensorType::get(tensor.getSizes(), torch::lowerDtype(tensor.getDtype()));
    });
    auto bridge = [](OpBuilder &builder, Type type, ValueRange inputs, Location loc) -> Value {
      return UnrealizedConversionCastOp::create(builder, loc, type, inputs).getResult(0);
    };
    addSourceMaterialization(bridge);
    addTargetMaterialization(bridge);
  }
};

using Reasons = DenseMap<Operation *, std::string>;

struct LowerInterface : OpInterfaceConversionPattern<torch::LowerToLinalg> {
  LowerInterface(const TypeConverter &types, MLIRContext *context, const llvm::StringSet<> &keep,
                 Reasons &reasons)
      : OpInterfaceConversionPattern(types, context), keep(keep), reasons(reasons) {}

  LogicalResult matchAndRewrite(torch::LowerToLinalg op, ArrayRef<Value> operands,
                                ConversionPatternRewriter &rewriter) const override {
    if (keep.contains(torch::getQualifiedName(op)))
      return failure();
    torch::Lowering lowering(op, operands, rewriter, *getTypeConverter(), reasons);
    return op.lowerToLinalg(lowering);
  }

  const llvm::StringSet<> &keep;
  Reasons &reasons;
};

// torch.constant.int, float and bool.
template <typename Op> struct LowerConstant : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;
  LogicalResult matchAndRewrite(Op op, typename Op::Adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<arith::ConstantOp>(op, op.getValueAttr());
    return success();
  }
};

// Data in the signless element type: the bytes stay as they are.
ElementsAttr lowerData(ElementsAttr value) {
  ShapedType type = value.getShapedType();
  Type element = torch::lowerDtype(type.getElementType());
  if (element == type.getElementType())
    return value;
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(value))
    return DenseResourceElementsAttr::get(type.clone(element), resource.getRawHandle());
  return cast<DenseElementsAttr>(value).bitcast(element);
}

struct LowerLiteral : OpConversionPattern<torch::ValueTensorLiteralOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(torch::ValueTensorLiteralOp op, OpAdaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Value constant = arith::ConstantOp::create(rewriter, op.getLoc(), lowerData(op.getValue()));
    Type type = getTypeConverter()->convertType(op.getType());
    if (!isa<RankedTensorType>(type))
      return failure();
    rewriter.replaceOp(op, constant.getType() == type
                               ? constant
                               : tensor::CastOp::create(rewriter, op.getLoc(), type, constant));
    return success();
  }
};

struct LowerStaticCast : OpConversionPattern<torch::TensorStaticInfoCastOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(torch::TensorStaticInfoCastOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Type type = getTypeConverter()->convertType(op.getType());
    Value operand = adaptor.getOperand();
    if (!isa<RankedTensorType>(type) || !isa<RankedTensorType>(operand.getType()))
      return failure();
    if (operand.getType() == type)
      rewriter.replaceOp(op, operand);
    else
      rewriter.replaceOpWithNewOp<tensor::CastOp>(op, type, operand);
    return success();
  }
};

struct DropSymbolicShape : OpConversionPattern<torch::BindSymbolicShapeOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(torch::BindSymbolicShapeOp op, OpAdaptor,
                                ConversionPatternRewriter &rewriter) const override {
    rewriter.eraseOp(op);
    return success();
  }
};

// Erases what nothing needs any more: lists, none, bridges between types. Backwards, so that users
// go before what they use.
void eraseDead(ModuleOp module) {
  module.walk<WalkOrder::PostOrder, mlir::ReverseIterator>([](Operation *op) {
    if (isOpTriviallyDead(op))
      op->erase();
  });
}

// What kept ops use of numbers is constant again, for those who match them.
void restoreConstants(ModuleOp module) {
  module.walk([](UnrealizedConversionCastOp cast) {
    if (cast.getNumOperands() != 1 || !isa<torch::TorchDialect>(cast.getType(0).getDialect()))
      return;
    Attribute value;
    if (!matchPattern(cast.getOperand(0), m_Constant(&value)))
      return;
    OpBuilder builder(cast);
    Operation *constant =
        builder.getContext()->getLoadedDialect<torch::TorchDialect>()->materializeConstant(
            builder, value, cast.getType(0), cast.getLoc());
    if (constant)
      cast.getResult(0).replaceAllUsesWith(constant->getResult(0));
  });
}

struct LowerToLinalg : PassWrapper<LowerToLinalg, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerToLinalg)
  LowerToLinalg() = default;
  LowerToLinalg(const LowerToLinalg &other) : PassWrapper(other) {}
  StringRef getArgument() const override { return "linalgd-lower-to-linalg"; }
  StringRef getDescription() const override { return "Lower torch to linalg on tensors"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<affine::AffineDialect, arith::ArithDialect, cf::ControlFlowDialect,
                    complex::ComplexDialect, linalg::LinalgDialect, math::MathDialect,
                    scf::SCFDialect, tensor::TensorDialect>();
  }

  // One error for each op of ours that is left, in the order of the program.
  LogicalResult reportLeftovers(const llvm::StringSet<> &keep, const Reasons &reasons) {
    bool failed = false;
    getOperation().walk([&](Operation *op) {
      StringRef name = torch::getQualifiedName(op);
      if (!isTorch(op) || keep.contains(name) || isOnlyOperand(op))
        return;
      InFlightDiagnostic diagnostic = emitError(op->getLoc());
      diagnostic << "cannot lower 'torch." << name << "'";
      if (auto reason = reasons.find(op); reason != reasons.end())
        diagnostic << ": " << reason->second;
      failed = true;
    });
    return failure(failed);
  }

  static bool isTorch(Operation *op) {
    return isa_and_present<torch::TorchDialect>(op->getDialect());
  }

  // Constants and lists stay as long as an op of ours uses them, which is kept or reported itself.
  static bool isOnlyOperand(Operation *op) {
    return (op->hasTrait<OpTrait::ConstantLike>() ||
            isa<torch::ListConstructOp, torch::DerefineOp>(op)) &&
           llvm::all_of(op->getUsers(), isTorch);
  }

  void runOnOperation() override {
    llvm::StringSet<> keep;
    for (const std::string &name : keepOps)
      keep.insert(name);
    MLIRContext *context = &getContext();
    LoweredTypes types;
    Reasons reasons;
    RewritePatternSet patterns(context);
    patterns.add<LowerInterface>(types, context, keep, reasons);
    patterns.add<LowerConstant<torch::ConstantIntOp>, LowerConstant<torch::ConstantFloatOp>,
                 LowerConstant<torch::ConstantBoolOp>, LowerLiteral, LowerStaticCast,
                 DropSymbolicShape>(types, context);
    populateLowerControlPatterns(types, patterns);
    populateFunctionOpInterfaceTypeConversionPattern<func::FuncOp>(patterns, types);
    populateReturnOpTypeConversionPattern(patterns, types);

    // Ops of ours are neither legal nor illegal: all that have no lowering are found in one go.
    ConversionTarget target(*context);
    target.addLegalDialect<affine::AffineDialect, arith::ArithDialect, cf::ControlFlowDialect,
                           complex::ComplexDialect, linalg::LinalgDialect, math::MathDialect,
                           scf::SCFDialect, tensor::TensorDialect>();
    target.addDynamicallyLegalOp<func::FuncOp>([&](func::FuncOp op) {
      return types.isSignatureLegal(op.getFunctionType()) && types.isLegal(&op.getBody());
    });
    target.addDynamicallyLegalOp<func::ReturnOp>([&](Operation *op) { return types.isLegal(op); });
    target.addLegalOp<ModuleOp, UnrealizedConversionCastOp>();
    if (failed(applyPartialConversion(getOperation(), target, std::move(patterns))))
      return signalPassFailure();
    restoreConstants(getOperation());
    eraseDead(getOperation());
    // The signature carries these from here on.
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      function->removeAttr(kOutputsAttr);
      for (unsigned i = 0; i < function.getNumResults(); ++i) {
        function.removeResultAttr(i, StringAttr::get(context, kStateInputAttr));
        function.removeResultAttr(i, StringAttr::get(context, kStateSlotAttr));
      }
    }
    if (failed(reportLeftovers(keep, reasons)))
      signalPassFailure();
  }

  ListOption<std::string> keepOps{*this, "keep-ops", llvm::cl::desc("Ops to leave alone")};
};

} // namespace

std::unique_ptr<Pass> createLowerToLinalgPass(const std::vector<std::string> &keepOps) {
  auto pass = std::make_unique<LowerToLinalg>();
  pass->keepOps = keepOps;
  return pass;
}

} // namespace linalgd
