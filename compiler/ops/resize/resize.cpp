// Resizing: each element of the result reads the operand at a scaled position, which is computed in
// float32, as PyTorch does.
#include "compiler/ops/resize/resize.h"
#include "compiler/dialect/layout.h"
#include "compiler/dialect/pointwise.h"
#include "compiler/ops/resize/helpers.h"

#include <cmath>

using namespace mlir;

namespace linalgd::torch {

Scales listedScales(Value list) {
  return isNone(list) ? Scales() : matchList(strip(list)).value_or(Scales());
}

// The scale of axis `i`; nullopt for none.
static std::optional<double> scaleOf(const Scales &scales, size_t i) {
  if (i >= scales.size() || isNone(scales[i]))
    return std::nullopt;
  return matchFloat(scales[i]);
}

LogicalResult inferResized(Inference &r, Value self, Value outputSize, const Scales &scales) {
  Sizes sizes = sizesOf(self),
        wanted = isNone(outputSize) ? Sizes() : matchSizes(strip(outputSize));
  if (!sizes)
    return r.tensor(std::nullopt, dtypeOf(self));
  if (sizes->size() < 3)
    return r.error("needs three dimensions or more");
  for (size_t i = 2; i < sizes->size(); ++i) {
    int64_t &size = (*sizes)[i];
    std::optional<double> scale = scaleOf(scales, i - 2);
    if (wanted)
      size = i - 2 < wanted->size() ? (*wanted)[i - 2] : ShapedType::kDynamic;
    else if (scale && !ShapedType::isDynamic(size))
      size = static_cast<int64_t>(std::floor(static_cast<double>(size) * *scale));
    else
      size = ShapedType::kDynamic;
  }
  return r.tensor(sizes, dtypeOf(self));
}

namespace {

// How positions of the result along one axis become positions of the operand.
struct Axis {
  Value last;  // position of the operand's last element, as index
  Value scale; // f32
};

Value toFloat(ImplicitLocOpBuilder &b, Value index) {
  Value integer = arith::IndexCastOp::create(b, b.getI64Type(), index);
  return arith::SIToFPOp::create(b, b.getF32Type(), integer);
}
Value toIndex(ImplicitLocOpBuilder &b, Value real) {
  Value integer = arith::FPToSIOp::create(b, b.getI64Type(), real);
  return arith::IndexCastOp::create(b, b.getIndexType(), integer);
}
Value constant(ImplicitLocOpBuilder &b, float value) {
  return arith::ConstantOp::create(b, b.getF32FloatAttr(value));
}

Axis makeAxis(Lowering &b, OpFoldResult in, OpFoldResult out, std::optional<double> scale,
              bool alignCorners) {
  Axis axis;
  axis.last = b.indexValue(subIndex(b, in, b.getIndexAttr(1)));
  Value outSize = b.indexValue(out);
  if (alignCorners) {
    // (in - 1) / (out - 1), and 0 for one element.
    OpFoldResult gaps = maxIndex(b, subIndex(b, out, b.getIndexAttr(1)), b.getIndexAttr(1));
    Value ratio = arith::DivFOp::create(b, toFloat(b, axis.last), toFloat(b, b.indexValue(gaps)));
    Value one = b.indexValue(b.getIndexAttr(1));
    Value several = arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, outSize, one);
    axis.scale = arith::SelectOp::create(b, several, ratio, constant(b, 0));
  } else if (scale && *scale > 0) {
    axis.scale = constant(b, static_cast<float>(1.0 / *scale));
  } else {
    axis.scale = arith::DivFOp::create(b, toFloat(b, b.indexValue(in)), toFloat(b, outSize));
  }
  return axis;
}

// The nearest place that there is: scales may be anything.
Value inside(ImplicitLocOpBuilder &b, Value place, const Axis &axis) {
  Value zero = arith::ConstantIndexOp::create(b, 0);
  return arith::MaxSIOp::create(b, arith::MinSIOp::create(b, place, axis.last), zero);
}

Value nearest(ImplicitLocOpBuilder &b, const Axis &axis, Value at, bool exact) {
  Value position = toFloat(b, at);
  if (exact)
    position = arith::AddFOp::create(b, position, constant(b, 0.5f));
  position = arith::MulFOp::create(b, position, axis.scale);
  return inside(b, toIndex(b, position), axis);
}

// The neighbours of a position, and how much the second one counts.
struct Neighbours {
  Value first, second, weight;
};

Neighbours neighbours(ImplicitLocOpBuilder &b, const Axis &axis, Value at, bool alignCorners) {
  Value position = toFloat(b, at);
  if (!alignCorners) {
    Value half = constant(b, 0.5f);
    position = arith::MulFOp::create(b, arith::AddFOp::create(b, position, half), axis.scale);
    position = arith::SubFOp::create(b, position, half);
    position = arith::MaximumFOp::create(b, position, constant(b, 0));
  } else {
    position = arith::MulFOp::create(b, position, axis.scale);
  }
  Neighbours result;
  result.first = inside(b, toIndex(b, position), axis);
  Value one = arith::ConstantIndexOp::create(b, 1);
  Value next = arith::AddIOp::create(b, result.first, one);
  result.second = arith::MinSIOp::create(b, next, axis.last);
  Value rest = arith::SubFOp::create(b, position, toFloat(b, result.first));
  result.weight = arith::MinimumFOp::create(b, rest, constant(b, 1));
  return result;
}

// The mean of the neighbours along the axes from `dim` on, weighted; `at` is filled up to there.
Value interpolate(ScalarBuilder &s, Value tensor, Type dtype, SmallVector<Value> &at,
                  ArrayRef<Neighbours> around, size_t dim) {
  if (dim == around.size()) {
    Value element = tensor::ExtractOp::create(s, tensor, at);
    return convertScalar(s, element, dtype, s.dtype);
  }
  const Neighbours &here = around[dim];
  Value weight = convertScalar(s, here.weight, s.getF32Type(), s.dtype);
  at.push_back(here.first);
  Value first = interpolate(s, tensor, dtype, at, around, dim + 1);
  at.back() = here.second;
  Value second = interpolate(s, tensor, dtype, at, around, dim + 1);
  at.pop_back();
  Value rest = s.sub(s.constant(1), weight);
  return s.add(s.mul(first, rest), s.mul(second, weight));
}

} // namespace

