// CallKernels: contractions and convolutions on buffers become calls of compiler/runtime/kernels.
#include "compiler/codegen/passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

namespace linalgd {
namespace {

using namespace mlir;

// A buffer's address and steps, as values.
struct Buffer {
  Value address; // of the first element: an i64
  SmallVector<OpFoldResult> sizes, strides;
};

class Emitter {
public:
  Emitter(Operation *op) : builder(op), loc(op->getLoc()) {}

  Value constant(int64_t value) { return arith::ConstantIndexOp::create(builder, loc, value); }
  Value valueOf(OpFoldResult fold) { return getValueOrCreateConstantIndexOp(builder, loc, fold); }
  Value word(Value index) {
    return arith::IndexCastOp::create(builder, loc, builder.getI64Type(), index);
  }
  Value word(OpFoldResult fold) { return word(valueOf(fold)); }
  Value mul(Value a, Value b) { return arith::MulIOp::create(builder, loc, a, b); }
  Value add(Value a, Value b) { return arith::AddIOp::create(builder, loc, a, b); }

  Buffer describe(Value memref) {
    auto type = cast<MemRefType>(memref.getType());
    auto metadata = memref::ExtractStridedMetadataOp::create(builder, loc, memref);
    Value start = memref::ExtractAlignedPointerAsIndexOp::create(builder, loc, memref);
    int64_t bytes = type.getElementTypeBitWidth() / 8;
    Buffer buffer;
    buffer.address = add(start, mul(valueOf(metadata.getConstifiedMixedOffset()), constant(bytes)));
    buffer.sizes = metadata.getConstifiedMixedSizes();
    buffer.strides = metadata.getConstifiedMixedStrides();
    return buffer;
  }

  Value pointer(Value address) {
    auto type = LLVM::LLVMPointerType::get(builder.getContext());
    return LLVM::IntToPtrOp::create(builder, loc, type, word(address));
  }

  // Calls a kernel, which is declared on its first use.
  void call(const std::string &name, ValueRange arguments) {
    auto module = builder.getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>();
    if (!module.lookupSymbol(name)) {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(module.getBody());
      auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder.getContext()),
                                              llvm::to_vector(arguments.getTypes()));
      LLVM::LLVMFuncOp::create(builder, loc, name, type);
    }
    LLVM::CallOp::create(builder, loc, TypeRange(), name, arguments);
  }

  OpBuilder builder;
  Location loc;
};

// The kernels' name for the one element type of all operands; empty where there is none.
StringRef kernelType(linalg::LinalgOp op) {
  Type type;
  for (Value operand : op->getOperands()) {
    auto memref = dyn_cast<MemRefType>(operand.getType());
    SmallVector<int64_t> strides;
    int64_t offset;
    if (!memref || failed(memref.getStridesAndOffset(strides, offset)))
      return "";
    if (type && type != memref.getElementType())
      return "";
    type = memref.getElementType();
  }
  return type.isF32() ? "f32" : type.isF64() ? "f64" : "";
}

// The position of a loop in a map's results; -1 where it is none of them.
int64_t positionOf(AffineMap map, unsigned dim) {
  for (auto [i, result] : llvm::enumerate(map.getResults()))
    if (result.isFunctionOfDim(dim))
      return i;
  return -1;
}

// The loops that a contraction has, and what each means to its three operands.
struct Loop {
  OpFoldResult size, steps[3]; // A, B, C
};

class Contraction {
public:
  Contraction(linalg::LinalgOp op, const linalg::ContractionDimensions &dims)
      : op_(op), dims_(dims), emitter_(op) {}

  void emit(const std::string &kernel) {
    for (int i = 0; i < 3; ++i) {
      buffers_[i] = emitter_.describe(op_->getOperand(i));
      addresses_[i] = buffers_[i].address;
    }
    // What cannot be one dimension of a matrix is a loop around the kernel.
    SmallVector<Loop> outer = loopsOf(dims_.batch);
    Loop m = innermost(dims_.m, outer), n = innermost(dims_.n, outer),
         k = innermost(dims_.k, outer);
    for (const Loop &loop : outer)
      enter(loop);
    SmallVector<Value> arguments = {emitter_.word(m.size), emitter_.word(n.size),
                                    emitter_.word(k.size)};
    const Loop *axes[3][2] = {{&m, &k}, {&k, &n}, {&m, &n}};
    for (int i = 0; i < 3; ++i) {
      arguments.push_back(emitter_.pointer(addresses_[i]));
      arguments.push_back(emitter_.word(axes[i][0]->steps[i]));
      arguments.push_back(emitter_.word(axes[i][1]->steps[i]));
    }
    emitter_.call(kernel, arguments);
    op_->erase();
  }

private:
  SmallVector<Loop> loopsOf(ArrayRef<unsigned> dimensions) {
    SmallVector<Loop> loops;
    for (unsigned dim : dimensions) {
      Loop loop;
      for (int i = 0; i < 3; ++i) {
        int64_t position = positionOf(op_.getIndexingMapsArray()[i], dim);
        loop.steps[i] =
            position < 0 ? emitter_.builder.getIndexAttr(0) : buffers_[i].strides[position];
        if (position >= 0)
          loop.size = buffers_[i].sizes[position];
      }
      loops.push_back(loop);
    }
    return loops;
  }

