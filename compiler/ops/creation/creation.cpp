// Methods of the creation family.
#include "compiler/ops/creation/creation.h"
#include "compiler/dialect/layout.h"
#include "compiler/ops/creation/helpers.h"
#include "compiler/ops/view/view.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace linalgd::torch {

//===-- filled tensors ------------------------------------------------------------------------===//

Type scalarDtype(Value number) {
  Type dtype = dtypeOf(strip(number));
  return isFloatDtype(dtype) ? Float32Type::get(number.getContext()) : dtype;
}

Sizes sizesOfInts(ValueRange ints) {
  return llvm::map_to_vector(
      ints, [](Value size) { return matchInt(size).value_or(ShapedType::kDynamic); });
}

Value sizesAs(TorchBuilder &b, Value tensor) {
  return sizesOf(tensor) ? b.sizeList(tensor) : nullptr;
}

LogicalResult decomposeFilled(Decomposition &b, Value size, Value value) {
  if (!size || !b.resultDtype())
    return failure();
  Value none = b.constNone();
  return b.replace(
      FullOp::create(b, size, value, b.constDtype(b.resultDtype()), none, none, none).getResult());
}

// A number as an element: constant where it is, else converted.
static Value lowerNumber(Lowering &b, Value number, Type dtype) {
  Type element = lowerDtype(dtype);
  std::optional<int64_t> integer = matchInt(number);
  std::optional<double> real = matchFloat(number);
  if (real && isBoolDtype(dtype))
    return b.scalar(element, *real != 0);
  if (integer && isIntDtype(dtype)) {
    APInt bits = APInt(64, *integer, true).sextOrTrunc(element.getIntOrFloatBitWidth());
    return arith::ConstantOp::create(b, b.getIntegerAttr(element, bits));
  }
  if (real)
    return b.scalar(element, *real);
  return convertScalar(b, b.lowered(number), dtypeOf(strip(number)), dtype);
}

LogicalResult FullOp::lowerToLinalg(Lowering &b) {
  std::optional<IndexList> sizes = b.indexList(getSize());
  if (!sizes || !b.resultType() || !dtypeOf(strip(getFillValue())))
    return b.unsupported("the rank or dtype of the result is unknown");
  return b.replace(
      b.filled(refineSizes(b, *sizes), lowerNumber(b, getFillValue(), b.resultDtype())));
}

//===-- ranges --------------------------------------------------------------------------------===//

// Whether the elements of a range are whole numbers.
static bool isWholeRange(ValueRange bounds) {
  return llvm::none_of(bounds, [](Value bound) {
    return !isIntLike(strip(bound).getType()) || isa<NumberType>(strip(bound).getType());
  });
}

static LogicalResult inferArange(Inference &r, Value start, Value end, Value step, Value dtype) {
  SmallVector<Value> bounds = {end};
  if (start)
    bounds.push_back(start);
  if (step)
    bounds.push_back(step);
  Type type = matchDtype(dtype, isWholeRange(bounds) ? r.si64() : r.f32());
  std::optional<double> first = start ? matchFloat(start) : 0, last = matchFloat(end),
                        stride = step ? matchFloat(step) : 1;
  int64_t size = ShapedType::kDynamic;
  if (stride && *stride == 0)
    return r.error("must have a step other than 0");
  if (first && last && stride) {
    // An integer dtype counts in integers.
    if (isIntDtype(type))
      first = std::trunc(*first), last = std::trunc(*last), stride = std::trunc(*stride);
    if (*stride == 0 || (*last - *first) / *stride < 0)
      return r.error("has bounds against the direction of its step");
    size = static_cast<int64_t>(std::ceil((*last - *first) / *stride));
  }
  return r.tensor(SmallVector<int64_t>{size}, type);
}

LogicalResult ArangeOp::infer(Adaptor op, Inference &r) {
  return inferArange(r, nullptr, op.getEnd(), nullptr, op.getDtype());
}
LogicalResult ArangeStartOp::infer(Adaptor op, Inference &r) {
  return inferArange(r, op.getStart(), op.getEnd(), nullptr, op.getDtype());
}
LogicalResult ArangeStartStepOp::infer(Adaptor op, Inference &r) {
  return inferArange(r, op.getStart(), op.getEnd(), op.getStep(), op.getDtype());
}