LogicalResult lowerResized(Lowering &b, Value outputSize, const Scales &scales, Filter filter,
                           Value alignCorners) {
  Value self = b.operands[0];
  auto type = dyn_cast<RankedTensorType>(self.getType());
  Type dtype = b.resultDtype();
  std::optional<bool> align = alignCorners ? matchBool(alignCorners) : false;
  if (!type || !dtype || !align)
    return b.unsupported("the rank or dtype of the operand is unknown");
  if (filter == Filter::Linear && !isFloatDtype(dtype))
    return b.unsupported("interpolation is for floating point only");
  IndexList in = b.sizes(self), out(in);
  std::optional<IndexList> wanted;
  if (!isNone(outputSize)) {
    wanted = b.indexList(strip(outputSize));
    if (!wanted)
      return b.unsupported("the list of sizes is not built here");
  }
  SmallVector<Axis> axes;
  for (size_t i = 2; i < in.size(); ++i) {
    std::optional<double> scale = scaleOf(scales, i - 2);
    if (wanted) {
      out[i] = (*wanted)[i - 2];
    } else if (scale) {
      Value size = arith::IndexCastOp::create(b, b.getI64Type(), b.indexValue(in[i]));
      Value real = arith::SIToFPOp::create(b, b.getF64Type(), size);
      Value scaled = arith::MulFOp::create(b, real, b.scalar(b.getF64Type(), *scale));
      out[i] = toIndex(b, scaled);
    } else {
      return b.unsupported("neither sizes nor constant scales are given");
    }
  }
  out = refineSizes(b, out);
  for (size_t i = 2; i < in.size(); ++i) {
    requireAtMost(b, b.getIndexAttr(1), in[i], "there is no pixel to resize");
    axes.push_back(makeAxis(b, in[i], out[i], scaleOf(scales, i - 2), *align));
  }

  if (filter != Filter::Linear)
    return b.replace(readFrom(b, self, out, [&](ImplicitLocOpBuilder &n, ValueRange at) {
      SmallVector<Value> places(at);
      for (auto [i, axis] : llvm::enumerate(axes))
        places[i + 2] = nearest(n, axis, at[i + 2], filter == Filter::NearestExact);
      return places;
    }));
  return b.replace(
      generate(b, out, type.getElementType(), [&](ImplicitLocOpBuilder &n, ValueRange at) {
        ScalarBuilder s(n.getLoc(), n, computeDtype(dtype));
        SmallVector<Neighbours> around;
        for (auto [i, axis] : llvm::enumerate(axes))
          around.push_back(neighbours(s, axis, at[i + 2], *align));
        SmallVector<Value> place = {at[0], at[1]};
        Value value = interpolate(s, self, dtype, place, around, 0);
        return convertScalar(s, value, s.dtype, dtype);
      }));
}

} // namespace linalgd::torch