  // Joins the dimensions of one kind as far as they walk memory as one.
  Loop innermost(ArrayRef<unsigned> dimensions, SmallVector<Loop> &outer) {
    Loop joined;
    joined.size = emitter_.builder.getIndexAttr(1);
    for (OpFoldResult &step : joined.steps)
      step = emitter_.builder.getIndexAttr(0);
    SmallVector<Loop> loops = loopsOf(dimensions);
    for (auto [i, loop] : llvm::enumerate(llvm::reverse(loops))) {
      if (i == 0)
        joined = loop;
      else if (continues(loop, joined))
        joined.size = emitter_.mul(emitter_.valueOf(loop.size), emitter_.valueOf(joined.size));
      else
        outer.push_back(loop);
    }
    return joined;
  }

  static bool continues(const Loop &loop, const Loop &inner) {
    std::optional<int64_t> size = getConstantIntValue(inner.size);
    for (int i = 0; i < 3; ++i) {
      std::optional<int64_t> step = getConstantIntValue(loop.steps[i]);
      std::optional<int64_t> innerStep = getConstantIntValue(inner.steps[i]);
      if (!size || !step || !innerStep || *step != *innerStep * *size)
        return false;
    }
    return true;
  }

  void enter(const Loop &loop) {
    auto forOp = scf::ForOp::create(emitter_.builder, emitter_.loc, emitter_.constant(0),
                                    emitter_.valueOf(loop.size), emitter_.constant(1));
    emitter_.builder.setInsertionPointToStart(forOp.getBody());
    for (int i = 0; i < 3; ++i) {
      int64_t bytes = cast<MemRefType>(op_->getOperand(i).getType()).getElementTypeBitWidth() / 8;
      Value step = emitter_.mul(emitter_.valueOf(loop.steps[i]), emitter_.constant(bytes));
      addresses_[i] = emitter_.add(addresses_[i], emitter_.mul(forOp.getInductionVar(), step));
    }
  }

  linalg::LinalgOp op_;
  linalg::ContractionDimensions dims_;
  Emitter emitter_;
  Buffer buffers_[3];
  Value addresses_[3];
};

// Whether the last dimensions of a contiguous buffer are these loops, in this order.
bool endsWith(linalg::LinalgOp op, unsigned operand, ArrayRef<unsigned> loops) {
  AffineMap map = op.getIndexingMapsArray()[operand];
  if (!cast<MemRefType>(op->getOperand(operand).getType()).getLayout().isIdentity() ||
      map.getNumResults() < loops.size())
    return false;
  for (auto [result, loop] : llvm::zip_equal(map.getResults().take_back(loops.size()), loops))
    if (result != getAffineDimExpr(loop, op.getContext()))
      return false;
  return true;
}

// Poolings are convolutions to the interface, and the sum of any function of products a
// contraction.
bool sumsProducts(linalg::LinalgOp op) {
  Block *body = op.getBlock();
  auto sum = body->getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  if (!sum)
    return false;
  for (auto [term, rest] : {std::pair(sum.getLhs(), sum.getRhs()), {sum.getRhs(), sum.getLhs()}}) {
    auto product = term.getDefiningOp<arith::MulFOp>();
    if (product && rest == body->getArgument(2) &&
        llvm::is_contained(product->getOperands(), body->getArgument(0)) &&
        llvm::is_contained(product->getOperands(), body->getArgument(1)))
      return true;
  }
  return false;
}

class Convolution {
public:
  Convolution(linalg::LinalgOp op, const linalg::ConvolutionDimensions &dims)
      : op_(op), dims_(dims), emitter_(op) {}

  // Whether the kernel's assumptions hold (compiler/runtime/kernels/conv.h).
  bool fits() {
    size_t spatial = dims_.outputImage.size();
    if (spatial < 1 || spatial > 2 || dims_.filterLoop.size() != spatial ||
        dims_.batch.size() > 1 || dims_.outputChannel.size() > 1 || dims_.inputChannel.size() > 1 ||
        dims_.depth.size() > 1)
      return false;
    SmallVector<unsigned> taps(dims_.inputChannel.begin(), dims_.inputChannel.end());
    taps.append(dims_.filterLoop.begin(), dims_.filterLoop.end());
    return endsWith(op_, 1, taps) && endsWith(op_, 2, dims_.outputImage);
  }

