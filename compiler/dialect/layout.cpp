// Lowerings that move elements (layout.h).
#include "compiler/dialect/layout.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;

namespace linalgd::torch {

//===-- index arithmetic ----------------------------------------------------------------------===//

// Folds two constants by `fold`, or makes an op of arith.
template <typename Op, typename Fold>
static OpFoldResult combine(Lowering &b, OpFoldResult x, OpFoldResult y, Fold fold) {
  std::optional<int64_t> left = getConstantIntValue(x), right = getConstantIntValue(y);
  if (left && right)
    return b.getIndexAttr(fold(*left, *right));
  return b.createOrFold<Op>(b.indexValue(x), b.indexValue(y));
}

OpFoldResult addIndex(Lowering &b, OpFoldResult x, OpFoldResult y) {
  if (isZeroInteger(y))
    return x;
  return combine<arith::AddIOp>(b, x, y, [](int64_t x, int64_t y) { return x + y; });
}
OpFoldResult subIndex(Lowering &b, OpFoldResult x, OpFoldResult y) {
  if (isZeroInteger(y))
    return x;
  return combine<arith::SubIOp>(b, x, y, [](int64_t x, int64_t y) { return x - y; });
}
OpFoldResult mulIndex(Lowering &b, OpFoldResult x, OpFoldResult y) {
  if (isOneInteger(y))
    return x;
  if (isOneInteger(x))
    return y;
  return combine<arith::MulIOp>(b, x, y, [](int64_t x, int64_t y) { return x * y; });
}
OpFoldResult minIndex(Lowering &b, OpFoldResult x, OpFoldResult y) {
  return combine<arith::MinSIOp>(b, x, y, [](int64_t x, int64_t y) { return std::min(x, y); });
}
OpFoldResult maxIndex(Lowering &b, OpFoldResult x, OpFoldResult y) {
  return combine<arith::MaxSIOp>(b, x, y, [](int64_t x, int64_t y) { return std::max(x, y); });
}
OpFoldResult floorDivIndex(Lowering &b, OpFoldResult x, OpFoldResult y) {
  if (isOneInteger(y))
    return x;
  if (!getConstantIntValue(y))
    requireAtMost(b, b.getIndexAttr(1), y, "a number to divide by must be positive");
  return combine<arith::FloorDivSIOp>(
      b, x, y, [](int64_t x, int64_t y) { return llvm::divideFloorSigned(x, y); });
}
OpFoldResult ceilDivIndex(Lowering &b, OpFoldResult x, OpFoldResult y) {
  return floorDivIndex(b, addIndex(b, x, subIndex(b, y, b.getIndexAttr(1))), y);
}

OpFoldResult wrapIndex(Lowering &b, OpFoldResult index, OpFoldResult size) {
  if (std::optional<int64_t> constant = getConstantIntValue(index))
    return *constant < 0 ? addIndex(b, size, index) : index;
  Value value = b.indexValue(index);
  Value isNegative = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, value,
                                           arith::ConstantIndexOp::create(b, 0));
  Value wrapped = arith::AddIOp::create(b, value, b.indexValue(size));
  return arith::SelectOp::create(b, isNegative, wrapped, value).getResult();
}

static void require(Lowering &b, arith::CmpIPredicate relation, OpFoldResult x, OpFoldResult y,
                    StringRef message) {
  std::optional<int64_t> left = getConstantIntValue(x), right = getConstantIntValue(y);
  if (x == y ||
      (left && right &&
       arith::applyCmpPredicate(relation, APInt(64, *left, true), APInt(64, *right, true))))
    return;
  Value holds = arith::CmpIOp::create(b, relation, b.indexValue(x), b.indexValue(y));
  cf::AssertOp::create(b, holds, message);
}
void requireAtMost(Lowering &b, OpFoldResult least, OpFoldResult most, StringRef message) {
  require(b, arith::CmpIPredicate::sle, least, most, message);
}
void requireEqual(Lowering &b, OpFoldResult x, OpFoldResult y, StringRef message) {
  require(b, arith::CmpIPredicate::eq, x, y, message);
}

IndexList refineSizes(Lowering &b, ArrayRef<OpFoldResult> sizes) {
  IndexList result(sizes);
  for (auto [into, known] : llvm::zip_equal(result, b.resultType().getShape())) {
    if (ShapedType::isDynamic(known))
      continue;
    requireEqual(b, into, b.getIndexAttr(known), "a size differs from what the model says");
    into = b.getIndexAttr(known);
  }
  return result;
}

