// Differences of neighbours.
#include "compiler/ops/assembly/assembly.h"
#include "compiler/dialect/builders.h"
#include "compiler/ops/binary/binary.h"
#include "compiler/ops/view/view.h"

using namespace mlir;

namespace linalgd::torch {

LogicalResult DiffOp::infer(Adaptor op, Inference &r) {
  Sizes sizes = sizesOf(op.getSelf());
  std::optional<int64_t> dim = matchInt(op.getDim()), count = matchInt(op.getN());
  if (sizes && dim)
    dim = normalizeDim(*dim, static_cast<int64_t>(sizes->size()));
  if (!sizes || sizes->empty() || !dim || !count)
    return r.tensor(std::nullopt, dtypeOf(op.getSelf()));
  int64_t &size = (*sizes)[*dim];
  bool alone = isNone(op.getPrepend()) && isNone(op.getAppend());
  if (!alone)
    size = ShapedType::kDynamic;
  else if (!ShapedType::isDynamic(size))
    size = std::max<int64_t>(size - *count, 0);
  return r.tensor(sizes, dtypeOf(op.getSelf()));
}

LogicalResult DiffOp::decompose(Decomposition &b) {
  std::optional<int64_t> count = matchInt(getN());
  if (!sizesOf(getSelf()) || !count)
    return failure();
  SmallVector<Value> parts = {getPrepend(), getSelf(), getAppend()};
  llvm::erase_if(parts, [](Value part) { return isNone(part); });
  Value value = getSelf();
  if (parts.size() > 1)
    value = CatOp::create(b, b.list(parts, getSelf().getType()), getDim());
  Value none = b.constNone(), one = b.constInt(1), zero = b.constInt(0);
  for (int64_t i = 0; i < *count; ++i) {
    Value later = SliceTensorOp::create(b, value, getDim(), one, none, one);
    Value earlier = SliceTensorOp::create(b, value, getDim(), zero, b.constInt(-1), one);
    value = isBoolDtype(dtypeOf(value)) ? NeTensorOp::create(b, later, earlier).getResult()
                                        : SubTensorOp::create(b, later, earlier, one).getResult();
  }
  return b.replace(value);
}

} // namespace linalgd::torch
