#include "compiler/passes/merge.h"
#include "compiler/ops/container/container.h"

using namespace mlir;

namespace linalgd {

Type joinTypes(Type a, Type b, Type declared) {
  if (a == b)
    return a;
  auto x = dyn_cast<torch::BaseTensorType>(a), y = dyn_cast<torch::BaseTensorType>(b);
  if (!x || !y || (declared && !isa<torch::BaseTensorType>(declared))) {
    if (declared)
      return declared;
    if (isa<torch::NoneType>(a) || isa<torch::NoneType>(b))
      return torch::OptionalType::get(isa<torch::NoneType>(a) ? b : a);
    return torch::AnyType::get(a.getContext());
  }
  Type dtype = x.getDtype() == y.getDtype() ? x.getDtype() : Type();
  if (!x.hasSizes() || !y.hasSizes() || x.getSizes().size() != y.getSizes().size())
    return x.with(std::nullopt, dtype);
  SmallVector<int64_t> sizes(x.getSizes());
  for (auto [into, other] : llvm::zip_equal(sizes, y.getSizes()))
    if (into != other)
      into = ShapedType::kDynamic;
  return x.with(ArrayRef(sizes), dtype);
}

//===-- shapes --------------------------------------------------------------------------------===//

static bool isConstant(Value value) {
  Operation *op = torch::strip(value).getDefiningOp();
  return op && op->hasTrait<OpTrait::ConstantLike>();
}

Shape Shape::of(const Heap &heap, Value value, SmallVectorImpl<Value> &leaves) {
  Shape shape;
  std::optional<Cell> cell = heap.find(value);
  if (!cell || !llvm::all_of(cell->keys, isConstant)) {
    leaves.push_back(value);
    return shape;
  }
  shape.maker_ = Heap::makerOf(value);
  shape.cell_.keys = cell->keys;
  shape.cell_.names = cell->names;
  for (Value child : cell->values)
    shape.children_.push_back(of(heap, child, leaves));
  return shape;
}

bool Shape::operator==(const Shape &other) const {
  if (!maker_ || !other.maker_)
    return maker_ == other.maker_;
  auto sameKey = [](Value a, Value b) {
    return torch::strip(a).getDefiningOp()->getAttr("value") ==
           torch::strip(b).getDefiningOp()->getAttr("value");
  };
  return maker_->getName() == other.maker_->getName() && cell_.names == other.cell_.names &&
         children_ == other.children_ && cell_.keys.size() == other.cell_.keys.size() &&
         llvm::equal(cell_.keys, other.cell_.keys, sameKey);
}

// A constant where the function starts: everything sees it, and the walk, which has passed, will
// not put another one in its place.
static Value constantAtEntry(OpBuilder &builder, Value constant) {
  OpBuilder::InsertionGuard guard(builder);
  Operation *parent = builder.getInsertionBlock()->getParentOp();
  auto function = dyn_cast<func::FuncOp>(parent);
  if (!function)
    function = parent->getParentOfType<func::FuncOp>();
  builder.setInsertionPointToStart(&function.getBody().front());
  return builder.clone(*torch::strip(constant).getDefiningOp())->getResult(0);
}

Value Shape::build(OpBuilder &builder, Heap &heap, ArrayRef<Value> &leaves) const {
  if (!maker_) {
    Value leaf = leaves.front();
    leaves = leaves.drop_front();
    return leaf;
  }
  Cell cell;
  cell.names = cell_.names;
  for (Value key : cell_.keys)
    cell.keys.push_back(constantAtEntry(builder, key));
  for (const Shape &child : children_)
    cell.values.push_back(child.build(builder, heap, leaves));
  Value built = makeLike(builder, maker_, cell);
  if (!cell.names.empty())
    heap.set(built.getDefiningOp(), std::move(cell));
  return built;
}

Value currentValue(OpBuilder &builder, const Heap &heap, Value value, bool isDeep) {
  Operation *maker = Heap::makerOf(value);
  std::optional<Cell> cell = heap.find(value);
  if (!cell || !cell->names.empty())
    return value;
  bool isChanged = heap.isChanged(maker);
  for (Value &element : cell->values) {
    Value current = isDeep ? currentValue(builder, heap, element) : element;
    isChanged |= current != element;
    element = current;
  }
  return isChanged ? makeLike(builder, maker, *cell) : value;
}

//===-- branches ------------------------------------------------------------------------------===//

namespace {

class BranchMerger {
public:
  BranchMerger(torch::IfOp op, Heap &heap, const Heap &ofThen, const Heap &ofElse)
      : op_(op), heap_(heap), ofThen_(ofThen), ofElse_(ofElse) {}

  LogicalResult run();

private:
  // A value after the branches.
  struct Merged {
    Shape shape;
    size_t first = 0, count = 0; // its leaves
  };

  bool isOutside(Value value) { return !op_->isAncestor(value.getParentRegion()->getParentOp()); }
  bool isOutside(Operation *inner) { return !op_->isProperAncestor(inner); }
  std::optional<Merged> merge(Value x, Value y, Type declared);
  Merged mergeLeaf(Value x, Value y, Type declared);
  LogicalResult mergeCells(SmallVectorImpl<std::pair<Operation *, Merged>> &cells);
  torch::IfOp rebuild();

