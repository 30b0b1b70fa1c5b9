// Differences of neighbours, and tensors broadcast against each other.
#include "compiler/dialect/builders.h"
#include "compiler/ops/assembly/assembly.h"
#include "compiler/ops/binary/binary.h"
#include "compiler/ops/view/view.h"

using namespace mlir;

namespace linalgd::torch {

LogicalResult DiffOp::infer(Adaptor op, Inference &r) {
  Sizes sizes = sizesOf(op.getSelf());
  std::optional<int64_t> dim = matchInt(op.getDim()), count = matchInt(op.getN());
  if (failed(r.hasDims(op.getSelf(), op.getDim())) || failed(r.hasRank(op.getSelf(), 1, INT64_MAX)))
    return failure();
  if (count && *count < 0)
    return r.error("has a negative order");
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
    value = CatOp::create(b, b.list(parts, getTensorType(b.getContext(), std::nullopt, nullptr)),
                          getDim());
  Value none = b.constNone(), one = b.constInt(1), zero = b.constInt(0);
  for (int64_t i = 0; i < *count; ++i) {
    Value later = SliceTensorOp::create(b, value, getDim(), one, none, one);
    Value earlier = SliceTensorOp::create(b, value, getDim(), zero, b.constInt(-1), one);
    value = isBoolDtype(dtypeOf(value)) ? NeTensorOp::create(b, later, earlier).getResult()
                                        : SubTensorOp::create(b, later, earlier, one).getResult();
  }
  return b.replace(value);
}

LogicalResult BroadcastTensorsOp::infer(Adaptor op, Inference &r) {
  std::optional<SmallVector<Value>> tensors = matchList(op.getTensors());
  if (!tensors || tensors->empty())
    return r.tensorList(std::nullopt, nullptr);
  SmallVector<Type> types = llvm::map_to_vector(*tensors, [](Value v) { return v.getType(); });
  Type dtype = dtypeOf(tensors->front());
  for (Value tensor : *tensors)
    if (dtypeOf(tensor) != dtype)
      dtype = nullptr;
  std::string error;
  std::optional<Sizes> sizes = broadcastSizes(types, error);
  return sizes ? r.tensorList(*sizes, dtype) : r.error(error);
}

LogicalResult BroadcastTensorsOp::decompose(Decomposition &b) {
  std::optional<SmallVector<Value>> tensors = matchList(getTensors());
  if (!tensors || llvm::any_of(*tensors, [](Value tensor) { return !sizesOf(tensor); }))
    return failure();
  // Each dimension, from the last, has the size of the first tensor that is not 1 there.
  size_t rank = 0;
  for (Value tensor : *tensors)
    rank = std::max(rank, sizesOf(tensor)->size());
  SmallVector<Value> sizes(rank);
  for (size_t i = 1; i <= rank; ++i)
    for (Value tensor : *tensors) {
      Sizes own = sizesOf(tensor);
      if (own->size() < i)
        continue;
      auto dim = static_cast<int64_t>(own->size() - i);
      if (!sizes[rank - i] || ((*own)[dim] != 1 && matchInt(sizes[rank - i]) == 1))
        sizes[rank - i] = b.size(tensor, dim);
    }
  SmallVector<Value> results;
  for (Value tensor : *tensors)
    results.push_back(
        ExpandOp::create(b, tensor, b.intList(ValueRange(sizes)), b.constBool(false)));
  return b.replace(ListConstructOp::create(b, b.op->getResult(0).getType(), results).getResult());
}

} // namespace linalgd::torch
