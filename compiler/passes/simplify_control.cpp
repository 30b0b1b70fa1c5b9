// SimplifyControl: goes through the program in order, with all that types and constants tell, and
// takes away the control flow that they decide.
//
// Types are refined and ops folded on the way. A branch that is known is put in place of its
// torch.prim.If; a loop is peeled round by round as long as it is known that there is another one;
// lists, dicts, objects and global slots are followed through all that writes to them (heap.h).
#include "compiler/dialect/known.h"
#include "compiler/dialect/lists.h"
#include "compiler/ops/assertion/assertion.h"
#include "compiler/ops/container/container.h"
#include "compiler/ops/numeric/numeric.h"
#include "compiler/passes/fold_known.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/refine_types.h"
#include "compiler/passes/simplifier.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Iterators.h"

using namespace mlir;

namespace linalgd {

static bool isOperator(Operation *op, StringRef qualified) {
  return isa<torch::OperatorOp>(op) && torch::getQualifiedName(op) == qualified;
}

// The exception that ends a branch, whatever else it does.
static torch::RaiseExceptionOp raisedBy(Region &branch) {
  auto raised = branch.front().getOps<torch::RaiseExceptionOp>();
  return raised.empty() ? torch::RaiseExceptionOp() : *raised.begin();
}

// A type as Python writes it; empty where a value of it may be of several.
static std::string pythonName(Type type) {
  auto joined = [](TypeRange types) {
    std::string out;
    for (Type inner : types) {
      std::string name = pythonName(inner);
      if (name.empty())
        return name;
      out += (out.empty() ? "" : ", ") + name;
    }
    return out;
  };
  if (torch::isTensor(type))
    return "Tensor";
  if (auto object = dyn_cast<torch::NnModuleType>(type))
    return object.getClassName().str();
  if (auto list = dyn_cast<torch::ListType>(type))
    return "List[" + joined(list.getContainedType()) + "]";
  if (auto tuple = dyn_cast<torch::TupleType>(type))
    return "Tuple[" + joined(tuple.getContainedTypes()) + "]";
  if (auto dict = dyn_cast<torch::DictType>(type))
    return "Dict[" + joined({dict.getKeyType(), dict.getValueType()}) + "]";
  return isa<torch::IntType>(type)      ? "int"
         : isa<torch::FloatType>(type)  ? "float"
         : isa<torch::BoolType>(type)   ? "bool"
         : isa<torch::StringType>(type) ? "str"
         : isa<torch::NoneType>(type)   ? "NoneType"
         : isa<torch::DeviceType>(type) ? "Device"
                                        : "";
}

// isinstance() of a value and the names of types; null where it is decided at run time.
static Value decideInstance(Operation *op) {
  std::string name = pythonName(torch::strip(op->getOperand(0)).getType());
  std::optional<SmallVector<Value>> types = torch::matchList(op->getOperand(1));
  if (name.empty() || !types)
    return {};
  bool isOne = false;
  for (Value type : *types) {
    std::optional<StringRef> asked = torch::matchString(type);
    if (!asked || asked->contains("Any") || asked->contains("Optional") || asked->contains("Union"))
      return {};
    // `list` and `tuple` are any list and tuple.
    bool isContainer = *asked == "List" || *asked == "Tuple";
    isOne |= name == *asked || (isContainer && StringRef(name).starts_with((*asked + "[").str()));
  }
  torch::TorchBuilder b(op->getLoc(), op);
  return b.constBool(isOne);
}

// Whether an op hands a container on, instead of reading what is in it.
static bool keepsContainer(Operation *op) {
  return isContainerWrite(op) ||
         isa<torch::ListConstructOp, torch::TupleConstructOp, torch::DictConstructOp,
             torch::DerefineOp, torch::UncheckedCastOp, torch::IfYieldOp, torch::LoopOp,
             torch::LoopConditionOp>(op);
}

void Simplifier::replaceAll(Operation *op, ValueRange values) {
  for (auto [result, value] : llvm::zip_equal(op->getResults(), values))
    result.replaceAllUsesWith(value);
  op->erase();
}

// What was put in place of an op is visited next.
LogicalResult Simplifier::run(Block &block) {
  Operation *outer = next_;
  for (Operation *op = block.empty() ? nullptr : &block.front(); op; op = next_) {
    next_ = op->getNextNode();
    if (failed(visit(op)))
      return failure();
  }
  next_ = outer;
  return success();
}

LogicalResult Simplifier::visit(Operation *op) {
  if (auto branches = dyn_cast<torch::IfOp>(op))
    return visitIf(branches);
  if (auto loop = dyn_cast<torch::LoopOp>(op))
    return visitLoop(loop);
  if (isa<torch::GlobalSlotGetOp, torch::GlobalSlotSetOp>(op))
    return visitSlot(op);
  if (isOperator(op, "aten.warn") || isOperator(op, "prim.Print") ||
      isOperator(op, "aten.set_grad_enabled")) {
    op->erase();
    return success();
  }
  if (auto end = dyn_cast<func::ReturnOp>(op); end && failed(writeSlots(end)))
    return failure();
  if (std::optional<SmallVector<Value>> results = heap_.follow(op)) {
    replaceAll(op, *results);
    return success();
  }
  if (isContainerWrite(op)) // is reported at the end
    return success();
  readContainers(op);
  if (failed(refineResultTypes(op)))
    return failure();
  if (visitCast(op) || visitKnown(op))
    return success();
  Value known = isOperator(op, "prim.isinstance") ? decideInstance(op) : foldKnown(op);
  if (known) {
    replaceAll(op, known);
    return success();
  }
  // Most ops do not fold, which is no failure.
  (void)folder_.tryToFold(op);
  return success();
}

// Elements that are taken out of a container, and casts, are the values themselves.
bool Simplifier::visitCast(Operation *op) {
  if (isa<torch::ListUnpackOp, torch::TupleUnpackOp>(op)) {
    std::optional<SmallVector<Value>> elements = torch::matchList(op->getOperand(0));
    if (!elements || elements->size() != op->getNumResults())
      return false;
    replaceAll(op, *elements);
    return true;
  }
  auto cast = dyn_cast<torch::UncheckedCastOp>(op);
  Value value = cast ? torch::strip(op->getOperand(0)) : Value();
  if (!cast || !torch::areCompatible(value.getType(), cast.getResult().getType()))
    return false;
  replaceAll(op, value);
  return true;
}

// What an op is decomposed into is visited next: what tensors have nothing to do with, and lists of
// tensors, whose number is then known.
bool Simplifier::visitKnown(Operation *op) {
  auto decompose = dyn_cast<torch::Decompose>(op);
  bool makesTensors = llvm::any_of(op->getResultTypes(), torch::isTensor);
  if (!decompose || !op->getNumResults() || (makesTensors && !op->hasTrait<torch::Known>()))
    return false;
  Operation *before = op->getPrevNode();
  Block *block = op->getBlock();
  rewriter_.setInsertionPoint(op);
  torch::Decomposition decomposition(op, rewriter_);
  if (succeeded(decompose.decompose(decomposition)))
    next_ = before ? before->getNextNode() : &block->front();
  return true;
}

// An op that reads containers reads them as they are now, and values as what they are.
void Simplifier::readContainers(Operation *op) {
  if (keepsContainer(op))
    return;
  OpBuilder builder(op);
  for (OpOperand &operand : op->getOpOperands()) {
    while (auto wider = operand.get().getDefiningOp<torch::DerefineOp>())
      operand.set(wider.getOperand());
    // Elements that are handed out are containers themselves, which may be written to.
    bool handsOut =
        op->hasTrait<torch::Known>() || isa<torch::ListUnpackOp, torch::TupleUnpackOp>(op);
    Value current = currentValue(builder, heap_, operand.get(), /*isDeep=*/!handsOut);
    Operation *made = current.getDefiningOp();
    // What is written to later is no constant list to others.
    if (current == operand.get() && isa_and_present<torch::ListConstructOp>(made) &&
        torch::isWrittenList(current))
      current = builder.clone(*made)->getResult(0);
    operand.set(current);
  }
}

//===-- branches ------------------------------------------------------------------------------===//

void Simplifier::take(torch::IfOp op, Region &branch) {
  Block &block = branch.front();
  Operation *yield = block.getTerminator();
  SmallVector<Value> results(yield->getOperands());
  yield->erase();
  if (!block.empty())
    next_ = &block.front();
  op->getBlock()->getOperations().splice(op->getIterator(), block.getOperations());
  replaceAll(op, results);
}

// A message as far as it is known: "{}" stands for what is put in at run time.
static std::string patternOf(Value message) {
  if (std::optional<StringRef> text = torch::matchString(message))
    return text->str();
  Operation *maker = message.getDefiningOp();
  if (isa_and_present<torch::AddStrOp>(maker))
    return patternOf(maker->getOperand(0)) + patternOf(maker->getOperand(1));
  if (!maker || !isOperator(maker, "aten.format") || maker->getNumOperands() == 0)
    return "{}";
  std::string text, format = patternOf(maker->getOperand(0));
  StringRef rest = format;
  for (Value argument : maker->getOperands().drop_front()) {
    auto [before, after] = rest.split("{}");
    text += before.str() + (before.size() < rest.size() ? patternOf(argument) : "");
    rest = after;
  }
  return text + rest.str();
}

// Where one branch raises, the other is what remains of the program.
bool Simplifier::replaceRaise(torch::IfOp op) {
  torch::RaiseExceptionOp ofThen = raisedBy(op.getThenRegion());
  torch::RaiseExceptionOp raised = ofThen ? ofThen : raisedBy(op.getElseRegion());
  if (!raised)
    return false;
  torch::TorchBuilder b(op.getLoc(), op);
  Value holds = op.getCondition();
  if (ofThen)
    holds = torch::NotOp::create(b, holds);
  std::string text = patternOf(raised.getMsg());
  if (text == "{}" || text.empty())
    text = "the model raises an exception";
  torch::AssertScalarOp::create(b, holds, torch::ConstantStrOp::create(b, b.getStringAttr(text)));
  take(op, ofThen ? op.getElseRegion() : op.getThenRegion());
  return true;
}

LogicalResult Simplifier::visitIf(torch::IfOp op) {
  if (std::optional<bool> condition = torch::matchBool(op.getCondition())) {
    take(op, condition.value() ? op.getThenRegion() : op.getElseRegion());
    return success();
  }
  if (replaceRaise(op))
    return success();
  if (failed(loadSlots(op)))
    return failure();
  Heap before = heap_;
  if (failed(run(op.getThenRegion().front())))
    return failure();
  Heap ofThen = heap_;
  heap_ = before;
  if (failed(run(op.getElseRegion().front())))
    return failure();
  // A branch within may have turned out to raise.
  bool thenRaises = static_cast<bool>(raisedBy(op.getThenRegion()));
  Heap ofElse = heap_;
  heap_ = thenRaises ? ofElse : ofThen;
  if (replaceRaise(op))
    return success();
  heap_ = std::move(before);
  return mergeBranches(op, heap_, ofThen, ofElse);
}

void eraseDead(Operation *root) {
  root->walk<WalkOrder::PostOrder, mlir::ReverseIterator>([](Operation *op) {
    if (isOpTriviallyDead(op) ||
        (op->use_empty() && (isa<torch::CreateObjectOp>(op) || isOperator(op, "aten.format"))))
      op->erase();
  });
}

//===-- the pass ------------------------------------------------------------------------------===//

namespace {

bool hasControl(ModuleOp module) {
  return module
      .walk([](Operation *op) {
        bool is = isa<torch::IfOp, torch::LoopOp, torch::UncheckedCastOp, torch::TupleUnpackOp,
                      torch::RaiseExceptionOp>(op) ||
                  op->hasTrait<torch::Known>() || isContainerWrite(op) ||
                  isa<torch::GlobalSlotGetOp, torch::GlobalSlotSetOp>(op);
        return is ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

struct SimplifyControl : PassWrapper<SimplifyControl, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SimplifyControl)
  StringRef getArgument() const override { return "linalgd-simplify-control"; }
  StringRef getDescription() const override { return "Decide branches and unroll loops"; }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (!hasControl(module))
      return;
    for (auto function : module.getOps<func::FuncOp>())
      if (!function.isExternal() && failed(simplify(function)))
        return signalPassFailure();
    for (auto initializer :
         llvm::make_early_inc_range(module.getOps<torch::GlobalSlotModuleInitializerOp>()))
      initializer.erase();
    eraseDead(module);
    matchFunctionResults(module);
    module.walk([&](Operation *op) {
      if (!isContainerWrite(op))
        return;
      signalPassFailure();
      op->emitError()
          << "unsupported op 'torch." << torch::getQualifiedName(op)
          << "': what it writes to, or which element, is decided at run time; use tensors, or "
             "lists and dicts that are built outside of such branches and loops";
    });
  }
};

} // namespace

std::unique_ptr<Pass> createSimplifyControlPass() { return std::make_unique<SimplifyControl>(); }

} // namespace linalgd
