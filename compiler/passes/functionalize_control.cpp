// Branches and loops in Functionalize: tensors of outside that they write to become results.
#include "compiler/dialect/op_schema.h"
#include "compiler/passes/functionalizer.h"

#include "llvm/ADT/SmallSet.h"

using namespace mlir;

namespace linalgd {

using torch::NonValueTensorType;

// Visits a block that may or may not run: it leaves the tensors around it as they are. Marks the
// results that may be tensors of somewhere else; says what the bases that it writes to become.
LogicalResult Functionalizer::visitBranch(Block &block, ArrayRef<bool> isUsed,
                                          MutableArrayRef<bool> isShared,
                                          llvm::MapVector<unsigned, Value> &written) {
  size_t numBases = bases_.size(), numAliases = aliases_.size();
  SmallVector<std::pair<Value, unsigned>> values =
      llvm::map_to_vector(bases_, [](Base &base) { return std::pair(base.current, base.version); });
  SmallVector<std::pair<Value, unsigned>> caches = llvm::map_to_vector(
      aliases_, [](Alias &alias) { return std::pair(alias.cached, alias.version); });
  for (BlockArgument argument : block.getArguments()) {
    bool isTensor = isa<NonValueTensorType>(argument.getType());
    argument.setType(asValueType(argument.getType()));
    if (!isTensor)
      continue;
    unsigned base = newBase(argument);
    bases_[base].isShared = true;
    define(argument, Alias(base));
  }
  SmallVector<Value> results(block.getTerminator()->getOperands().slice(
      isa<torch::LoopOp>(block.getParentOp()), isShared.size()));
  if (failed(visitBlock(block)))
    return failure();
  llvm::SmallSet<unsigned, 4> returned;
  for (auto [result, shared, used] : llvm::zip_equal(results, isShared, isUsed)) {
    if (!isAlias(result) || !used)
      continue;
    Alias &alias = aliasOf(result);
    Base &base = bases_[alias.base];
    bool isNew = returned.insert(alias.base).second;
    base.isShared |= alias.base < numBases || !isNew || !alias.chain.empty();
    shared |= base.isShared;
  }
  for (size_t i = 0; i < numBases; ++i) {
    if (bases_[i].version == values[i].second)
      continue;
    written[i] = bases_[i].current;
    std::tie(bases_[i].current, bases_[i].version) = values[i];
  }
  // What was computed in the block is not there outside.
  for (size_t i = 0; i < numAliases; ++i)
    std::tie(aliases_[i].cached, aliases_[i].version) = caches[i];
  return success();
}

// The tensor that a value is by another name: an in-place op gives back what it writes to.
static Value writtenThrough(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    const torch::OpSchema *schema = torch::lookupSchema(op->getName().getStringRef());
    if (!schema || schema->inPlaceOf.empty())
      break;
    value = op->getOperand(0);
  }
  return value;
}

// What is one tensor of outside all the time goes by its name of outside.
static void nameTensorsOfOutside(Operation *op) {
  if (auto loop = dyn_cast<torch::LoopOp>(op)) {
    Block &body = loop.getBody().front();
    auto end = cast<torch::LoopConditionOp>(body.getTerminator());
    for (auto [index, next] : llvm::enumerate(end.getIterArgs())) {
      Value carried = body.getArgument(index + 1), init = loop.getInits()[index];
      if (!torch::isTensor(init.getType()) || writtenThrough(next) != carried)
        continue;
      carried.replaceAllUsesWith(init);
      loop.getResult(index).replaceAllUsesWith(init);
    }
    return;
  }
  for (Value result : op->getResults()) {
    unsigned index = cast<OpResult>(result).getResultNumber();
    Value x = writtenThrough(op->getRegion(0).front().getTerminator()->getOperand(index));
    Value y = writtenThrough(op->getRegion(1).front().getTerminator()->getOperand(index));
    if (x == y && torch::isTensor(x.getType()) &&
        !op->isAncestor(x.getParentRegion()->getParentOp()))
      result.replaceAllUsesWith(x);
  }
}

// Whether a loop carries a tensor that its body has no use for.
static bool isUnusedInit(Operation *op, Value operand) {
  auto loop = dyn_cast<torch::LoopOp>(op);
  if (!loop)
    return false;
  for (auto [index, init] : llvm::enumerate(loop.getInits()))
    if (init == operand && (!loop.getBody().front().getArgument(index + 1).use_empty() ||
                            !loop.getResult(index).use_empty()))
      return false;
  return true;
}

// What an op writes to.
static SmallVector<Value> writtenOperands(Operation *op) {
  if (isa<torch::OverwriteTensorContentsOp>(op))
    return {op->getOperand(1)};
  const torch::OpSchema *schema = torch::lookupSchema(op->getName().getStringRef());
  if (!schema)
    return {};
  if (!schema->inPlaceOf.empty())
    return {op->getOperand(0)};
  bool never = schema->writesIf >= 0 &&
               torch::matchBool(op->getOperand(static_cast<unsigned>(schema->writesIf))) == false;
  SmallVector<Value> operands;
  if (!never)
    for (unsigned index : schema->writes)
      operands.push_back(op->getOperand(index));
  return operands;
}

