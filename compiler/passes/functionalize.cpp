// Functionalize: straight-line alias analysis that replaces aliasing and writes by values.
//
// Every non-value tensor is a chain of views of a base. A base has a current value and a version; a
// read of an alias takes its cached value, or applies its chain to the base's value when that has
// moved on. A write goes up the chain through each view's `scatter` and makes a new version.
#include "compiler/dialect/op_schema.h"
#include "compiler/ops/container/container.h"
#include "compiler/ops/conversion/conversion.h"
#include "compiler/passes/functionalizer.h"
#include "compiler/passes/passes.h"

#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;

namespace linalgd {

using torch::BaseTensorType;
using torch::NonValueTensorType;

static bool isTensorList(Type type) {
  auto list = dyn_cast<torch::ListType>(type);
  return list && isa<NonValueTensorType>(list.getContainedType());
}

Type asValueType(Type type) {
  if (auto tensor = dyn_cast<NonValueTensorType>(type))
    return tensor.asValue();
  if (auto list = dyn_cast<torch::ListType>(type))
    return torch::ListType::get(asValueType(list.getContainedType()));
  if (auto optional = dyn_cast<torch::OptionalType>(type))
    return torch::OptionalType::get(asValueType(optional.getContainedType()));
  if (auto dict = dyn_cast<torch::DictType>(type))
    return torch::DictType::get(type.getContext(), asValueType(dict.getKeyType()),
                                asValueType(dict.getValueType()));
  if (auto tuple = dyn_cast<torch::TupleType>(type))
    return torch::TupleType::get(type.getContext(),
                                 llvm::map_to_vector(tuple.getContainedTypes(), asValueType));
  return type;
}

static bool isContainer(Operation *op) {
  return isa_and_present<torch::ListConstructOp, torch::TupleConstructOp, torch::DictConstructOp,
                         torch::DerefineOp>(op);
}

unsigned Functionalizer::newBase(Value current) {
  bases_.emplace_back(current);
  return bases_.size() - 1;
}

void Functionalizer::define(Value value, Alias alias) {
  aliasIndex_[value] = aliases_.size();
  aliases_.push_back(std::move(alias));
}

// A view, or list of views, of a value.
Value Functionalizer::viewOf(Operation *op, Value base) {
  SmallVector<Value> operands(op->getOperands());
  operands[0] = base;
  for (Value &operand : MutableArrayRef(operands).drop_front())
    operand = read(operand);
  OperationState state(b_.getLoc(), op->getName(), operands,
                       llvm::map_to_vector(op->getResultTypes(), asValueType), op->getAttrs());
  return b_.create(state)->getResult(0);
}

Value Functionalizer::applyView(const ViewStep &step, Value base) {
  Value result = viewOf(step.op, base);
  auto list = dyn_cast<torch::ListType>(result.getType());
  if (!list)
    return result;
  SmallVector<Type> types;
  for (Operation *user : step.op->getResult(0).getUsers())
    if (auto unpack = dyn_cast<torch::ListUnpackOp>(user))
      types = llvm::map_to_vector(unpack.getResultTypes(), asValueType);
  return torch::ListUnpackOp::create(b_, types, result).getResult(step.index);
}

Value Functionalizer::readAlias(Alias &alias) {
  const Base &base = bases_[alias.base];
  if (!alias.cached || alias.version != base.version) {
    Value value = base.current;
    for (const ViewStep &step : alias.chain)
      value = applyView(step, value);
    alias.cached = value;
    alias.version = bases_[alias.base].version;
  }
  return alias.cached;
}

Value Functionalizer::read(Value value) {
  if (isAlias(value))
    return readAlias(aliasOf(value));
  if (torch::View view = listViews_.lookup(value))
    return viewOf(view, read(view->getOperand(0)));
  Type type = value.getType();
  if (asValueType(type) == type)
    return value;
  // A list, tuple or optional of tensors is built anew from what they are now.
  Operation *op = value.getDefiningOp();
  if (!isContainer(op))
    return value;
  SmallVector<Value> elements;
  for (Value operand : op->getOperands())
    elements.push_back(read(operand));
  Operation *built = b_.clone(*op);
  built->setOperands(elements);
  built->getResult(0).setType(asValueType(type));
  return built->getResult(0);
}

LogicalResult Functionalizer::write(Operation *op, Value target, Value update) {
  Alias &alias = aliasOf(target);
  if (bases_[alias.base].isShared)
    return op->emitError() << "unsupported op 'torch." << torch::getQualifiedName(op)
                           << "': which tensor it writes to is decided at run time";
  auto type = cast<BaseTensorType>(target.getType()).asValue();
  update = b_.toDtype(update, type.getDtype());
  if (!torch::areCompatible(update.getType(), type))
    return op->emitError() << "cannot write a result of type " << update.getType()
                           << " to a tensor of type " << target.getType();
  update = b_.staticCast(update, type);
  alias.cached = update;
  // The values that the chain passes through, from the base down.
  SmallVector<Value> path = {bases_[alias.base].current};
  for (const ViewStep &step : ArrayRef(alias.chain).drop_back(alias.chain.empty() ? 0 : 1))
    path.push_back(applyView(step, path.back()));
  for (size_t i = alias.chain.size(); i-- > 0;) {
    const ViewStep &step = alias.chain[i];
    Value scattered = cast<torch::View>(step.op).scatter(b_, path[i], update, step.index);
    if (!scattered)
      return op->emitError() << "cannot write through the view 'torch."
                             << torch::getQualifiedName(step.op) << "'";
    update = scattered;
  }
  Base &base = bases_[alias.base];
  base.current = b_.staticCast(update, base.current.getType());
  alias.version = ++base.version;
  return success();
}

LogicalResult Functionalizer::visitView(torch::View op) {
  Alias source = aliasOf(op->getOperand(0));
  if (!op.aliases(source.contiguous)) {
    visitOther(op);
    return success();
  }
  if (op->getNumResults() != 1)
    return op->emitError("a view has one result");
  Value result = op->getResult(0);
  if (isTensorList(result.getType())) {
    listViews_[result] = op;
  } else {
    source.chain.push_back({op});
    source.cached = nullptr;
    source.contiguous = op.isContiguous(source.contiguous);
    define(result, source);
  }
  eraseLater(op);
  return success();
}

LogicalResult Functionalizer::visitUnpack(torch::ListUnpackOp op) {
  torch::View view = listViews_.lookup(op.getList());
  if (!view) {
    visitOther(op);
    return success();
  }
  for (auto [index, result] : llvm::enumerate(op.getResults())) {
    Alias alias = aliasOf(view->getOperand(0));
    alias.chain.push_back({view, static_cast<unsigned>(index)});
    alias.cached = nullptr;
    alias.contiguous = view.isContiguous(alias.contiguous);
    define(result, alias);
  }
  eraseLater(op);
  return success();
}

void Functionalizer::visitLiteral(torch::TensorLiteralOp op) {
  StringRef slot;
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(op.getValue()))
    slot = resource.getRawHandle().getKey();
  auto known = slot.empty() ? slots_.end() : slots_.find(slot);
  unsigned base;
  if (known != slots_.end()) {
    base = known->second;
  } else {
    auto type = cast<torch::ValueTensorType>(op.getType().asValue());
    // Wherever it is used next.
    OpBuilder::InsertionGuard guard(b_);
    if (!slot.empty() && op->getParentOp() != function_)
      b_.setInsertionPointToStart(&function_.getBody().front());
    base = newBase(torch::ValueTensorLiteralOp::create(b_, type, op.getValue()));
    bases_[base].slot = slot;
    if (!slot.empty())
      slots_[slot] = base;
  }
  define(op.getResult(), Alias(base));
  eraseLater(op);
}

