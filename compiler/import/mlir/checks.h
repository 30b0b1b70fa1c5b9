// What a module from outside must keep to before anything recurses into it.
#pragma once

#include "mlir/IR/BuiltinOps.h"

#include <vector>

namespace linalgd {

struct ModuleLimits {
  static constexpr size_t kMaxRegionDepth = 128;
  static constexpr size_t kMaxAttributeDepth = 64;       // attributes and types within each other
  static constexpr uint64_t kMaxAttributeSize = 1 << 26; // of all, written out
  static constexpr size_t kMaxObjectDepth = 256;
  static constexpr size_t kMaxOps = 1 << 20; // after the inlining of calls
};

// All ops below `root` in the order of the text, found without recursion; fails where regions nest
// too deep.
llvm::LogicalResult collectOps(mlir::Operation *root, std::vector<mlir::Operation *> &ops);

// Replaces each op's location, which may be nested without limit, by the first place in it, and
// drops the attributes that no op asks for (but `torch.*` ones of functions): they mean something
// to other programs, or to passes that do not expect them from outside.
void stripForeign(llvm::ArrayRef<mlir::Operation *> ops);

// Attributes and types, shared as they may be, are not too large or deep to walk and print.
llvm::LogicalResult checkAttributes(llvm::ArrayRef<mlir::Operation *> ops);

// Whether ops may be of a dialect.
bool isDialectRead(llvm::StringRef dialect);

// Ops are of dialects that linalgd reads, all of torch or all of linalg and what goes with it.
llvm::FailureOr<bool> checkDialects(llvm::ArrayRef<mlir::Operation *> ops); // whether torch

// Tensors have element types that PyTorch has, and a size in bytes that can be counted.
llvm::LogicalResult checkTensors(llvm::ArrayRef<mlir::Operation *> ops);

} // namespace linalgd
