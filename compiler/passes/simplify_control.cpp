// SimplifyControl: goes through the program in order, with all that types and constants tell, and
// takes away the control flow that they decide.
//
// Types are refined and ops folded on the way. A branch that is known is put in place of its
// torch.prim.If; a loop is peeled round by round as long as it is known that there is another one;
// a write to a list makes a new one, which the program goes on with.
#include "compiler/dialect/builders.h"
#include "compiler/dialect/lists.h"
#include "compiler/ops/assertion/assertion.h"
#include "compiler/ops/container/functions.h"
#include "compiler/ops/control/control.h"
#include "compiler/ops/numeric/numeric.h"
#include "compiler/passes/passes.h"
#include "compiler/passes/refine_types.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Iterators.h"
#include "mlir/Transforms/FoldUtils.h"

#include <limits>

using namespace mlir;

namespace linalgd {
namespace {

// A model that makes more than this of its loops is better off with loops.
constexpr int64_t kMaxRounds = 4096;
// Types widen a step a round; each step forgets a size, a rank or a dtype.
constexpr int kMaxWidenings = 16;

// What is known of both; `declared` where the two have nothing in common.
Type joinTypes(Type a, Type b, Type declared) {
  if (a == b)
    return a;
  auto x = dyn_cast<torch::BaseTensorType>(a), y = dyn_cast<torch::BaseTensorType>(b);
  if (!x || !y || !isa<torch::BaseTensorType>(declared))
    return declared;
  Type dtype = x.getDtype() == y.getDtype() ? x.getDtype() : Type();
  if (!x.hasSizes() || !y.hasSizes() || x.getSizes().size() != y.getSizes().size())
    return x.with(std::nullopt, dtype);
  SmallVector<int64_t> sizes(x.getSizes());
  for (auto [into, other] : llvm::zip_equal(sizes, y.getSizes()))
    if (into != other)
      into = ShapedType::kDynamic;
  return x.with(ArrayRef(sizes), dtype);
}

bool isOperator(Operation *op, StringRef qualified) {
  return isa<torch::OperatorOp>(op) && torch::getQualifiedName(op) == qualified;
}

// The exception that ends a branch, whatever else it does.
torch::RaiseExceptionOp raisedBy(Region &branch) {
  auto raised = branch.front().getOps<torch::RaiseExceptionOp>();
  return raised.empty() ? torch::RaiseExceptionOp() : *raised.begin();
}

// Whether a user of a list may keep the list itself, not just what is in it.
bool keepsList(Operation *user) {
  return isa<torch::ListConstructOp, torch::TupleConstructOp, torch::DerefineOp,
             torch::UncheckedCastOp, torch::IfYieldOp, torch::LoopOp, torch::LoopConditionOp,
             torch::OperatorOp>(user);
}

class Simplifier {
public:
  explicit Simplifier(MLIRContext *context) : rewriter_(context), folder_(context) {}

  LogicalResult run(Block &block);

private:
  LogicalResult visit(Operation *op);
  LogicalResult visitIf(torch::IfOp op);
  LogicalResult visitLoop(torch::LoopOp op);
  LogicalResult visitRemainingLoop(torch::LoopOp op);
  bool replaceRaise(torch::IfOp op);
  void take(torch::IfOp op, Region &branch);
  void peel(torch::LoopOp op);
  void visitListWrite(Operation *op);
  void readLists(Operation *op);
  void replaceAll(Operation *op, ValueRange values);