static LogicalResult decomposeArange(Decomposition &b, Value start, Value end) {
  if (!b.resultDtype())
    return failure();
  Value none = b.constNone();
  return b.replace(ArangeStartStepOp::create(b, start, end, b.constInt(1),
                                             b.constDtype(b.resultDtype()), none, none, none)
                       .getResult());
}
LogicalResult ArangeOp::decompose(Decomposition &b) {
  return decomposeArange(b, b.constInt(0), getEnd());
}
LogicalResult ArangeStartOp::decompose(Decomposition &b) {
  return decomposeArange(b, getStart(), getEnd());
}

LogicalResult ArangeStartStepOp::lowerToLinalg(Lowering &b) {
  Type dtype = b.resultDtype();
  SmallVector<Value> bounds = {getStart(), getEnd(), getStep()};
  if (!dtype || llvm::any_of(bounds, [](Value bound) { return !dtypeOf(strip(bound)); }))
    return b.unsupported("the dtype of the result or of a bound is unknown");
  // PyTorch counts in int64 or float64.
  bool isWhole = isIntDtype(dtype) || isWholeRange(bounds);
  Type counting = isWhole ? Type(IntegerType::get(getContext(), 64, IntegerType::Signed))
                          : Type(b.getF64Type());
  Value start = lowerNumber(b, getStart(), counting), step = lowerNumber(b, getStep(), counting);
  OpFoldResult size = b.getIndexAttr(b.resultType().getDimSize(0));
  if (b.resultType().isDynamicDim(0)) {
    Value end = lowerNumber(b, getEnd(), counting), count;
    if (isWhole) {
      Value zero = arith::ConstantIntOp::create(b, 0, 64);
      Value moves = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, step, zero);
      cf::AssertOp::create(b, moves, "the step of a range is zero");
      count = arith::CeilDivSIOp::create(b, arith::SubIOp::create(b, end, start), step);
    } else {
      Value span = arith::DivFOp::create(b, arith::SubFOp::create(b, end, start), step);
      count = arith::FPToSIOp::create(b, b.getI64Type(), math::CeilOp::create(b, span));
    }
    Value none = arith::ConstantIntOp::create(b, 0, 64);
    count = arith::MaxSIOp::create(b, count, none);
    size = arith::IndexCastOp::create(b, b.getIndexType(), count).getResult();
  }
  Value range = generate(b, size, lowerDtype(dtype), [&](ImplicitLocOpBuilder &n, ValueRange at) {
    Value position = arith::IndexCastOp::create(n, n.getI64Type(), at[0]), value;
    if (isWhole) {
      value = arith::AddIOp::create(n, start, arith::MulIOp::create(n, position, step));
    } else {
      Value real = arith::SIToFPOp::create(n, n.getF64Type(), position);
      value = arith::AddFOp::create(n, start, arith::MulFOp::create(n, real, step));
    }
    return convertScalar(n, value, counting, dtype);
  });
  return b.replace(range);
}

