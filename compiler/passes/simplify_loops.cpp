// Loops: peeled as long as it is known that there is another round; what is left carries what it
// changes.
#include "compiler/ops/scalar/scalar.h"
#include "compiler/passes/simplifier.h"

#include "mlir/IR/IRMapping.h"

#include <limits>

using namespace mlir;

namespace linalgd {

// A model that makes more than this of its loops is better off with loops.
static constexpr int64_t kMaxRounds = 4096;
// Types widen a step a round; each step forgets a size, a rank or a dtype.
static constexpr int kMaxAttempts = 64;

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

namespace {

// One way to see what a loop carries: the values that its op names, taken apart where they are
// containers, and the containers and slots of outside that its body writes to.
struct Carried {
  SmallVector<Shape> shapes;       // of the loop's own values
  SmallVector<Operation *> makers; // of containers of outside
  SmallVector<Shape> makerShapes;
  SmallVector<StringAttr> slots;
  SmallVector<Type> types; // of all leaves, in that order
};

} // namespace

// The leaves before the first round, or at the end of one; none where a container has changed its
// shape.
static std::optional<SmallVector<Value>> leavesOf(const Carried &carried, const Heap &heap,
                                                  ValueRange values) {
  SmallVector<Value> leaves;
  for (auto [shape, value] : llvm::zip_equal(carried.shapes, values)) {
    if (shape.isLeaf())
      leaves.push_back(value);
    else if (!(Shape::of(heap, value, leaves) == shape))
      return std::nullopt;
  }
  for (auto [shape, maker] : llvm::zip_equal(carried.makerShapes, carried.makers))
    if (!(Shape::of(heap, maker->getResult(0), leaves) == shape))
      return std::nullopt;
  for (StringAttr slot : carried.slots)
    leaves.push_back(heap.slots.lookup(slot));
  return leaves;
}

// Gives the containers and slots of outside what the leaves say; the loop's own values.
static SmallVector<Value> spread(const Carried &carried, Heap &heap, OpBuilder &builder,
                                 ArrayRef<Value> leaves) {
  SmallVector<Value> values;
  for (const Shape &shape : carried.shapes) {
    values.push_back(shape.build(builder, heap, leaves));
    if (!shape.isLeaf())
      heap.share(values.back());
  }
  for (auto [shape, maker] : llvm::zip_equal(carried.makerShapes, carried.makers))
    heap.set(maker, *heap.find(shape.build(builder, heap, leaves)));
  for (StringAttr slot : carried.slots) {
    heap.slots[slot] = leaves.front();
    leaves = leaves.drop_front();
  }
  return values;
}

// Adds what the body turned out to write to; whether there is anything new.
static bool addWritten(Carried &carried, torch::LoopOp loop, const Heap &before,
                       const Heap &after) {
  bool isNew = false;
  SmallVector<Value> leaves;
  for (auto &[maker, cell] : after.changed()) {
    if (loop->isAncestor(maker) || llvm::is_contained(carried.makers, maker) ||
        before.find(maker->getResult(0)) == cell)
      continue;
    carried.makers.push_back(maker);
    carried.makerShapes.push_back(Shape::of(before, maker->getResult(0), leaves));
    isNew = true;
  }
  for (auto &[slot, value] : after.slots)
    if (before.slots.lookup(slot) != value && !llvm::is_contained(carried.slots, slot)) {
      carried.slots.push_back(slot);
      isNew = true;
    }
  return isNew;
}

// A copy of the loop that carries the leaves.
static torch::LoopOp makeAttempt(torch::LoopOp op, const Carried &carried, Heap &heap,
                                 ValueRange inits) {
  OpBuilder builder(op);
  auto attempt = torch::LoopOp::create(builder, op.getLoc(), carried.types, op.getMaxTripCount(),
                                       op.getInitialCondition(), inits);
  Block &from = op.getBody().front();
  Block &body = attempt.getBody().emplaceBlock();
  IRMapping map;
  map.map(from.getArgument(0), body.addArgument(from.getArgument(0).getType(), op.getLoc()));
  SmallVector<Value> leaves;
  for (Type type : carried.types)
    leaves.push_back(body.addArgument(type, op.getLoc()));
  builder.setInsertionPointToStart(&body);
  map.map(from.getArguments().drop_front(), spread(carried, heap, builder, leaves));
  for (Operation &inner : from)
    builder.clone(inner, map);
  return attempt;
}

// Turns the first list that a round has made longer into a tensor, and goes on with that loop.
bool Simplifier::collectGrowing(torch::LoopOp op, ArrayRef<Operation *> makers,
                                const Heap &before) {
  for (Operation *maker : makers) {
    std::optional<Cell> cell = heap_.find(maker->getResult(0));
    bool wasEmpty = isa<torch::ListConstructOp>(maker) && !before.isChanged(maker);
    auto row = wasEmpty && cell->values.size() == 1
                   ? dyn_cast<torch::BaseTensorType>(cell->values.front().getType())
                   : torch::BaseTensorType();
    torch::LoopOp collecting = row ? collectRows(op, maker, row) : torch::LoopOp();
    if (!collecting)
      continue;
    heap_ = before;
    next_ = collecting;
    return true;
  }
  return false;
}

// The carried values have the types of the first round, widened until they are those of every
// round.
LogicalResult Simplifier::visitRemainingLoop(torch::LoopOp op) {
  if (int64_t rounds = rounds_.lookup(op))
    skipRounds(op, rounds);
  rounds_.erase(op);
  if (failed(loadSlots(op)))
    return failure();
  Heap before = heap_;
  Carried carried;
  SmallVector<Value> ignored;
  for (Value init : op.getInits()) {
    before.share(init);
    carried.shapes.push_back(Shape::of(before, init, ignored));
  }
  bool isNew = true; // the types start anew
  for (int attempts = 0; attempts < kMaxAttempts; ++attempts) {
    SmallVector<Value> inits = *leavesOf(carried, before, op.getInits());
    if (isNew)
      carried.types = llvm::to_vector(ValueRange(inits).getTypes());
    heap_ = before;
    torch::LoopOp attempt = makeAttempt(op, carried, heap_, inits);
    Block &body = attempt.getBody().front();
    if (failed(run(body)))
      return failure();
    auto end = cast<torch::LoopConditionOp>(body.getTerminator());
    isNew = addWritten(carried, attempt, before, heap_);
    // What is another container after a round is carried as a whole.
    for (auto [shape, next] : llvm::zip_equal(carried.shapes, end.getIterArgs())) {
      if (shape.isLeaf() || Shape::of(heap_, next, ignored) == shape)
        continue;
      shape = Shape();
      isNew = true;
    }
    std::optional<SmallVector<Value>> next;
    if (!isNew)
      next = leavesOf(carried, heap_, end.getIterArgs());
    if (!isNew && !next) {
      bool isCollected = collectGrowing(op, carried.makers, before);
      attempt.erase();
      if (isCollected)
        return success();
      return op.emitError("unsupported op 'torch.prim.Loop': how often it runs is decided at run "
                          "time, and a list or dict that it writes to changes its length; use a "
                          "tensor of fixed size");
    }
    SmallVector<Type> wider;
    if (!isNew)
      for (auto [index, type, value] : llvm::enumerate(carried.types, *next)) {
        bool isOwn = index < op.getNumResults() &&
                     llvm::all_of(carried.shapes, [](const Shape &s) { return s.isLeaf(); });
        wider.push_back(
            joinTypes(type, value.getType(), isOwn ? op.getResultTypes()[index] : Type()));
      }
    if (isNew || wider != carried.types) {
      attempt.erase();
      if (!isNew)
        carried.types = std::move(wider);
      continue;
    }
    OpBuilder builder(end);
    for (Value &value : *next)
      value = currentValue(builder, heap_, value);
    torch::LoopConditionOp::create(builder, end.getLoc(), end.getShouldContinue(), *next);
    end.erase();
    heap_ = before;
    builder.setInsertionPointAfter(attempt);
    SmallVector<Value> leaves(attempt.getResults());
    replaceAll(op, spread(carried, heap_, builder, leaves));
    return success();
  }
  return op.emitOpError("carries values whose types do not settle");
}

} // namespace linalgd
