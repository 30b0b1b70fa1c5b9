// GlobalizeObjectGraph: objects become global slots, methods part of the entry function.
//
// The entry's first argument is the root object. Going through the program in order, it is known of
// each value that is an object of the module which one it is: its attributes are slots, and what
// its methods do is put in place of their calls. What the entry does not reach is left out.
#include "compiler/dialect/builders.h"
#include "compiler/ops/assertion/assertion.h"
#include "compiler/ops/container/container.h"
#include "compiler/ops/control/control.h"
#include "compiler/ops/numeric/numeric.h"
#include "compiler/ops/object/functions.h"
#include "compiler/ops/object/object.h"
#include "compiler/ops/scalar/scalar.h"
#include "compiler/passes/passes.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace linalgd {
namespace {

using torch::ClassTypeOp;
using torch::NnModuleOp;

constexpr size_t kMaxOps = 1 << 20;
constexpr size_t kMaxDepth = 512;

size_t countOps(Operation &op) {
  size_t count = 0;
  op.walk([&](Operation *) { ++count; });
  return count;
}

class Globalizer {
public:
  explicit Globalizer(ModuleOp module) : module_(module), symbols_(module) {}

  LogicalResult run();

private:
  LogicalResult findRoot();
  void nameObjects(NnModuleOp object, const std::string &path);
  LogicalResult visit(Block::iterator first, Block::iterator end);
  LogicalResult visit(Operation *op);
  LogicalResult visitBranches(torch::IfOp op);
  LogicalResult readAttribute(torch::GetAttrOp op);
  LogicalResult writeAttribute(torch::SetAttrOp op);
  LogicalResult call(Operation *op, StringRef callee, ValueRange operands);
  LogicalResult callMethod(torch::CallMethodOp op);
  LogicalResult callChosen(torch::CallMethodOp op, Operation *choice);
  LogicalResult compareEnums(Operation *op);
  FailureOr<Value> slotValue(Operation *op, NnModuleOp object, StringRef name);
  StringAttr slotOf(NnModuleOp object, StringRef name, Value initial);
  void writeSlots();
  LogicalResult eraseObjects();

  NnModuleOp objectOf(Value value) { return known_.lookup(torch::strip(value)); }

