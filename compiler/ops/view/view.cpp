// Reshapes: views of all the elements in their order.
#include "compiler/ops/view/view.h"
#include "compiler/dialect/layout.h"
#include "compiler/ops/view/helpers.h"

using namespace mlir;

namespace linalgd::torch {

//===-- types ---------------------------------------------------------------------------------===//

// `given` with -1 replaced by what is left of the elements.
static LogicalResult inferReshaped(Inference &r, Value self, Sizes given) {
  Sizes sizes = sizesOf(self);
  if (!given)
    return r.tensor(std::nullopt, dtypeOf(self));
  bool isStatic = sizes && !llvm::is_contained(*sizes, ShapedType::kDynamic);
  int64_t elements = 1, known = 1, *inferred = nullptr;
  bool unknown = false;
  if (isStatic)
    for (int64_t size : *sizes)
      elements *= size;
  for (int64_t &size : *given) {
    if (size == -1) {
      if (inferred)
        return r.error("has more than one size of -1");
      inferred = &size;
    } else if (ShapedType::isDynamic(size)) {
      unknown = true;
    } else if (__builtin_mul_overflow(known, size, &known)) {
      return r.error("would have more elements than can be counted");
    }
  }
  bool fits = inferred ? known != 0 && elements % known == 0 : elements == known;
  if (isStatic && !unknown && !fits)
    return r.error(Twine("cannot give ") + Twine(elements) + " elements these sizes");
  if (inferred)
    *inferred = isStatic && !unknown ? elements / known : ShapedType::kDynamic;
  return r.tensor(given, dtypeOf(self));
}

LogicalResult ViewOp::infer(Adaptor op, Inference &r) {
  return inferReshaped(r, op.getSelf(), matchSizes(op.getSize()));
}
LogicalResult UnsafeViewOp::infer(Adaptor op, Inference &r) {
  return inferReshaped(r, op.getSelf(), matchSizes(op.getSize()));
}
LogicalResult ReshapeOp::infer(Adaptor op, Inference &r) {
  return inferReshaped(r, op.getSelf(), matchSizes(op.getShape()));
}
LogicalResult ViewAsOp::infer(Adaptor op, Inference &r) {
  return inferReshaped(r, op.getSelf(), sizesOf(op.getOther()));
}
LogicalResult ReshapeAsOp::infer(Adaptor op, Inference &r) {
  return inferReshaped(r, op.getSelf(), sizesOf(op.getOther()));
}
LogicalResult RavelOp::infer(Adaptor op, Inference &r) {
  return inferReshaped(r, op.getSelf(), SmallVector<int64_t>{-1});
}

static int64_t product(ArrayRef<int64_t> sizes) {
  int64_t result = 1;
  for (int64_t size : sizes) {
    if (ShapedType::isDynamic(size))
      return ShapedType::kDynamic;
    result *= size;
  }
  return result;
}

LogicalResult FlattenUsingIntsOp::infer(Adaptor op, Inference &r) {
  Sizes sizes = sizesOf(op.getSelf());
  Type dtype = dtypeOf(op.getSelf());
  if (!sizes || !matchInt(op.getStartDim()) || !matchInt(op.getEndDim()))
    return r.tensor(std::nullopt, dtype);
  auto start = matchDim(op.getStartDim(), op.getSelf()),
       end = matchDim(op.getEndDim(), op.getSelf());
  if (!start || !end || *start > *end)
    return r.error("has dimensions out of range or in the wrong order");
  if (sizes->empty())
    return r.tensor(SmallVector<int64_t>{1}, dtype);
  ArrayRef<int64_t> all(*sizes);
  SmallVector<int64_t> result(all.take_front(*start));
  result.push_back(product(all.slice(*start, *end - *start + 1)));
  llvm::append_range(result, all.drop_front(*end + 1));
  return r.tensor(result, dtype);
}

LogicalResult UnflattenIntOp::infer(Adaptor op, Inference &r) {
  Sizes sizes = sizesOf(op.getSelf()), parts = matchSizes(op.getSizes());
  std::optional<int64_t> dim = matchDim(op.getDim(), op.getSelf());
  Type dtype = dtypeOf(op.getSelf());
  if (!sizes || !parts || !matchInt(op.getDim()))
    return r.tensor(std::nullopt, dtype);
  if (!dim || sizes->empty())
    return r.error("has a dimension out of range");
  int64_t whole = (*sizes)[*dim], known = 1, *inferred = nullptr;
  for (int64_t &size : *parts) {
    if (size == -1 && inferred)
      return r.error("has more than one size of -1");
    if (size == -1)
      inferred = &size;
    else
      known = ShapedType::isDynamic(size) || ShapedType::isDynamic(known) ? ShapedType::kDynamic
                                                                          : known * size;
  }
  bool isStatic = !ShapedType::isDynamic(whole) && !ShapedType::isDynamic(known);
  if (isStatic && (inferred ? known == 0 || whole % known != 0 : whole != known))
    return r.error(Twine("cannot divide size ") + Twine(whole) + " in these sizes");
  if (inferred)
    *inferred = isStatic ? whole / known : ShapedType::kDynamic;
  SmallVector<int64_t> result(ArrayRef(*sizes).take_front(*dim));
  llvm::append_range(result, *parts);
  llvm::append_range(result, ArrayRef(*sizes).drop_front(*dim + 1));
  return r.tensor(result, dtype);
}

LogicalResult UnsqueezeOp::infer(Adaptor op, Inference &r) {
  Sizes sizes = sizesOf(op.getSelf());
  std::optional<int64_t> given = matchInt(op.getDim());
  if (!sizes || !given)
    return r.tensor(std::nullopt, dtypeOf(op.getSelf()));
  std::optional<int64_t> dim = normalizeDim(*given, sizes->size() + 1);
  if (!dim)
    return r.error("has a dimension out of range");
  sizes->insert(sizes->begin() + *dim, 1);
  return r.tensor(sizes, dtypeOf(op.getSelf()));
}

// Whether an unknown size is 1 decides the rank, which then is unknown, too.
static LogicalResult inferSqueezed(Inference &r, Value self, Value dims) {
  if (failed(r.hasDims(self, dims)))
    return failure();
  Sizes sizes = sizesOf(self);
  std::optional<SmallVector<int64_t>> chosen;
  if (sizes)
    chosen = dims ? matchDims(dims, sizes->size())
                  : llvm::to_vector(llvm::seq<int64_t>(0, sizes->size()));
  if (!chosen)
    return r.tensor(std::nullopt, dtypeOf(self));
  // An empty list means no dimension here.
  if (dims && matchIntList(dims) && matchIntList(dims)->empty())
    chosen->clear();
  SmallVector<int64_t> result;
  for (auto [dim, size] : llvm::enumerate(*sizes)) {
    bool isChosen = llvm::is_contained(*chosen, dim);
    if (isChosen && ShapedType::isDynamic(size))
      return r.tensor(std::nullopt, dtypeOf(self));
    if (!isChosen || size != 1)
      result.push_back(size);
  }
  return r.tensor(result, dtypeOf(self));
}

LogicalResult SqueezeOp::infer(Adaptor op, Inference &r) {
  return inferSqueezed(r, op.getSelf(), nullptr);
}
LogicalResult SqueezeDimOp::infer(Adaptor op, Inference &r) {
  return inferSqueezed(r, op.getSelf(), op.getDim());
}
LogicalResult SqueezeDimsOp::infer(Adaptor op, Inference &r) {
  return inferSqueezed(r, op.getSelf(), op.getDim());
}
LogicalResult PrimsSqueezeOp::infer(Adaptor op, Inference &r) {
  return inferSqueezed(r, op.getA(), op.getDimensions());
}

//===-- views ---------------------------------------------------------------------------------===//

static Value viewAs(TorchBuilder &b, Value base, Value update) {
  return ViewOp::create(b, update, b.sizeList(base));
}
Value ViewOp::scatter(TorchBuilder &b, Value base, Value update, unsigned) {
  return viewAs(b, base, update);
}
Value ReshapeOp::scatter(TorchBuilder &b, Value base, Value update, unsigned) {
  return viewAs(b, base, update);
}
Value ViewAsOp::scatter(TorchBuilder &b, Value base, Value update, unsigned) {
  return viewAs(b, base, update);
}
Value ReshapeAsOp::scatter(TorchBuilder &b, Value base, Value update, unsigned) {
  return viewAs(b, base, update);
}
Value RavelOp::scatter(TorchBuilder &b, Value base, Value update, unsigned) {
  return viewAs(b, base, update);
}
Value FlattenUsingIntsOp::scatter(TorchBuilder &b, Value base, Value update, unsigned) {
  return viewAs(b, base, update);
}
Value UnflattenIntOp::scatter(TorchBuilder &b, Value base, Value update, unsigned) {
  return viewAs(b, base, update);
}
Value UnsqueezeOp::scatter(TorchBuilder &b, Value base, Value update, unsigned) {
  return viewAs(b, base, update);
}
Value SqueezeOp::scatter(TorchBuilder &b, Value base, Value update, unsigned) {
  return viewAs(b, base, update);
}
Value SqueezeDimOp::scatter(TorchBuilder &b, Value base, Value update, unsigned) {
  return viewAs(b, base, update);
}
Value SqueezeDimsOp::scatter(TorchBuilder &b, Value base, Value update, unsigned) {
  return viewAs(b, base, update);
}
Value PrimsSqueezeOp::scatter(TorchBuilder &b, Value base, Value update, unsigned) {
  return viewAs(b, base, update);
}

bool ViewOp::isContiguous(bool contiguous) { return contiguous; }
bool ViewAsOp::isContiguous(bool contiguous) { return contiguous; }
bool UnflattenIntOp::isContiguous(bool contiguous) { return contiguous; }
bool UnsqueezeOp::isContiguous(bool contiguous) { return contiguous; }
bool SqueezeOp::isContiguous(bool contiguous) { return contiguous; }
bool SqueezeDimOp::isContiguous(bool contiguous) { return contiguous; }
bool SqueezeDimsOp::isContiguous(bool contiguous) { return contiguous; }
bool PrimsSqueezeOp::isContiguous(bool contiguous) { return contiguous; }

// A reshape of what does not lie in order is taken for a copy.
bool ReshapeOp::aliases(bool contiguous) { return contiguous; }
bool ReshapeOp::isContiguous(bool) { return true; }
bool ReshapeAsOp::aliases(bool contiguous) { return contiguous; }
bool ReshapeAsOp::isContiguous(bool) { return true; }
bool RavelOp::aliases(bool contiguous) { return contiguous; }
bool RavelOp::isContiguous(bool) { return true; }
bool FlattenUsingIntsOp::aliases(bool contiguous) { return contiguous; }
bool FlattenUsingIntsOp::isContiguous(bool) { return true; }

//===-- decompositions ------------------------------------------------------------------------===//

LogicalResult UnsafeViewOp::decompose(Decomposition &b) {
  return b.replace(ViewOp::create(b, getSelf(), getSize()));
}
LogicalResult ReshapeOp::decompose(Decomposition &b) {
  return b.replace(ViewOp::create(b, getSelf(), getShape()));
}
static LogicalResult decomposeViewAs(Decomposition &b, Value self, Value other) {
  if (!sizesOf(other))
    return failure();
  return b.replace(ViewOp::create(b, self, b.sizeList(other)));
}
LogicalResult ViewAsOp::decompose(Decomposition &b) {
  return decomposeViewAs(b, getSelf(), getOther());
}
LogicalResult ReshapeAsOp::decompose(Decomposition &b) {
  return decomposeViewAs(b, getSelf(), getOther());
}
LogicalResult PrimsSqueezeOp::decompose(Decomposition &b) {
  return b.replace(SqueezeDimsOp::create(b, getA(), getDimensions()));
}
LogicalResult RavelOp::decompose(Decomposition &b) {
  return b.replace(ViewOp::create(b, getSelf(), b.intList(ArrayRef<int64_t>{-1})));
}

//===-- lowerings -----------------------------------------------------------------------------===//

// The dimension of `tensor` that a torch.int is the size of.
static std::optional<int64_t> matchSizeOf(Value value, Value tensor) {
  Operation *op = strip(value).getDefiningOp();
  if (!op || op->getNumOperands() != 2 || op->getOperand(0) != tensor)
    return std::nullopt;
  StringRef name = getQualifiedName(op);
  if (name != "aten.size.int" && name != "aten.sym_size.int")
    return std::nullopt;
  std::optional<int64_t> dim = matchInt(op->getOperand(1));
  return dim ? normalizeDim(*dim, cast<BaseTensorType>(tensor.getType()).getSizes().size())
             : std::nullopt;
}

// The quotient of the elements by the sizes other than `inferred`.
static OpFoldResult inferSize(Lowering &b, ArrayRef<OpFoldResult> inSizes,
                              ArrayRef<OpFoldResult> outSizes, size_t inferred) {
  int64_t inKnown = 1, outKnown = 1;
  IndexList inUnknown, outUnknown;
  for (OpFoldResult size : inSizes)
    if (std::optional<int64_t> known = getConstantIntValue(size))
      inKnown *= *known;
    else
      inUnknown.push_back(size);
  for (auto [index, size] : llvm::enumerate(outSizes)) {
    if (index == inferred)
      continue;
    auto same = llvm::find(inUnknown, size);
    if (std::optional<int64_t> known = getConstantIntValue(size))
      outKnown *= *known;
    else if (same != inUnknown.end())
      inUnknown.erase(same);
    else
      outUnknown.push_back(size);
  }
  if (outKnown != 0 && inKnown % outKnown == 0)
    inKnown /= outKnown, outKnown = 1;
  OpFoldResult in = b.getIndexAttr(inKnown), out = b.getIndexAttr(outKnown);
  for (OpFoldResult size : inUnknown)
    in = mulIndex(b, in, size);
  for (OpFoldResult size : outUnknown)
    out = mulIndex(b, out, size);
  return floorDivIndex(b, in, out);
}

LogicalResult ViewOp::lowerToLinalg(Lowering &b) {
  Value self = Adaptor(b.operands).getSelf();
  std::optional<SmallVector<Value>> given = matchList(getSize());
  if (!given || !isa<RankedTensorType>(self.getType()) || !b.resultType())
    return b.unsupported("the rank of the operand or of the result is unknown");
  IndexList inSizes = b.sizes(self), outSizes;
  std::optional<size_t> inferred;
  for (auto [index, size] : llvm::enumerate(*given)) {
    int64_t known = b.resultType().getDimSize(index);
    if (!ShapedType::isDynamic(known)) {
      outSizes.push_back(b.getIndexAttr(known));
    } else if (matchInt(size) == -1) {
      inferred = index;
      outSizes.push_back(OpFoldResult());
    } else if (std::optional<int64_t> dim = matchSizeOf(size, getSelf())) {
      outSizes.push_back(inSizes[*dim]);
    } else {
      outSizes.push_back(b.index(size));
    }
  }
  if (inferred)
    outSizes[*inferred] = inferSize(b, inSizes, outSizes, *inferred);
  return b.replace(reshape(b, self, inSizes, outSizes));
}

// One dimension each, but for [inFirst, inLast) and [outFirst, outLast), which belong together.
static SmallVector<ReshapeGroup> groupsAround(int64_t inRank, const ReshapeGroup &group) {
  SmallVector<ReshapeGroup> groups;
  for (int64_t dim = 0; dim < group.inFirst; ++dim)
    groups.push_back({dim, dim + 1, dim, dim + 1});
  groups.push_back(group);
  for (int64_t in = group.inLast, out = group.outLast; in < inRank; ++in, ++out)
    groups.push_back({in, in + 1, out, out + 1});
  return groups;
}

LogicalResult FlattenUsingIntsOp::lowerToLinalg(Lowering &b) {
  Value self = Adaptor(b.operands).getSelf();
  auto start = matchDim(getStartDim(), getSelf()), end = matchDim(getEndDim(), getSelf());
  if (!start || !end || !b.resultType())
    return b.unsupported("the dimensions or the rank of the operand are not constant");
  IndexList inSizes = b.sizes(self);
  if (inSizes.empty())
    return b.replace(reshape(b, self, inSizes, {b.getIndexAttr(1)}));
  IndexList outSizes(ArrayRef(inSizes).take_front(*start));
  OpFoldResult flat = b.getIndexAttr(1);
  if (ShapedType::isDynamic(b.resultType().getDimSize(*start)))
    for (OpFoldResult size : ArrayRef(inSizes).slice(*start, *end - *start + 1))
      flat = mulIndex(b, flat, size);
  else
    flat = b.getIndexAttr(b.resultType().getDimSize(*start));
  outSizes.push_back(flat);
  outSizes.append(inSizes.begin() + *end + 1, inSizes.end());
  auto groups = groupsAround(inSizes.size(), {*start, *end + 1, *start, *start + 1});
  return b.replace(reshapeGroups(b, self, groups, outSizes));
}

LogicalResult UnflattenIntOp::lowerToLinalg(Lowering &b) {
  Value self = Adaptor(b.operands).getSelf();
  std::optional<int64_t> dim = matchDim(getDim(), getSelf());
  std::optional<SmallVector<Value>> parts = matchList(getSizes());
  if (!dim || !parts || !b.resultType())
    return b.unsupported("the dimension or the number of sizes is not constant");
  IndexList inSizes = b.sizes(self), partSizes;
  std::optional<size_t> inferred;
  for (auto [index, size] : llvm::enumerate(*parts)) {
    int64_t known = b.resultType().getDimSize(*dim + index);
    if (!ShapedType::isDynamic(known)) {
      partSizes.push_back(b.getIndexAttr(known));
    } else if (matchInt(size) == -1) {
      inferred = index;
      partSizes.push_back(OpFoldResult());
    } else {
      partSizes.push_back(b.index(size));
    }
  }
  if (inferred)
    partSizes[*inferred] = inferSize(b, inSizes[*dim], partSizes, *inferred);
  IndexList outSizes(ArrayRef(inSizes).take_front(*dim));
  outSizes.append(partSizes);
  outSizes.append(inSizes.begin() + *dim + 1, inSizes.end());
  int64_t count = parts->size();
  auto groups = groupsAround(inSizes.size(), {*dim, *dim + 1, *dim, *dim + count});
  return b.replace(reshapeGroups(b, self, groups, outSizes));
}

LogicalResult UnsqueezeOp::lowerToLinalg(Lowering &b) {
  Value self = Adaptor(b.operands).getSelf();
  std::optional<int64_t> given = matchInt(getDim());
  if (!given || !b.resultType())
    return b.unsupported("the dimension or the rank of the operand is not constant");
  IndexList inSizes = b.sizes(self), outSizes(inSizes);
  int64_t dim = *normalizeDim(*given, inSizes.size() + 1);
  outSizes.insert(outSizes.begin() + dim, b.getIndexAttr(1));
  int64_t rank = inSizes.size();
  if (rank == 0)
    return b.replace(reshape(b, self, inSizes, outSizes));
  // The new dimension goes with the one before it, or the first with the one behind it.
  int64_t with = std::max<int64_t>(dim - 1, 0);
  auto groups = groupsAround(rank, {with, with + 1, with, with + 2});
  return b.replace(reshapeGroups(b, self, groups, outSizes));
}

// Drops dimensions until the result's rank is reached: those of size 1 first, as they must be, then
// unknown sizes, which the result type says are 1.
static LogicalResult lowerSqueeze(Lowering &b, Value dims) {
  Value self = b.operands[0];
  auto type = dyn_cast<RankedTensorType>(self.getType());
  if (!type || !b.resultType())
    return b.unsupported("the rank of the operand or of the result is unknown");
  SmallVector<int64_t> chosen = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
  if (dims) {
    std::optional<SmallVector<int64_t>> given = matchDims(dims, type.getRank());
    if (!given)
      return b.unsupported("the dimensions are not constant");
    chosen = *given;
  }
  int64_t drop = type.getRank() - b.resultType().getRank();
  SmallVector<bool> dropped(type.getRank());
  for (bool known : {true, false})
    for (int64_t dim : chosen)
      if (drop > 0 && !dropped[dim] &&
          (known ? type.getDimSize(dim) == 1 : type.isDynamicDim(dim))) {
        dropped[dim] = true;
        --drop;
      }
  SmallVector<int64_t> ones(type.getShape());
  for (auto [dim, isDropped] : llvm::enumerate(dropped))
    if (isDropped)
      ones[dim] = 1;
  self = b.tensorCast(self, RankedTensorType::get(ones, type.getElementType()));
  IndexList inSizes = b.sizes(self), outSizes;
  for (auto [dim, isDropped] : llvm::enumerate(dropped))
    if (!isDropped)
      outSizes.push_back(inSizes[dim]);
  return b.replace(reshape(b, self, inSizes, outSizes));
}

LogicalResult SqueezeOp::lowerToLinalg(Lowering &b) { return lowerSqueeze(b, nullptr); }
LogicalResult SqueezeDimOp::lowerToLinalg(Lowering &b) { return lowerSqueeze(b, getDim()); }
LogicalResult SqueezeDimsOp::lowerToLinalg(Lowering &b) { return lowerSqueeze(b, getDim()); }

} // namespace linalgd::torch
