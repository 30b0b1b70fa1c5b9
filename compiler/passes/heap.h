// What the lists, dicts and objects of a program hold, at the point that a walk over it has come
// to.
#pragma once

#include "compiler/dialect/builders.h"

#include "llvm/ADT/MapVector.h"

#include <optional>

namespace linalgd {

// What a container holds.
struct Cell {
  llvm::SmallVector<mlir::Value> keys;       // of a dict
  llvm::SmallVector<mlir::StringAttr> names; // of an object
  llvm::SmallVector<mlir::Value> values;     // a value for each of them, or the elements of a list
  bool operator==(const Cell &) const = default;
};

class Heap {
public:
  // The op that makes the container that a value is; null where it is not known.
  static mlir::Operation *makerOf(mlir::Value value);

  // What a container holds now: none where its maker is not known.
  std::optional<Cell> find(mlir::Value container) const;
  void set(mlir::Operation *maker, Cell cell) { cells_[maker] = std::move(cell); }
  // Whether it holds something else than when it was made.
  bool isChanged(mlir::Operation *maker) const { return cells_.contains(maker); }
  const llvm::MapVector<mlir::Operation *, Cell> &changed() const { return cells_; }

  // That it may have another name, which only a run tells: writes to it are not followed.
  void share(mlir::Value container) {
    if (mlir::Operation *maker = makerOf(container))
      shared_.insert(maker);
  }

  // Follows an op that reads or writes a container: what its results are. None where the op is of
  // another kind, or what it does is not known.
  std::optional<llvm::SmallVector<mlir::Value>> follow(mlir::Operation *op);

  // The global slots that were read or written.
  llvm::MapVector<mlir::StringAttr, mlir::Value> slots;

private:
  std::optional<llvm::SmallVector<mlir::Value>> followList(mlir::Operation *op, Cell cell);
  std::optional<llvm::SmallVector<mlir::Value>> followDict(mlir::Operation *op, Cell cell);
  std::optional<llvm::SmallVector<mlir::Value>> makeDict(mlir::Operation *op, const Cell &pairs);

  llvm::MapVector<mlir::Operation *, Cell> cells_;
  llvm::DenseSet<mlir::Operation *> shared_;
};

// Makes a container like the one that `maker` makes, with other contents.
mlir::Value makeLike(mlir::OpBuilder &builder, mlir::Operation *maker, const Cell &cell);

// Whether an op writes to the container that is its first operand.
bool isContainerWrite(mlir::Operation *op);

} // namespace linalgd