// From both ends towards the middle, as PyTorch does.
LogicalResult LinspaceOp::lowerToLinalg(Lowering &b) {
  Type dtype = b.resultDtype();
  std::optional<int64_t> steps = matchInt(getSteps());
  if (!dtype || !steps)
    return b.unsupported("the dtype or the number of steps is not constant");
  Type counting = isFloatDtype(dtype) ? computeDtype(dtype) : Type(b.getF64Type());
  Type element = lowerDtype(counting);
  Value start = lowerNumber(b, getStart(), counting), end = lowerNumber(b, getEnd(), counting);
  Value parts = b.scalar(element, std::max<int64_t>(*steps - 1, 1));
  Value step = arith::DivFOp::create(b, arith::SubFOp::create(b, end, start), parts);
  Value range = generate(b, OpFoldResult(b.getIndexAttr(*steps)), lowerDtype(dtype),
                         [&](ImplicitLocOpBuilder &n, ValueRange at) {
                           Value last = arith::ConstantIndexOp::create(n, *steps - 1);
                           Value half =
                               arith::ConstantIndexOp::create(n, *steps == 1 ? 1 : *steps / 2);
                           Value isFirstHalf =
                               arith::CmpIOp::create(n, arith::CmpIPredicate::slt, at[0], half);
                           auto times = [&](Value index) -> Value {
                             Value integer = arith::IndexCastOp::create(n, n.getI64Type(), index);
                             Value real = arith::SIToFPOp::create(n, element, integer);
                             return arith::MulFOp::create(n, step, real);
                           };
                           Value up = arith::AddFOp::create(n, start, times(at[0]));
                           Value back = arith::SubIOp::create(n, last, at[0]);
                           Value down = arith::SubFOp::create(n, end, times(back));
                           Value value = arith::SelectOp::create(n, isFirstHalf, up, down);
                           return convertScalar(n, value, counting, dtype);
                         });
  return b.replace(range);
}

LogicalResult EyeOp::decompose(Decomposition &b) {
  return b.replace(
      EyeMOp::create(b, getN(), getN(), getDtype(), getLayout(), getDevice(), getPinMemory())
          .getResult());
}

LogicalResult EyeMOp::lowerToLinalg(Lowering &b) {
  if (!b.resultType())
    return b.unsupported("the dtype of the result is unknown");
  Type element = b.resultType().getElementType();
  IndexList sizes = refineSizes(b, {b.index(getN()), b.index(getM())});
  Value zero = b.scalar(element, 0), one = b.scalar(element, 1);
  Value eye = generate(b, sizes, element, [&](ImplicitLocOpBuilder &n, ValueRange at) -> Value {
    Value same = arith::CmpIOp::create(n, arith::CmpIPredicate::eq, at[0], at[1]);
    return arith::SelectOp::create(n, same, one, zero);
  });
  return b.replace(eye);
}

// The positions (row, column) with `keep(column - row)`, row by row, as a literal.
static LogicalResult decomposeTriangle(Decomposition &b, Value rows, Value columns, Value offset,
                                       bool lower) {
  std::optional<int64_t> rowCount = matchInt(rows), columnCount = matchInt(columns),
                         shift = matchInt(offset);
  Type dtype = b.resultDtype();
  if (!rowCount || !columnCount || !shift || !dtype)
    return failure();
  SmallVector<int64_t> data, columnData;
  for (int64_t row = 0; row < *rowCount; ++row)
    for (int64_t column = 0; column < *columnCount; ++column)
      if (lower ? column - row <= *shift : column - row >= *shift) {
        data.push_back(row);
        columnData.push_back(column);
      }
  int64_t count = data.size();
  data.append(columnData);
  Type si64 = IntegerType::get(b.getContext(), 64, IntegerType::Signed);
  SmallVector<APInt> values =
      llvm::map_to_vector(data, [](int64_t value) { return APInt(64, value); });
  auto elements = DenseIntElementsAttr::get(RankedTensorType::get({2, count}, si64), values);
  Value literal = ValueTensorLiteralOp::create(b, getTensorType(b.getContext(), {{2, count}}, si64),
                                               cast<ElementsAttr>(Attribute(elements)));
  return b.replace(b.toDtype(literal, dtype));
}
LogicalResult TrilIndicesOp::decompose(Decomposition &b) {
  return decomposeTriangle(b, getRow(), getCol(), getOffset(), true);
}
LogicalResult TriuIndicesOp::decompose(Decomposition &b) {
  return decomposeTriangle(b, getRow(), getCol(), getOffset(), false);
}

//===-- parts of a matrix, grids --------------------------------------------------------------===//

