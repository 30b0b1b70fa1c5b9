// Padding with a constant or with elements of the operand.
#include "compiler/dialect/layout.h"
#include "compiler/ops/assembly/assembly.h"
#include "compiler/ops/assembly/helpers.h"

using namespace mlir;

namespace linalgd::torch {

LogicalResult inferPadded(Inference &r, Value self, Value pad) {
  Sizes sizes = sizesOf(self), amounts = matchSizes(pad);
  if (!sizes || !amounts)
    return r.tensor(std::nullopt, dtypeOf(self));
  if (amounts->size() % 2 || amounts->size() / 2 > sizes->size())
    return r.error("has a padding that does not fit the operand's dimensions");
  for (size_t i = 0; i < amounts->size(); ++i) {
    int64_t &size = (*sizes)[sizes->size() - 1 - i / 2];
    if (ShapedType::isDynamic(size) || ShapedType::isDynamic((*amounts)[i]))
      size = ShapedType::kDynamic;
    else
      size += (*amounts)[i];
  }
  return r.tensor(sizes, dtypeOf(self));
}

LogicalResult inferEdgePadded(Inference &r, Value self, Value pad, Edge edge) {
  Sizes sizes = sizesOf(self), amounts = matchSizes(pad);
  if (failed(inferPadded(r, self, pad)))
    return failure();
  if (!sizes || !amounts)
    return success();
  for (auto [i, amount] : llvm::enumerate(*amounts)) {
    int64_t size = (*sizes)[sizes->size() - 1 - i / 2];
    if (ShapedType::isDynamic(size) || ShapedType::isDynamic(amount) || amount == 0)
      continue;
    // A reflection leaves out the edge, and what is wrapped around is there once.
    int64_t most = edge == Edge::Reflect    ? size - 1
                   : edge == Edge::Circular ? size
                   : size == 0              ? 0
                                            : INT64_MAX;
    if (amount > most)
      return r.error(Twine("cannot pad a dimension of size ") + Twine(size) + " by " +
                     Twine(amount) + " of its own elements");
  }
  return success();
}

namespace {

// What stands before and behind each dimension; negative amounts crop.
struct Padding {
  IndexList low, high;
};

std::optional<Padding> matchPadding(Lowering &b, Value pad, int64_t rank) {
  std::optional<IndexList> amounts = b.indexList(pad);
  if (!amounts || static_cast<int64_t>(amounts->size() / 2) > rank)
    return std::nullopt;
  Padding padding{IndexList(rank, b.getIndexAttr(0)), IndexList(rank, b.getIndexAttr(0))};
  for (size_t i = 0; i < amounts->size(); ++i)
    (i % 2 ? padding.high : padding.low)[rank - 1 - i / 2] = (*amounts)[i];
  return padding;
}

OpFoldResult notNegative(Lowering &b, OpFoldResult amount) {
  return maxIndex(b, amount, b.getIndexAttr(0));
}

// `tensor` without what negative amounts cut off.
Value crop(Lowering &b, Value tensor, const Padding &padding) {
  OpFoldResult zero = b.getIndexAttr(0);
  IndexList sizes = b.sizes(tensor), offsets, strides(sizes.size(), b.getIndexAttr(1));
  bool crops = false;
  for (size_t i = 0; i < sizes.size(); ++i) {
    OpFoldResult front = notNegative(b, subIndex(b, zero, padding.low[i])),
                 back = notNegative(b, subIndex(b, zero, padding.high[i]));
    offsets.push_back(front);
    sizes[i] = subIndex(b, subIndex(b, sizes[i], front), back);
    crops |= !isZeroInteger(front) || !isZeroInteger(back);
  }
  return crops ? tensor::ExtractSliceOp::create(b, tensor, offsets, sizes, strides).getResult()
               : tensor;
}

Padding withoutCrop(Lowering &b, const Padding &padding) {
  auto grown = [&](OpFoldResult amount) { return notNegative(b, amount); };
  return {llvm::map_to_vector(padding.low, grown), llvm::map_to_vector(padding.high, grown)};
}

} // namespace

LogicalResult ConstantPadNdOp::lowerToLinalg(Lowering &b) {
  Value self = b.operands[0];
  auto type = dyn_cast<RankedTensorType>(self.getType());
  std::optional<Padding> padding = type ? matchPadding(b, getPad(), type.getRank()) : std::nullopt;
  if (!padding)
    return b.unsupported("the rank of the operand or the padding is unknown");
  self = crop(b, self, *padding);
  auto [low, high] = withoutCrop(b, *padding);
  Value fill = convertScalar(b, b.lowered(getValue()), dtypeOf(strip(getValue())), b.resultDtype());
  if (llvm::is_contained(cast<RankedTensorType>(self.getType()).getShape(), 0)) {
    IndexList sizes = b.sizes(self);
    for (size_t i = 0; i < sizes.size(); ++i)
      sizes[i] = addIndex(b, addIndex(b, low[i], sizes[i]), high[i]);
    return b.replace(b.filled(sizes, fill));
  }
  return b.replace(tensor::PadOp::create(b, Type(), self, low, high, fill).getResult());
}

LogicalResult PadOp::decompose(Decomposition &b) {
  std::optional<StringRef> mode = matchString(getMode());
  std::optional<SmallVector<Value>> amounts = matchList(getPad());
  if (!mode || !amounts)
    return failure();
  if (*mode == "constant") {
    Value value = isNone(getValue()) ? b.constInt(0) : strip(getValue());
    return b.replace(ConstantPadNdOp::create(b, getSelf(), getPad(), value).getResult());
  }
  Value self = getSelf(), pad = getPad();
  if (*mode == "circular")
    return b.replace(PadCircularOp::create(b, self, pad).getResult());
  bool reflect = *mode == "reflect";
  if (!reflect && *mode != "replicate")
    return failure();
  switch (amounts->size()) {
  case 2:
    return b.replace(reflect ? ReflectionPad1dOp::create(b, self, pad).getResult()
                             : ReplicationPad1dOp::create(b, self, pad).getResult());
  case 4:
    return b.replace(reflect ? ReflectionPad2dOp::create(b, self, pad).getResult()
                             : ReplicationPad2dOp::create(b, self, pad).getResult());
  case 6:
    return b.replace(reflect ? ReflectionPad3dOp::create(b, self, pad).getResult()
                             : ReplicationPad3dOp::create(b, self, pad).getResult());
  default:
    return failure();
  }
}

LogicalResult lowerEdgePadded(Lowering &b, Value pad, Edge edge) {
  Value self = b.operands[0];
  auto type = dyn_cast<RankedTensorType>(self.getType());
  std::optional<Padding> padding = type ? matchPadding(b, pad, type.getRank()) : std::nullopt;
  if (!padding)
    return b.unsupported("the rank of the operand or the padding is unknown");
  if (edge == Edge::Circular) { // what is cut off is not wrapped around
    self = crop(b, self, *padding);
    padding = withoutCrop(b, *padding);
  }
  IndexList sizes = b.sizes(self), resultSizes;
  SmallVector<Value> low, extent;
  for (int64_t i = 0; i < type.getRank(); ++i) {
    resultSizes.push_back(addIndex(b, addIndex(b, sizes[i], padding->low[i]), padding->high[i]));
    if (!isZeroInteger(padding->low[i]) || !isZeroInteger(padding->high[i]))
      requireAtMost(b, b.getIndexAttr(1), sizes[i], "there is no edge to pad with");
    low.push_back(b.indexValue(padding->low[i]));
    extent.push_back(b.indexValue(sizes[i]));
  }
  Value zero = b.indexValue(b.getIndexAttr(0)), one = b.indexValue(b.getIndexAttr(1));
  auto place = [&](ImplicitLocOpBuilder &n, Value at, int64_t i) -> Value {
    if (isZeroInteger(padding->low[i]) && isZeroInteger(padding->high[i]))
      return at;
    at = arith::SubIOp::create(n, at, low[i]);
    Value last = arith::SubIOp::create(n, extent[i], one);
    if (edge == Edge::Circular) {
      Value before = arith::CmpIOp::create(n, arith::CmpIPredicate::slt, at, zero);
      Value behind = arith::CmpIOp::create(n, arith::CmpIPredicate::sgt, at, last);
      Value up = arith::AddIOp::create(n, at, extent[i]);
      Value down = arith::SubIOp::create(n, at, extent[i]);
      at = arith::SelectOp::create(n, before, up, arith::SelectOp::create(n, behind, down, at));
    } else if (edge == Edge::Reflect) {
      Value before = arith::CmpIOp::create(n, arith::CmpIPredicate::slt, at, zero);
      at = arith::SelectOp::create(n, before, arith::SubIOp::create(n, zero, at), at);
      Value mirrored = arith::SubIOp::create(n, arith::AddIOp::create(n, last, last), at);
      at = arith::MinSIOp::create(n, at, mirrored);
    }
    return arith::MaxSIOp::create(n, arith::MinSIOp::create(n, at, last), zero);
  };
  return b.replace(
      readFrom(b, self, refineSizes(b, resultSizes), [&](ImplicitLocOpBuilder &n, ValueRange at) {
        SmallVector<Value> places;
        for (int64_t i = 0; i < type.getRank(); ++i)
          places.push_back(place(n, at[i], i));
        return places;
      }));
}

} // namespace linalgd::torch
