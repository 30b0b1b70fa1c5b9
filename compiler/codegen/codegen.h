// Code generation: a module of linalg on tensors to the LLVM dialect, to LLVM IR, to a shared
// library with the C ABI of compiler/runtime/executable.h.
#pragma once

#include "compiler/api/compiler.h"
#include "compiler/codegen/target.h"

#include "absl/status/statusor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"

#include <string>
#include <vector>

namespace linalgd {

// The contiguous, row-major data of a slot. Neither descriptor nor memory is owned.
struct WeightSource {
  std::string slot;
  int fd = -1;                // a file that holds the data from `offset` on
  uint64_t offset = 0;        // bytes
  uint64_t size = 0;          // bytes: the slot's, with data or without
  const char *data = nullptr; // where fd is -1: the data in memory; NULL: there is none (unbound)
};

struct CodegenOptions {
  Target target;
  WeightsMode weights = WeightsMode::Embed; // Embed or External
  std::string entry = "main";               // the function to compile
  // The signature JSON (docs/protocol.md). Empty: one is made from the entry's type.
  std::string signature;
  std::string key;      // the artifact's key, for the manifest
  std::string producer; // "linalgd 0.1.0"
};

// The dialects and interface implementations that the pipeline needs; before the context is made.
void registerCodegenDialects(mlir::DialectRegistry &registry);

// linalg on tensors → the LLVM dialect (stage `llvm`). The module must hold the entry function and
// the private functions that it calls; weights are `arith.constant dense_resource<slot>`.
void buildLlvmPipeline(mlir::OpPassManager &pm, const CodegenOptions &options);

// LLVM IR text of a module that the pipeline has lowered, with the kernels that it calls.
absl::StatusOr<std::string> emitLlvmIr(mlir::ModuleOp module, const CodegenOptions &options);

// The shared library, as a memfd, of a module that the pipeline has lowered. Slots without a source
// must be bound by who runs it.
absl::StatusOr<UniqueFd> generateExecutable(mlir::ModuleOp module, const CodegenOptions &options,
                                            const std::vector<WeightSource> &weights);

} // namespace linalgd