static SmallVector<int64_t> staticSizes(ArrayRef<OpFoldResult> sizes) {
  return llvm::map_to_vector(sizes, [](OpFoldResult size) {
    return getConstantIntValue(size).value_or(ShapedType::kDynamic);
  });
}

RankedTensorType typeOfSizes(ArrayRef<OpFoldResult> sizes, Type elementType) {
  return RankedTensorType::get(staticSizes(sizes), elementType);
}

//===-- reshapes ------------------------------------------------------------------------------===//

namespace {
// A product of sizes: a constant times unknown sizes, which `id` tells apart.
struct Product {
  int64_t constant = 1;
  SmallVector<int64_t> unknown; // sorted ids

  void multiply(int64_t size, int64_t id) {
    if (ShapedType::isDynamic(size))
      unknown.insert(llvm::upper_bound(unknown, id), id);
    else
      constant *= size;
  }
  bool operator==(const Product &) const = default;
  // Whether every unknown size of this one is in the other.
  bool within(const Product &other) const {
    return std::includes(other.unknown.begin(), other.unknown.end(), unknown.begin(),
                         unknown.end());
  }
};

// Pairs dimensions of two shapes whose products are known to be equal, from the front or the back.
class Pairing {
public:
  Pairing(ArrayRef<int64_t> in, ArrayRef<int64_t> inIds, ArrayRef<int64_t> out,
          ArrayRef<int64_t> outIds)
      : in_(in), inIds_(inIds), out_(out), outIds_(outIds) {}

  SmallVector<ReshapeGroup> run();

private:
  bool extend(int64_t &i, int64_t &j, bool back) const;

  ArrayRef<int64_t> in_, inIds_, out_, outIds_;
};

// Counts as few dimensions as possible, i of `in` and j of `out`, of equal products; false where no
// number of them is known to do.
bool Pairing::extend(int64_t &i, int64_t &j, bool back) const {
  Product left, right;
  auto take = [&](ArrayRef<int64_t> sizes, ArrayRef<int64_t> ids, int64_t &n, Product &into) {
    if (n == static_cast<int64_t>(sizes.size()))
      return false;
    int64_t at = back ? sizes.size() - 1 - n : n;
    into.multiply(sizes[at], ids[at]);
    ++n;
    return true;
  };
  if (!take(in_, inIds_, i, left) || !take(out_, outIds_, j, right))
    return false;
  while (left != right) {
    bool growRight = !left.within(right) || (right.within(left) && left.constant > right.constant);
    if (growRight ? !take(out_, outIds_, j, right) : !take(in_, inIds_, i, left))
      return false;
  }
  return true;
}

SmallVector<ReshapeGroup> Pairing::run() {
  SmallVector<ReshapeGroup> front, back;
  int64_t inFirst = 0, outFirst = 0, inLast = in_.size(), outLast = out_.size();
  for (bool backwards : {false, true}) {
    while (true) {
      Pairing rest(in_.slice(inFirst, inLast - inFirst), inIds_.slice(inFirst, inLast - inFirst),
                   out_.slice(outFirst, outLast - outFirst),
                   outIds_.slice(outFirst, outLast - outFirst));
      int64_t i = 0, j = 0;
      if (!rest.extend(i, j, backwards))
        break;
      if (backwards) {
        back.push_back({inLast - i, inLast, outLast - j, outLast});
        inLast -= i, outLast -= j;
      } else {
        front.push_back({inFirst, inFirst + i, outFirst, outFirst + j});
        inFirst += i, outFirst += j;
      }
    }
  }
  if (inFirst < inLast && outFirst < outLast) {
    front.push_back({inFirst, inLast, outFirst, outLast});
  } else if (inFirst < inLast || outFirst < outLast) {
    // Sizes of one that nothing stands against go with a neighbour.
    if (!front.empty())
      front.back().inLast = inLast, front.back().outLast = outLast;
    else
      back.back().inFirst = inFirst, back.back().outFirst = outFirst;
  }
  front.append(back.rbegin(), back.rend());
  return front;
}
} // namespace

static Value castSizes(Lowering &b, Value tensor, ArrayRef<int64_t> sizes) {
  auto type = cast<RankedTensorType>(tensor.getType());
  return b.tensorCast(tensor, RankedTensorType::get(sizes, type.getElementType()));
}

