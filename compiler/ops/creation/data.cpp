// Tensors of numbers that the program names.
#include "compiler/dialect/layout.h"
#include "compiler/ops/assembly/assembly.h"
#include "compiler/ops/creation/creation.h"
#include "compiler/ops/creation/helpers.h"
#include "compiler/ops/view/view.h"

using namespace mlir;

namespace linalgd::torch {

LogicalResult inferData(Inference &r, Value data, Value dtype) {
  SmallVector<int64_t> sizes;
  Type type = strip(data).getType();
  for (Value list = data; auto nested = dyn_cast<ListType>(type);
       type = nested.getContainedType()) {
    std::optional<SmallVector<Value>> elements = list ? matchList(list) : std::nullopt;
    sizes.push_back(elements ? static_cast<int64_t>(elements->size()) : ShapedType::kDynamic);
    list = elements && !elements->empty() ? elements->front() : Value();
  }
  bool isNumber = isa<torch::IntType, torch::FloatType, torch::BoolType>(type);
  Type otherwise = isFloatDtype(dtypeOf(type)) ? r.f32() : dtypeOf(type);
  return r.tensor(sizes, matchDtype(dtype, isNumber ? otherwise : Type()));
}

// The numbers in nested lists, in order; false where a list is not built here.
static bool flatten(Value data, SmallVectorImpl<Value> &numbers) {
  if (!isa<ListType>(strip(data).getType())) {
    numbers.push_back(data);
    return true;
  }
  std::optional<SmallVector<Value>> elements = matchList(data);
  return elements && llvm::all_of(*elements, [&](Value item) { return flatten(item, numbers); });
}

// Null where it is no constant.
static Attribute elementAttr(Value number, Type dtype) {
  std::optional<double> real = matchFloat(number);
  std::optional<int64_t> integer = matchInt(number);
  if (!real)
    return {};
  if (isFloatDtype(dtype)) {
    APFloat value(*real);
    bool losesInfo = false;
    value.convert(cast<mlir::FloatType>(dtype).getFloatSemantics(), APFloat::rmNearestTiesToEven,
                  &losesInfo);
    return FloatAttr::get(dtype, value);
  }
  if (isBoolDtype(dtype))
    return BoolAttr::get(number.getContext(), *real != 0);
  int64_t whole = integer ? *integer : static_cast<int64_t>(*real);
  return isIntDtype(dtype)
             ? IntegerAttr::get(dtype,
                                APInt(64, whole, true).sextOrTrunc(dtype.getIntOrFloatBitWidth()))
             : Attribute();
}

LogicalResult decomposeData(Decomposition &b, Value data) {
  SmallVector<Value> numbers;
  Sizes sizes = sizesOf(b.op->getResult(0));
  Type dtype = b.resultDtype();
  if (!dtype || !sizes || llvm::any_of(*sizes, ShapedType::isDynamic) || !flatten(data, numbers))
    return failure();
  SmallVector<Attribute> elements;
  for (Value number : numbers)
    if (Attribute element = elementAttr(number, dtype))
      elements.push_back(element);
  if (elements.size() == numbers.size()) {
    auto value = DenseElementsAttr::get(RankedTensorType::get(*sizes, dtype), elements);
    auto type = cast<BaseTensorType>(b.op->getResult(0).getType());
    return b.replace(ValueTensorLiteralOp::create(b, cast<ValueTensorType>(type.asValue()), value));
  }
  SmallVector<Value> scalars;
  Value none = b.constNone(), shape = b.intList(ArrayRef<int64_t>());
  for (Value number : numbers)
    scalars.push_back(FullOp::create(b, shape, number, b.constDtype(dtype), none, none, none));
  if (sizes->empty())
    return b.replace(scalars.front());
  Value flat = StackOp::create(b, b.list(scalars, scalars.front().getType()), b.constInt(0));
  return b.replace(ViewOp::create(b, flat, b.intList(*sizes)));
}

} // namespace linalgd::torch
