// Sizes of tensors, traced back (sizes.h).
#include "compiler/codegen/sizes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"

namespace linalgd {

using namespace mlir;

OpFoldResult SizeTracer::trace(OpFoldResult size) {
  if (auto value = dyn_cast<Value>(size))
    if (auto dim = value.getDefiningOp<tensor::DimOp>())
      if (std::optional<int64_t> index = dim.getConstantIndex();
          index && isa<RankedTensorType>(dim.getSource().getType()))
        return sizeOf(dim.getSource(), *index);
  if (std::optional<int64_t> constant = getConstantIntValue(size))
    return IntegerAttr::get(IndexType::get(size.getContext()), *constant);
  return size;
}

OpFoldResult SizeTracer::sizeOf(Value tensor, int64_t dim) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(dim))
    return IntegerAttr::get(IndexType::get(type.getContext()), type.getDimSize(dim));
  auto known = known_.find({tensor, dim});
  if (known != known_.end())
    return known->second;
  return known_[{tensor, dim}] = compute(tensor, dim);
}

// The sizes of a slice's result.
static OpFoldResult keptSize(tensor::ExtractSliceOp op, int64_t dim) {
  llvm::SmallBitVector dropped = op.getDroppedDims();
  for (auto [i, size] : llvm::enumerate(op.getMixedSizes()))
    if (!dropped.test(i) && dim-- == 0)
      return size;
  llvm_unreachable("a slice's result has a dimension for each size that is not dropped");
}

OpFoldResult SizeTracer::compute(Value tensor, int64_t dim) {
  ImplicitLocOpBuilder b(tensor.getLoc(), tensor.getContext());
  b.setInsertionPointAfterValue(tensor);
  AffineExpr x = b.getAffineSymbolExpr(0), y = b.getAffineSymbolExpr(1);
  auto combine = [&](AffineExpr expr, ArrayRef<OpFoldResult> sizes) {
    return affine::makeComposedFoldedAffineApply(b, b.getLoc(), expr, sizes);
  };
  Operation *op = tensor.getDefiningOp();
  if (auto destination = dyn_cast_if_present<DestinationStyleOpInterface>(op))
    return sizeOf(destination.getTiedOpOperand(cast<OpResult>(tensor))->get(), dim);
  if (auto view = dyn_cast_if_present<tensor::CastOp>(op);
      view && isa<RankedTensorType>(view.getSource().getType()))
    return sizeOf(view.getSource(), dim);
  if (auto empty = dyn_cast_if_present<tensor::EmptyOp>(op))
    return trace(empty.getMixedSizes()[dim]);
  if (auto slice = dyn_cast_if_present<tensor::ExtractSliceOp>(op))
    return trace(keptSize(slice, dim));
  if (auto expand = dyn_cast_if_present<tensor::ExpandShapeOp>(op))
    return trace(expand.getMixedOutputShape()[dim]);
  if (auto pad = dyn_cast_if_present<tensor::PadOp>(op))
    return combine(
        x + y + b.getAffineSymbolExpr(2),
        {pad.getMixedLowPad()[dim], sizeOf(pad.getSource(), dim), pad.getMixedHighPad()[dim]});
  if (auto reshape = dyn_cast_if_present<tensor::ReshapeOp>(op))
    if (auto shape = reshape.getShape().getDefiningOp<tensor::FromElementsOp>();
        shape && shape.getType().getElementType().isIndex())
      return trace(shape.getElements()[dim]);
  if (auto collapse = dyn_cast_if_present<tensor::CollapseShapeOp>(op)) {
    OpFoldResult size = b.getIndexAttr(1);
    ReassociationIndices group = collapse.getReassociationIndices()[dim];
    for (int64_t from : group)
      size = combine(x * y, {size, sizeOf(collapse.getSrc(), from)});
    return size;
  }
  if (auto concat = dyn_cast_if_present<tensor::ConcatOp>(op)) {
    if (dim != static_cast<int64_t>(concat.getDim()))
      return sizeOf(concat.getInputs().front(), dim);
    OpFoldResult size = b.getIndexAttr(0);
    for (Value input : concat.getInputs())
      size = combine(x + y, {size, sizeOf(input, dim)});
    return size;
  }
  return tensor::DimOp::create(b, tensor, dim).getResult();
}

//===-- forms ---------------------------------------------------------------------------------===//

SizeForm SizeForm::constant(int64_t value) {
  SizeForm form;
  if (value != 0)
    form.terms[{}] = value;
  return form;
}