  void emit(const std::string &kernel) {
    for (int i = 0; i < 3; ++i)
      buffers_[i] = emitter_.describe(op_->getOperand(i));
    // The order of ConvShape's fields.
    bool image = dims_.outputImage.size() == 2;
    auto row = [&](ArrayRef<unsigned> loops) -> ArrayRef<unsigned> {
      return loops.take_front(image ? 1 : 0);
    };
    auto column = [&](ArrayRef<unsigned> loops) { return loops.take_back(1); };
    SmallVector<Value> words = {size(dims_.batch),
                                size(dims_.depth),
                                size(dims_.outputChannel),
                                size(dims_.inputChannel),
                                size(row(dims_.outputImage)),
                                size(column(dims_.outputImage)),
                                size(row(dims_.filterLoop)),
                                size(column(dims_.filterLoop)),
                                fixed(image ? dims_.strides.front() : 1),
                                fixed(dims_.strides.back()),
                                fixed(image ? dims_.dilations.front() : 1),
                                fixed(dims_.dilations.back()),
                                step(0, dims_.batch),
                                step(0, dims_.depth),
                                step(0, dims_.inputChannel),
                                step(0, row(dims_.outputImage)),
                                step(0, column(dims_.outputImage)),
                                step(1, dims_.depth),
                                step(1, dims_.outputChannel),
                                step(2, dims_.batch),
                                step(2, dims_.depth),
                                step(2, dims_.outputChannel)};
    SmallVector<Value> arguments;
    for (const Buffer &buffer : buffers_)
      arguments.push_back(emitter_.pointer(buffer.address));
    arguments.push_back(inMemory(words));
    emitter_.call(kernel, arguments);
    op_->erase();
  }

private:
  Value fixed(int64_t value) { return emitter_.word(emitter_.constant(value)); }

  Value size(ArrayRef<unsigned> loops) {
    for (int i : {2, 1})
      for (unsigned loop : loops)
        if (int64_t position = positionOf(op_.getIndexingMapsArray()[i], loop); position >= 0)
          return emitter_.word(buffers_[i].sizes[position]);
    return fixed(1);
  }

  Value step(int operand, ArrayRef<unsigned> loops) {
    for (unsigned loop : loops)
      if (int64_t position = positionOf(op_.getIndexingMapsArray()[operand], loop); position >= 0)
        return emitter_.word(buffers_[operand].strides[position]);
    return fixed(0);
  }

  // An array on the stack of the function, allocated once however often the op runs.
  Value inMemory(ArrayRef<Value> words) {
    OpBuilder &builder = emitter_.builder;
    auto pointer = LLVM::LLVMPointerType::get(builder.getContext());
    auto type = LLVM::LLVMArrayType::get(builder.getI64Type(), words.size());
    Value array;
    {
      OpBuilder::InsertionGuard guard(builder);
      auto function = op_->getParentOfType<func::FuncOp>();
      builder.setInsertionPointToStart(&function.front());
      Value one = LLVM::ConstantOp::create(builder, emitter_.loc, builder.getI64Type(), 1);
      array = LLVM::AllocaOp::create(builder, emitter_.loc, pointer, type, one);
    }
    for (auto [i, word] : llvm::enumerate(words)) {
      Value place = LLVM::GEPOp::create(builder, emitter_.loc, pointer, type, array,
                                        ArrayRef<LLVM::GEPArg>{0, int32_t(i)});
      LLVM::StoreOp::create(builder, emitter_.loc, word, place);
    }
    return array;
  }

  linalg::LinalgOp op_;
  linalg::ConvolutionDimensions dims_;
  Emitter emitter_;
  Buffer buffers_[3];
};

struct CallKernelsPass : PassWrapper<CallKernelsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CallKernelsPass)

  explicit CallKernelsPass(std::string variant) : variant(std::move(variant)) {}
  StringRef getArgument() const override { return "linalgd-call-kernels"; }
  StringRef getDescription() const override {
    return "Call the kernel library for contractions and convolutions";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry
        .insert<arith::ArithDialect, LLVM::LLVMDialect, memref::MemRefDialect, scf::SCFDialect>();
  }

  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> ops;
    getOperation().walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    for (linalg::LinalgOp op : ops)
      lower(op);
  }

  void lower(linalg::LinalgOp op) {
    if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 || !sumsProducts(op))
      return;
    StringRef type = kernelType(op);
    if (type.empty())
      return;
    std::string suffix = "_" + type.str() + "_" + variant;
    if (linalg::isaContractionOpInterface(op)) {
      FailureOr<linalg::ContractionDimensions> dims = linalg::inferContractionDims(op);
      if (succeeded(dims))
        Contraction(op, *dims).emit("linalgd_gemm" + suffix);
      return;
    }
    if (!linalg::isaConvolutionOpInterface(op))
      return;
    FailureOr<linalg::ConvolutionDimensions> dims = linalg::inferConvolutionDims(op);
    if (failed(dims))
      return;
    Convolution convolution(op, *dims);
    if (convolution.fits())
      convolution.emit("linalgd_conv" + suffix);
  }

  std::string variant;
};

} // namespace

std::unique_ptr<Pass> createCallKernelsPass(std::string variant) {
  return std::make_unique<CallKernelsPass>(std::move(variant));
}

} // namespace linalgd
