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
  void call(std::string name, ValueRange arguments) {
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
  Contraction(linalg::LinalgOp op, linalg::ContractionDimensions dims)
      : op(op), dims(dims), emitter(op) {}

  void emit(const std::string &kernel) {
    for (int i = 0; i < 3; ++i) {
      buffers[i] = emitter.describe(op->getOperand(i));
      addresses[i] = buffers[i].address;
    }
    // What cannot be one dimension of a matrix is a loop around the kernel.
    SmallVector<Loop> outer = loopsOf(dims.batch);
    Loop m = innermost(dims.m, outer), n = innermost(dims.n, outer), k = innermost(dims.k, outer);
    for (const Loop &loop : outer)
      enter(loop);
    SmallVector<Value> arguments = {emitter.word(m.size), emitter.word(n.size),
                                    emitter.word(k.size)};
    const Loop *axes[3][2] = {{&m, &k}, {&k, &n}, {&m, &n}};
    for (int i = 0; i < 3; ++i) {
      arguments.push_back(emitter.pointer(addresses[i]));
      arguments.push_back(emitter.word(axes[i][0]->steps[i]));
      arguments.push_back(emitter.word(axes[i][1]->steps[i]));
    }
    emitter.call(kernel, arguments);
    op->erase();
  }

private:
  SmallVector<Loop> loopsOf(ArrayRef<unsigned> dimensions) {
    SmallVector<Loop> loops;
    for (unsigned dim : dimensions) {
      Loop loop;
      for (int i = 0; i < 3; ++i) {
        int64_t position = positionOf(op.getIndexingMapsArray()[i], dim);
        loop.steps[i] =
            position < 0 ? emitter.builder.getIndexAttr(0) : buffers[i].strides[position];
        if (position >= 0)
          loop.size = buffers[i].sizes[position];
      }
      loops.push_back(loop);
    }
    return loops;
  }

  // Joins the dimensions of one kind as far as they walk memory as one.
  Loop innermost(ArrayRef<unsigned> dimensions, SmallVector<Loop> &outer) {
    Loop joined;
    joined.size = emitter.builder.getIndexAttr(1);
    for (OpFoldResult &step : joined.steps)
      step = emitter.builder.getIndexAttr(0);
    SmallVector<Loop> loops = loopsOf(dimensions);
    for (auto [i, loop] : llvm::enumerate(llvm::reverse(loops))) {
      if (i == 0)
        joined = loop;
      else if (continues(loop, joined))
        joined.size = emitter.mul(emitter.valueOf(loop.size), emitter.valueOf(joined.size));
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
    auto forOp = scf::ForOp::create(emitter.builder, emitter.loc, emitter.constant(0),
                                    emitter.valueOf(loop.size), emitter.constant(1));
    emitter.builder.setInsertionPointToStart(forOp.getBody());
    for (int i = 0; i < 3; ++i) {
      int64_t bytes = cast<MemRefType>(op->getOperand(i).getType()).getElementTypeBitWidth() / 8;
      Value step = emitter.mul(emitter.valueOf(loop.steps[i]), emitter.constant(bytes));
      addresses[i] = emitter.add(addresses[i], emitter.mul(forOp.getInductionVar(), step));
    }
  }

  linalg::LinalgOp op;
  linalg::ContractionDimensions dims;
  Emitter emitter;
  Buffer buffers[3];
  Value addresses[3];
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
  Convolution(linalg::LinalgOp op, linalg::ConvolutionDimensions dims)
      : op(op), dims(dims), emitter(op) {}

  // Whether the kernel's assumptions hold (compiler/runtime/kernels/conv.h).
  bool fits() {
    size_t spatial = dims.outputImage.size();
    if (spatial < 1 || spatial > 2 || dims.filterLoop.size() != spatial || dims.batch.size() > 1 ||
        dims.outputChannel.size() > 1 || dims.inputChannel.size() > 1 || dims.depth.size() > 1)
      return false;
    SmallVector<unsigned> taps(dims.inputChannel.begin(), dims.inputChannel.end());
    taps.append(dims.filterLoop.begin(), dims.filterLoop.end());
    return endsWith(op, 1, taps) && endsWith(op, 2, dims.outputImage);
  }

  void emit(const std::string &kernel) {
    for (int i = 0; i < 3; ++i)
      buffers[i] = emitter.describe(op->getOperand(i));
    // The order of ConvShape's fields.
    bool image = dims.outputImage.size() == 2;
    auto row = [&](ArrayRef<unsigned> loops) -> ArrayRef<unsigned> {
      return loops.take_front(image ? 1 : 0);
    };
    auto column = [&](ArrayRef<unsigned> loops) { return loops.take_back(1); };
    SmallVector<Value> words = {size(dims.batch),
                                size(dims.depth),
                                size(dims.outputChannel),
                                size(dims.inputChannel),
                                size(row(dims.outputImage)),
                                size(column(dims.outputImage)),
                                size(row(dims.filterLoop)),
                                size(column(dims.filterLoop)),
                                fixed(image ? dims.strides.front() : 1),
                                fixed(dims.strides.back()),
                                fixed(image ? dims.dilations.front() : 1),
                                fixed(dims.dilations.back()),
                                step(0, dims.batch),
                                step(0, dims.depth),
                                step(0, dims.inputChannel),
                                step(0, row(dims.outputImage)),
                                step(0, column(dims.outputImage)),
                                step(1, dims.depth),
                                step(1, dims.outputChannel),
                                step(2, dims.batch),
                                step(2, dims.depth),
                                step(2, dims.outputChannel)};
    SmallVector<Value> arguments;
    for (const Buffer &buffer : buffers)
      arguments.push_back(emitter.pointer(buffer.address));
    arguments.push_back(inMemory(words));
    emitter.call(kernel, arguments);
    op->erase();
  }

private:
  Value fixed(int64_t value) { return emitter.word(emitter.constant(value)); }

  Value size(ArrayRef<unsigned> loops) {
    for (int i : {2, 1})
      for (unsigned loop : loops)
        if (int64_t position = positionOf(op.getIndexingMapsArray()[i], loop); position >= 0)
          return emitter.word(buffers[i].sizes[position]);
    return fixed(1);
  }

  Value step(int operand, ArrayRef<unsigned> loops) {
    for (unsigned loop : loops)
      if (int64_t position = positionOf(op.getIndexingMapsArray()[operand], loop); position >= 0)
        return emitter.word(buffers[operand].strides[position]);
    return fixed(0);
  }

  // An array on the stack of the function, allocated once however often the op runs.
  Value inMemory(ArrayRef<Value> words) {
    OpBuilder &builder = emitter.builder;
    auto pointer = LLVM::LLVMPointerType::get(builder.getContext());
    auto type = LLVM::LLVMArrayType::get(builder.getI64Type(), words.size());
    Value array;
    {
      OpBuilder::InsertionGuard guard(builder);
      auto function = op->getParentOfType<func::FuncOp>();
      builder.setInsertionPointToStart(&function.front());
      Value one = LLVM::ConstantOp::create(builder, emitter.loc, builder.getI64Type(), 1);
      array = LLVM::AllocaOp::create(builder, emitter.loc, pointer, type, one);
    }
    for (auto [i, word] : llvm::enumerate(words)) {
      Value place = LLVM::GEPOp::create(builder, emitter.loc, pointer, type, array,
                                        ArrayRef<LLVM::GEPArg>{0, int32_t(i)});
      LLVM::StoreOp::create(builder, emitter.loc, word, place);
    }
    return array;
  }

  linalg::LinalgOp op;
  linalg::ConvolutionDimensions dims;
  Emitter emitter;
  Buffer buffers[3];
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
