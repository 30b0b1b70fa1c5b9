// Reductions as linalg.reduce, scans as loops over slices.
#include "compiler/ops/reduction/reduction.h"
#include "compiler/dialect/pointwise.h"
#include "compiler/ops/binary/binary.h"
#include "compiler/ops/reduction/helpers.h"
#include "compiler/ops/scalar/scalar.h"
#include "compiler/ops/view/view.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <limits>

using namespace mlir;

namespace linalgd::torch {

Type sumDtype(Value tensor) {
  Type dtype = dtypeOf(tensor);
  if (!dtype || !(isIntDtype(dtype) || isBoolDtype(dtype)))
    return dtype;
  return IntegerType::get(dtype.getContext(), 64, IntegerType::Signed);
}

// The dims that are reduced, in order.
static std::optional<SmallVector<int64_t>> reducedDims(Value dims, int64_t rank) {
  if (!dims || rank == 0)
    return llvm::to_vector(llvm::seq<int64_t>(0, rank));
  std::optional<SmallVector<int64_t>> result = matchDims(dims, rank);
  if (result)
    llvm::sort(*result);
  return result;
}

LogicalResult inferReduced(Inference &r, Value self, Value dims, Value keep, Type dtype) {
  if (failed(r.hasDims(self, dims)))
    return failure();
  Sizes sizes = sizesOf(self);
  std::optional<bool> keepDims = keep ? matchBool(keep) : false;
  if (!sizes || !keepDims)
    return r.tensor(std::nullopt, dtype);
  auto reduced = reducedDims(dims, static_cast<int64_t>(sizes->size()));
  if (!reduced)
    return r.tensor(std::nullopt, dtype);
  for (int64_t dim : llvm::reverse(*reduced)) {
    if (*keepDims)
      (*sizes)[dim] = 1;
    else
      sizes->erase(sizes->begin() + dim);
  }
  return r.tensor(sizes, dtype);
}

Value numElements(TorchBuilder &b, Value tensor, Value dims) {
  if (!sizesOf(tensor))
    return nullptr;
  auto reduced = reducedDims(dims, static_cast<int64_t>(sizesOf(tensor)->size()));
  if (!reduced)
    return nullptr;
  int64_t known = 1;
  Value result;
  for (int64_t dim : *reduced) {
    int64_t size = (*sizesOf(tensor))[dim];
    if (!ShapedType::isDynamic(size))
      known *= size;
    else
      result = result ? MulIntOp::create(b, result, b.size(tensor, dim)).getResult()
                      : b.size(tensor, dim);
  }
  if (!result)
    return b.constInt(known);
  return known == 1 ? result : MulIntOp::create(b, result, b.constInt(known)).getResult();
}

Value keepReduced(Lowering &b, Value result, Value self, ArrayRef<int64_t> dims) {
  if (dims.empty())
    return result;
  auto type = cast<RankedTensorType>(self.getType());
  SmallVector<OpFoldResult> sizes = b.sizes(self);
  for (int64_t dim : dims)
    sizes[dim] = b.getIndexAttr(1);
  // Kept dimensions each take the ones around them.
  SmallVector<ReassociationIndices> parts;
  SmallVector<int64_t> shape;
  for (int64_t i = 0; i < type.getRank(); ++i) {
    bool isKept = !llvm::is_contained(dims, i);
    shape.push_back(isKept ? type.getDimSize(i) : 1);
    bool startsPart = parts.empty() || (isKept && llvm::any_of(parts.back(), [&](int64_t at) {
                                          return !llvm::is_contained(dims, at);
                                        }));
    if (startsPart)
      parts.emplace_back();
    parts.back().push_back(i);
  }
  if (static_cast<int64_t>(dims.size()) == type.getRank())
    parts.clear();
  Type element = cast<RankedTensorType>(result.getType()).getElementType();
  return tensor::ExpandShapeOp::create(b, RankedTensorType::get(shape, element), result, parts,
                                       sizes);
}

Value extremeValue(Lowering &b, Type dtype, bool largest) {
  Type type = lowerDtype(dtype);
  if (isFloatDtype(dtype)) {
    double infinity = std::numeric_limits<double>::infinity();
    return b.scalar(type, largest ? infinity : -infinity);
  }
  unsigned width = type.getIntOrFloatBitWidth();
  APInt value = isUnsignedDtype(dtype)
                    ? (largest ? APInt::getMaxValue(width) : APInt::getMinValue(width))
                    : (largest ? APInt::getSignedMaxValue(width) : APInt::getSignedMinValue(width));
  return arith::ConstantOp::create(b, b.getIntegerAttr(type, value));
}

namespace {

using Combine = llvm::function_ref<Value(ScalarBuilder &, Value, Value)>;

// Reduces operand 0, converted to `compute`, over `dims`; `keep` leaves dimensions of size 1.
LogicalResult lowerReduced(Lowering &b, Value dims, Value keep, Type compute, Value start,
                           Combine combine) {
  Value self = b.operands[0];
  auto type = dyn_cast<RankedTensorType>(self.getType());
  if (!type)
    return b.unsupported("the rank of the operand is unknown");
  auto reduced = reducedDims(dims, type.getRank());
  std::optional<bool> keepDims = matchBool(keep);
  if (!reduced || !keepDims)
    return b.unsupported("the dimensions are not constant");
  self = b.convert(self, dtypeOf(b.op->getOperand(0)), compute);
  SmallVector<OpFoldResult> kept = b.sizes(self);
  for (int64_t dim : llvm::reverse(*reduced))
    kept.erase(kept.begin() + dim);
  Value init = b.filled(kept, start);
  Value result = linalg::ReduceOp::create(b, ValueRange{self}, ValueRange{init}, *reduced,
                                          [&](OpBuilder &nested, Location loc, ValueRange x) {
                                            ScalarBuilder s(loc, nested, compute);
                                            linalg::YieldOp::create(s, combine(s, x[0], x[1]));
                                          })
                     .getResult(0);
  result = b.convert(result, compute, b.resultDtype());
  return b.replace(*keepDims ? keepReduced(b, result, self, *reduced) : result);
}

Value noDims(TorchBuilder &b) { return b.intList(ArrayRef<int64_t>()); }

} // namespace

LogicalResult SumOp::decompose(Decomposition &b) {
  return b.replace(
      SumDimIntListOp::create(b, getSelf(), noDims(b), b.constBool(false), getDtype()).getResult());
}

LogicalResult SumDimIntListOp::lowerToLinalg(Lowering &b) {
  Type compute = computeDtype(b.resultDtype());
  return lowerReduced(b, getDim(), getKeepdim(), compute, b.scalar(lowerDtype(compute), 0),
                      [](ScalarBuilder &s, Value x, Value sum) { return s.add(x, sum); });
}

LogicalResult MeanOp::decompose(Decomposition &b) {
  return b.replace(
      MeanDimOp::create(b, getSelf(), noDims(b), b.constBool(false), getDtype()).getResult());
}

LogicalResult MeanDimOp::decompose(Decomposition &b) {
  Value count = numElements(b, getSelf(), getDim());
  if (!count || !b.resultDtype())
    return failure();
  // Half types would overflow in the sum.
  Type dtype = b.resultDtype(), compute = computeDtype(dtype);
  Value sum = SumDimIntListOp::create(b, b.toDtype(getSelf(), compute), getDim(), getKeepdim(),
                                      b.constNone());
  return b.replace(b.toDtype(DivScalarOp::create(b, sum, count), dtype));
}

LogicalResult AmaxOp::lowerToLinalg(Lowering &b) {
  Type dtype = b.resultDtype();
  return lowerReduced(b, getDim(), getKeepdim(), dtype, extremeValue(b, dtype, false),
                      [](ScalarBuilder &s, Value x, Value largest) { return s.max(x, largest); });
}
LogicalResult AminOp::lowerToLinalg(Lowering &b) {
  Type dtype = b.resultDtype();
  return lowerReduced(b, getDim(), getKeepdim(), dtype, extremeValue(b, dtype, true),
                      [](ScalarBuilder &s, Value x, Value least) { return s.min(x, least); });
}
LogicalResult MaxOp::decompose(Decomposition &b) {
  return b.replace(AmaxOp::create(b, getSelf(), noDims(b), b.constBool(false)).getResult());
}
LogicalResult MinOp::decompose(Decomposition &b) {
  return b.replace(AminOp::create(b, getSelf(), noDims(b), b.constBool(false)).getResult());
}

LogicalResult ProdOp::decompose(Decomposition &b) {
  if (!sizesOf(getSelf()))
    return failure();
  Value flat = FlattenUsingIntsOp::create(b, getSelf(), b.constInt(0), b.constInt(-1));
  return b.replace(
      ProdDimIntOp::create(b, flat, b.constInt(0), b.constBool(false), getDtype()).getResult());
}
LogicalResult ProdDimIntOp::lowerToLinalg(Lowering &b) {
  Type compute = computeDtype(b.resultDtype());
  return lowerReduced(b, getDim(), getKeepdim(), compute, b.scalar(lowerDtype(compute), 1),
                      [](ScalarBuilder &s, Value x, Value product) { return s.mul(x, product); });
}

// Scans operand 0 along `given`, a slice at a time.
static LogicalResult lowerScan(Lowering &b, Value given, double start, Combine combine) {
  Value self = b.operands[0];
  auto type = dyn_cast<RankedTensorType>(self.getType());
  std::optional<int64_t> dim = matchInt(given);
  if (!type || !dim)
    return b.unsupported("the rank of the operand or the dimension is unknown");
  Type dtype = b.resultDtype(), compute = computeDtype(dtype);
  self = b.convert(self, dtypeOf(b.op->getOperand(0)), compute);
  if (type.getRank() == 0)
    return b.replace(b.convert(self, compute, dtype));
  dim = normalizeDim(*dim, type.getRank());
  if (!dim)
    return b.unsupported("the dimension is out of range");

  SmallVector<OpFoldResult> sizes = b.sizes(self), slice = sizes,
                            strides(sizes.size(), b.getIndexAttr(1)),
                            offsets(sizes.size(), b.getIndexAttr(0));
  slice[*dim] = b.getIndexAttr(1);
  Value zero = arith::ConstantIndexOp::create(b, 0), one = arith::ConstantIndexOp::create(b, 1);
  Value result = b.empty(sizes, lowerDtype(compute)),
        sum = b.filled(slice, b.scalar(lowerDtype(compute), start));
  auto loop = scf::ForOp::create(
      b, zero, b.indexValue(sizes[*dim]), one, ValueRange{result, sum},
      [&](OpBuilder &nested, Location loc, Value i, ValueRange state) {
        offsets[*dim] = i;
        Value part = tensor::ExtractSliceOp::create(nested, loc, self, offsets, slice, strides);
        int64_t rank = type.getRank();
        SmallVector<AffineMap> maps(2, nested.getMultiDimIdentityMap(rank));
        SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
        Value next = linalg::GenericOp::create(nested, loc, state[1].getType(), ValueRange{part},
                                               ValueRange{state[1]}, maps, iterators,
                                               [&](OpBuilder &inner, Location at, ValueRange x) {
                                                 ScalarBuilder s(at, inner, compute);
                                                 linalg::YieldOp::create(s, combine(s, x[0], x[1]));
                                               })
                         .getResult(0);
        Value stored =
            tensor::InsertSliceOp::create(nested, loc, next, state[0], offsets, slice, strides);
        scf::YieldOp::create(nested, loc, ValueRange{stored, next});
      });
  return b.replace(b.convert(loop.getResult(0), compute, dtype));
}

LogicalResult CumsumOp::lowerToLinalg(Lowering &b) {
  return lowerScan(b, getDim(), 0,
                   [](ScalarBuilder &s, Value x, Value sum) { return s.add(x, sum); });
}
LogicalResult CumprodOp::lowerToLinalg(Lowering &b) {
  return lowerScan(b, getDim(), 1,
                   [](ScalarBuilder &s, Value x, Value product) { return s.mul(x, product); });
}

} // namespace linalgd::torch