  ModuleOp module_;
  SymbolTable symbols_;
  func::FuncOp entry_;
  NnModuleOp root_;
  DenseMap<Value, NnModuleOp> known_;
  DenseMap<Value, Operation *> choices_;            // of a container's modules, by index or key
  llvm::MapVector<Operation *, std::string> paths_; // of the objects, from the root
  llvm::MapVector<StringAttr, Value> slots_;        // and their first values
  llvm::SetVector<Operation *> dead_;
  SmallVector<StringRef> calls_; // that are being put in place
  size_t numCloned_ = 0;
  size_t depth_ = 0; // of the calls that are being put in place, and of their branches
};

LogicalResult Globalizer::findRoot() {
  for (auto function : module_.getOps<func::FuncOp>()) {
    bool takesObject =
        function.getNumArguments() && isa<torch::NnModuleType>(function.getArgumentTypes().front());
    if (function.isPrivate() || function.isExternal() || !takesObject)
      continue;
    if (entry_)
      return function.emitError("a second function that takes the root object; the first one is '")
             << entry_.getName() << "'";
    entry_ = function;
  }
  if (!entry_)
    return module_.emitError("no function takes the root object");
  for (auto object : module_.getOps<NnModuleOp>()) {
    if (object.getType() != entry_.getArgumentTypes().front() || !object->use_empty())
      continue;
    if (root_)
      return object.emitError("a second root object");
    root_ = object;
  }
  if (!root_)
    return entry_.emitError("there is no root object of type ")
           << entry_.getArgumentTypes().front();
  return success();
}

void Globalizer::nameObjects(NnModuleOp object, const std::string &path) {
  if (!paths_.insert({object, path}).second)
    return;
  for (auto slot : object.getBody().getOps<torch::SlotOp>())
    if (auto held = slot.getValue().getDefiningOp<NnModuleOp>())
      nameObjects(held, path + slot.getName().str() + ".");
}

FailureOr<Value> Globalizer::slotValue(Operation *op, NnModuleOp object, StringRef name) {
  for (auto slot : object.getBody().getOps<torch::SlotOp>())
    if (slot.getName() == name)
      return slot.getValue();
  return op->emitError("an object of type ")
         << object.getType() << " has no attribute '" << name << "'";
}

StringAttr Globalizer::slotOf(NnModuleOp object, StringRef name, Value initial) {
  auto slot = StringAttr::get(module_.getContext(), paths_.lookup(object) + name);
  slots_.insert({slot, initial});
  return slot;
}

LogicalResult Globalizer::readAttribute(torch::GetAttrOp op) {
  NnModuleOp object = objectOf(op.getReceiver());
  if (!object)
    return success(); // of an object that the program makes
  FailureOr<Value> value = slotValue(op, object, op.getName());
  if (failed(value))
    return failure();
  if (auto held = value->getDefiningOp<NnModuleOp>()) {
    known_[op.getResult()] = held;
    dead_.insert(op);
    return success();
  }
  OpBuilder builder(op);
  // Of a tensor, its own type says more than the attribute's.
  Type type = torch::isTensor(value->getType()) ? value->getType() : op.getType();
  auto read = torch::GlobalSlotGetOp::create(builder, op.getLoc(), type,
                                             slotOf(object, op.getName(), *value));
  op.replaceAllUsesWith(read.getResult());
  op.erase();
  return success();
}

LogicalResult Globalizer::writeAttribute(torch::SetAttrOp op) {
  NnModuleOp object = objectOf(op.getReceiver());
  if (!object)
    return success();
  FailureOr<Value> value = slotValue(op, object, op.getName());
  if (failed(value))
    return failure();
  if (objectOf(op.getValue()))
    return op.emitError("unsupported op 'torch.prim.SetAttr': it puts another module in the place "
                        "of the attribute '")
           << op.getName() << "'";
  OpBuilder builder(op);
  torch::GlobalSlotSetOp::create(builder, op.getLoc(), slotOf(object, op.getName(), *value),
                                 op.getValue());
  op.erase();
  return success();
}

// Puts the function's body in place of the call.
LogicalResult Globalizer::call(Operation *op, StringRef name, ValueRange operands) {
  auto callee = symbols_.lookup<func::FuncOp>(name);
  if (!callee || callee.isExternal() || !llvm::hasSingleElement(callee.getBody()))
    return op->emitError("calls '") << name << "', which is no function of one block";
  if (callee.getNumArguments() != operands.size() || callee.getNumResults() != op->getNumResults())
    return op->emitError("calls '") << name << "' with another number of values than it takes";
  if (llvm::is_contained(calls_, callee.getName()))
    return op->emitError("unsupported op 'torch.prim.CallMethod': '")
           << name << "' calls itself; write it as a loop";
  if (depth_ >= kMaxDepth)
    return op->emitError("calls are nested deeper than ") << kMaxDepth;
  OpBuilder builder(op);
  IRMapping map;
  map.map(callee.getArguments(), operands);
  Block &body = callee.getBody().front();
  Operation *before = op->getPrevNode();
  for (Operation &inner : body.without_terminator()) {
    numCloned_ += countOps(inner);
    if (numCloned_ > kMaxOps)
      return op->emitError("the functions that are called are more than ") << kMaxOps << " ops";
    builder.clone(inner, map);
  }
  // Results are looked up afterwards: what is visited may be replaced.
  Operation *end = builder.clone(*body.getTerminator(), map);
  Block::iterator first = before ? std::next(before->getIterator()) : op->getBlock()->begin();
  calls_.push_back(callee.getName());
  ++depth_;
  if (failed(visit(first, end->getIterator())))
    return failure();
  --depth_;
  calls_.pop_back();
  op->replaceAllUsesWith(end->getOperands());
  end->erase();
  op->erase();
  return success();
}

// Calls the method of each module of a container in a branch of its own.
LogicalResult Globalizer::callChosen(torch::CallMethodOp op, Operation *choice) {
  Value container = choice->getOperand(0), key = choice->getOperand(1);
  NnModuleOp owner = objectOf(container);
  if (!owner || owner.getBody().getOps<torch::SlotOp>().empty())
    return op.emitError("unsupported op 'torch.prim.ModuleContainerIndex': it is not known which "
                        "container it takes a module of");
  auto slots = llvm::to_vector(owner.getBody().getOps<torch::SlotOp>());
  auto count = static_cast<int64_t>(slots.size());
  if (depth_ + slots.size() > kMaxDepth)
    return op.emitError("calls of modules that are chosen are nested deeper than ") << kMaxDepth;
  torch::TorchBuilder b(op.getLoc(), op);
  auto isChosen = [&](int64_t index) -> Value {
    if (isa<torch::StringType>(key.getType()))
      return torch::EqStrOp::create(
          b, key, torch::ConstantStrOp::create(b, b.getStringAttr(slots[index].getName())));
    Value fromStart = torch::EqIntOp::create(b, key, b.constInt(index));
    Value fromEnd = torch::EqIntOp::create(b, key, b.constInt(index - count));
    return torch::OrBoolOp::create(b, fromStart, fromEnd);
  };
  // From `index` on: the last one must be it.
  auto callFrom = [&](int64_t index, auto &self) -> Value {
    auto call = [&]() -> Value {
      torch::SlotOp slot = slots[index];
      Value module =
          torch::GetAttrOp::create(b, slot.getValue().getType(), container, slot.getName());
      return torch::CallMethodOp::create(b, op.getType(), module, op.getName(), op.getArgs());
    };
    Value holds = isChosen(index);
    if (index + 1 == count) {
      Value message = torch::ConstantStrOp::create(b, b.getStringAttr("there is no such module"));
      torch::AssertScalarOp::create(b, holds, message);
      return call();
    }
    auto branches = torch::IfOp::create(b, op->getResultTypes(), holds);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&branches.getThenRegion().emplaceBlock());
    torch::IfYieldOp::create(b, call());
    b.setInsertionPointToStart(&branches.getElseRegion().emplaceBlock());
    torch::IfYieldOp::create(b, self(index + 1, self));
    return branches.getResult(0);
  };
  Operation *before = op->getPrevNode();
  Value result = callFrom(0, callFrom);
  Block::iterator first = before ? std::next(before->getIterator()) : op->getBlock()->begin();
  depth_ += slots.size();
  if (failed(visit(first, op->getIterator())))
    return failure();
  depth_ -= slots.size();
  op.replaceAllUsesWith(result);
  op.erase();
  return success();
}