  PatternRewriter rewriter_;
  OperationFolder folder_;
  Operation *next_ = nullptr;             // of the block being visited
  DenseMap<Operation *, int64_t> rounds_; // that were peeled off a loop
};

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
  if (isOperator(op, "aten.warn")) {
    op->erase();
    return success();
  }
  if (torch::isListWrite(op)) {
    visitListWrite(op); // what stays is reported at the end
    return success();
  }
  readLists(op);
  if (failed(refineResultTypes(op)))
    return failure();
  if (auto unpack = dyn_cast<torch::ListUnpackOp>(op)) {
    std::optional<SmallVector<Value>> elements = torch::matchList(unpack.getList());
    if (elements && elements->size() == op->getNumResults())
      replaceAll(op, *elements);
    return success();
  }
  if (isa<torch::TupleUnpackOp>(op)) {
    std::optional<SmallVector<Value>> elements = torch::matchList(op->getOperand(0));
    if (elements && elements->size() == op->getNumResults())
      replaceAll(op, *elements);
    return success();
  }
  if (auto cast = dyn_cast<torch::UncheckedCastOp>(op)) {
    Value value = torch::strip(op->getOperand(0));
    if (torch::areCompatible(value.getType(), cast.getResult().getType()))
      replaceAll(op, value);
    return success();
  }
  auto decompose = dyn_cast<torch::Decompose>(op);
  bool isKnowledge = decompose && llvm::none_of(op->getResultTypes(), [](Type type) {
                       auto list = dyn_cast<torch::ListType>(type);
                       return torch::isTensor(list ? list.getContainedType() : type);
                     });
  if (decompose && op->getNumResults() && (isKnowledge || torch::isContainerOp(op))) {
    Operation *before = op->getPrevNode();
    Block *block = op->getBlock();
    rewriter_.setInsertionPoint(op);
    torch::Decomposition decomposition(op, rewriter_);
    if (succeeded(decompose.decompose(decomposition)))
      next_ = before ? before->getNextNode() : &block->front();
    return success();
  }
  // Most ops do not fold, which is no failure.
  (void)folder_.tryToFold(op);
  return success();
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
  // A message that is put together at run time is reduced to its pattern.
  Value message = raised.getMsg();
  Operation *format = message.getDefiningOp();
  if (format && isOperator(format, "aten.format"))
    message = format->getOperand(0);
  StringRef text = torch::matchString(message).value_or("the model raises an exception");
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
  for (Region &region : op->getRegions())
    if (failed(run(region.front())))
      return failure();
  // A branch within may have turned out to be all that this one is.
  if (replaceRaise(op))
    return success();
  Operation *ofThen = op.getThenRegion().front().getTerminator();
  Operation *ofElse = op.getElseRegion().front().getTerminator();
  for (auto [result, x, y] :
       llvm::zip_equal(op.getResults(), ofThen->getOperands(), ofElse->getOperands())) {
    // Constants have moved out of the branches.
    if (x == y && !op->isAncestor(x.getParentRegion()->getParentOp()))
      result.replaceAllUsesWith(x);
    else
      result.setType(joinTypes(x.getType(), y.getType(), result.getType()));
  }
  return success();
}

//===-- loops ---------------------------------------------------------------------------------===//

// Puts one round in front of the loop, which goes on from there.
void Simplifier::peel(torch::LoopOp op) {
  OpBuilder builder(op);
  Block &body = op.getBody().front();
  Operation *before = op->getPrevNode();
  IRMapping map;
  map.map(body.getArgument(0),
          torch::ConstantIntOp::create(builder, op.getLoc(), rounds_[op]++).getResult());
  map.map(body.getArguments().drop_front(), op.getInits());
  for (Operation &inner : body.without_terminator())
    builder.clone(inner, map);
  auto end = cast<torch::LoopConditionOp>(body.getTerminator());
  op->setOperand(1, map.lookupOrDefault(end.getShouldContinue()));
  for (auto [index, value] : llvm::enumerate(end.getIterArgs()))
    op->setOperand(2 + index, map.lookupOrDefault(value));
  next_ = before ? before->getNextNode() : &op->getBlock()->front();
}

LogicalResult Simplifier::visitLoop(torch::LoopOp op) {
  std::optional<int64_t> count = torch::matchInt(op.getMaxTripCount());
  std::optional<bool> goesOn = torch::matchBool(op.getInitialCondition());
  int64_t round = rounds_.lookup(op);
  if (goesOn == false || (count && round >= *count)) {
    rounds_.erase(op);
    replaceAll(op, SmallVector<Value>(op.getInits()));
    return success();
  }
  // A while loop has the largest count.
  bool isShort = count && (*count <= kMaxRounds || *count == std::numeric_limits<int64_t>::max());
  if (goesOn == true && isShort && round < kMaxRounds) {
    peel(op);
    return success();
  }
  return visitRemainingLoop(op);
}

// The rounds in front of the loop are not counted again.
static void skipRounds(torch::LoopOp op, int64_t rounds) {
  torch::TorchBuilder b(op.getLoc(), op);
  op->setOperand(0, torch::SubIntOp::create(b, op.getMaxTripCount(), b.constInt(rounds)));
  b.setInsertionPointToStart(&op.getBody().front());
  Value number = op.getBody().front().getArgument(0);
  auto sum = torch::AddIntOp::create(b, number, b.constInt(rounds));
  number.replaceAllUsesExcept(sum, sum);
}

// The carried values have the types of the first round, widened until they are those of every
// round.
LogicalResult Simplifier::visitRemainingLoop(torch::LoopOp op) {
  if (int64_t rounds = rounds_.lookup(op))
    skipRounds(op, rounds);
  rounds_.erase(op);
  SmallVector<Type> types(op.getInits().getTypes());
  for (int widening = 0; widening < kMaxWidenings; ++widening) {
    auto attempt = cast<torch::LoopOp>(OpBuilder(op).clone(*op));
    Block &body = attempt.getBody().front();
    for (auto [argument, type] : llvm::zip_equal(body.getArguments().drop_front(), types))
      argument.setType(type);
    if (failed(run(body)))
      return failure();
    auto end = cast<torch::LoopConditionOp>(body.getTerminator());
    SmallVector<Type> wider;
    for (auto [type, next, declared] :
         llvm::zip_equal(types, end.getIterArgs().getTypes(), op.getResultTypes()))
      wider.push_back(joinTypes(type, next, declared));
    if (wider == types) {
      for (auto [result, type] : llvm::zip_equal(attempt.getResults(), types))
        result.setType(type);
      replaceAll(op, attempt.getResults());
      return success();
    }
    attempt.erase();
    types = wider;
  }
  return op.emitOpError("carries values whose types do not settle");
}

//===-- lists ---------------------------------------------------------------------------------===//

// The elements after a write; none where its operands are not known.
static std::optional<SmallVector<Value>> writeList(Operation *op, SmallVector<Value> elements,
                                                   Value &popped) {
  StringRef name = torch::getQualifiedName(op);
  auto position = [&](int64_t end) -> std::optional<int64_t> {
    std::optional<int64_t> index = torch::matchInt(op->getOperand(1));
    int64_t size = elements.size();
    if (!index || *index < -size || *index >= size + end)
      return std::nullopt;
    return *index < 0 ? *index + size : *index;
  };
  if (name == "aten.append.t") {
    elements.push_back(op->getOperand(1));
  } else if (name == "aten.extend.t" || name == "aten.add_.t") {
    std::optional<SmallVector<Value>> more = torch::matchList(op->getOperand(1));
    if (!more)
      return std::nullopt;
    llvm::append_range(elements, *more);
  } else if (name == "aten.clear.t") {
    elements.clear();
  } else if (name == "aten.reverse.t") {
    std::reverse(elements.begin(), elements.end());
  } else if (std::optional<int64_t> index = position(name == "aten.insert.t")) {
    auto place = elements.begin() + *index;
    if (name == "aten.insert.t") {
      elements.insert(place, op->getOperand(2));
    } else if (name == "aten._set_item.t") {
      *place = op->getOperand(2);
    } else {
      popped = *place;
      elements.erase(place);
    }
  } else {
    return std::nullopt;
  }
  return elements;
}

// An op that reads lists in between writes reads them as they are now.
void Simplifier::readLists(Operation *op) {
  if (keepsList(op))
    return;
  for (OpOperand &operand : op->getOpOperands()) {
    auto made = operand.get().getDefiningOp<torch::ListConstructOp>();
    if (made && made->getBlock() == op->getBlock() && torch::isWrittenList(made))
      operand.set(OpBuilder(op).clone(*made)->getResult(0));
  }
}

// Makes the list as it is after the write, where it is known under this name only. A write that
// cannot be followed stays.
void Simplifier::visitListWrite(Operation *op) {
  Value list = op->getOperand(0);
  auto made = list.getDefiningOp<torch::ListConstructOp>();
  Block *block = op->getBlock();
  if (!made || made->getBlock() != block)
    return;
  auto isBefore = [&](Operation *user) {
    Operation *ancestor = block->findAncestorOpInBlock(*user);
    return ancestor != op && ancestor->isBeforeInBlock(op);
  };
  for (Operation *user : list.getUsers())
    if (isBefore(user) && keepsList(user))
      return;
  Value popped;
  auto elements = writeList(op, llvm::to_vector(made.getElements()), popped);
  if (!elements)
    return;
  OpBuilder builder(op);
  Value written = torch::ListConstructOp::create(builder, op->getLoc(), list.getType(), *elements);
  list.replaceUsesWithIf(
      written, [&](OpOperand &use) { return use.getOwner() != op && !isBefore(use.getOwner()); });
  if (op->getNumResults())
    op->getResult(0).replaceAllUsesWith(popped ? popped : written);
  op->erase();
}

//===-- the pass ------------------------------------------------------------------------------===//

bool hasControl(ModuleOp module) {
  return module
      .walk([](Operation *op) {
        bool is = isa<torch::IfOp, torch::LoopOp, torch::UncheckedCastOp, torch::TupleUnpackOp,
                      torch::RaiseExceptionOp>(op) ||
                  torch::isContainerOp(op) || torch::isListWrite(op);
        return is ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

// Backwards, so that users go before what they use.
void eraseDead(ModuleOp module) {
  module.walk<WalkOrder::PostOrder, mlir::ReverseIterator>([](Operation *op) {
    if (isOpTriviallyDead(op) || (op->use_empty() && isOperator(op, "aten.format")))
      op->erase();
  });
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
      if (!function.isExternal() &&
          failed(Simplifier(&getContext()).run(function.getBody().front())))
        return signalPassFailure();
    eraseDead(module);
    matchFunctionResults(module);
    module.walk([&](Operation *op) {
      if (!torch::isListWrite(op))
        return;
      signalPassFailure();
      op->emitError()
          << "unsupported op 'torch." << torch::getQualifiedName(op)
          << "': it writes to a list that has another name, or in a branch or loop that "
             "is decided at run time";
    });
  }
};

} // namespace

std::unique_ptr<Pass> createSimplifyControlPass() { return std::make_unique<SimplifyControl>(); }

} // namespace linalgd
