// Global slots: what a program reads there, and what it leaves.
#include "compiler/ops/container/container.h"
#include "compiler/passes/simplifier.h"

using namespace mlir;

namespace linalgd {

Simplifier::Simplifier(func::FuncOp function, const Simplifier *earlier)
    : function_(function), rewriter_(function.getContext()), folder_(function.getContext()),
      earlier_(earlier) {
  auto module = function->getParentOfType<ModuleOp>();
  for (auto initializer : module.getOps<torch::GlobalSlotModuleInitializerOp>()) {
    auto all = cast<torch::InitializeGlobalSlotsOp>(initializer.getInitializer().front().back());
    for (auto [name, value] : llvm::zip_equal(all.getSlotSymNames(), all.getInitialValues()))
      initialValues_[cast<FlatSymbolRefAttr>(name).getAttr()] = value;
  }
}

// A copy of a value, and of what it is made of, where the function starts.
Value Simplifier::copyToEntry(Value value, Location loc) {
  if (Value known = atEntry_.lookupOrNull(value))
    return known;
  Operation *maker = value.getDefiningOp();
  for (Value operand : maker->getOperands())
    copyToEntry(operand, loc);
  OpBuilder builder = OpBuilder::atBlockBegin(&function_.getBody().front());
  if (lastAtEntry_)
    builder.setInsertionPointAfter(lastAtEntry_);
  lastAtEntry_ = builder.clone(*maker, atEntry_);
  lastAtEntry_->setLoc(loc);
  Value copy = atEntry_.lookup(value);
  if (!isa<torch::CreateObjectOp>(maker))
    return copy;
  Cell cell;
  for (Operation *user : maker->getUsers())
    if (auto set = dyn_cast<torch::SetAttrOp>(user); set && set.getReceiver() == value) {
      cell.names.push_back(set.getNameAttr());
      cell.values.push_back(copyToEntry(set.getValue(), loc));
    }
  setFirst(copy.getDefiningOp(), std::move(cell));
  return copy;
}

// Computes the slot's first value where the function starts.
LogicalResult Simplifier::loadSlot(StringAttr slot, Location loc) {
  if (firstValues_.contains(slot))
    return success();
  if (earlier_)
    if (Value left = earlier_->rebound_.lookup(slot)) {
      OpBuilder builder = OpBuilder::atBlockBegin(&function_.getBody().front());
      heap_.slots[slot] = firstValues_[slot] = copyConstant(earlier_->heap_, left, builder);
      return success();
    }
  Value initial = initialValues_.lookup(slot);
  if (!initial)
    return emitError(loc) << "the global slot '" << slot.getValue() << "' has no first value";
  heap_.slots[slot] = firstValues_[slot] = copyToEntry(initial, loc);
  return success();
}

// Those that an op uses in its regions: what they are before it is known then.
LogicalResult Simplifier::loadSlots(Operation *op) {
  WalkResult result = op->walk([&](Operation *inner) {
    bool usesSlot = isa<torch::GlobalSlotGetOp, torch::GlobalSlotSetOp>(inner);
    if (usesSlot && failed(loadSlot(inner->getAttrOfType<FlatSymbolRefAttr>("slot").getAttr(),
                                    inner->getLoc())))
      return WalkResult::interrupt();
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

LogicalResult Simplifier::visitSlot(Operation *op) {
  StringAttr slot = op->getAttrOfType<FlatSymbolRefAttr>("slot").getAttr();
  if (failed(loadSlot(slot, op->getLoc())))
    return failure();
  if (auto write = dyn_cast<torch::GlobalSlotSetOp>(op)) {
    heap_.slots[slot] = write.getValue();
  } else {
    if (heap_.slots[slot] == firstValues_.lookup(slot))
      read_.insert(slot);
    op->getResult(0).replaceAllUsesWith(heap_.slots[slot]);
  }
  op->erase();
  return success();
}

// Whether nothing but containers that are not used has a value.
static bool isUnused(Value value) {
  return llvm::all_of(value.getUsers(), [](Operation *user) {
    return user->getNumResults() == 1 && Heap::makerOf(user->getResult(0)) == user &&
           isUnused(user->getResult(0));
  });
}

// Whether nothing reads a slot's first value, or what that holds: each call writes the slot before
// it reads it, and what it leaves there does not matter to the next one.
bool Simplifier::isLocal(Value first) {
  std::optional<Cell> cell = firstHeap_.find(first);
  return isUnused(first) &&
         (!cell || llvm::all_of(cell->values, [&](Value held) { return isLocal(held); }));
}

// Whether the walk knows all of a value.
bool Simplifier::isConstant(Value value) {
  Operation *op = torch::strip(value).getDefiningOp();
  if (std::optional<Cell> cell = heap_.find(value)) {
    auto known = [&](Value inner) { return isConstant(inner); };
    return llvm::all_of(cell->keys, known) && llvm::all_of(cell->values, known);
  }
  return op && (op->hasTrait<OpTrait::ConstantLike>() || isa<torch::TensorLiteralOp>(op));
}

// A constant of another function, with all that it holds.
Value Simplifier::copyConstant(const Heap &from, Value value, OpBuilder &builder) {
  Operation *maker = Heap::makerOf(value);
  if (!maker)
    return builder.clone(*torch::strip(value).getDefiningOp())->getResult(0);
  Cell cell = *from.find(value);
  for (Value &key : cell.keys)
    key = copyConstant(from, key, builder);
  for (Value &element : cell.values)
    element = copyConstant(from, element, builder);
  Value made = makeLike(builder, maker, cell);
  if (!cell.names.empty())
    setFirst(made.getDefiningOp(), std::move(cell));
  return made;
}

// What an object holds that is there when the function starts.
void Simplifier::setFirst(Operation *object, Cell cell) {
  firstHeap_.set(object, cell);
  heap_.set(object, std::move(cell));
}

// Whether a value is now what another one was when the function started.
bool Simplifier::isSame(Value x, Value y) {
  x = torch::strip(x), y = torch::strip(y);
  std::optional<Cell> a = heap_.find(x), b = firstHeap_.find(y);
  if (a && b) {
    auto areSame = [&](ArrayRef<Value> some, ArrayRef<Value> others) {
      return some.size() == others.size() && llvm::all_of(llvm::zip(some, others), [&](auto pair) {
               return isSame(std::get<0>(pair), std::get<1>(pair));
             });
    };
    return a->names == b->names && areSame(a->keys, b->keys) && areSame(a->values, b->values) &&
           Heap::makerOf(x)->getName() == Heap::makerOf(y)->getName();
  }
  if (x == y)
    return true;
  Operation *first = x.getDefiningOp(), *second = y.getDefiningOp();
  return first && second && first->hasTrait<OpTrait::ConstantLike>() &&
         first->getName() == second->getName() &&
         first->getAttrDictionary() == second->getAttrDictionary();
}

// What the slots are at the end is the module's new state.
LogicalResult Simplifier::writeSlots(func::ReturnOp end) {
  for (auto &[slot, value] : heap_.slots) {
    if (isSame(value, firstValues_.lookup(slot)))
      continue;
    if (torch::isTensor(torch::strip(value).getType())) {
      OpBuilder builder(end);
      torch::GlobalSlotSetOp::create(builder, value.getLoc(), slot.getValue(), torch::strip(value));
    } else if (isConstant(value)) {
      rebound_[slot] = value;
    } else if (read_.contains(slot) || !isLocal(firstValues_.lookup(slot))) {
      return end.emitError("unsupported op 'torch.prim.SetAttr': the model changes its attribute '")
             << slot.getValue() << "', a " << value.getType()
             << "; only tensors can be state: register it as a buffer";
    }
  }
  return success();
}

//===-- the next call -------------------------------------------------------------------------===//

namespace {

// Whether two functions do the same, wherever they have their constants.
class Comparison {
public:
  bool areSame(Region &x, Region &y) {
    return llvm::all_of_zip(x, y, [&](Block &a, Block &b) { return areSame(a, b); });
  }

private:
  static bool isConstant(Operation &op) {
    return op.hasTrait<OpTrait::ConstantLike>() ||
           isa<torch::TensorLiteralOp, torch::ValueTensorLiteralOp>(op);
  }
  static bool areAlike(Operation *x, Operation *y) {
    return x && y && x->getName() == y->getName() &&
           x->getAttrDictionary() == y->getAttrDictionary() &&
           x->getResultTypes() == y->getResultTypes();
  }
  bool areSame(Value x, Value y) {
    if (Value known = counterpart_.lookup(x))
      return known == y;
    Operation *a = x.getDefiningOp(), *b = y.getDefiningOp();
    return areAlike(a, b) && isConstant(*a);
  }
  void match(ValueRange x, ValueRange y) {
    for (auto [a, b] : llvm::zip_equal(x, y))
      counterpart_[a] = b;
  }
  bool areSame(Operation *x, Operation *y) {
    bool same = areAlike(x, y) && x->getNumOperands() == y->getNumOperands() &&
                x->getNumRegions() == y->getNumRegions() &&
                llvm::all_of_zip(x->getOperands(), y->getOperands(),
                                 [&](Value a, Value b) { return areSame(a, b); }) &&
                llvm::all_of_zip(x->getRegions(), y->getRegions(),
                                 [&](Region &a, Region &b) { return areSame(a, b); });
    if (same)
      match(x->getResults(), y->getResults());
    return same;
  }
  bool areSame(Block &x, Block &y) {
    if (x.getNumArguments() != y.getNumArguments())
      return false;
    match(x.getArguments(), y.getArguments());
    auto rest = [](Block &block) {
      return llvm::make_filter_range(block, [](Operation &op) { return !isConstant(op); });
    };
    auto first = rest(x), second = rest(y);
    auto a = first.begin(), b = second.begin();
    for (; a != first.end() && b != second.end(); ++a, ++b)
      if (!areSame(&*a, &*b))
        return false;
    return a == first.end() && b == second.end();
  }

  DenseMap<Value, Value> counterpart_;
};

bool rebindsAttributes(func::FuncOp function) {
  return function
      .walk([](torch::GlobalSlotSetOp op) {
        return torch::isTensor(op.getValue().getType()) ? WalkResult::advance()
                                                        : WalkResult::interrupt();
      })
      .wasInterrupted();
}

} // namespace

LogicalResult simplify(func::FuncOp function) {
  func::FuncOp again = rebindsAttributes(function) ? function.clone() : func::FuncOp();
  Simplifier first(function);
  LogicalResult result = first.run();
  if (succeeded(result) && !first.rebound().empty()) {
    auto module = function->getParentOfType<ModuleOp>();
    SymbolTable(module).insert(again);
    Simplifier second(again, &first);
    result = second.run();
    StringRef changed = first.rebound().front().first.getValue();
    eraseDead(again);
    eraseDead(function);
    if (succeeded(result) &&
        (!second.rebound().empty() || !Comparison().areSame(function.getBody(), again.getBody())))
      result = emitError(first.rebound().front().second.getLoc())
               << "unsupported op 'torch.prim.SetAttr': the model changes its attribute '"
               << changed
               << "', and does something else when it is called again; only tensors can be state: "
                  "register it as a buffer";
  }
  if (again)
    again.erase();
  return result;
}

} // namespace linalgd