static Value reshapeByShape(Lowering &b, Value tensor, ArrayRef<OpFoldResult> outSizes) {
  SmallVector<Value> elements;
  for (OpFoldResult size : outSizes)
    elements.push_back(b.indexValue(size));
  auto shapeType = RankedTensorType::get(outSizes.size(), b.getIndexType());
  Value shape = tensor::FromElementsOp::create(b, shapeType, elements);
  Type element = cast<RankedTensorType>(tensor.getType()).getElementType();
  return tensor::ReshapeOp::create(b, typeOfSizes(outSizes, element), tensor, shape);
}

Value reshapeGroups(Lowering &b, Value tensor, ArrayRef<ReshapeGroup> groups,
                    ArrayRef<OpFoldResult> outSizes) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> out = staticSizes(outSizes);
  SmallVector<ReassociationIndices> collapse, expand;
  SmallVector<int64_t> middle; // the size of each group, as the expansion will want it
  bool collapses = false, expands = false;
  for (const ReshapeGroup &group : groups) {
    collapse.push_back(llvm::to_vector(llvm::seq(group.inFirst, group.inLast)));
    expand.push_back(llvm::to_vector(llvm::seq(group.outFirst, group.outLast)));
    collapses |= group.inLast - group.inFirst > 1;
    expands |= group.outLast - group.outFirst > 1;
    int64_t size = 1;
    unsigned unknown = 0;
    for (int64_t dim = group.outFirst; dim < group.outLast; ++dim) {
      if (ShapedType::isDynamic(out[dim]))
        ++unknown;
      else
        size *= out[dim];
    }
    // An expansion to two unknown sizes does not lower further.
    if (unknown > 1)
      return reshapeByShape(b, tensor, outSizes);
    middle.push_back(unknown ? ShapedType::kDynamic : size);
  }
  if (collapses)
    tensor = tensor::CollapseShapeOp::create(b, tensor, collapse);
  tensor = castSizes(b, tensor, middle);
  if (expands)
    tensor = tensor::ExpandShapeOp::create(b, RankedTensorType::get(out, type.getElementType()),
                                           tensor, expand, outSizes);
  return tensor;
}

Value reshape(Lowering &b, Value tensor, ArrayRef<OpFoldResult> inSizes,
              ArrayRef<OpFoldResult> outSizes) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> in = staticSizes(inSizes), out = staticSizes(outSizes);
  if (llvm::is_contained(in, 0) || llvm::is_contained(out, 0))
    return b.empty(outSizes, type.getElementType());
  if (in.empty() || out.empty()) {
    // All sizes are 1.
    Type element = type.getElementType();
    tensor = castSizes(b, tensor, SmallVector<int64_t>(in.size(), 1));
    SmallVector<int64_t> ones(out.size(), 1);
    SmallVector<OpFoldResult> oneSizes(out.size(), b.getIndexAttr(1));
    if (in.empty() && out.empty())
      return tensor;
    if (out.empty())
      return tensor::CollapseShapeOp::create(b, RankedTensorType::get({}, element), tensor,
                                             ArrayRef<ReassociationIndices>());
    return tensor::ExpandShapeOp::create(b, RankedTensorType::get(ones, element), tensor,
                                         ArrayRef<ReassociationIndices>(), oneSizes);
  }
  // The same id: known to be the same size. Where one unknown size is left on either side and all
  // else is equal, these two are as well.
  SmallVector<int64_t> inIds, outIds;
  for (size_t i = 0; i < in.size(); ++i)
    inIds.push_back(i);
  SmallVector<bool> taken(in.size());
  SmallVector<size_t> unmatched;
  Product inProduct, outProduct;
  for (size_t i = 0; i < in.size(); ++i)
    inProduct.multiply(in[i], i);
  for (size_t j = 0; j < out.size(); ++j) {
    outIds.push_back(in.size() + j);
    outProduct.multiply(out[j], j);
    if (!ShapedType::isDynamic(out[j]))
      continue;
    auto found = llvm::find_if(llvm::seq<size_t>(0, in.size()), [&](size_t i) {
      return !taken[i] && ShapedType::isDynamic(in[i]) && inSizes[i] == outSizes[j];
    });
    if (found == llvm::seq<size_t>(0, in.size()).end())
      unmatched.push_back(j);
    else
      outIds[j] = *found, taken[*found] = true;
  }
  SmallVector<size_t> left;
  for (size_t i = 0; i < in.size(); ++i)
    if (ShapedType::isDynamic(in[i]) && !taken[i])
      left.push_back(i);
  if (unmatched.size() == 1 && left.size() == 1 && inProduct.constant == outProduct.constant)
    outIds[unmatched[0]] = left[0];
  return reshapeGroups(b, tensor, Pairing(in, inIds, out, outIds).run(), outSizes);
}

