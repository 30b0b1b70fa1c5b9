// Non-maximum suppression. A round takes the best box that is left and, in one pass, takes away
// what overlaps it and finds the next best one.
#include "compiler/dialect/layout.h"
#include "compiler/dialect/pointwise.h"
#include "compiler/ops/vision/vision.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace linalgd::torch {

LogicalResult NmsOp::infer(Adaptor op, Inference &r) {
  Sizes boxes = sizesOf(op.getDets());
  if (failed(r.hasRank(op.getDets(), 2, 2, "dets")) ||
      failed(r.hasRank(op.getScores(), 1, 1, "scores")) ||
      failed(r.isFloating(op.getDets(), "dets")) ||
      failed(r.areOfOneDtype({op.getDets(), op.getScores()})) ||
      (boxes && (failed(r.hasSizes(op.getDets(), {(*boxes)[0], 4}, "dets")) ||
                 failed(r.hasSizes(op.getScores(), (*boxes)[0], "scores")))))
    return failure();
  return r.tensor(SmallVector<int64_t>{ShapedType::kDynamic}, r.si64());
}

namespace {

struct Boxes {
  Value corners, scores;
  Type dtype;

  std::array<Value, 4> at(ScalarBuilder &s, Value box) const {
    std::array<Value, 4> result;
    for (auto [i, corner] : llvm::enumerate(result)) {
      Value place = arith::ConstantIndexOp::create(s, static_cast<int64_t>(i));
      corner = convertScalar(s, tensor::ExtractOp::create(s, corners, ValueRange{box, place}),
                             dtype, s.dtype);
    }
    return result;
  }

  // Intersection over union, above the threshold; never where there is no area.
  Value overlap(ScalarBuilder &s, Value first, Value second, Value threshold) const {
    std::array<Value, 4> x = at(s, first), y = at(s, second);
    auto area = [&](const std::array<Value, 4> &box) {
      return s.mul(s.sub(box[2], box[0]), s.sub(box[3], box[1]));
    };
    auto common = [&](int low) {
      return s.max(s.sub(s.min(x[low + 2], y[low + 2]), s.max(x[low], y[low])), s.constant(0));
    };
    Value intersection = s.mul(common(0), common(1));
    Value unified = s.sub(s.add(area(x), area(y)), intersection);
    Value ratio = convertScalar(s, s.div(intersection, unified), s.dtype, s.getF64Type());
    return arith::CmpFOp::create(s, arith::CmpFPredicate::OGT, ratio, threshold);
  }

  // NaN is the largest score.
  Value isBetter(ScalarBuilder &s, Value box, Value than) const {
    Value a = tensor::ExtractOp::create(s, scores, box),
          b = tensor::ExtractOp::create(s, scores, than);
    return s.select(s.isNan(a), s.eq(b, b), s.gt(a, b));
  }
};

// After the best box, which is -1 in the first round: the next best one, -1 for none, and which
// ones are left.
std::pair<Value, Value> nextRound(OpBuilder &outer, Location loc, const Boxes &boxes, Value best,
                                  Value left, Value threshold) {
  ImplicitLocOpBuilder b(loc, outer);
  Value zero = arith::ConstantIndexOp::create(b, 0), one = arith::ConstantIndexOp::create(b, 1);
  Value none = arith::ConstantIndexOp::create(b, -1);
  Value count = tensor::DimOp::create(b, boxes.scores, zero);
  auto loop = scf::ForOp::create(
      b, zero, count, one, ValueRange{none, left},
      [&](OpBuilder &nested, Location at, Value box, ValueRange state) {
        ScalarBuilder s(at, nested, computeDtype(boxes.dtype));
        auto isNone = [&](Value index) -> Value {
          return arith::CmpIOp::create(s, arith::CmpIPredicate::slt, index, zero);
        };
        auto orFirst = [&](Value index) -> Value { return arith::MaxSIOp::create(s, index, zero); };
        Value isBest = arith::CmpIOp::create(s, arith::CmpIPredicate::eq, box, best);
        Value overlaps = boxes.overlap(s, orFirst(best), box, threshold);
        Value goes = s.make<arith::OrIOp>(
            isBest, s.select(isNone(best), arith::ConstantIntOp::create(s, 0, 1), overlaps));
        Value stays = s.select(goes, arith::ConstantIntOp::create(s, 0, 1),
                               tensor::ExtractOp::create(s, state[1], box));
        Value better =
            s.make<arith::OrIOp>(isNone(state[0]), boxes.isBetter(s, box, orFirst(state[0])));
        Value next = s.select(s.make<arith::AndIOp>(stays, better), box, state[0]);
        Value rest = tensor::InsertOp::create(s, stays, state[1], box);
        scf::YieldOp::create(s, ValueRange{next, rest});
      });
  return {loop.getResult(0), loop.getResult(1)};
}

} // namespace

LogicalResult NmsOp::lowerToLinalg(Lowering &b) {
  Adaptor op(b.operands);
  Boxes boxes{op.getDets(), op.getScores(), dtypeOf(getDets())};
  if (!isa<RankedTensorType>(boxes.corners.getType()) ||
      !isa<RankedTensorType>(boxes.scores.getType()) || !boxes.dtype)
    return b.unsupported("the rank or dtype of an operand is unknown");
  OpFoldResult count = b.dim(boxes.scores, 0);
  requireEqual(b, b.dim(boxes.corners, 0), count, "there are not as many boxes as scores");
  requireEqual(b, b.dim(boxes.corners, 1), b.getIndexAttr(4), "a box does not have four corners");
  Value threshold = op.getIouThreshold();
  Value kept = b.empty(count, b.getI64Type());
  if (isZeroInteger(count))
    return b.replace(kept);
  Value none = b.indexValue(b.getIndexAttr(-1)), zero = b.indexValue(b.getIndexAttr(0));
  Value left = b.filled(count, arith::ConstantIntOp::create(b, 1, 1));
  // best, left → what goes on; next, left, kept, how many are kept → the round after it.
  auto loop = scf::WhileOp::create(
      b, TypeRange{none.getType(), left.getType(), kept.getType(), zero.getType()},
      ValueRange{none, left, kept, zero},
      [&](OpBuilder &nested, Location loc, ValueRange x) {
        auto [next, rest] = nextRound(nested, loc, boxes, x[0], x[1], threshold);
        Value goesOn = arith::CmpIOp::create(nested, loc, arith::CmpIPredicate::sge, next, zero);
        scf::ConditionOp::create(nested, loc, goesOn, ValueRange{next, rest, x[2], x[3]});
      },
      [&](OpBuilder &nested, Location loc, ValueRange x) {
        ImplicitLocOpBuilder inner(loc, nested);
        Value best = arith::IndexCastOp::create(inner, inner.getI64Type(), x[0]);
        Value more = tensor::InsertOp::create(inner, best, x[2], x[3]);
        Value one = arith::ConstantIndexOp::create(inner, 1);
        Value length = arith::AddIOp::create(inner, x[3], one);
        scf::YieldOp::create(inner, ValueRange{x[0], x[1], more, length});
      });
  return b.replace(extractSlice(b, loop.getResult(2), 0,
                                Slice{b.getIndexAttr(0), loop.getResult(3), b.getIndexAttr(1)}));
}

} // namespace linalgd::torch
