// The walk of SimplifyControl: branches and containers (simplify_control.cpp), loops
// (simplify_loops.cpp).
#pragma once

#include "compiler/ops/object/object.h"
#include "compiler/passes/heap.h"
#include "compiler/passes/merge.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/FoldUtils.h"

namespace linalgd {

class Simplifier {
public:
  explicit Simplifier(mlir::func::FuncOp function)
      : function_(function), rewriter_(function.getContext()), folder_(function.getContext()) {}

  llvm::LogicalResult run() { return run(function_.getBody().front()); }

private:
  llvm::LogicalResult run(mlir::Block &block);
  llvm::LogicalResult visit(mlir::Operation *op);
  bool visitCast(mlir::Operation *op);
  bool visitKnown(mlir::Operation *op);
  void readContainers(mlir::Operation *op);
  void replaceAll(mlir::Operation *op, mlir::ValueRange values);

  llvm::LogicalResult visitIf(torch::IfOp op);
  bool replaceRaise(torch::IfOp op);
  void take(torch::IfOp op, mlir::Region &branch);

  llvm::LogicalResult visitLoop(torch::LoopOp op);
  llvm::LogicalResult visitRemainingLoop(torch::LoopOp op);
  void peel(torch::LoopOp op);

  llvm::LogicalResult visitSlot(mlir::Operation *op);
  llvm::LogicalResult loadSlot(mlir::StringAttr slot, mlir::Location loc);
  llvm::LogicalResult loadSlots(mlir::Operation *op);
  llvm::LogicalResult writeSlots(mlir::func::ReturnOp end);

  mlir::func::FuncOp function_;
  mlir::PatternRewriter rewriter_;
  mlir::OperationFolder folder_;
  mlir::Operation *next_ = nullptr;                   // of the block being visited
  llvm::DenseMap<mlir::Operation *, int64_t> rounds_; // that were peeled off a loop
  Heap heap_;
  llvm::MapVector<mlir::StringAttr, mlir::Value> firstValues_; // of the slots that are used
};

} // namespace linalgd
