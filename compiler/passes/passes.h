// The generic passes over the torch dialect: drivers of the op interfaces.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

#include <memory>
#include <string>
#include <vector>

namespace linalgd {

// Replaces the objects of TorchScript by global slots, and calls of methods and functions by what
// they do. The entry, the public function whose first argument is the root object, loses that
// argument.
std::unique_ptr<mlir::Pass> createGlobalizeObjectGraphPass();

// Takes control flow away where it is decided by types and constants: branches, loops whose number
// of rounds is known, lists that are built on the way. A branch that only raises becomes an
// assertion.
std::unique_ptr<mlir::Pass> createSimplifyControlPass();

// Takes containers out of the results of functions: their elements are results, constants and
// arguments that are passed through are none. `torch.outputs` says what the results were.
std::unique_ptr<mlir::Pass> createFlattenResultsPass();

// torch-raw → torch: replaces aliasing and in-place writes by values. Arguments and literals that
// the function writes become extra results, marked by the result attribute `torch.state_input` (the
// argument's index) or `torch.state_slot` (the weight's name).
std::unique_ptr<mlir::Pass> createFunctionalizePass();

// Refines result types by each op's type inference.
std::unique_ptr<mlir::Pass> createInferTypesPass();

// Replaces ops on quantized tensors by ops on the numbers that these stand for.
std::unique_ptr<mlir::Pass> createDequantizePass();

// Replaces ops by simpler ones through the Decompose interface, but for `keepOps` ("aten.gelu").
std::unique_ptr<mlir::Pass> createDecomposePass(const std::vector<std::string> &keepOps = {});

// Fails, with one error for every op concerned, where an op is left that cannot be lowered.
std::unique_ptr<mlir::Pass> createCheckSupportedPass(const std::vector<std::string> &keepOps = {});

// torch → linalg on tensors. Kept ops stay, between builtin.unrealized_conversion_cast.
std::unique_ptr<mlir::Pass> createLowerToLinalgPass(const std::vector<std::string> &keepOps = {});

// torch-raw → torch, but for cleaning up: what the signature of a program follows from.
void addContractPasses(mlir::OpPassManager &pm, const std::vector<std::string> &keepOps);

// Makes the passes known to the command line of linalgd-opt.
void registerPasses();

// On a function that came from a program on objects: that its results are to be flattened, then
// what they were, as dictionaries: {result = 0}, {input = 1}, {constant = 2.0}, {none},
// {list = [...]}, {tuple = [...]}, {keys = [...], values = [...]}.
inline constexpr llvm::StringLiteral kOutputsAttr = "torch.outputs";
inline constexpr llvm::StringLiteral kStateInputAttr = "torch.state_input";
inline constexpr llvm::StringLiteral kStateSlotAttr = "torch.state_slot";

} // namespace linalgd