SizeForm SizeForm::unknown(Value value) {
  SizeForm form;
  form.terms[{value.getAsOpaquePointer()}] = 1;
  return form;
}

SizeForm SizeForm::operator+(const SizeForm &other) const {
  SizeForm sum = *this;
  for (const auto &[factors, coefficient] : other.terms) {
    auto term = sum.terms.try_emplace(factors, 0).first;
    term->second += coefficient;
    if (term->second == 0)
      sum.terms.erase(term);
  }
  return sum;
}

SizeForm SizeForm::operator*(const SizeForm &other) const {
  SizeForm product;
  for (const auto &[left, a] : terms)
    for (const auto &[right, b] : other.terms) {
      std::vector<void *> factors = left;
      factors.insert(factors.end(), right.begin(), right.end());
      llvm::sort(factors);
      SizeForm term;
      term.terms[factors] = a * b;
      product = product + term;
    }
  return product;
}

SizeForm SizeTracer::formOfExpr(AffineExpr expr, ValueRange operands, unsigned numDims) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return SizeForm::constant(constant.getValue());
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return form(operands[dim.getPosition()]);
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return form(operands[numDims + symbol.getPosition()]);
  auto binary = cast<AffineBinaryOpExpr>(expr);
  SizeForm left = formOfExpr(binary.getLHS(), operands, numDims),
           right = formOfExpr(binary.getRHS(), operands, numDims);
  return expr.getKind() == AffineExprKind::Add ? left + right : left * right;
}

// Long sums stay values of their own.
static constexpr size_t kMostTerms = 16;

SizeForm SizeTracer::form(OpFoldResult size) {
  size = trace(size);
  if (std::optional<int64_t> constant = getConstantIntValue(size))
    return SizeForm::constant(*constant);
  auto value = cast<Value>(size);
  Operation *op = value.getDefiningOp();
  SizeForm result = SizeForm::unknown(value);
  if (auto apply = dyn_cast_if_present<affine::AffineApplyOp>(op)) {
    AffineMap map = apply.getAffineMap();
    bool divides = false;
    map.getResult(0).walk([&](AffineExpr expr) {
      divides |= llvm::is_contained(
          {AffineExprKind::Mod, AffineExprKind::FloorDiv, AffineExprKind::CeilDiv}, expr.getKind());
    });
    if (!divides)
      result = formOfExpr(map.getResult(0), apply.getMapOperands(), map.getNumDims());
  } else if (isa_and_present<arith::MulIOp>(op)) {
    result = form(op->getOperand(0)) * form(op->getOperand(1));
  } else if (isa_and_present<arith::AddIOp>(op)) {
    result = form(op->getOperand(0)) + form(op->getOperand(1));
  } else if (isa_and_present<arith::SubIOp>(op)) {
    result = form(op->getOperand(0)) + SizeForm::constant(-1) * form(op->getOperand(1));
  } else if (auto cast = dyn_cast_if_present<arith::IndexCastOp>(op)) {
    if (cast.getIn().getType().isIndex() || cast.getIn().getType().isInteger(64))
      return form(cast.getIn());
  }
  return result.terms.size() > kMostTerms ? SizeForm::unknown(value) : result;
}

bool SizeTracer::isNatural(const SizeForm &size) {
  return llvm::all_of(size.terms, [&](const auto &term) {
    return term.second >= 0 && llvm::all_of(term.first, [&](void *factor) {
             Operation *op = Value::getFromOpaquePointer(factor).getDefiningOp();
             if (isa_and_present<arith::MaxSIOp>(op))
               return isNatural(op->getOperand(0)) || isNatural(op->getOperand(1));
             if (isa_and_present<arith::MinSIOp>(op))
               return isNatural(op->getOperand(0)) && isNatural(op->getOperand(1));
             return isa_and_present<tensor::DimOp>(op);
           });
  });
}

Value productOf(ImplicitLocOpBuilder &b, int64_t known, ValueRange sizes) {
  Value total = arith::ConstantIntOp::create(b, known, 64);
  Value zero = arith::ConstantIntOp::create(b, 0, 64), overflow = zero;
  for (Value size : sizes) {
    Value word = arith::IndexCastOp::create(b, b.getI64Type(), size);
    auto wide = arith::MulUIExtendedOp::create(b, total, word);
    total = wide.getLow();
    overflow = b.createOrFold<arith::OrIOp>(overflow, wide.getHigh());
  }
  Value fits = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, overflow, zero);
  cf::AssertOp::create(b, fits, "a tensor is too large");
  return arith::IndexCastOp::create(b, b.getIndexType(), total);
}

} // namespace linalgd
