// The passes of code generation, in the order in which buildLlvmPipeline runs them.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

#include <memory>
#include <string>
#include <vector>

namespace linalgd {

// The entry function's name from PrepareEntry on.
inline constexpr llvm::StringLiteral kEntryName = "linalgd_model";
// On a memref.global: the number of the slot that it stands for.
inline constexpr llvm::StringLiteral kSlotIndexAttr = "linalgd.slot_index";
// On the module: the slots' names by number, and their tensor types.
inline constexpr llvm::StringLiteral kSlotsAttr = "linalgd.slots";
inline constexpr llvm::StringLiteral kSlotTypesAttr = "linalgd.slot_types";
// On the module: the entry's input and result tensor types.
inline constexpr llvm::StringLiteral kEntryTypeAttr = "linalgd.entry_type";
// On the module: for each of the entry's last results, which are new values of what the model
// writes, the slot's name or the number of the argument.
inline constexpr llvm::StringLiteral kStateAttr = "linalgd.state";
// On a function that holds one loop nest: made by OutlineLoops, never inlined.
inline constexpr llvm::StringLiteral kKernelAttr = "linalgd.kernel";

// What a result of the entry is the new value of: a slot, or an argument.
struct StateResult {
  std::string slot;
  unsigned argument = 0; // where `slot` is empty
};

// Gives the entry tensors only (scalars become tensors of rank 0), makes the arguments that are no
// state read-only, and turns every constant that is a slot's data into a slot global. The last
// results of the entry are `state`.
std::unique_ptr<mlir::Pass> createPrepareEntryPass(std::string entry,
                                                   std::vector<StateResult> state = {});
// Assertions before ops whose tensors' sizes are not known to agree.
std::unique_ptr<mlir::Pass> createCheckSizesPass();
// Tensor-level fusion: elementwise chains, pads and casts into single linalg.generic ops.
std::unique_ptr<mlir::Pass> createFuseTensorsPass();
// After bufferization: results that are fresh allocations of their own, state in the buffers where
// it was, copies as loops, and every buffer freed after its last use.
std::unique_ptr<mlir::Pass> createPlanBuffersPass();
// Contractions and convolutions as calls of the kernel library (compiler/runtime/kernels), in its
// variant "sse", "avx" or "avx512".
std::unique_ptr<mlir::Pass> createCallKernelsPass(std::string variant);
// All other linalg ops as loop nests, each in a function of its own that equal ones share.
std::unique_ptr<mlir::Pass> createOutlineLoopsPass();
// Math functions by polynomials that LLVM vectorises.
std::unique_ptr<mlir::Pass> createExpandMathPass();
// Views of memory that MLIR's lowering of views cannot take.
std::unique_ptr<mlir::Pass> createExpandViewsPass();
// What remains to the LLVM dialect.
std::unique_ptr<mlir::Pass> createLowerToLlvmPass();

} // namespace linalgd
