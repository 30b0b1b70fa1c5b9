// Regions of images in one size: means of samples between pixels.
#include "compiler/dialect/layout.h"
#include "compiler/dialect/pointwise.h"
#include "compiler/ops/indexing/helpers.h"
#include "compiler/ops/vision/vision.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace linalgd::torch {

LogicalResult RoiAlignOp::infer(Adaptor op, Inference &r) {
  if (failed(r.hasRank(op.getInput(), 4, 4, "input")) ||
      failed(r.hasRank(op.getRois(), 2, 2, "rois")) ||
      failed(r.hasSizes(op.getRois(), {ShapedType::kDynamic, 5}, "rois")) ||
      failed(r.isFloating(op.getInput(), "input")) ||
      failed(r.areOfOneDtype({op.getInput(), op.getRois()})))
    return failure();
  SmallVector<int64_t> sizes(2, ShapedType::kDynamic);
  if (Sizes rois = sizesOf(op.getRois()))
    sizes[0] = rois->front();
  if (Sizes input = sizesOf(op.getInput()))
    sizes[1] = (*input)[1];
  for (Value size : {op.getPooledHeight(), op.getPooledWidth()})
    sizes.push_back(matchInt(size).value_or(ShapedType::kDynamic));
  return r.tensor(sizes, dtypeOf(op.getInput()));
}

namespace {

Value asIndex(ScalarBuilder &s, Value number) {
  return arith::IndexCastOp::create(s, s.getIndexType(),
                                    convertScalar(s, number, s.dtype, s.getIntegerType(64, true)));
}
Value asNumber(ScalarBuilder &s, Value index) {
  Value number = arith::IndexCastOp::create(s, s.getI64Type(), index);
  return arith::SIToFPOp::create(s, s.type, number);
}

// One axis of a part of a region: where its samples are.
struct Axis {
  Value start, step, count; // numbers, and an index
  Value size;               // of the image

  // `part` of `parts`, of a region from `low` to `high`, where a ratio of 0 takes a sample a pixel.
  static Axis of(ScalarBuilder &s, Value low, Value high, Value part, Value parts, Value size,
                 int64_t ratio, bool aligned) {
    Axis axis;
    Value length = s.sub(high, low);
    if (!aligned)
      length = s.max(length, s.constant(1));
    Value partLength = s.div(length, asNumber(s, parts));
    axis.count = ratio > 0 ? Value(arith::ConstantIndexOp::create(s, ratio))
                           : asIndex(s, s.make<math::CeilOp>(partLength));
    axis.start = s.add(low, s.mul(asNumber(s, part), partLength));
    axis.step = s.div(partLength, asNumber(s, axis.count));
    axis.size = size;
    return axis;
  }
};

// A sample's place on an axis: the pixels around it with their weights, both 0 outside of the
// image.
struct Sample {
  Value low, high, lowWeight, highWeight;

  static Sample of(ScalarBuilder &s, const Axis &axis, Value index) {
    Value half = s.constant(0.5), zero = s.constant(0);
    Value at = s.add(axis.start, s.mul(s.add(asNumber(s, index), half), axis.step));
    Value inside =
        s.make<arith::AndIOp>(s.ge(at, s.constant(-1)), s.le(at, asNumber(s, axis.size)));
    Value one = arith::ConstantIndexOp::create(s, 1);
    Value last = arith::SubIOp::create(s, axis.size, one);
    at = s.select(inside, s.min(s.max(at, zero), asNumber(s, last)), zero);
    Sample sample;
    sample.low = asIndex(s, at);
    sample.high = arith::MinSIOp::create(s, arith::AddIOp::create(s, sample.low, one), last);
    Value weight = s.sub(at, asNumber(s, sample.low));
    sample.lowWeight = s.select(inside, s.sub(s.constant(1), weight), zero);
    sample.highWeight = s.select(inside, weight, zero);
    return sample;
  }
};

// The sum of body(i) for each i below `count`.
Value sum(ScalarBuilder &s, Value count, llvm::function_ref<Value(ScalarBuilder &, Value)> body) {
  Value zero = arith::ConstantIndexOp::create(s, 0), one = arith::ConstantIndexOp::create(s, 1);
  return scf::ForOp::create(s, zero, count, one, s.constant(0),
                            [&](OpBuilder &nested, Location loc, Value i, ValueRange total) {
                              ScalarBuilder inner(loc, nested, s.dtype);
                              Value more = inner.add(total[0], body(inner, i));
                              scf::YieldOp::create(inner, more);
                            })
      .getResult(0);
}

// The weighted mean of the four pixels around a place.
Value between(ScalarBuilder &s, Value input, Type dtype, Value image, Value channel,
              const Sample &y, const Sample &x) {
  auto pixel = [&](Value row, Value column) -> Value {
    Value element = tensor::ExtractOp::create(s, input, ValueRange{image, channel, row, column});
    return convertScalar(s, element, dtype, s.dtype);
  };
  auto row = [&](Value at) {
    return s.add(s.mul(pixel(at, x.low), x.lowWeight), s.mul(pixel(at, x.high), x.highWeight));
  };
  return s.add(s.mul(row(y.low), y.lowWeight), s.mul(row(y.high), y.highWeight));
}

} // namespace