static LogicalResult lowerTriangle(Lowering &b, Value self, Value diagonal, bool lower) {
  if (!b.resultType() || b.resultType().getRank() < 2)
    return b.unsupported("the operand must have two dimensions or more");
  IndexList sizes = b.sizes(self);
  int64_t rank = sizes.size();
  Value offset = b.indexValue(b.index(diagonal));
  Type element = b.resultType().getElementType();
  Value zero = b.scalar(element, 0);
  auto predicate = lower ? arith::CmpIPredicate::sle : arith::CmpIPredicate::sge;
  Value result = mapped(b, self, b.getMultiDimIdentityMap(rank), sizes, element,
                        [&](ImplicitLocOpBuilder &n, ValueRange x) -> Value {
                          Value row = linalg::IndexOp::create(n, rank - 2);
                          Value column = linalg::IndexOp::create(n, rank - 1);
                          Value limit = arith::AddIOp::create(n, row, offset);
                          Value keep = arith::CmpIOp::create(n, predicate, column, limit);
                          return arith::SelectOp::create(n, keep, x[0], zero);
                        });
  return b.replace(result);
}
LogicalResult TrilOp::lowerToLinalg(Lowering &b) {
  return lowerTriangle(b, Adaptor(b.operands).getSelf(), getDiagonal(), true);
}
LogicalResult TriuOp::lowerToLinalg(Lowering &b) {
  return lowerTriangle(b, Adaptor(b.operands).getSelf(), getDiagonal(), false);
}

// "ij": the first tensor runs along dimension 0; "xy": along dimension 1.
static SmallVector<int64_t> gridOrder(size_t rank, StringRef indexing) {
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (indexing == "xy" && rank >= 2)
    std::swap(order[0], order[1]);
  return order;
}

static int64_t lengthOf(Value tensor) {
  Sizes sizes = sizesOf(tensor);
  if (!sizes)
    return ShapedType::kDynamic;
  return sizes->empty() ? 1 : sizes->front();
}

static LogicalResult inferMeshgrid(Inference &r, Value list, StringRef indexing) {
  std::optional<SmallVector<Value>> tensors = matchList(list);
  if (!tensors || tensors->empty())
    return r.tensorList(std::nullopt, nullptr);
  SmallVector<int64_t> sizes(tensors->size());
  for (auto [tensor, dim] : llvm::zip(*tensors, gridOrder(tensors->size(), indexing)))
    sizes[dim] = lengthOf(tensor);
  return r.tensorList(sizes, dtypeOf(tensors->front()));
}
LogicalResult MeshgridOp::infer(Adaptor op, Inference &r) {
  return inferMeshgrid(r, op.getTensors(), "ij");
}
LogicalResult MeshgridIndexingOp::infer(Adaptor op, Inference &r) {
  return inferMeshgrid(r, op.getTensors(), matchString(op.getIndexing()).value_or("ij"));
}

static LogicalResult decomposeMeshgrid(Decomposition &b, Value list, StringRef indexing) {
  std::optional<SmallVector<Value>> tensors = matchList(list);
  if (!tensors || llvm::any_of(*tensors, [](Value tensor) { return !sizesOf(tensor); }))
    return failure();
  SmallVector<int64_t> order = gridOrder(tensors->size(), indexing);
  SmallVector<Value> lengths(tensors->size()), grids;
  for (auto [tensor, dim] : llvm::zip(*tensors, order))
    lengths[dim] = sizesOf(tensor)->empty() ? b.constInt(1) : b.size(tensor, 0);
  for (auto [tensor, dim] : llvm::zip(*tensors, order)) {
    SmallVector<Value> ones(tensors->size(), b.constInt(1));
    ones[dim] = lengths[dim];
    Value line = ViewOp::create(b, tensor, b.intList(ones));
    grids.push_back(ExpandOp::create(b, line, b.intList(lengths), b.constBool(false)));
  }
  return b.replace(ListConstructOp::create(b, b.op->getResult(0).getType(), grids).getResult());
}
LogicalResult MeshgridOp::decompose(Decomposition &b) {
  return decomposeMeshgrid(b, getTensors(), "ij");
}
LogicalResult MeshgridIndexingOp::decompose(Decomposition &b) {
  std::optional<StringRef> indexing = matchString(getIndexing());
  return indexing ? decomposeMeshgrid(b, getTensors(), *indexing) : failure();
}

} // namespace linalgd::torch
