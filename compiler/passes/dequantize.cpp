// Dequantize: ops that know nothing of quantized tensors work on the numbers these stand for, and
// what they make of them is quantized again, as PyTorch's kernels for quantized tensors do.
#include "compiler/dialect/builders.h"
#include "compiler/dialect/known.h"
#include "compiler/dialect/op_schema.h"
#include "compiler/ops/quantization/helpers.h"
#include "compiler/ops/quantization/quantization.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/refine_types.h"

using namespace mlir;

namespace linalgd {
namespace {

// Functions whose range is known have a scale of their own.
struct Range {
  StringRef op;
  double scale;
  int64_t zeroPoint; // of quint8; of qint8, it is 128 less
};
constexpr Range kRanges[] = {{"aten.sigmoid", 1.0 / 256, 0},
                             {"aten.hardsigmoid", 1.0 / 256, 0},
                             {"aten.tanh", 2.0 / 256, 128}};

Type elementDtype(Value value) {
  auto list = torch::matchList(value);
  return torch::dtypeOf(list && !list->empty() ? list->front() : value);
}

// The first quantized tensor of an op's operands; null where there is none.
Value quantizedOperand(Operation *op) {
  for (Value operand : op->getOperands())
    if (torch::isQuantizedDtype(elementDtype(operand))) {
      auto list = torch::matchList(operand);
      return list ? list->front() : operand;
    }
  return {};
}

class Dequantizer {
public:
  Dequantizer(Operation *op, Value like) : b_(op->getLoc(), op), op_(op), like_(like) {}

  LogicalResult run() {
    SmallVector<Value> operands =
        llvm::map_to_vector(op_->getOperands(), [&](Value operand) { return onNumbers(operand); });
    SmallVector<Type> types;
    if (failed(cast<InferTypeOpInterface>(op_).inferReturnTypes(
            op_->getContext(), op_->getLoc(), operands, op_->getAttrDictionary(),
            op_->getPropertiesStorage(), op_->getRegions(), types)))
      return failure();
    OperationState state(op_->getLoc(), op_->getName(), operands, types, op_->getAttrs());
    Operation *made = b_.create(state);
    for (auto [old, result] : llvm::zip_equal(op_->getResults(), made->getResults()))
      replace(old, result);
    op_->erase();
    return success();
  }

private:
  Value onNumbers(Value operand) {
    auto list = torch::matchList(operand);
    if (!list || !torch::isQuantizedDtype(elementDtype(operand)))
      return torch::numbersOf(b_, operand);
    SmallVector<Value> elements =
        llvm::map_to_vector(*list, [&](Value element) { return torch::numbersOf(b_, element); });
    auto type = cast<torch::BaseTensorType>(elements.front().getType());
    return b_.list(elements, type.with(std::nullopt, nullptr));
  }

  Value quantize(Value numbers) {
    Value scale, zeroPoint;
    bool isSigned = isa<torch::QInt8Type>(torch::dtypeOf(like_));
    for (const Range &range : kRanges)
      if (torch::getQualifiedName(op_) == range.op) {
        scale = b_.constFloat(range.scale);
        zeroPoint = b_.constInt(range.zeroPoint - (isSigned ? 128 : 0));
      }
    return torch::quantizeLike(b_, numbers, like_, scale, zeroPoint);
  }

  void replace(Value old, Value result) {
    if (isa<torch::ListType>(old.getType()))
      return replaceParts(old, result);
    if (torch::isQuantizedDtype(torch::dtypeOf(old)))
      result = quantize(result);
    old.replaceAllUsesWith(result);
  }

  // Of an op that gives a list of tensors.
  void replaceParts(Value old, Value list) {
    Type element = cast<torch::ListType>(list.getType()).getContainedType();
    for (Operation *user : llvm::make_early_inc_range(old.getUsers())) {
      auto unpack = dyn_cast<torch::ListUnpackOp>(user);
      if (!unpack)
        continue;
      b_.setInsertionPoint(unpack);
      SmallVector<Type> types(unpack.getNumResults(), element);
      auto parts = torch::ListUnpackOp::create(b_, types, list);
      for (auto [part, numbers] : llvm::zip_equal(unpack.getResults(), parts.getResults()))
        part.replaceAllUsesWith(quantize(numbers));
      unpack.erase();
    }
    old.replaceAllUsesWith(list);
  }

  torch::TorchBuilder b_;
  Operation *op_;
  Value like_; // what has the scale and the zero point of the results
};

struct Dequantize : PassWrapper<Dequantize, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Dequantize)
  StringRef getArgument() const override { return "linalgd-dequantize"; }
  StringRef getDescription() const override {
    return "Let ops on quantized tensors work on the numbers these stand for";
  }

  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) {
      if (torch::lookupSchema(op->getName().getStringRef()) && isa<InferTypeOpInterface>(op))
        ops.push_back(op);
    });
    // In order: of what an op makes, the next ones know that it is quantized.
    for (Operation *op : ops)
      if (failed(refineResultTypes(op)) ||
          (!op->hasTrait<torch::OnQuantized>() && quantizedOperand(op) &&
           failed(Dequantizer(op, quantizedOperand(op)).run())))
        return signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass> createDequantizePass() { return std::make_unique<Dequantize>(); }

} // namespace linalgd