LogicalResult Functionalizer::visitInPlace(Operation *op, StringRef functional) {
  if (!isAlias(op->getOperand(0)))
    return op->emitError("writes to a value tensor");
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(read(operand));
  OperationName name(("torch." + functional).str(), op->getContext());
  auto *infer = name.getInterface<InferTypeOpInterface>();
  SmallVector<Type> types;
  if (!infer || failed(infer->inferReturnTypes(op->getContext(), op->getLoc(), operands, {},
                                               nullptr, {}, types)))
    return op->emitError("cannot infer the result of 'torch.") << functional << "'";
  OperationState state(op->getLoc(), name, operands, types);
  Value result = b_.create(state)->getResult(0);
  // Broadcasting must not enlarge what is written to; where its sizes turn up later, a copy sees.
  bool broadcasts = llvm::count_if(operands, [](Value operand) {
                      return isa<BaseTensorType>(operand.getType());
                    }) > 1;
  if (broadcasts && !cast<BaseTensorType>(operands[0].getType()).hasSizes())
    result = torch::CopyOp::create(b_, operands[0], result, b_.constBool(false));
  if (failed(write(op, op->getOperand(0), result)))
    return failure();
  if (op->getNumResults())
    define(op->getResult(0), aliasOf(op->getOperand(0)));
  eraseLater(op);
  return success();
}