LogicalResult Globalizer::callMethod(torch::CallMethodOp op) {
  if (Operation *choice = choices_.lookup(torch::strip(op.getReceiver())))
    return callChosen(op, choice);
  NnModuleOp object = objectOf(op.getReceiver());
  Type type = object ? object.getType() : op.getReceiver().getType();
  StringRef name = cast<torch::NnModuleType>(type).getClassName();
  if (auto owner = symbols_.lookup<ClassTypeOp>(name))
    for (auto method : owner.getBody().getOps<torch::MethodOp>())
      if (method.getName() == op.getName()) {
        SmallVector<Value> operands = {op.getReceiver()};
        llvm::append_range(operands, op.getArgs());
        return call(op, method.getFunction(), operands);
      }
  return op.emitError("unsupported op 'torch.prim.CallMethod': it is not known which class's '")
         << op.getName() << "' is called";
}

// By their names, which are attributes.
LogicalResult Globalizer::compareEnums(Operation *op) {
  torch::TorchBuilder b(op->getLoc(), op);
  Operation *before = op->getPrevNode();
  Value known =
      torch::compareEnums(b, op->getOperand(0), op->getOperand(1), isa<torch::EqEnumOp>(op));
  if (!known)
    return success();
  Block::iterator first = before ? std::next(before->getIterator()) : op->getBlock()->begin();
  if (failed(visit(first, op->getIterator())))
    return failure();
  op->getResult(0).replaceAllUsesWith(known);
  op->erase();
  return success();
}

LogicalResult Globalizer::visitBranches(torch::IfOp op) {
  for (Region &region : op->getRegions())
    if (failed(visit(region.front().begin(), region.front().end())))
      return failure();
  Operation *ofThen = op.getThenRegion().front().getTerminator();
  Operation *ofElse = op.getElseRegion().front().getTerminator();
  for (auto [result, x, y] :
       llvm::zip_equal(op.getResults(), ofThen->getOperands(), ofElse->getOperands())) {
    NnModuleOp object = objectOf(x);
    if (!object)
      continue;
    if (object != objectOf(y))
      return op.emitError("unsupported op 'torch.prim.If': which module it gives back is decided "
                          "at run time");
    known_[result] = object;
  }
  return success();
}

