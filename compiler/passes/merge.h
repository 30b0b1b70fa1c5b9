// Where ways of a program meet: what values and containers are after a branch, and in every round
// of a loop.
#pragma once

#include "compiler/ops/control/control.h"
#include "compiler/passes/heap.h"

namespace linalgd {

// What is known of both types; `declared` where the two have nothing in common, which may be null.
mlir::Type joinTypes(mlir::Type a, mlir::Type b, mlir::Type declared);

// How a value is made of others: a container that is built here, whose elements are leaves or
// containers in turn, or one leaf.
class Shape {
public:
  // Appends the leaves.
  static Shape of(const Heap &heap, mlir::Value value, llvm::SmallVectorImpl<mlir::Value> &leaves);
  // A value of this shape; takes its leaves off the front.
  mlir::Value build(mlir::OpBuilder &builder, Heap &heap,
                    llvm::ArrayRef<mlir::Value> &leaves) const;
  bool operator==(const Shape &other) const;
  bool isLeaf() const { return !maker_; }

private:
  mlir::Operation *maker_ = nullptr;
  Cell cell_; // its keys and names; of the values, the children tell
  std::vector<Shape> children_;
};

// A value as it is now; with the containers in it, too, where `isDeep` says so.
mlir::Value currentValue(mlir::OpBuilder &builder, const Heap &heap, mlir::Value value,
                         bool isDeep = true);

// Merges what the two branches of `op` leave, and replaces it by one that gives back that, too.
// `heap` is that before them. Fails with an error where they leave containers of different sizes.
llvm::LogicalResult mergeBranches(torch::IfOp op, Heap &heap, const Heap &ofThen,
                                  const Heap &ofElse);

} // namespace linalgd