// An op that writes to tensors beside its results, if a flag says so.
LogicalResult Functionalizer::visitWrites(torch::Writes op, const torch::OpSchema &schema) {
  std::optional<bool> writes = true;
  if (schema.writesIf >= 0)
    writes = torch::matchBool(op->getOperand(static_cast<unsigned>(schema.writesIf)));
  if (!writes)
    return op->emitError() << "unsupported op 'torch." << torch::getQualifiedName(op)
                           << "': whether it writes to its operands is decided at run time";
  SmallVector<unsigned> written =
      llvm::filter_to_vector(schema.writes, [&](unsigned i) { return isAlias(op->getOperand(i)); });
  if (!*writes || written.empty()) {
    visitOther(op);
    return success();
  }
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(read(operand));
  SmallVector<Value> values = op.functionalize(b_, operands);
  size_t numResults = op->getNumResults();
  if (values.size() != numResults + written.size())
    return op->emitError() << "unsupported op 'torch." << torch::getQualifiedName(op)
                           << "': it is given some of the tensors that it writes to";
  for (auto [result, value] : llvm::zip(op->getResults(), values))
    define(result, Alias(newBase(value)));
  for (auto [index, value] : llvm::zip_equal(written, ArrayRef(values).drop_front(numResults)))
    if (failed(write(op, op->getOperand(index), value)))
      return failure();
  eraseLater(op);
  return success();
}

// Any other op reads its operands and makes fresh results.
void Functionalizer::visitOther(Operation *op) {
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(read(operand));
  op->setOperands(operands);
  for (Value result : op->getResults()) {
    bool fresh = isa<NonValueTensorType>(result.getType());
    result.setType(asValueType(result.getType()));
    if (fresh)
      define(result, Alias(newBase(result)));
  }
}

LogicalResult Functionalizer::visit(Operation *op) {
  b_.setInsertionPoint(op);
  b_.setLoc(op->getLoc());
  if (isa<torch::IfOp, torch::LoopOp>(op))
    return visitControl(op);
  if (isa<torch::IfYieldOp, torch::LoopConditionOp>(op)) {
    visitOther(op);
    return success();
  }
  if (op->getNumRegions())
    return op->emitError("unsupported op '")
           << op->getName() << "': it depends on data and cannot be compiled yet";
  if (auto literal = dyn_cast<torch::TensorLiteralOp>(op)) {
    visitLiteral(literal);
    return success();
  }
  if (auto copy = dyn_cast<torch::CopyToValueTensorOp>(op)) {
    // A base of its own, that nothing writes to: later writes do not reach the copy.
    define(copy.getResult(), Alias(newBase(read(copy.getTensor()))));
    eraseLater(op);
    return success();
  }
  if (auto copy = dyn_cast<torch::CopyToNonValueTensorOp>(op)) {
    define(copy.getResult(), Alias(newBase(copy.getValue())));
    eraseLater(op);
    return success();
  }
  if (auto set = dyn_cast<torch::GlobalSlotSetOp>(op)) {
    rebound_.push_back(set);
    eraseLater(op);
    return success();
  }
  if (auto overwrite = dyn_cast<torch::OverwriteTensorContentsOp>(op)) {
    eraseLater(op);
    return write(op, overwrite.getOverwritten(), read(overwrite.getValue()));
  }
  if (isContainer(op) && asValueType(op->getResult(0).getType()) != op->getResult(0).getType()) {
    eraseLater(op); // built anew where it is used
    return success();
  }
  if (auto unpack = dyn_cast<torch::ListUnpackOp>(op))
    return visitUnpack(unpack);
  if (auto view = dyn_cast<torch::View>(op); view && isAlias(op->getOperand(0)))
    return visitView(view);
  const torch::OpSchema *schema = torch::lookupSchema(op->getName().getStringRef());
  if (schema && !schema->inPlaceOf.empty())
    return visitInPlace(op, schema->inPlaceOf);
  if (auto writer = dyn_cast<torch::Writes>(op))
    return visitWrites(writer, *schema);
  visitOther(op);
  return success();
}

LogicalResult Functionalizer::visitBlock(Block &block) {
  SmallVector<Operation *> ops = llvm::to_vector(llvm::make_pointer_range(block));
  for (Operation *op : ops) {
    auto end = dyn_cast<func::ReturnOp>(op);
    if (failed(end ? finish(end) : visit(op)))
      return failure();
  }
  return success();
}

