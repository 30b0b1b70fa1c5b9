// FlattenResults: what a function returns, as tensors and numbers alone. Containers are taken
// apart; constants and arguments that are passed through need no result.
#include "compiler/dialect/builders.h"
#include "compiler/ops/container/container.h"
#include "compiler/passes/passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace linalgd {
namespace {

class Flattener {
public:
  explicit Flattener(func::FuncOp function) : function_(function), b_(function.getContext()) {}

  LogicalResult run();

private:
  Attribute describe(Value value);
  Attribute describeAll(StringRef kind, ValueRange values);
  Attribute entry(StringRef name, Attribute value) {
    return b_.getDictionaryAttr(b_.getNamedAttr(name, value));
  }

  func::FuncOp function_;
  Builder b_;
  Operation *end_ = nullptr;
  SmallVector<Value> results_;
};

Attribute Flattener::describeAll(StringRef kind, ValueRange values) {
  SmallVector<Attribute> items;
  for (Value value : values)
    if (!items.emplace_back(describe(value)))
      return {};
  return entry(kind, b_.getArrayAttr(items));
}

// Null after an error.
Attribute Flattener::describe(Value original) {
  Value value = torch::strip(original);
  Operation *op = value.getDefiningOp();
  if (auto list = dyn_cast_if_present<torch::ListConstructOp>(op))
    return describeAll("list", list.getElements());
  if (auto tuple = dyn_cast_if_present<torch::TupleConstructOp>(op))
    return describeAll("tuple", tuple.getElements());
  if (auto dict = dyn_cast_if_present<torch::DictConstructOp>(op)) {
    auto keys = describeAll("keys", dict.getKeys());
    auto values = describeAll("values", dict.getValues());
    if (!keys || !values)
      return {};
    NamedAttrList both(cast<DictionaryAttr>(keys));
    both.append(cast<DictionaryAttr>(values));
    return both.getDictionary(b_.getContext());
  }
  if (torch::isNone(value))
    return entry("none", b_.getUnitAttr());
  if (op && op->hasTrait<OpTrait::ConstantLike>())
    return entry("constant", op->getAttr("value"));
  if (auto argument = dyn_cast<BlockArgument>(value); argument && torch::isTensor(value.getType()))
    return entry("input", b_.getI64IntegerAttr(argument.getArgNumber()));
  if (!isa<torch::BaseTensorType, torch::IntType, torch::FloatType, torch::BoolType>(
          value.getType())) {
    StringRef why = isa<torch::OptionalType>(value.getType())
                        ? "whether it is None is decided at run time"
                        : "what is in it is decided at run time";
    std::string name = op ? torch::getQualifiedName(op).str() : "prim.Loop";
    end_->emitError("unsupported op 'torch.")
        << name << "': the model returns a " << value.getType() << " of it, and " << why
        << "; return tensors, or containers that are built outside of branches and loops";
    return {};
  }
  results_.push_back(value);
  return entry("result", b_.getI64IntegerAttr(results_.size() - 1));
}

LogicalResult Flattener::run() {
  end_ = function_.getBody().front().getTerminator();
  // State comes after the outputs.
  unsigned numOutputs = 0;
  while (numOutputs < end_->getNumOperands() &&
         !function_.getResultAttr(numOutputs, kStateSlotAttr) &&
         !function_.getResultAttr(numOutputs, kStateInputAttr))
    ++numOutputs;
  SmallVector<Attribute> outputs;
  for (Value output : end_->getOperands().take_front(numOutputs))
    if (!outputs.emplace_back(describe(output)))
      return failure();
  SmallVector<DictionaryAttr> attributes(results_.size(), b_.getDictionaryAttr({}));
  for (unsigned i = numOutputs; i < end_->getNumOperands(); ++i) {
    results_.push_back(end_->getOperand(i));
    attributes.push_back(function_.getResultAttrDict(i));
  }
  function_.removeResAttrsAttr();
  end_->setOperands(results_);
  function_.setType(
      b_.getFunctionType(function_.getArgumentTypes(), TypeRange(ValueRange(results_))));
  if (llvm::any_of(attributes, [](DictionaryAttr attribute) { return !attribute.empty(); }))
    function_.setAllResultAttrs(attributes);
  function_->setAttr(kOutputsAttr, b_.getArrayAttr(outputs));
  return success();
}

struct FlattenResults : PassWrapper<FlattenResults, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FlattenResults)
  StringRef getArgument() const override { return "linalgd-flatten-results"; }
  StringRef getDescription() const override { return "Return tensors instead of containers"; }

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal() && function->hasAttrOfType<UnitAttr>(kOutputsAttr) &&
          failed(Flattener(function).run()))
        return signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass> createFlattenResultsPass() { return std::make_unique<FlattenResults>(); }

} // namespace linalgd