LogicalResult Globalizer::visit(Operation *op) {
  if (auto read = dyn_cast<torch::GetAttrOp>(op))
    return readAttribute(read);
  if (auto write = dyn_cast<torch::SetAttrOp>(op))
    return writeAttribute(write);
  if (auto method = dyn_cast<torch::CallMethodOp>(op))
    return callMethod(method);
  if (auto function = dyn_cast<func::CallOp>(op))
    return call(op, function.getCallee(), function.getOperands());
  if (auto branches = dyn_cast<torch::IfOp>(op))
    return visitBranches(branches);
  if (torch::getQualifiedName(op).starts_with("prim.ModuleContainerIndex")) {
    choices_[op->getResult(0)] = op;
    dead_.insert(op);
    return success();
  }
  if (isa<torch::EqEnumOp, torch::NeEnumOp>(op))
    return compareEnums(op);
  for (Region &region : op->getRegions())
    for (Block &block : region)
      if (failed(visit(block.begin(), block.end())))
        return failure();
  return success();
}

LogicalResult Globalizer::visit(Block::iterator first, Block::iterator end) {
  while (first != end) {
    Operation *op = &*first++; // it may be replaced
    if (failed(visit(op)))
      return failure();
  }
  return success();
}

// A slot's first value, in the initializer. An object in a container, a member of an enum, is made
// there.
static void copyInitial(Value value, OpBuilder &builder, IRMapping &map) {
  if (map.contains(value))
    return;
  Operation *op = value.getDefiningOp();
  if (auto object = dyn_cast<NnModuleOp>(op)) {
    Value made = torch::CreateObjectOp::create(builder, op->getLoc(), object.getType());
    map.map(value, made);
    for (auto slot : object.getBody().getOps<torch::SlotOp>()) {
      copyInitial(slot.getValue(), builder, map);
      torch::SetAttrOp::create(builder, op->getLoc(), made, slot.getName(),
                               map.lookup(slot.getValue()));
    }
    return;
  }
  for (Value operand : op->getOperands())
    copyInitial(operand, builder, map);
  builder.clone(*op, map);
}

void Globalizer::writeSlots() {
  if (slots_.empty())
    return;
  OpBuilder builder(module_.getContext());
  builder.setInsertionPointToStart(module_.getBody());
  Location loc = module_.getLoc();
  for (auto &[name, value] : slots_)
    torch::GlobalSlotOp::create(builder, loc, name, TypeAttr::get(value.getType()),
                                builder.getStringAttr("private"));
  auto initializer = torch::GlobalSlotModuleInitializerOp::create(builder, loc);
  builder.setInsertionPointToStart(&initializer.getInitializer().emplaceBlock());
  IRMapping map;
  SmallVector<Attribute> names;
  SmallVector<Value> values;
  for (auto &[name, value] : slots_) {
    copyInitial(value, builder, map);
    names.push_back(FlatSymbolRefAttr::get(name));
    values.push_back(map.lookup(value));
  }
  torch::InitializeGlobalSlotsOp::create(builder, loc, builder.getArrayAttr(names), values);
}

LogicalResult Globalizer::eraseObjects() {
  for (Operation *op : llvm::reverse(dead_))
    op->erase();
  if (failed(entry_.eraseArgument(0)))
    return failure();
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(*module_.getBody()))) {
    auto function = dyn_cast<func::FuncOp>(op);
    if (function ? function.isPrivate()
                 : !isa<torch::GlobalSlotOp, torch::GlobalSlotModuleInitializerOp>(op) &&
                       isa_and_present<torch::TorchDialect>(op.getDialect()))
      op.erase();
  }
  return success();
}

LogicalResult Globalizer::run() {
  if (failed(findRoot()))
    return failure();
  nameObjects(root_, "");
  Value self = entry_.getArgument(0);
  known_[self] = root_;
  Block &body = entry_.getBody().front();
  if (failed(visit(body.begin(), body.end())))
    return failure();
  for (Operation *op : dead_)
    for (Operation *user : op->getUsers())
      if (!dead_.contains(user))
        return user->emitError("unsupported op 'torch.")
               << torch::getQualifiedName(user) << "': it uses a module as a value";
  writeSlots();
  if (failed(eraseObjects()))
    return failure();
  entry_->setAttr(kOutputsAttr, UnitAttr::get(module_.getContext()));
  return success();
}

struct GlobalizeObjectGraph : PassWrapper<GlobalizeObjectGraph, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(GlobalizeObjectGraph)
  StringRef getArgument() const override { return "linalgd-globalize-object-graph"; }
  StringRef getDescription() const override {
    return "Replace objects by global slots, and calls by what they do";
  }

  void runOnOperation() override {
    if (getOperation().getOps<NnModuleOp>().empty())
      return;
    if (failed(Globalizer(getOperation()).run()))
      signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass> createGlobalizeObjectGraphPass() {
  return std::make_unique<GlobalizeObjectGraph>();
}

} // namespace linalgd
