#include "compiler/import/mlir/objects.h"
#include "compiler/import/mlir/checks.h"
#include "compiler/ops/object/object.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;

namespace linalgd {

bool hasObjects(ModuleOp module) { return !module.getOps<torch::NnModuleOp>().empty(); }

LogicalResult checkObjects(ModuleOp module) {
  llvm::DenseMap<Operation *, size_t> depths; // of what holds what
  for (Operation &op : *module.getBody()) {
    if (isa<func::FuncOp, torch::ClassTypeOp>(op))
      continue;
    if (!isa_and_present<torch::TorchDialect>(op.getDialect()))
      return op.emitError() << "'" << op.getName() << "' stands in the module beside its objects";
    size_t depth = 0;
    WalkResult walked = op.walk<WalkOrder::PreOrder>([&](Operation *inner) {
      for (Value operand : inner->getOperands()) {
        Operation *held = operand.getDefiningOp();
        auto known = depths.find(held);
        if (known == depths.end())
          return WalkResult(inner->emitError("uses a value of the module before it is there"));
        depth = std::max(depth, known->second + 1);
      }
      if (inner != &op)
        depths.try_emplace(inner, 0);
      return WalkResult::advance();
    });
    if (walked.wasInterrupted())
      return failure();
    if (depth > ModuleLimits::kMaxObjectDepth)
      return op.emitError() << "objects are nested deeper than " << ModuleLimits::kMaxObjectDepth;
    depths[&op] = depth;
  }
  return success();
}

static FailureOr<torch::MethodOp> findMethod(ModuleOp module, StringRef name) {
  torch::NnModuleOp root;
  for (auto object : module.getOps<torch::NnModuleOp>()) {
    if (!object->use_empty())
      continue;
    if (root)
      return object.emitError("a second object that no other one holds: which of them is the "
                              "root is not known");
    root = object;
  }
  auto type = SymbolTable::lookupNearestSymbolFrom<torch::ClassTypeOp>(
      module, StringAttr::get(module.getContext(), root.getType().getClassName()));
  if (!type)
    return root.emitError() << "the class of " << root.getType() << " is not in the module";
  torch::MethodOp found;
  size_t numPublic = 0;
  auto rank = [&](torch::MethodOp method) {
    return method.getName() == name        ? 3
           : method.getName() == "forward" ? 2
                                           : !method.getIsPrivate();
  };
  for (auto method : type.getBody().getOps<torch::MethodOp>()) {
    numPublic += !method.getIsPrivate();
    if (!found || rank(method) > rank(found))
      found = method;
  }
  if (!found || rank(found) == 0 || (rank(found) == 1 && numPublic > 1))
    return type.emitError() << "the class of the root object has no method '" << name
                            << "', no 'forward', and not just one that is public";
  return found;
}

FailureOr<func::FuncOp> makeMethodEntry(ModuleOp module, StringRef name) {
  FailureOr<torch::MethodOp> method = findMethod(module, name);
  if (failed(method))
    return failure();
  auto function = module.lookupSymbol<func::FuncOp>(method->getFunction());
  if (!function || function.isExternal())
    return method->emitError() << "the function @" << method->getFunction() << " has no body";
  if (function.getNumArguments() == 0 || function.getNumResults() != 1)
    return function.emitError("a method takes its object and has one result");
  auto entry = func::FuncOp::create(function.getLoc(), name, function.getFunctionType());
  if (ArrayAttr attributes = function.getAllArgAttrs())
    entry.setAllArgAttrs(attributes);
  Block *body = entry.addEntryBlock();
  auto b = ImplicitLocOpBuilder::atBlockEnd(function.getLoc(), body);
  Value result = torch::CallMethodOp::create(b, function.getResultTypes()[0], body->getArgument(0),
                                             method->getName(), body->getArguments().drop_front());
  func::ReturnOp::create(b, result);
  SymbolTable(module).insert(entry);
  return entry;
}

} // namespace linalgd
