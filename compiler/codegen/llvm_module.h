// The LLVM side of code generation: IR, kernels, tables, object code, link.
#pragma once

#include "compiler/codegen/signature.h"

#include "llvm/IR/Module.h"

#include <map>
#include <memory>

namespace llvm {
class TargetMachine;
}

namespace linalgd {

// Translates a lowered module and links the kernels that it calls; nothing is optimised yet.
absl::StatusOr<std::unique_ptr<llvm::Module>> translateModule(mlir::ModuleOp module,
                                                              const CodegenOptions &options,
                                                              llvm::LLVMContext &context,
                                                              llvm::TargetMachine &machine);

absl::StatusOr<std::unique_ptr<llvm::TargetMachine>> createTargetMachine(const Target &target);

// Adds the constant `linalgd_program` (compiler/runtime/tables.h) and the entry that it names.
// weightOffsets: slot → offset from kWeightsSymbol, for the embedded slots.
void addTables(llvm::Module &module, const Signature &signature, const CodegenOptions &options,
               const std::string &manifest, const std::map<std::string, uint64_t> &weightOffsets);

// Optimises the module and compiles it; a memfd of an ELF object.
absl::StatusOr<UniqueFd> emitObject(llvm::Module &module, llvm::TargetMachine &machine);

// Links objects and the runtime into a shared library; a memfd.
absl::StatusOr<UniqueFd> linkLibrary(const std::vector<int> &objects);

} // namespace linalgd
