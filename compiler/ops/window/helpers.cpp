#include "compiler/ops/window/helpers.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace linalgd::torch {

std::optional<SmallVector<int64_t>> matchWindowList(Value list, int64_t spatial) {
  std::optional<SmallVector<int64_t>> values = matchIntList(list);
  if (values && values->size() == 1)
    values->resize(spatial, values->front());
  if (!values || static_cast<int64_t>(values->size()) != spatial)
    return std::nullopt;
  return values;
}

Value padOrCrop(Lowering &b, Value tensor, ArrayRef<int64_t> low, ArrayRef<int64_t> high,
                Value fill) {
  auto isZero = [](int64_t size) { return size == 0; };
  if (llvm::all_of(low, isZero) && llvm::all_of(high, isZero))
    return tensor;
  auto isNegative = [](int64_t size) { return size < 0; };
  if (llvm::any_of(low, isNegative) || llvm::any_of(high, isNegative)) {
    SmallVector<OpFoldResult> offsets, sizes = b.sizes(tensor),
                                       strides(low.size(), b.getIndexAttr(1));
    for (size_t i = 0; i < low.size(); ++i) {
      int64_t front = std::max<int64_t>(-low[i], 0), back = std::max<int64_t>(-high[i], 0);
      offsets.push_back(b.getIndexAttr(front));
      sizes[i] = b.affine(b.getAffineSymbolExpr(0) - (front + back), {sizes[i]});
    }
    tensor = tensor::ExtractSliceOp::create(b, tensor, offsets, sizes, strides);
  }
  SmallVector<OpFoldResult> before, after;
  for (size_t i = 0; i < low.size(); ++i) {
    before.push_back(b.getIndexAttr(std::max<int64_t>(low[i], 0)));
    after.push_back(b.getIndexAttr(std::max<int64_t>(high[i], 0)));
  }
  return tensor::PadOp::create(b, Type(), tensor, before, after, fill);
}

SmallVector<OpFoldResult> windowSizes(Lowering &b, Value input, ArrayRef<int64_t> kernel,
                                      ArrayRef<int64_t> stride, ArrayRef<int64_t> dilation) {
  SmallVector<OpFoldResult> sizes = b.sizes(input);
  AffineExpr size = b.getAffineSymbolExpr(0);
  for (size_t i = 0; i < kernel.size(); ++i) {
    int64_t reach = dilation[i] * (kernel[i] - 1) + 1;
    sizes[i + 2] = b.affine((size - reach).floorDiv(stride[i]) + 1, {sizes[i + 2]});
  }
  return sizes;
}

} // namespace linalgd::torch