//===-- slices --------------------------------------------------------------------------------===//

Slice normalizeSlice(Lowering &b, OpFoldResult size, Value start, Value end, Value step) {
  OpFoldResult zero = b.getIndexAttr(0);
  auto clamp = [&](Value position, OpFoldResult least) -> OpFoldResult {
    OpFoldResult index = wrapIndex(b, b.index(position), size);
    return minIndex(b, maxIndex(b, index, least), size);
  };
  Slice slice;
  slice.step = b.index(step);
  std::optional<int64_t> first = isNone(start) ? 0 : matchInt(start);
  slice.start = first == 0 ? zero : clamp(start, zero);
  std::optional<int64_t> last = isNone(end) ? INT64_MAX : matchInt(end);
  OpFoldResult stop = last == INT64_MAX ? size : clamp(end, slice.start);
  slice.size = ceilDivIndex(b, subIndex(b, stop, slice.start), slice.step);
  return slice;
}

namespace {
struct SliceParameters {
  IndexList offsets, sizes, strides;
  SliceParameters(Lowering &b, IndexList allSizes, int64_t dim, const Slice &slice)
      : offsets(allSizes.size(), b.getIndexAttr(0)), sizes(std::move(allSizes)),
        strides(offsets.size(), b.getIndexAttr(1)) {
    offsets[dim] = slice.start;
    sizes[dim] = slice.size;
    strides[dim] = slice.step;
  }
};
} // namespace

Value extractSlice(Lowering &b, Value tensor, int64_t dim, const Slice &slice) {
  SliceParameters at(b, b.sizes(tensor), dim, slice);
  if (llvm::any_of(at.sizes, isZeroInteger))
    return b.empty(at.sizes, cast<RankedTensorType>(tensor.getType()).getElementType());
  return tensor::ExtractSliceOp::create(b, tensor, at.offsets, at.sizes, at.strides);
}

Value insertSlice(Lowering &b, Value base, Value part, int64_t dim, const Slice &slice) {
  if (isZeroInteger(slice.size))
    return base;
  SliceParameters at(b, b.sizes(base), dim, slice);
  part = b.tensorCast(
      part, typeOfSizes(at.sizes, cast<RankedTensorType>(part.getType()).getElementType()));
  return tensor::InsertSliceOp::create(b, part, base, at.offsets, at.sizes, at.strides);
}

//===-- generics ------------------------------------------------------------------------------===//

Value mapped(Lowering &b, ValueRange inputs, ArrayRef<AffineMap> maps, ArrayRef<OpFoldResult> sizes,
             Type elementType, ElementwiseBody body) {
  SmallVector<AffineMap> allMaps(maps);
  allMaps.push_back(b.getMultiDimIdentityMap(sizes.size()));
  SmallVector<utils::IteratorType> iterators(sizes.size(), utils::IteratorType::parallel);
  Value init = b.empty(sizes, elementType);
  auto generic = linalg::GenericOp::create(
      b, init.getType(), inputs, init, allMaps, iterators,
      [&](OpBuilder &inner, Location loc, ValueRange args) {
        ImplicitLocOpBuilder nested(loc, inner);
        linalg::YieldOp::create(nested, body ? body(nested, args.drop_back()) : args[0]);
      });
  return generic.getResult(0);
}

Value generate(Lowering &b, ArrayRef<OpFoldResult> sizes, Type elementType, ElementwiseBody body) {
  return mapped(b, {}, {}, sizes, elementType, [&](ImplicitLocOpBuilder &nested, ValueRange) {
    SmallVector<Value> position;
    for (size_t dim = 0; dim < sizes.size(); ++dim)
      position.push_back(linalg::IndexOp::create(nested, dim));
    return body(nested, position);
  });
}

Value readFrom(Lowering &b, Value tensor, ArrayRef<OpFoldResult> sizes, Places place) {
  Type element = cast<RankedTensorType>(tensor.getType()).getElementType();
  return generate(b, sizes, element, [&](ImplicitLocOpBuilder &nested, ValueRange at) -> Value {
    return tensor::ExtractOp::create(nested, tensor, place(nested, at));
  });
}

} // namespace linalgd::torch