// The bases whose new values are results: first what the importer announced, in that order (it
// counts what only may be written), then what else is written.
SmallVector<unsigned> Functionalizer::stateBases() {
  llvm::SmallSetVector<unsigned, 8> state;
  auto add = [&](auto matches) {
    for (auto [index, base] : llvm::enumerate(bases_))
      if (matches(base))
        state.insert(index);
  };
  if (auto announced = function_->getAttrOfType<ArrayAttr>(torch::kStateAttr))
    for (Attribute entry : announced) {
      if (auto slot = dyn_cast<StringAttr>(entry))
        add([&](const Base &base) { return base.slot == slot.getValue(); });
      else if (auto input = dyn_cast<IntegerAttr>(entry))
        add([&](const Base &base) { return base.input == input.getInt(); });
    }
  function_->removeAttr(torch::kStateAttr);
  add([](const Base &base) { return base.version && (base.input || !base.slot.empty()); });
  state.remove_if([&](unsigned index) {
    return llvm::any_of(
        rebound_, [&](torch::GlobalSlotSetOp set) { return set.getSlot() == bases_[index].slot; });
  });
  return state.takeVector();
}

// A slot that is another tensor at the end: that one is its new value.
LogicalResult Functionalizer::addRebound(SmallVectorImpl<Value> &results,
                                         SmallVectorImpl<DictionaryAttr> &attributes) {
  for (torch::GlobalSlotSetOp set : rebound_) {
    auto slot = SymbolTable::lookupNearestSymbolFrom<torch::GlobalSlotOp>(set, set.getSlotAttr());
    auto type = dyn_cast<BaseTensorType>(slot.getTypeBound());
    Value value = read(set.getValue());
    if (!type || !torch::areCompatible(value.getType(), type.asValue()))
      return set.emitError("unsupported op 'torch.prim.SetAttr': the attribute '")
             << set.getSlot() << "' of type " << slot.getTypeBound() << " becomes a "
             << value.getType() << "; a buffer must keep its dtype and sizes";
    results.push_back(value);
    attributes.push_back(
        b_.getDictionaryAttr(b_.getNamedAttr(kStateSlotAttr, b_.getStringAttr(set.getSlot()))));
  }
  return success();
}

// Returns the outputs, then the new values of what was written.
LogicalResult Functionalizer::finish(func::ReturnOp op) {
  b_.setInsertionPoint(op);
  b_.setLoc(op.getLoc());
  SmallVector<Value> results;
  for (Value operand : op.getOperands())
    results.push_back(read(operand));
  SmallVector<DictionaryAttr> attributes(results.size(), b_.getDictionaryAttr({}));
  if (ArrayAttr given = function_.getAllResultAttrs())
    attributes = llvm::to_vector(given.getAsRange<DictionaryAttr>());
  for (unsigned index : stateBases()) {
    const Base &base = bases_[index];
    results.push_back(base.current);
    NamedAttribute state = base.input
                               ? b_.getNamedAttr(kStateInputAttr, b_.getI64IntegerAttr(*base.input))
                               : b_.getNamedAttr(kStateSlotAttr, b_.getStringAttr(base.slot));
    attributes.push_back(b_.getDictionaryAttr(state));
  }
  if (failed(addRebound(results, attributes)))
    return failure();
  op->setOperands(results);
  function_.setType(
      b_.getFunctionType(function_.getBody().getArgumentTypes(), TypeRange(ValueRange(results))));
  if (llvm::any_of(attributes, [](DictionaryAttr attribute) { return !attribute.empty(); }))
    function_.setAllResultAttrs(attributes);
  return success();
}

LogicalResult Functionalizer::run() {
  if (!llvm::hasSingleElement(function_.getBody()))
    return function_.emitError("cannot functionalize a function of several blocks");
  Block &block = function_.getBody().front();
  for (BlockArgument argument : block.getArguments()) {
    auto type = dyn_cast<NonValueTensorType>(argument.getType());
    if (!type)
      continue;
    argument.setType(type.asValue());
    unsigned base = newBase(argument);
    bases_[base].input = argument.getArgNumber();
    define(argument, Alias(base));
  }
  if (failed(visitBlock(block)))
    return failure();
  for (Operation *op : llvm::reverse(dead_))
    op->erase();
  return success();
}

namespace {

struct Functionalize : PassWrapper<Functionalize, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Functionalize)
  StringRef getArgument() const override { return "linalgd-functionalize"; }
  StringRef getDescription() const override { return "Replace aliasing and writes by values"; }

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal() && failed(Functionalizer(function).run()))
        return signalPassFailure();
    for (auto slot : llvm::make_early_inc_range(getOperation().getOps<torch::GlobalSlotOp>()))
      slot.erase();
  }
};

} // namespace

std::unique_ptr<Pass> createFunctionalizePass() { return std::make_unique<Functionalize>(); }

} // namespace linalgd
