#include "compiler/pipeline/render.h"
#include "compiler/dialect/peers.h"
#include "compiler/dialect/torch.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/raw_ostream.h"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

using namespace mlir;

namespace linalgd {
namespace {

// The scope that a parameter's name is looked up in by IREE: `--parameters=model=FILE`.
constexpr StringLiteral kParameterScope = "model";

// Of a resource that is copied; enough for each element type.
constexpr size_t kResourceAlignment = 64;

DenseResourceElementsAttr weightOf(Operation &op) {
  return dyn_cast_or_null<DenseResourceElementsAttr>(op.getAttr("value"));
}

// Ops of IREE's dialects, which are not linked here, in their generic form.
Operation *createUnknown(OpBuilder &builder, Location loc, StringRef name, TypeRange types,
                         ValueRange operands, ArrayRef<NamedAttribute> attributes) {
  OperationState state(loc, name, operands, types, attributes);
  return builder.create(state);
}

// Replaces weights by loads of globals: what IREE's frontends write for parameters.
void useParameters(ModuleOp module) {
  MLIRContext *context = module.getContext();
  context->allowUnregisteredDialects();
  OpBuilder globals = OpBuilder::atBlockBegin(module.getBody());
  llvm::StringSet<> declared;
  SmallVector<Operation *> weights;
  module.walk([&](Operation *op) {
    if (isa<arith::ConstantOp, torch::TensorLiteralOp, torch::ValueTensorLiteralOp>(op) &&
        weightOf(*op))
      weights.push_back(op);
  });
  for (Operation *op : weights) {
    DenseResourceElementsAttr data = weightOf(*op);
    StringRef slot = data.getRawHandle().getKey();
    // Builtin tensors have signless elements.
    auto type = cast<RankedTensorType>(data.getType());
    if (auto integer = dyn_cast<IntegerType>(type.getElementType()))
      type = RankedTensorType::get(type.getShape(), IntegerType::get(context, integer.getWidth()));
    if (declared.insert(slot).second) {
      std::string parameter;
      llvm::raw_string_ostream os(parameter);
      os << "parameter.named<\"" << kParameterScope << "\"::\"";
      llvm::printEscapedString(slot, os);
      os << "\">";
      createUnknown(
          globals, op->getLoc(), "util.global", {}, {},
          {globals.getNamedAttr("sym_name", globals.getStringAttr(slot)),
           globals.getNamedAttr("sym_visibility", globals.getStringAttr("private")),
           globals.getNamedAttr("type", TypeAttr::get(type)),
           globals.getNamedAttr("initial_value",
                                OpaqueAttr::get(globals.getStringAttr("flow"), parameter, type))});
    }
    OpBuilder builder(op);
    Operation *load =
        createUnknown(builder, op->getLoc(), "util.global.load", type, {},
                      builder.getNamedAttr("global", FlatSymbolRefAttr::get(context, slot)));
    if (!isa<RankedTensorType>(op->getResult(0).getType()))
      load = createUnknown(builder, op->getLoc(), "torch_c.from_builtin_tensor",
                           op->getResult(0).getType(), load->getResult(0), {});
    op->replaceAllUsesWith(load);
    op->erase();
  }
}

} // namespace

std::string renderModule(ModuleOp module, WeightsMode weights) {
  OpPrintingFlags flags;
  flags.enableDebugInfo(true);
  if (weights != WeightsMode::Inline)
    flags.elideLargeResourceString(0); // no resource is written at all
  OwningOpRef<ModuleOp> clone;
  if (weights == WeightsMode::Params) {
    clone = module.clone();
    module = *clone;
    useParameters(module);
  }
  std::string text;
  llvm::raw_string_ostream os(text);
  torch::spellForPeers(module);
  module->print(os, flags);
  torch::adoptOperators(module);
  // The printer opens the section of resources though none is printed.
  llvm::StringRef body = llvm::StringRef(text).rtrim();
  body.consume_back("{-#\n\n#-}");
  text.resize(body.rtrim().size());
  text += '\n';
  return text;
}

absl::Status fillResources(ModuleOp module, const std::vector<WeightSource> &weights) {
  auto &manager = DenseResourceElementsHandle::getManagerInterface(module.getContext());
  for (const WeightSource &weight : weights) {
    DialectResourceBlobManager::BlobEntry *entry = manager.getBlobManager().lookup(weight.slot);
    if (!entry || (weight.fd < 0 && !weight.data))
      continue;
    AsmResourceBlob blob = HeapAsmResourceBlob::allocate(weight.size, kResourceAlignment, true);
    char *to = blob.getMutableData().data();
    if (weight.fd < 0)
      std::memcpy(to, weight.data, weight.size);
    for (uint64_t done = 0; weight.fd >= 0 && done < weight.size;) {
      ssize_t bytes =
          pread(weight.fd, to + done, weight.size - done, static_cast<off_t>(weight.offset + done));
      if (bytes < 0 && errno == EINTR)
        continue;
      if (bytes <= 0)
        return absl::InternalError("cannot read the weight '" + weight.slot + "'");
      done += static_cast<uint64_t>(bytes);
    }
    entry->setBlob(std::move(blob));
  }
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> makeMemoryFile(std::string_view name, std::string_view bytes) {
  UniqueFd fd(memfd_create(std::string(name).c_str(), MFD_CLOEXEC));
  if (!fd)
    return absl::InternalError(std::string("cannot make a memory file: ") + strerror(errno));
  while (!bytes.empty()) {
    ssize_t written = write(fd.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return absl::ResourceExhaustedError(std::string("cannot write to a memory file: ") +
                                          strerror(errno));
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return fd;
}

absl::StatusOr<Artifact> makeArtifact(llvm::ArrayRef<TextFile> files) {
  Artifact artifact;
  for (const TextFile &file : files) {
    absl::StatusOr<UniqueFd> fd = makeMemoryFile(file.name, file.text);
    if (!fd.ok())
      return fd.status();
    artifact.files.push_back({file.name, file.mediaType, file.text.size(), *std::move(fd)});
  }
  return artifact;
}

} // namespace linalgd