  torch::IfOp op_;
  Heap &heap_;
  const Heap &ofThen_, &ofElse_;
  struct Leaf {
    Value ofThen, ofElse;
    Type type;
    bool isSame; // and there before the branches
  };
  SmallVector<Leaf> leaves_;
};

BranchMerger::Merged BranchMerger::mergeLeaf(Value x, Value y, Type declared) {
  Merged merged{{}, leaves_.size(), 1};
  bool isSame = torch::strip(x) == torch::strip(y) && isOutside(torch::strip(x));
  leaves_.push_back(
      {isSame ? torch::strip(x) : x, y, joinTypes(x.getType(), y.getType(), declared), isSame});
  return merged;
}

// None where the two are made in different ways.
std::optional<BranchMerger::Merged> BranchMerger::merge(Value x, Value y, Type declared) {
  if (torch::strip(x) == torch::strip(y) && isOutside(torch::strip(x)))
    return mergeLeaf(x, y, declared);
  for (Value value : {x, y})
    if (Operation *maker = Heap::makerOf(value); maker && isOutside(maker))
      heap_.share(value);
  SmallVector<Value> thenLeaves, elseLeaves;
  Shape shape = Shape::of(ofThen_, x, thenLeaves);
  if (!(shape == Shape::of(ofElse_, y, elseLeaves)))
    return std::nullopt;
  Merged merged{shape, leaves_.size(), thenLeaves.size()};
  for (auto [a, b] : llvm::zip_equal(thenLeaves, elseLeaves))
    mergeLeaf(a, b, shape.isLeaf() ? declared : Type());
  return merged;
}

LogicalResult BranchMerger::mergeCells(SmallVectorImpl<std::pair<Operation *, Merged>> &cells) {
  llvm::SetVector<Operation *> makers;
  for (const Heap *heap : {&ofThen_, &ofElse_})
    for (auto &[maker, cell] : heap->changed())
      if (isOutside(maker))
        makers.insert(maker);
  for (Operation *maker : makers) {
    Value container = maker->getResult(0);
    std::optional<Cell> cell = ofThen_.find(container);
    if (cell == ofElse_.find(container)) {
      heap_.set(maker, *cell);
      continue;
    }
    std::optional<Merged> merged;
    SmallVector<Value> thenLeaves, elseLeaves;
    Shape shape = Shape::of(ofThen_, container, thenLeaves);
    if (shape == Shape::of(ofElse_, container, elseLeaves) && !shape.isLeaf()) {
      merged = Merged{shape, leaves_.size(), thenLeaves.size()};
      for (auto [a, b] : llvm::zip_equal(thenLeaves, elseLeaves))
        mergeLeaf(a, b, {});
    }
    if (!merged)
      return op_.emitError("unsupported op 'torch.prim.If': it is decided at run time, and a ")
             << container.getType()
             << " that it writes to does not hold the same number of values after both branches";
    cells.push_back({maker, *merged});
  }
  return success();
}

torch::IfOp BranchMerger::rebuild() {
  OpBuilder builder(op_);
  SmallVector<Type> types;
  SmallVector<Value> yields[2];
  for (const Leaf &leaf : leaves_) {
    if (leaf.isSame)
      continue;
    types.push_back(leaf.type);
    yields[0].push_back(leaf.ofThen);
    yields[1].push_back(leaf.ofElse);
  }
  auto rebuilt = torch::IfOp::create(builder, op_.getLoc(), types, op_.getCondition());
  for (auto [from, to, values, heap] :
       llvm::zip_equal(op_->getRegions(), rebuilt->getRegions(), yields,
                       ArrayRef<const Heap *>{&ofThen_, &ofElse_})) {
    to.takeBody(from);
    Operation *end = to.front().getTerminator();
    builder.setInsertionPoint(end);
    for (Value &value : values)
      value = currentValue(builder, *heap, value);
    torch::IfYieldOp::create(builder, end->getLoc(), values);
    end->erase();
  }
  return rebuilt;
}

LogicalResult BranchMerger::run() {
  Operation *ofThen = op_.getThenRegion().front().getTerminator();
  Operation *ofElse = op_.getElseRegion().front().getTerminator();
  SmallVector<Merged> results;
  for (auto [result, x, y] :
       llvm::zip_equal(op_.getResults(), ofThen->getOperands(), ofElse->getOperands())) {
    std::optional<Merged> merged = merge(x, y, result.getType());
    results.push_back(merged ? *merged : mergeLeaf(x, y, result.getType()));
  }
  SmallVector<std::pair<Operation *, Merged>> cells;
  if (failed(mergeCells(cells)))
    return failure();
  SmallVector<std::pair<StringAttr, Merged>> slots;
  for (auto &[slot, value] : ofThen_.slots)
    slots.push_back({slot, mergeLeaf(value, ofElse_.slots.lookup(slot), {})});

  torch::IfOp rebuilt = rebuild();
  SmallVector<Value> leaves;
  unsigned next = 0;
  for (const Leaf &leaf : leaves_)
    leaves.push_back(leaf.isSame ? leaf.ofThen : rebuilt.getResult(next++));
  OpBuilder builder(rebuilt->getContext());
  builder.setInsertionPointAfter(rebuilt);
  auto build = [&](const Merged &merged) {
    ArrayRef<Value> own = ArrayRef(leaves).slice(merged.first, merged.count);
    return merged.shape.build(builder, heap_, own);
  };
  for (auto [result, merged] : llvm::zip_equal(op_.getResults(), results))
    result.replaceAllUsesWith(build(merged));
  for (auto &[maker, merged] : cells)
    heap_.set(maker, *heap_.find(build(merged)));
  for (auto &[slot, merged] : slots)
    heap_.slots[slot] = build(merged);
  op_.erase();
  return success();
}

} // namespace

LogicalResult mergeBranches(torch::IfOp op, Heap &heap, const Heap &ofThen, const Heap &ofElse) {
  return BranchMerger(op, heap, ofThen, ofElse).run();
}

} // namespace linalgd