LogicalResult RoiAlignOp::lowerToLinalg(Lowering &b) {
  Adaptor op(b.operands);
  Value input = op.getInput(), rois = op.getRois();
  Type dtype = dtypeOf(getInput());
  std::optional<int64_t> ratio = matchInt(getSamplingRatio());
  std::optional<bool> aligned = matchBool(getAligned());
  if (!isa<RankedTensorType>(input.getType()) || !isa<RankedTensorType>(rois.getType()) || !dtype)
    return b.unsupported("the rank or dtype of an operand is unknown");
  if (!ratio || !aligned)
    return b.unsupported("its way to sample is decided at run time");
  IndexList sizes = {b.dim(rois, 0), b.dim(input, 1), b.index(getPooledHeight()),
                     b.index(getPooledWidth())};
  requireEqual(b, b.dim(rois, 1), b.getIndexAttr(5), "a region is not given by five numbers");
  for (int64_t dim : {2, 3})
    requireAtMost(b, b.getIndexAttr(1), b.dim(input, dim), "there is no pixel to read");
  SmallVector<Value> imageSizes, parts;
  for (OpFoldResult size : b.sizes(input))
    imageSizes.push_back(b.indexValue(size));
  for (OpFoldResult size : sizes)
    parts.push_back(b.indexValue(size));
  Value scale = op.getSpatialScale();
  return b.replace(
      generate(b, sizes, lowerDtype(dtype), [&](ImplicitLocOpBuilder &n, ValueRange at) -> Value {
        ScalarBuilder s(n.getLoc(), n, computeDtype(dtype));
        auto field = [&](int64_t i) {
          Value column = arith::ConstantIndexOp::create(s, i);
          Value element = tensor::ExtractOp::create(s, rois, ValueRange{at[0], column});
          return convertScalar(s, element, dtype, s.dtype);
        };
        Value factor = convertScalar(s, scale, s.getF64Type(), s.dtype);
        auto corner = [&](int64_t i) {
          return s.sub(s.mul(field(i), factor), s.constant(*aligned ? 0.5 : 0));
        };
        Value image = place(s, asIndex(s, field(0)), imageSizes[0], false);
        Axis rows =
            Axis::of(s, corner(2), corner(4), at[2], parts[2], imageSizes[2], *ratio, *aligned);
        Axis columns =
            Axis::of(s, corner(1), corner(3), at[3], parts[3], imageSizes[3], *ratio, *aligned);
        Value total = sum(s, rows.count, [&](ScalarBuilder &outer, Value i) {
          Sample y = Sample::of(outer, rows, i);
          return sum(outer, columns.count, [&](ScalarBuilder &inner, Value j) {
            return between(inner, input, dtype, image, at[1], y, Sample::of(inner, columns, j));
          });
        });
        Value samples = s.mul(asNumber(s, rows.count), asNumber(s, columns.count));
        return convertScalar(s, s.div(total, s.max(samples, s.constant(1))), s.dtype, dtype);
      }));
}

} // namespace linalgd::torch