// The bases of outside that the body of a loop writes to.
llvm::SetVector<unsigned> Functionalizer::writtenBases(torch::LoopOp loop) {
  llvm::SetVector<unsigned> written;
  loop->walk([&](Operation *op) {
    for (Value target : writtenOperands(op)) {
      while (target && !isAlias(target)) {
        Operation *maker = target.getDefiningOp();
        const torch::OpSchema *made =
            maker ? torch::lookupSchema(maker->getName().getStringRef()) : nullptr;
        bool isSame = isa_and_present<torch::ListUnpackOp>(maker) ||
                      (made && (made->isView || !made->inPlaceOf.empty()));
        target = isSame ? maker->getOperand(0) : Value();
      }
      if (target)
        written.insert(aliasOf(target).base);
    }
  });
  return written;
}

LogicalResult Functionalizer::visitIf(torch::IfOp op) {
  SmallVector<bool> isShared(op->getNumResults());
  SmallVector<bool> isUsed =
      llvm::map_to_vector(op->getResults(), [](Value result) { return !result.use_empty(); });
  llvm::MapVector<unsigned, Value> written[2];
  for (auto [region, bases] : llvm::zip_equal(op->getRegions(), written))
    if (failed(visitBranch(region.front(), isUsed, isShared, bases)))
      return failure();
  llvm::SetVector<unsigned> bases;
  for (auto &branch : written)
    for (auto &[base, value] : branch)
      bases.insert(base);
  SmallVector<Type> types(op.getResultTypes());
  for (unsigned base : bases)
    types.push_back(bases_[base].current.getType());
  b_.setInsertionPoint(op);
  b_.setLoc(op.getLoc());
  auto rebuilt = torch::IfOp::create(b_, types, op.getCondition());
  for (auto [from, to, branch] :
       llvm::zip_equal(op->getRegions(), rebuilt->getRegions(), written)) {
    to.takeBody(from);
    Operation *end = to.front().getTerminator();
    for (unsigned base : bases) {
      Value value = branch.lookup(base);
      end->insertOperands(end->getNumOperands(), value ? value : bases_[base].current);
    }
  }
  finishControl(op, rebuilt, isShared, bases.getArrayRef());
  return success();
}

LogicalResult Functionalizer::visitLoop(torch::LoopOp op) {
  SmallVector<bool> isShared(op->getNumResults(), true);
  SmallVector<bool> isUsed;
  for (auto [result, carried] :
       llvm::zip_equal(op.getResults(), op.getBody().front().getArguments().drop_front()))
    isUsed.push_back(!result.use_empty() || !carried.use_empty());
  llvm::SetVector<unsigned> bases = writtenBases(op);
  SmallVector<Value> inits(op.getInits());
  SmallVector<Type> types(op.getResultTypes());
  for (unsigned base : bases) {
    inits.push_back(bases_[base].current);
    types.push_back(bases_[base].current.getType());
  }
  b_.setInsertionPoint(op);
  b_.setLoc(op.getLoc());
  auto rebuilt =
      torch::LoopOp::create(b_, types, op.getMaxTripCount(), op.getInitialCondition(), inits);
  rebuilt.getBody().takeBody(op.getBody());
  Block &body = rebuilt.getBody().front();
  SmallVector<std::pair<Value, unsigned>> before;
  for (unsigned base : bases) {
    before.push_back({bases_[base].current, bases_[base].version});
    bases_[base].current = body.addArgument(bases_[base].current.getType(), op.getLoc());
    ++bases_[base].version;
  }
  llvm::MapVector<unsigned, Value> written;
  if (failed(visitBranch(body, isUsed, isShared, written)))
    return failure();
  Operation *end = body.getTerminator();
  for (auto [base, old] : llvm::zip_equal(bases, before)) {
    Value value = written.lookup(base);
    end->insertOperands(end->getNumOperands(), value ? value : bases_[base].current);
    bases_[base].current = old.first;
    written.erase(base);
  }
  if (!written.empty())
    return op.emitError("unsupported op 'torch.prim.Loop': which tensor it writes to is decided at "
                        "run time");
  finishControl(op, rebuilt, isShared, bases.getArrayRef());
  return success();
}

// The results in place of the old op's; the rest are the new values of bases.
void Functionalizer::finishControl(Operation *op, Operation *rebuilt, ArrayRef<bool> isShared,
                                   ArrayRef<unsigned> bases) {
  for (auto [base, value] :
       llvm::zip_equal(bases, rebuilt->getResults().drop_front(op->getNumResults()))) {
    bases_[base].current = value;
    ++bases_[base].version;
  }
  for (auto [old, result, shared] : llvm::zip(op->getResults(), rebuilt->getResults(), isShared)) {
    old.replaceAllUsesWith(result);
    bool isTensor = isa<NonValueTensorType>(result.getType());
    result.setType(asValueType(result.getType()));
    if (!isTensor)
      continue;
    unsigned base = newBase(result);
    bases_[base].isShared = shared;
    define(result, Alias(base));
  }
  eraseLater(op);
}

LogicalResult Functionalizer::visitControl(Operation *op) {
  nameTensorsOfOutside(op);
  SmallVector<Value> operands;
  for (Value operand : op->getOperands()) {
    if (isAlias(operand) && !isUnusedInit(op, operand))
      bases_[aliasOf(operand).base].isShared = true;
    operands.push_back(read(operand));
  }
  op->setOperands(operands);
  auto loop = dyn_cast<torch::LoopOp>(op);
  return loop ? visitLoop(loop) : visitIf(cast<torch::IfOp>(op));
}

} // namespace linalgd
