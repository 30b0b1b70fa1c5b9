#include "compiler/codegen/llvm_module.h"

#include "compiler/codegen/weights_object.h"
#include "compiler/runtime/embedded.h"
#include "compiler/runtime/executable.h"

#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Linker/Linker.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/IPO/GlobalDCE.h"
#include "llvm/Transforms/IPO/Internalize.h"

#include <sys/mman.h>

namespace linalgd {
namespace {

using namespace llvm;

std::string errorText(Error error) { return toString(std::move(error)); }

// The target's CPU and features on every function, generated or from the kernels.
void setTarget(Module &module, TargetMachine &machine) {
  module.setTargetTriple(machine.getTargetTriple());
  module.setDataLayout(machine.createDataLayout());
  for (Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", machine.getTargetCPU());
    function.addFnAttr("target-features", machine.getTargetFeatureString());
  }
}

absl::Status linkKernels(Module &module, TargetMachine &machine) {
  std::string_view bitcode = embeddedKernels();
  auto kernels = parseBitcodeFile(
      MemoryBufferRef(StringRef(bitcode.data(), bitcode.size()), "kernels"), module.getContext());
  if (!kernels)
    return absl::InternalError("cannot read the kernels: " + errorText(kernels.takeError()));
  setTarget(**kernels, machine);
  // The widest registers are used where a kernel says so, not wherever LLVM vectorises by itself.
  for (Function &function : **kernels)
    if (!function.isDeclaration() && function.getName().contains("avx512")) {
      function.addFnAttr("min-legal-vector-width", "512");
      function.addFnAttr("prefer-vector-width", "512");
    }
  if (Linker::linkModules(module, std::move(*kernels), Linker::LinkOnlyNeeded))
    return absl::InternalError("cannot link the kernels");
  return absl::OkStatus();
}

} // namespace

absl::StatusOr<std::unique_ptr<TargetMachine>> createTargetMachine(const Target &target) {
  absl::StatusOr<Target> known = resolveTarget(target.str()); // initialises LLVM's targets, too
  if (!known.ok())
    return known.status();
  std::string error;
  Triple triple(target.triple);
  const llvm::Target *found = TargetRegistry::lookupTarget(triple, error);
  TargetOptions options;
  options.AllowFPOpFusion = FPOpFusion::Fast;
  std::unique_ptr<TargetMachine> machine(
      found ? found->createTargetMachine(triple, target.cpu, target.features, options, Reloc::PIC_,
                                         std::nullopt, CodeGenOptLevel::Default)
            : nullptr);
  if (!machine)
    return absl::InternalError("LLVM cannot compile for " + target.str() + ": " + error);
  return machine;
}

absl::StatusOr<std::unique_ptr<Module>> translateModule(mlir::ModuleOp module, LLVMContext &context,
                                                        TargetMachine &machine) {
  std::unique_ptr<Module> translated = mlir::translateModuleToLLVMIR(module, context, "model");
  if (!translated)
    return absl::InternalError("the module cannot be translated to LLVM IR");
  setTarget(*translated, machine);
  absl::Status status = linkKernels(*translated, machine);
  if (!status.ok())
    return status;
  return translated;
}

absl::StatusOr<UniqueFd> emitObject(Module &module, TargetMachine &machine) {
  internalizeModule(module, [](const GlobalValue &value) {
    return value.isDeclaration() || value.getName() == "linalgd_program";
  });
  std::string problem;
  raw_string_ostream problemStream(problem);
  if (verifyModule(module, &problemStream))
    return absl::InternalError("generated LLVM IR is invalid: " + problem);

  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager cgscc;
  ModuleAnalysisManager modules;
  PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(cgscc);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, cgscc, modules);
  builder.buildPerModuleDefaultPipeline(OptimizationLevel::O2).run(module, modules);

  UniqueFd fd(memfd_create("model.o", MFD_CLOEXEC));
  if (!fd)
    return absl::InternalError("cannot make a memory file");
  SmallVector<char, 0> bytes;
  raw_svector_ostream stream(bytes);
  legacy::PassManager emit;
  if (machine.addPassesToEmitFile(emit, stream, nullptr, CodeGenFileType::ObjectFile))
    return absl::InternalError("LLVM cannot write objects for this target");
  emit.run(module);
  raw_fd_ostream file(fd.get(), /*shouldClose=*/false);
  file.write(bytes.data(), bytes.size());
  file.flush();
  if (file.has_error()) {
    std::string text = file.error().message();
    file.clear_error();
    return absl::InternalError("cannot write the object: " + text);
  }
  return fd;
}

absl::StatusOr<std::string> emitLlvmIr(mlir::ModuleOp module, const CodegenOptions &options) {
  auto machine = createTargetMachine(options.target);
  if (!machine.ok())
    return machine.status();
  LLVMContext context;
  auto translated = translateModule(module, context, **machine);
  if (!translated.ok())
    return translated.status();
  std::string text;
  raw_string_ostream stream(text);
  (*translated)->print(stream, nullptr);
  return text;
}

absl::StatusOr<UniqueFd> generateExecutable(mlir::ModuleOp module, const CodegenOptions &options,
                                            const std::vector<WeightSource> &weights) {
  auto machine = createTargetMachine(options.target);
  if (!machine.ok())
    return machine.status();
  absl::StatusOr<Signature> signature = readSignature(module, options);
  if (!signature.ok())
    return signature.status();
  // The weights that the code uses, where they are to be embedded.
  std::vector<WeightSource> embedded;
  for (const TensorSpec &slot : signature->slots) {
    uint64_t size = slot.bits / 8;
    for (const Dim &dim : slot.dims)
      size *= static_cast<uint64_t>(dim.size);
    auto source = llvm::find_if(
        weights, [&](const WeightSource &weight) { return weight.slot == slot.name; });
    if (options.weights != WeightsMode::Embed || source == weights.end())
      continue;
    if (source->size != size)
      return absl::InvalidArgumentError("slot '" + slot.name + "' needs " + std::to_string(size) +
                                        " bytes, and its source has " +
                                        std::to_string(source->size));
    embedded.push_back(*source);
  }
  absl::StatusOr<WeightsObject> weightsObject = writeWeightsObject(embedded);
  if (!weightsObject.ok())
    return weightsObject.status();

  nlohmann::ordered_json manifest = signature->json;
  manifest["abi"] = LINALGD_ABI_VERSION;
  manifest["producer"] = options.producer;
  manifest["key"] = options.key;
  manifest["target"] = options.target.str();
  manifest["weights"] = std::string(weightsModeName(options.weights));
  for (auto &slot : manifest["slots"])
    slot["embedded"] = weightsObject->offsets.contains(slot["slot"].get<std::string>());

  LLVMContext context;
  auto translated = translateModule(module, context, **machine);
  if (!translated.ok())
    return translated.status();
  addTables(**translated, *signature, options, manifest.dump(), weightsObject->offsets);
  absl::StatusOr<UniqueFd> object = emitObject(**translated, **machine);
  if (!object.ok())
    return object.status();
  std::vector<int> objects = {object->get()};
  if (!weightsObject->offsets.empty())
    objects.push_back(weightsObject->fd.get());
  return linkLibrary(objects);
}

} // namespace linalgd
