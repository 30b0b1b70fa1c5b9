#include "compiler/import/mlir/checks.h"
#include "compiler/dialect/torch.h"
#include "compiler/import/graph.h"
#include "compiler/import/mlir/diagnostics.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/IntegerSet.h"

using namespace mlir;

namespace linalgd {

LogicalResult collectOps(Operation *root, std::vector<Operation *> &ops) {
  std::vector<std::pair<Operation *, size_t>> waiting;
  auto addChildren = [&](Operation *op, size_t depth) {
    for (Region &region : llvm::reverse(op->getRegions()))
      for (Block &block : llvm::reverse(region))
        for (Operation &inner : llvm::reverse(block))
          waiting.emplace_back(&inner, depth);
  };
  addChildren(root, 1);
  while (!waiting.empty()) {
    auto [op, depth] = waiting.back();
    waiting.pop_back();
    if (depth > ModuleLimits::kMaxRegionDepth)
      return op->emitError() << "regions are nested deeper than " << ModuleLimits::kMaxRegionDepth;
    ops.push_back(op);
    addChildren(op, depth + 1);
  }
  return success();
}

namespace {

Location placeLoc(Location location) {
  std::optional<SourceLocation> place = placeOf(location);
  if (!place)
    return UnknownLoc::get(location.getContext());
  return FileLineColLoc::get(location.getContext(), place->file, place->line, place->column);
}

SmallVector<NamedAttribute> ownAttributes(ArrayRef<NamedAttribute> attributes) {
  return llvm::filter_to_vector(attributes, [](NamedAttribute attribute) {
    return attribute.getName().getValue().starts_with("torch.");
  });
}

void stripFunction(FunctionOpInterface function) {
  MLIRContext *context = function.getContext();
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    function.setArgAttrs(i, DictionaryAttr::get(context, ownAttributes(function.getArgAttrs(i))));
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    function.setResultAttrs(
        i, DictionaryAttr::get(context, ownAttributes(function.getResultAttrs(i))));
}

} // namespace

void stripForeign(ArrayRef<Operation *> ops) {
  for (Operation *op : ops) {
    op->setLoc(placeLoc(op->getLoc()));
    for (Region &region : op->getRegions())
      for (Block &block : region)
        for (BlockArgument argument : block.getArguments())
          argument.setLoc(placeLoc(argument.getLoc()));
    auto function = dyn_cast<func::FuncOp>(op);
    SmallVector<NamedAttribute> kept;
    if (function) {
      kept = ownAttributes(llvm::to_vector(op->getDiscardableAttrs()));
      stripFunction(function);
    }
    op->setDiscardableAttrs(kept);
  }
}

namespace {

// How deep and how large attributes and types are when written out; each is looked at once.
class AttributeMeter {
public:
  struct Extent {
    size_t depth = 0;
    uint64_t size = 0;
  };

  Extent measure(const void *node) {
    waiting_.push_back(node);
    while (!waiting_.empty()) {
      const void *top = waiting_.back();
      if (extents_.contains(top)) {
        waiting_.pop_back();
        continue;
      }
      children_.clear();
      uint64_t own = visit(top);
      size_t before = waiting_.size();
      for (const void *child : children_)
        if (!extents_.contains(child))
          waiting_.push_back(child);
      if (waiting_.size() != before)
        continue;
      Extent extent{1, own};
      for (const void *child : children_) {
        Extent inner = extents_.lookup(child);
        extent.depth = std::max(extent.depth, inner.depth + 1);
        extent.size = std::min(extent.size + inner.size, ModuleLimits::kMaxAttributeSize + 1);
      }
      extents_[top] = extent;
      waiting_.pop_back();
    }
    return extents_.lookup(node);
  }
  Extent measure(Attribute attribute) { return measure(tagged(attribute)); }
  Extent measure(Type type) { return measure(tagged(type)); }

private:
  // Attributes and types are objects of their own: no address is both.
  const void *tagged(Attribute attribute) {
    const void *pointer = attribute.getAsOpaquePointer();
    attributes_.try_emplace(pointer, attribute);
    return pointer;
  }
  const void *tagged(Type type) {
    const void *pointer = type.getAsOpaquePointer();
    types_.try_emplace(pointer, type);
    return pointer;
  }

