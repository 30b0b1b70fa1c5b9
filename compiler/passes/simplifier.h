// The walk of SimplifyControl: branches and containers (simplify_control.cpp), loops
// (simplify_loops.cpp).
#pragma once

#include "compiler/ops/object/object.h"
#include "compiler/passes/heap.h"
#include "compiler/passes/merge.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/FoldUtils.h"

namespace linalgd {

class Simplifier {
public:
  // `earlier`: a call of the same program that has ended, whose attributes this one finds.
  explicit Simplifier(mlir::func::FuncOp function, const Simplifier *earlier = nullptr);

  llvm::LogicalResult run() { return run(function_.getBody().front()); }
  // The slots that are no tensors and are other constants at the end.
  const llvm::MapVector<mlir::StringAttr, mlir::Value> &rebound() const { return rebound_; }

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
  bool collectGrowing(torch::LoopOp op, llvm::ArrayRef<mlir::Operation *> makers,
                      const Heap &before);

  llvm::LogicalResult visitSlot(mlir::Operation *op);
  llvm::LogicalResult loadSlot(mlir::StringAttr slot, mlir::Location loc);
  mlir::Value copyToEntry(mlir::Value value, mlir::Location loc);
  mlir::Value copyConstant(const Heap &from, mlir::Value value, mlir::OpBuilder &builder);
  void setFirst(mlir::Operation *object, Cell cell);
  bool isConstant(mlir::Value value);
  bool isSame(mlir::Value x, mlir::Value y);
  bool isLocal(mlir::Value first);
  llvm::LogicalResult loadSlots(mlir::Operation *op);
  llvm::LogicalResult writeSlots(mlir::func::ReturnOp end);

  mlir::func::FuncOp function_;
  mlir::PatternRewriter rewriter_;
  mlir::OperationFolder folder_;
  mlir::Operation *next_ = nullptr;                   // of the block being visited
  llvm::DenseMap<mlir::Operation *, int64_t> rounds_; // that were peeled off a loop
  Heap heap_;
  llvm::DenseMap<mlir::StringAttr, mlir::Value> initialValues_; // in the module's initializer
  mlir::IRMapping atEntry_;                                     // from there to the function
  mlir::Operation *lastAtEntry_ = nullptr;
  llvm::MapVector<mlir::StringAttr, mlir::Value> firstValues_; // of the slots that are used
  Heap firstHeap_;                                             // and what they hold
  llvm::DenseSet<mlir::StringAttr> read_;                      // slots whose first value is read
  llvm::MapVector<mlir::StringAttr, mlir::Value> rebound_;
  const Simplifier *earlier_;
};

// Simplifies a function. A program may change attributes that are no tensors, if that makes no
// difference to the next call of it.
llvm::LogicalResult simplify(mlir::func::FuncOp function);

// Makes a loop that appends a tensor of type `row` to `list` in each round carry a tensor of all
// rows instead; null where what else uses the list, or the tensors, stands against it.
torch::LoopOp collectRows(torch::LoopOp loop, mlir::Operation *list, torch::BaseTensorType row);

// Erases what has no use, users before what they use.
void eraseDead(mlir::Operation *root);

} // namespace linalgd
