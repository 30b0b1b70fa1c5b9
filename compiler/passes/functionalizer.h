// The walk of Functionalize: straight-line code (functionalize.cpp), branches and loops
// (functionalize_control.cpp).
#pragma once

#include "compiler/dialect/builders.h"
#include "compiler/ops/control/control.h"
#include "compiler/ops/object/object.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

#include <deque>

namespace linalgd {

struct ViewStep {
  mlir::Operation *op; // as written; operand 0 is what it views
  unsigned index = 0;  // which tensor, where the result is a list
};

struct Base {
  explicit Base(mlir::Value current) : current(current) {}
  mlir::Value current;
  unsigned version = 0;
  std::optional<unsigned> input; // index of the argument
  llvm::StringRef slot;          // name of the weight
  // Which tensor it is depends on a branch or a loop: a write to it is one to another one, too.
  bool isShared = false;
};

struct Alias {
  explicit Alias(unsigned base) : base(base) {}
  unsigned base;
  llvm::SmallVector<ViewStep> chain;
  bool contiguous = true;
  mlir::Value cached; // its value at `version` of the base
  unsigned version = 0;
};

// The same type, of value tensors.
mlir::Type asValueType(mlir::Type type);

class Functionalizer {
public:
  explicit Functionalizer(mlir::func::FuncOp function)
      : function_(function), b_(function.getLoc(), function.getContext()) {}

  llvm::LogicalResult run();

private:
  llvm::LogicalResult visitBlock(mlir::Block &block);
  llvm::LogicalResult visitControl(mlir::Operation *op);
  llvm::LogicalResult visitBranch(mlir::Block &block, llvm::ArrayRef<bool> isUsed,
                                  llvm::MutableArrayRef<bool> isShared,
                                  llvm::MapVector<unsigned, mlir::Value> &written);
  llvm::LogicalResult visitIf(torch::IfOp op);
  llvm::LogicalResult visitLoop(torch::LoopOp op);
  llvm::SetVector<unsigned> writtenBases(torch::LoopOp loop);
  void finishControl(mlir::Operation *op, mlir::Operation *rebuilt, llvm::ArrayRef<bool> isShared,
                     llvm::ArrayRef<unsigned> bases);
  llvm::LogicalResult visit(mlir::Operation *op);
  llvm::LogicalResult visitView(torch::View op);
  llvm::LogicalResult visitUnpack(torch::ListUnpackOp op);
  llvm::LogicalResult visitInPlace(mlir::Operation *op, llvm::StringRef functional);
  llvm::LogicalResult visitWrites(torch::Writes op, const torch::OpSchema &schema);
  void visitLiteral(torch::TensorLiteralOp op);
  void visitOther(mlir::Operation *op);
  llvm::SmallVector<unsigned> stateBases();
  llvm::LogicalResult finish(mlir::func::ReturnOp op);
  llvm::LogicalResult addRebound(llvm::SmallVectorImpl<mlir::Value> &results,
                                 llvm::SmallVectorImpl<mlir::DictionaryAttr> &attributes);

  unsigned newBase(mlir::Value current);
  void define(mlir::Value value, Alias alias);
  // Whether the value is, or was before its type changed, a non-value tensor.
  bool isAlias(mlir::Value value) const { return aliasIndex_.contains(value); }
  Alias &aliasOf(mlir::Value value) { return aliases_[aliasIndex_.at(value)]; }
  // The value of a tensor, list or tuple at this point of the program.
  mlir::Value read(mlir::Value value);
  mlir::Value readAlias(Alias &alias);
  mlir::Value viewOf(mlir::Operation *op, mlir::Value base);
  mlir::Value applyView(const ViewStep &step, mlir::Value base);
  llvm::LogicalResult write(mlir::Operation *op, mlir::Value target, mlir::Value update);
  void eraseLater(mlir::Operation *op) { dead_.push_back(op); }

  mlir::func::FuncOp function_;
  torch::TorchBuilder b_;
  std::vector<Base> bases_;
  std::deque<Alias> aliases_;
  llvm::DenseMap<mlir::Value, size_t> aliasIndex_;
  llvm::DenseMap<mlir::Value, torch::View> listViews_;
  llvm::StringMap<unsigned> slots_;
  llvm::SmallVector<torch::GlobalSlotSetOp> rebound_; // slots that are other tensors at the end
  llvm::SmallVector<mlir::Operation *> dead_;
};

} // namespace linalgd