  // Finds the children; returns the size without them.
  uint64_t visit(const void *node) {
    auto addAttribute = [&](Attribute child) {
      if (child)
        children_.push_back(tagged(child));
    };
    auto addType = [&](Type child) {
      if (child)
        children_.push_back(tagged(child));
    };
    if (Type type = types_.lookup(node)) {
      type.walkImmediateSubElements(addAttribute, addType);
      return 1;
    }
    Attribute attribute = attributes_.lookup(node);
    attribute.walkImmediateSubElements(addAttribute, addType);
    uint64_t size = 1;
    if (auto text = dyn_cast<StringAttr>(attribute))
      size += text.size() / 8;
    else if (auto dense = dyn_cast<DenseElementsAttr>(attribute))
      size += dense.getRawData().size() / 8;
    else if (auto array = dyn_cast<DenseArrayAttr>(attribute))
      size += array.getRawData().size() / 8;
    else if (auto map = dyn_cast<AffineMapAttr>(attribute))
      map.getValue().walkExprs([&](AffineExpr) { ++size; });
    else if (auto set = dyn_cast<IntegerSetAttr>(attribute))
      set.getValue().walkExprs([&](AffineExpr) { ++size; });
    return size;
  }

  llvm::DenseMap<const void *, Extent> extents_;
  llvm::DenseMap<const void *, Attribute> attributes_;
  llvm::DenseMap<const void *, Type> types_;
  std::vector<const void *> waiting_;
  SmallVector<const void *> children_;
};

template <typename Visitor> LogicalResult forEachType(Operation *op, Visitor visit) {
  for (Type type : op->getResultTypes())
    if (failed(visit(type)))
      return failure();
  for (Region &region : op->getRegions())
    for (Block &block : region)
      for (Type type : block.getArgumentTypes())
        if (failed(visit(type)))
          return failure();
  return success();
}

} // namespace

LogicalResult checkAttributes(ArrayRef<Operation *> ops) {
  AttributeMeter meter;
  uint64_t total = 0;
  for (Operation *op : ops) {
    auto add = [&](AttributeMeter::Extent extent) -> LogicalResult {
      total += extent.size;
      if (extent.depth > ModuleLimits::kMaxAttributeDepth)
        return op->emitError() << "an attribute or type is nested deeper than "
                               << ModuleLimits::kMaxAttributeDepth;
      if (total > ModuleLimits::kMaxAttributeSize)
        return op->emitError() << "attributes and types are too large when written out";
      return success();
    };
    for (NamedAttribute attribute : op->getAttrs())
      if (failed(add(meter.measure(attribute.getValue()))))
        return failure();
    if (failed(forEachType(op, [&](Type type) { return add(meter.measure(type)); })))
      return failure();
  }
  return success();
}

namespace {

// Ops that stand beside linalg on tensors; null for all of the dialect.
constexpr std::pair<const char *, const char *> kLinalgOps[] = {
    {"linalg", nullptr},      {"arith", nullptr},         {"math", nullptr},
    {"tensor", nullptr},      {"scf", nullptr},           {"complex", nullptr},
    {"cf", "cf.assert"},      {"affine", "affine.apply"}, {"affine", "affine.min"},
    {"affine", "affine.max"}, {"ub", "ub.poison"},
};

bool isLinalg(Operation *op) {
  StringRef dialect = op->getName().getDialectNamespace();
  return llvm::any_of(kLinalgOps, [&](auto entry) {
    return dialect == entry.first &&
           (!entry.second || op->getName().getStringRef() == entry.second);
  });
}

bool hasBuffer(Type type) { return isa<BaseMemRefType>(type); }

} // namespace

bool isDialectRead(StringRef dialect) {
  return llvm::is_contained({"builtin", "func", "torch"}, dialect) ||
         llvm::any_of(kLinalgOps, [&](auto entry) { return dialect == entry.first; });
}

FailureOr<bool> checkDialects(ArrayRef<Operation *> ops) {
  Operation *firstTorch = nullptr, *firstLinalg = nullptr;
  for (Operation *op : ops) {
    if (isa<func::FuncOp, func::ReturnOp, func::CallOp>(op))
      continue;
    if (isa_and_present<torch::TorchDialect>(op->getDialect())) {
      firstTorch = firstTorch ? firstTorch : op;
      continue;
    }
    if (!isLinalg(op))
      return op->emitError() << "the op '" << op->getName()
                             << "' is of a dialect, or a part of one, that linalgd does not read";
    if (llvm::any_of(op->getOperandTypes(), hasBuffer) ||
        llvm::any_of(op->getResultTypes(), hasBuffer))
      return op->emitError() << "'" << op->getName()
                             << "' works on memref: linalgd reads linalg on tensors, a dialect "
                                "level above";
    firstLinalg = firstLinalg ? firstLinalg : op;
  }
  if (firstTorch && firstLinalg)
    return firstLinalg->emitError()
           << "'" << firstLinalg->getName() << "' stands beside '" << firstTorch->getName()
           << "': a module is of the torch dialect, or it is linalg on tensors";
  if (firstTorch || firstLinalg)
    return firstTorch != nullptr;
  // A function that returns its arguments.
  for (Operation *op : ops)
    if (auto function = dyn_cast<func::FuncOp>(op))
      for (Type type : function.getArgumentTypes())
        if (isa<torch::TorchDialect>(type.getDialect()))
          return true;
  return false;
}

namespace {

LogicalResult checkTensor(Operation *op, Type type) {
  Type element;
  ArrayRef<int64_t> sizes;
  if (auto tensor = dyn_cast<torch::BaseTensorType>(type)) {
    element = tensor.getDtype();
    if (tensor.hasSizes())
      sizes = tensor.getSizes();
  } else if (auto shaped = dyn_cast<ShapedType>(type); shaped && shaped.hasRank()) {
    element = shaped.getElementType();
    sizes = shaped.getShape();
  }
  if (sizes.size() > kMaxRank)
    return op->emitError() << "a tensor has " << sizes.size() << " dimensions; PyTorch has at most "
                           << kMaxRank;
  constexpr uint64_t kMaxElementBytes = 16;
  uint64_t bytes = kMaxElementBytes;
  for (int64_t size : sizes) {
    if (ShapedType::isDynamic(size))
      continue;
    if (size < 0)
      return op->emitError() << "a tensor has the size " << size;
    if (__builtin_mul_overflow(bytes, std::max<uint64_t>(static_cast<uint64_t>(size), 1), &bytes) ||
        bytes > INT64_MAX)
      return op->emitError() << "the tensor " << type << " has more bytes than can be counted";
  }
  return success();
}

} // namespace

LogicalResult checkTensors(ArrayRef<Operation *> ops) {
  for (Operation *op : ops) {
    auto check = [&](Type type) {
      return success(!type.walk([&](Type inner) { return WalkResult(checkTensor(op, inner)); })
                          .wasInterrupted());
    };
    if (failed(forEachType(op, check)))
      return failure();
    for (NamedAttribute attribute : op->getAttrs()) {
      auto type = dyn_cast<TypeAttr>(attribute.getValue());
      if (type && failed(check(type.getValue())))
        return failure();
      auto elements = dyn_cast<ElementsAttr>(attribute.getValue());
      if (elements && failed(check(elements.getShapedType())))
        return failure();
    }
  }
  return success();
}

} // namespace linalgd
