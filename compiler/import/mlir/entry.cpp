#include "compiler/import/mlir/entry.h"
#include "compiler/dialect/torch.h"
#include "compiler/import/mlir/checks.h"
#include "compiler/import/mlir/objects.h"
#include "compiler/ops/object/object.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/SymbolTable.h"

#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace linalgd {
namespace {

constexpr size_t kMaxListed = 10;

std::string listOf(ArrayRef<func::FuncOp> functions) {
  std::string names;
  for (func::FuncOp function : functions.take_front(kMaxListed))
    names += (names.empty() ? "@" : ", @") + function.getSymName().str();
  return functions.size() > kMaxListed ? names + ", …" : names;
}

FailureOr<func::FuncOp> findEntry(ModuleOp module, StringRef name) {
  SmallVector<func::FuncOp> candidates;
  for (auto function : module.getOps<func::FuncOp>())
    if (function.isPublic() && !function.isExternal())
      candidates.push_back(function);
  for (func::FuncOp function : candidates)
    if (function.getSymName() == name)
      return function;
  if (candidates.size() == 1)
    return candidates.front();
  if (candidates.empty() && hasObjects(module))
    return makeMethodEntry(module, name);
  if (candidates.empty())
    return module.emitError("the module has no public function with a body");
  return candidates.back().emitError()
         << "the module has " << candidates.size() << " public functions, none of them named @"
         << name << ": " << listOf(candidates);
}

// What is known of a function on the way through those that it calls.
struct Callee {
  SmallVector<func::CallOp> calls;
  size_t numOps = 0; // with what is inlined
  bool done = false;
};

class Inliner {
public:
  explicit Inliner(ModuleOp module) : symbols_(module) {}

  // Depth first without recursion: a chain of calls may be long.
  LogicalResult run(func::FuncOp entry) {
    if (failed(enter(entry)))
      return failure();
    while (!path_.empty()) {
      auto &[function, next] = path_.back();
      Callee &callee = callees_[function];
      if (next == callee.calls.size()) {
        if (failed(inlineCalls(callee)))
          return failure();
        path_.pop_back();
        continue;
      }
      func::CallOp call = callee.calls[next++];
      auto target = symbols_.lookup<func::FuncOp>(call.getCallee());
      if (!target || target.isExternal())
        return call.emitError() << "the function @" << call.getCallee()
                                << " that is called has no body in the module";
      auto known = callees_.find(target);
      if (known == callees_.end()) {
        if (failed(enter(target)))
          return failure();
      } else if (!known->second.done) {
        return call.emitError() << "the function @" << call.getCallee()
                                << " calls itself, directly or by others: recursion cannot be "
                                   "compiled";
      }
    }
    return success();
  }

private:
  LogicalResult enter(func::FuncOp function) {
    if (!llvm::hasSingleElement(function.getBody()))
      return function.emitError() << "the function @" << function.getSymName()
                                  << " has several blocks; control flow is torch.prim.If and Loop, "
                                     "or scf";
    std::vector<Operation *> ops;
    if (failed(collectOps(function, ops)))
      return failure();
    Callee callee;
    callee.numOps = ops.size();
    for (Operation *op : ops)
      if (auto call = dyn_cast<func::CallOp>(op))
        callee.calls.push_back(call);
    callees_[function] = std::move(callee);
    path_.emplace_back(function, 0);
    return success();
  }

  LogicalResult inlineCalls(Callee &callee) {
    for (func::CallOp call : callee.calls) {
      auto target = symbols_.lookup<func::FuncOp>(call.getCallee());
      callee.numOps += callees_[target].numOps;
      if (callee.numOps > ModuleLimits::kMaxOps)
        return call.emitError() << "the functions that are called are more than "
                                << ModuleLimits::kMaxOps << " ops together";
    }
    for (func::CallOp call : callee.calls)
      inlineCall(call, symbols_.lookup<func::FuncOp>(call.getCallee()));
    callee.calls.clear();
    callee.done = true;
    return success();
  }

  static void inlineCall(func::CallOp call, func::FuncOp target) {
    OpBuilder builder(call);
    IRMapping mapping;
    Block &body = target.getBody().front();
    mapping.map(body.getArguments(), call.getOperands());
    for (Operation &op : body.without_terminator())
      builder.clone(op, mapping);
    SmallVector<Value> results;
    for (Value value : body.getTerminator()->getOperands())
      results.push_back(mapping.lookupOrDefault(value));
    call.replaceAllUsesWith(results);
    call.erase();
  }

  SymbolTable symbols_;
  llvm::MapVector<Operation *, Callee> callees_;
  std::vector<std::pair<func::FuncOp, size_t>> path_; // with the next call of each
};

// torch-mlir writes what is known of an argument beside its type.
LogicalResult applyTypeBounds(func::FuncOp function) {
  for (BlockArgument argument : function.getArguments()) {
    unsigned index = argument.getArgNumber();
    auto attribute = function.getArgAttrOfType<TypeAttr>(index, "torch.type_bound");
    if (!attribute)
      continue;
    auto type = dyn_cast<torch::BaseTensorType>(argument.getType());
    auto bound = dyn_cast<torch::BaseTensorType>(attribute.getValue());
    if (!type || !bound || !torch::areCompatible(bound.asValue(), type.asValue()))
      return function.emitError() << "the type bound " << attribute.getValue() << " of argument "
                                  << index << " does not fit its type " << argument.getType();
    argument.setType(type.isValue() ? bound.asValue() : bound.asNonValue());
    function.removeArgAttr(index, StringAttr::get(function.getContext(), "torch.type_bound"));
  }
  function.setType(FunctionType::get(function.getContext(), function.getBody().getArgumentTypes(),
                                     function.getResultTypes()));
  return success();
}

// What may stand in the module beside functions.
LogicalResult checkTopLevel(ModuleOp module) {
  if (hasObjects(module))
    return checkObjects(module);
  for (Operation &op : *module.getBody())
    if (!isa<func::FuncOp, torch::GlobalSlotOp, torch::GlobalSlotModuleInitializerOp>(op))
      return op.emitError() << "'" << op.getName()
                            << "' stands in the module beside its functions, where linalgd knows "
                               "functions, global slots and objects only";
  return success();
}

// Calls are put in place as long as that is about functions alone; GlobalizeObjectGraph does it
// where objects have methods.
LogicalResult isolateFunction(ModuleOp module, func::FuncOp entry) {
  if (!hasObjects(module)) {
    if (failed(Inliner(module).run(entry)))
      return failure();
    for (auto function : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
      if (function != entry)
        function.erase();
    return success();
  }
  if (!llvm::hasSingleElement(entry.getBody()))
    return entry.emitError() << "the function @" << entry.getSymName() << " has several blocks";
  for (auto function : module.getOps<func::FuncOp>())
    function.setPrivate();
  return success();
}

} // namespace

LogicalResult isolateEntry(ModuleOp module, StringRef name) {
  if (failed(checkTopLevel(module)))
    return failure();
  auto entry = findEntry(module, name);
  if (failed(entry) || failed(isolateFunction(module, *entry)))
    return failure();
  entry->setPublic();
  SymbolTable symbols(module);
  Operation *other = symbols.lookup(name);
  if (other && other != *entry && failed(symbols.renameToUnique(other, {})))
    return failure();
  if (other != *entry && failed(symbols.rename(*entry, name)))
    return failure();
  return applyTypeBounds(*entry);
}

} // namespace linalgd
