// What the records of this family call: a result as a value where it is known, else null.
#pragma once

#include "compiler/dialect/builders.h"
#include "compiler/ops/scalar/scalar.h"

namespace linalgd::torch {

llvm::LogicalResult inferElement(Inference &r, mlir::Value list, mlir::Value index);

mlir::Value elementOf(mlir::Value list, mlir::Value index);
mlir::Value takeElement(TorchBuilder &b, mlir::Value list, mlir::Value index);
mlir::Value lengthOf(TorchBuilder &b, mlir::Value list);
mlir::Value sliceOf(TorchBuilder &b, mlir::Value list, mlir::Value start, mlir::Value end,
                    mlir::Value step);
mlir::Value joinLists(TorchBuilder &b, mlir::Value first, mlir::Value second);
mlir::Value repeatList(TorchBuilder &b, mlir::Value list, mlir::Value count);
mlir::Value copyList(TorchBuilder &b, mlir::Value list);
mlir::Value containsItem(TorchBuilder &b, mlir::Value list, mlir::Value item);
mlir::Value compareLists(TorchBuilder &b, mlir::Value first, mlir::Value second, bool equal);
// The smallest or the largest of some integers.
mlir::Value extremeOf(TorchBuilder &b, mlir::Value list, bool largest);
// Whether all elements are `value`, negated for false: all(), any().
mlir::Value isEvery(TorchBuilder &b, mlir::Value list, bool value);

mlir::Value rangeLength(TorchBuilder &b, mlir::Value low, mlir::Value high, mlir::Value step);

mlir::Value isSame(TorchBuilder &b, mlir::Value first, mlir::Value second, bool same);
mlir::Value joinStrings(TorchBuilder &b, mlir::Value first, mlir::Value second);
mlir::Value lengthOfString(TorchBuilder &b, mlir::Value string);
mlir::Value compareStrings(TorchBuilder &b, mlir::Value first, mlir::Value second, bool equal);

mlir::Value lengthOfTensor(TorchBuilder &b, mlir::Value tensor);
mlir::Value dtypeNumber(TorchBuilder &b, mlir::Value tensor);
mlir::Value deviceType(TorchBuilder &b, mlir::Value device);
mlir::Value isOfKind(TorchBuilder &b, mlir::Value tensor, bool (*kind)(mlir::Type));

} // namespace linalgd::torch
