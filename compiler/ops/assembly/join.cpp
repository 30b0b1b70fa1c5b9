// Joining and repeating.
#include "compiler/dialect/layout.h"
#include "compiler/ops/assembly/assembly.h"
#include "compiler/ops/assembly/helpers.h"
#include "compiler/ops/view/view.h"

using namespace mlir;

namespace linalgd::torch {

//===-- ranks ---------------------------------------------------------------------------------===//

Sizes atLeast(const Sizes &sizes, int64_t rank) {
  if (!sizes || static_cast<int64_t>(sizes->size()) >= rank)
    return sizes;
  SmallVector<int64_t> result(*sizes);
  while (static_cast<int64_t>(result.size()) < rank)
    result.insert(result.size() == 2 ? result.end() : result.begin(), 1);
  return result;
}

Value makeAtLeast(TorchBuilder &b, Value tensor, int64_t rank) {
  Sizes sizes = sizesOf(tensor);
  if (!sizes)
    return nullptr;
  for (int64_t have = sizes->size(); have < rank; ++have)
    tensor = UnsqueezeOp::create(b, tensor, b.constInt(have == 2 ? 2 : 0));
  return tensor;
}

//===-- cat -----------------------------------------------------------------------------------===//

// PyTorch lets operands of size [0] stand beside any others.
static bool isLegacyEmpty(const Sizes &sizes) {
  return sizes && sizes->size() == 1 && sizes->front() == 0;
}

LogicalResult inferJoined(Inference &r, Value list, int64_t leastRank, std::optional<int64_t> dim) {
  std::optional<SmallVector<Value>> tensors = matchList(list);
  if (!tensors)
    return r.tensor(std::nullopt, nullptr);
  if (tensors->empty())
    return r.error("needs at least one tensor");
  Type dtype = torch::resultDtype(*tensors);
  Sizes result;
  bool allLegacyEmpty = llvm::all_of(*tensors, [](Value t) { return isLegacyEmpty(sizesOf(t)); });
  for (Value tensor : *tensors) {
    Sizes sizes = atLeast(sizesOf(tensor), leastRank);
    if (!sizes || !dim)
      return r.tensor(std::nullopt, dtype);
    if (isLegacyEmpty(sizes) && !allLegacyEmpty)
      continue;
    std::optional<int64_t> at = normalizeDim(*dim, sizes->size());
    if (sizes->empty() || !at)
      return r.error("has a dimension out of range");
    if (!result) {
      result = sizes;
      continue;
    }
    if (result->size() != sizes->size())
      return r.error("has operands of different ranks");
    for (auto [index, size] : llvm::enumerate(*sizes)) {
      int64_t &into = (*result)[index];
      bool unknown = ShapedType::isDynamic(into) || ShapedType::isDynamic(size);
      if (static_cast<int64_t>(index) == *at)
        into = unknown ? ShapedType::kDynamic : into + size;
      else if (!unknown && into != size)
        return r.error("has operands whose other sizes differ");
      else if (ShapedType::isDynamic(into))
        into = size;
    }
  }
  return r.tensor(result, dtype);
}

LogicalResult decomposeJoined(Decomposition &b, int64_t leastRank, std::optional<int64_t> dim) {
  std::optional<SmallVector<Value>> tensors = matchList(b.op->getOperand(0));
  if (!tensors || !dim || llvm::any_of(*tensors, [](Value tensor) { return !sizesOf(tensor); }))
    return failure();
  for (Value &tensor : *tensors)
    tensor = makeAtLeast(b, tensor, leastRank);
  Value list = b.list(*tensors, getTensorType(b.getContext(), std::nullopt, nullptr));
  return b.replace(CatOp::create(b, list, b.constInt(*dim)).getResult());
}

std::optional<int64_t> hstackDim(Value list) {
  std::optional<SmallVector<Value>> tensors = matchList(list);
  if (!tensors || tensors->empty() || !sizesOf(tensors->front()))
    return std::nullopt;
  return sizesOf(tensors->front())->size() <= 1 ? 0 : 1;
}

LogicalResult CatOp::lowerToLinalg(Lowering &b) {
  std::optional<SmallVector<Value>> tensors = matchList(getTensors());
  std::optional<int64_t> given = matchInt(getDim());
  if (!tensors || !given || !b.resultType())
    return b.unsupported("the list, the dimension or the rank of the operands is unknown");
  int64_t rank = b.resultType().getRank(), dim = *normalizeDim(*given, rank);
  SmallVector<Value> parts;
  for (Value tensor : *tensors) {
    if (isLegacyEmpty(sizesOf(tensor)))
      continue;
    Value part = b.lowered(tensor);
    if (!isa<RankedTensorType>(part.getType()))
      return b.unsupported("the rank of an operand is unknown");
    if (cast<RankedTensorType>(part.getType()).getDimSize(dim) != 0)
      parts.push_back(b.convert(part, dtypeOf(tensor), b.resultDtype()));
  }
  Type element = b.resultType().getElementType();
  if (parts.size() == 1)
    return b.replace(parts.front());
  if (parts.empty()) {
    IndexList sizes = tensors->empty() ? IndexList() : b.sizes(b.lowered(tensors->back()));
    return b.replace(b.empty(refineSizes(b, sizes), element));
  }
  // What is static in one operand is so in all.
  IndexList sizes = b.sizes(parts.front()), starts;
  OpFoldResult end = b.getIndexAttr(0);
  for (Value part : parts) {
    starts.push_back(end);
    end = addIndex(b, end, b.dim(part, dim));
  }
  sizes[dim] = end;
  sizes = refineSizes(b, sizes);
  Value result = b.empty(sizes, element);
  for (auto [part, start] : llvm::zip(parts, starts))
    result = insertSlice(b, result, part, dim, {start, b.dim(part, dim), b.getIndexAttr(1)});
  return b.replace(result);
}

//===-- stack ---------------------------------------------------------------------------------===//

LogicalResult StackOp::infer(Adaptor op, Inference &r) {
  std::optional<SmallVector<Value>> tensors = matchList(op.getTensors());
  if (auto slices = strip(op.getTensors()).getDefiningOp<UnbindIntOp>()) {
    Sizes sizes = sizesOf(slices.getSelf());
    bool isSame = matchInt(slices.getDim()) && matchInt(slices.getDim()) == matchInt(op.getDim());
    return r.tensor(isSame ? sizes : Sizes(), dtypeOf(slices.getSelf()));
  }
  if (!tensors)
    return r.tensor(std::nullopt, nullptr);
  if (tensors->empty())
    return r.error("needs at least one tensor");
  for (Value tensor : *tensors)
    if (Sizes first = sizesOf(tensors->front());
        first && failed(r.hasSizes(tensor, *first, "an operand")))
      return failure();
  Sizes sizes = sizesOf(tensors->front());
  std::optional<int64_t> given = matchInt(op.getDim());
  if (sizes && given) {
    std::optional<int64_t> dim = normalizeDim(*given, sizes->size() + 1);
    if (!dim)
      return r.error("has a dimension out of range");
    sizes->insert(sizes->begin() + *dim, tensors->size());
  } else {
    sizes = std::nullopt;
  }
  return r.tensor(sizes, torch::resultDtype(*tensors));
}

LogicalResult StackOp::decompose(Decomposition &b) {
  // What a loop collected (collect_rows.cpp).
  if (auto slices = strip(getTensors()).getDefiningOp<UnbindIntOp>())
    return b.replace(MovedimIntOp::create(b, slices.getSelf(), slices.getDim(), getDim()));
  std::optional<SmallVector<Value>> tensors = matchList(getTensors());
  if (!tensors)
    return failure();
  for (Value &tensor : *tensors)
    tensor = UnsqueezeOp::create(b, tensor, getDim());
  Value list = b.list(*tensors, getTensorType(b.getContext(), std::nullopt, nullptr));
  return b.replace(CatOp::create(b, list, getDim()).getResult());
}

LogicalResult ColumnStackOp::infer(Adaptor op, Inference &r) {
  std::optional<SmallVector<Value>> tensors = matchList(op.getTensors());
  if (!tensors || tensors->empty())
    return r.tensor(std::nullopt, nullptr);
  SmallVector<int64_t> result;
  for (Value tensor : *tensors) {
    Sizes sizes = sizesOf(tensor);
    if (!sizes)
      return r.tensor(std::nullopt, torch::resultDtype(*tensors));
    while (sizes->size() < 2)
      sizes->push_back(1);
    if (result.empty())
      result = *sizes;
    else if (ShapedType::isDynamic(result[1]) || ShapedType::isDynamic((*sizes)[1]))
      result[1] = ShapedType::kDynamic;
    else
      result[1] += (*sizes)[1];
  }
  return r.tensor(result, torch::resultDtype(*tensors));
}

LogicalResult ColumnStackOp::decompose(Decomposition &b) {
  std::optional<SmallVector<Value>> tensors = matchList(getTensors());
  if (!tensors || llvm::any_of(*tensors, [](Value tensor) { return !sizesOf(tensor); }))
    return failure();
  for (Value &tensor : *tensors)
    for (int64_t rank = sizesOf(tensor)->size(); rank < 2; ++rank)
      tensor = UnsqueezeOp::create(b, tensor, b.constInt(rank));
  Value list = b.list(*tensors, getTensorType(b.getContext(), std::nullopt, nullptr));
  return b.replace(CatOp::create(b, list, b.constInt(1)).getResult());
}

//===-- repeating -----------------------------------------------------------------------------===//

static int64_t multiply(int64_t a, int64_t b) {
  if (a == 0 || b == 0)
    return 0;
  return ShapedType::isDynamic(a) || ShapedType::isDynamic(b) ? ShapedType::kDynamic : a * b;
}

static LogicalResult inferRepeated(Inference &r, Value self, Sizes repeats) {
  Sizes sizes = sizesOf(self);
  if (!sizes || !repeats)
    return r.tensor(std::nullopt, dtypeOf(self));
  if (repeats->size() < sizes->size())
    return r.error("has fewer repeats than the operand has dimensions");
  size_t added = repeats->size() - sizes->size();
  for (auto [index, size] : llvm::enumerate(*sizes)) {
    int64_t &repeat = (*repeats)[added + index];
    repeat = multiply(repeat, size);
  }
  return r.tensor(repeats, dtypeOf(self));
}

LogicalResult RepeatOp::infer(Adaptor op, Inference &r) {
  return inferRepeated(r, op.getSelf(), matchSizes(op.getRepeats()));
}

LogicalResult TileOp::infer(Adaptor op, Inference &r) {
  Sizes sizes = sizesOf(op.getSelf()), repeats = matchSizes(op.getDims());
  if (sizes && repeats && repeats->size() < sizes->size())
    repeats->insert(repeats->begin(), sizes->size() - repeats->size(), 1);
  return inferRepeated(r, op.getSelf(), repeats);
}

// Dimension by dimension: a new one before it is expanded and both become one.
LogicalResult RepeatOp::decompose(Decomposition &b) {
  std::optional<SmallVector<Value>> repeats = matchList(getRepeats());
  Sizes sizes = sizesOf(getSelf());
  if (!repeats || !sizes)
    return failure();
  Value result = getSelf();
  size_t added = repeats->size() - sizes->size();
  for (size_t i = 0; i < added; ++i)
    result = UnsqueezeOp::create(b, result, b.constInt(0));
  sizes->insert(sizes->begin(), added, 1);
  SmallVector<Value> expanded;
  SmallVector<int64_t> merges;
  for (auto [repeat, size] : llvm::zip(*repeats, *sizes)) {
    if (size == 1) {
      expanded.push_back(repeat);
      continue;
    }
    if (matchInt(repeat) != 1) {
      merges.push_back(expanded.size());
      result = UnsqueezeOp::create(b, result, b.constInt(expanded.size()));
      expanded.push_back(repeat);
    }
    expanded.push_back(b.constInt(-1));
  }
  result = ExpandOp::create(b, result, b.intList(expanded), b.constBool(false));
  for (int64_t dim : llvm::reverse(merges))
    result = FlattenUsingIntsOp::create(b, result, b.constInt(dim), b.constInt(dim + 1));
  return b.replace(result);
}

LogicalResult TileOp::decompose(Decomposition &b) {
  std::optional<SmallVector<Value>> repeats = matchList(getDims());
  Sizes sizes = sizesOf(getSelf());
  if (!repeats || !sizes)
    return failure();
  while (repeats->size() < sizes->size())
    repeats->insert(repeats->begin(), b.constInt(1));
  return b.replace(RepeatOp::create(b, getSelf(), b.intList(*repeats)).getResult());
}

LogicalResult RepeatInterleaveSelfIntOp::infer(Adaptor op, Inference &r) {
  Sizes sizes = sizesOf(op.getSelf());
  int64_t repeats = matchInt(op.getRepeats()).value_or(ShapedType::kDynamic);
  if (!sizes)
    return r.tensor(std::nullopt, dtypeOf(op.getSelf()));
  if (isNone(op.getDim())) {
    for (int64_t size : *sizes)
      repeats = multiply(repeats, size);
    return r.tensor(SmallVector<int64_t>{repeats}, dtypeOf(op.getSelf()));
  }
  std::optional<int64_t> given = matchInt(op.getDim());
  std::optional<int64_t> dim = given ? normalizeDim(*given, sizes->size()) : std::nullopt;
  if (!dim || sizes->empty())
    return r.error("has a dimension out of range");
  (*sizes)[*dim] = multiply((*sizes)[*dim], repeats);
  return r.tensor(sizes, dtypeOf(op.getSelf()));
}

LogicalResult RepeatInterleaveSelfIntOp::decompose(Decomposition &b) {
  Sizes sizes = sizesOf(getSelf());
  std::optional<int64_t> dim = isNone(getDim()) ? 0 : matchInt(getDim());
  if (!sizes || !dim)
    return failure();
  Value result = getSelf();
  if (isNone(getDim()))
    result = FlattenUsingIntsOp::create(b, result, b.constInt(0), b.constInt(-1));
  int64_t rank = sizesOf(result)->size(), at = *normalizeDim(*dim, rank);
  SmallVector<Value> expanded(rank + 1, b.constInt(-1));
  expanded[at + 1] = getRepeats();
  result = UnsqueezeOp::create(b, result, b.constInt(at + 1));
  result = ExpandOp::create(b, result, b.intList(expanded), b.constBool(false));
  return b.replace(
      FlattenUsingIntsOp::create(b, result, b.constInt(at), b.constInt(at + 1)).getResult());
}

} // namespace linalgd::torch
