// What an op family implements: the generic passes are drivers over these interfaces.
#ifndef LINALGD_DIALECT_INTERFACES
#define LINALGD_DIALECT_INTERFACES

include "mlir/IR/OpBase.td"

def DecomposeOpInterface : OpInterface<"Decompose"> {
  let cppNamespace = "::linalgd::torch";
  let description = "An op that is replaced by simpler torch ops.";
  let methods = [InterfaceMethod<
    "Builds the replacement at `b` and hands it to `b.replace`; fails, with nothing changed, where "
    "the op is not to be decomposed.",
    "::llvm::LogicalResult", "decompose", (ins "::linalgd::torch::Decomposition &":$b)>];
}

def LowerToLinalgOpInterface : OpInterface<"LowerToLinalg"> {
  let cppNamespace = "::linalgd::torch";
  let description = "An op that has a direct form in linalg, tensor, arith and math.";
  let methods = [InterfaceMethod<
    "Builds the lowered form at `b` from `b.operands` and hands it to `b.replace`; "
    "`b.unsupported(reason)` where it cannot.",
    "::llvm::LogicalResult", "lowerToLinalg", (ins "::linalgd::torch::Lowering &":$b)>];
}

def ViewOpInterface : OpInterface<"View"> {
  let cppNamespace = "::linalgd::torch";
  let description = [{
    An op whose results alias its first operand: tensors, or a list of them. Functionalize makes
    values of both and carries writes back through `scatter`.
  }];
  let methods = [
    InterfaceMethod<
      "Whether the results alias operand 0, which is contiguous or not; if not, they are copies.",
      "bool", "aliases", (ins "bool":$contiguous), "", "return true;">,
    InterfaceMethod<
      "Whether the results are contiguous, given whether operand 0 is.",
      "bool", "isContiguous", (ins "bool":$contiguous), "", "return false;">,
    InterfaceMethod<
      "Returns `base` with the elements of this view (its `index`-th tensor, for a list) replaced by "
      "`update`, as value tensors; null where the view cannot be written through.",
      "::mlir::Value", "scatter",
      (ins "::linalgd::torch::TorchBuilder &":$b, "::mlir::Value":$base, "::mlir::Value":$update,
           "unsigned":$index)>];
}

def WritesOpInterface : OpInterface<"Writes"> {
  let cppNamespace = "::linalgd::torch";
  let description = "An op that writes to operands and is no in-place twin: those that `writes` of its record names.";
  let methods = [InterfaceMethod<
    "Builds the op without its writes, on the values that its operands have now. Returns its results, "
    "then the new value of each tensor that it writes to, in the order of the record.",
    "::llvm::SmallVector<::mlir::Value>", "functionalize",
    (ins "::linalgd::torch::TorchBuilder &":$b, "::mlir::ValueRange":$operands)>];
}

#endif
