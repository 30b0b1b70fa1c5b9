#include "linalgd/executable.h"

#include "client/cpp/src/safetensors.h"
#include "compiler/runtime/executable.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>

#include <dlfcn.h>
#include <elf.h>

namespace linalgd::client {
namespace {

struct Functions {
  decltype(&linalgd_abi_version) abiVersion = nullptr;
  decltype(&linalgd_manifest) manifest = nullptr;
  decltype(&linalgd_open) open = nullptr;
  decltype(&linalgd_bind) bind = nullptr;
  decltype(&linalgd_call) call = nullptr;
  decltype(&linalgd_state) state = nullptr;
  decltype(&linalgd_reset) reset = nullptr;
  decltype(&linalgd_close) close = nullptr;
  decltype(&linalgd_last_error) lastError = nullptr;
};

struct LibraryCloser {
  void operator()(void *library) const { dlclose(library); }
};

// An output whose deleter lets go of the library after the tensor's memory.
struct Output {
  DLManagedTensorVersioned managed;
  DLManagedTensorVersioned *inner = nullptr;
  std::shared_ptr<void> library;
};

void deleteOutput(DLManagedTensorVersioned *managed) {
  std::unique_ptr<Output> output(static_cast<Output *>(managed->manager_ctx));
  if (output->inner->deleter)
    output->inner->deleter(output->inner);
}

Tensor keepLibrary(DLManagedTensorVersioned *tensor, const std::shared_ptr<void> &library) {
  std::unique_ptr<Output> output(new Output{*tensor, tensor, library});
  output->managed.manager_ctx = output.get();
  output->managed.deleter = deleteOutput;
  return Tensor(&output.release()->managed);
}

// Whether a file ends before the bytes that an ELF loader would map: using those ends the process.
bool isTruncated(const std::string &path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  auto size = static_cast<uint64_t>(file.tellg());
  Elf64_Ehdr header{};
  file.seekg(0).read(reinterpret_cast<char *>(&header), sizeof header);
  if (!file || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
    return false; // the loader says what it is not
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment{};
    file.seekg(static_cast<std::streamoff>(header.e_phoff + i * sizeof segment))
        .read(reinterpret_cast<char *>(&segment), sizeof segment);
    bool inside = segment.p_offset <= size && segment.p_filesz <= size - segment.p_offset;
    if (!file || (segment.p_type == PT_LOAD && !inside))
      return true;
  }
  return false;
}

} // namespace

struct Executable::Library {
  std::string path;
  std::shared_ptr<void> handle; // of dlopen
  Functions functions;
  Manifest manifest;
  std::vector<std::string> unbound;
  linalgd_handle *model = nullptr;
  size_t numInputs = 0;
  size_t numOutputs = 0;

  ~Library() {
    if (model)
      functions.close(model);
  }

  absl::Status resolve();
  absl::Status error(int code) const;

  template <typename Function> absl::Status find(const char *name, Function &function) {
    function = reinterpret_cast<Function>(dlsym(handle.get(), name));
    if (function)
      return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": not an executable of linalgd: it has no function ", name));
  }
};

absl::Status Executable::Library::resolve() {
  absl::Status status = find("linalgd_abi_version", functions.abiVersion);
  if (status.ok() && functions.abiVersion() != LINALGD_ABI_VERSION)
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": has ABI version ", functions.abiVersion(), ", this library calls ",
                     LINALGD_ABI_VERSION, "; compile the model again or update linalgd"));
  status.Update(find("linalgd_manifest", functions.manifest));
  status.Update(find("linalgd_open", functions.open));
  status.Update(find("linalgd_bind", functions.bind));
  status.Update(find("linalgd_call", functions.call));
  status.Update(find("linalgd_state", functions.state));
  status.Update(find("linalgd_reset", functions.reset));
  status.Update(find("linalgd_close", functions.close));
  status.Update(find("linalgd_last_error", functions.lastError));
  return status;
}

absl::Status Executable::Library::error(int code) const {
  std::string message = functions.lastError();
  switch (code) {
  case LINALGD_INVALID_ARGUMENT:
    return absl::InvalidArgumentError(message);
  case LINALGD_UNSUPPORTED_CPU:
  case LINALGD_UNBOUND_WEIGHT:
    return absl::FailedPreconditionError(message);
  case LINALGD_OUT_OF_MEMORY:
    return absl::ResourceExhaustedError(message);
  default:
    return absl::InternalError(message);
  }
}

Executable::Executable(std::unique_ptr<Library> library) : library_(std::move(library)) {}
Executable::Executable(Executable &&) noexcept = default;
Executable &Executable::operator=(Executable &&) noexcept = default;
Executable::~Executable() = default;

absl::StatusOr<Executable> Executable::load(const std::string &path, const std::string &weights) {
  auto library = std::make_unique<Library>();
  library->path = path;
  // Without a slash dlopen would search the system's library folders.
  std::string file = path.find('/') == std::string::npos ? "./" + path : path;
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored))
    return absl::NotFoundError(absl::StrCat(path, ": no such file"));
  if (isTruncated(file))
    return absl::InvalidArgumentError(absl::StrCat(path, ": the file is truncated"));
  void *handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return absl::InvalidArgumentError(absl::StrCat(path, ": cannot be loaded: ", dlerror()));
  library->handle = std::shared_ptr<void>(handle, LibraryCloser());
  if (absl::Status status = library->resolve(); !status.ok())
    return status;
  absl::StatusOr<Manifest> manifest = Manifest::parse(library->functions.manifest());
  if (!manifest.ok())
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": ", std::string(manifest.status().message())));
  library->manifest = std::move(*manifest);
  const Signature &signature = library->manifest.signature;
  auto isTensor = [](const Value &value) { return value.isTensor(); };
  library->numInputs = std::ranges::count_if(signature.inputs, isTensor);
  library->numOutputs = std::ranges::count_if(signature.outputs, isTensor);
  for (const Slot &slot : signature.slots)
    if (!slot.embedded)
      library->unbound.push_back(slot.name);
  if (int code = library->functions.open(&library->model); code != LINALGD_OK)
    return library->error(code);

  Executable executable(std::move(library));
  std::string beside = std::filesystem::path(path).replace_extension(".safetensors");
  bool useBeside = weights.empty() && !executable.unboundSlots().empty() &&
                   std::filesystem::exists(beside, ignored);
  if (!weights.empty() || useBeside)
    if (absl::Status status = executable.bindSafetensors(useBeside ? beside : weights);
        !status.ok())
      return status;
  return executable;
}

const Manifest &Executable::manifest() const { return library_->manifest; }
const std::vector<std::string> &Executable::unboundSlots() const { return library_->unbound; }

absl::Status Executable::bind(const std::string &slot, Tensor tensor) {
  DLManagedTensorVersioned *raw = tensor.release();
  int code = library_->functions.bind(library_->model, slot.c_str(), raw);
  if (code != LINALGD_OK) {
    absl::Status status = library_->error(code);
    Tensor reclaimed(raw);
    return status;
  }
  std::erase(library_->unbound, slot);
  return absl::OkStatus();
}

absl::Status Executable::bindSafetensors(const std::string &path) {
  absl::StatusOr<SafetensorsFile> file = readSafetensors(path);
  if (!file.ok())
    return file.status();
  for (const Slot &slot : library_->manifest.signature.slots) {
    auto found = file->tensors.find(slot.name);
    if (slot.embedded || found == file->tensors.end())
      continue;
    const StoredTensor &stored = found->second;
    void *data = const_cast<char *>(stored.bytes.data());
    absl::StatusOr<Tensor> tensor = Tensor::view(stored.dtype, stored.shape, data, file->file);
    if (tensor.ok() && reinterpret_cast<uintptr_t>(data) % 16 != 0) {
      // Files of others need not align anything; the executable uses the data in place.
      tensor = Tensor::zeros(stored.dtype, stored.shape);
      if (tensor.ok())
        std::memcpy(tensor->data(), data, stored.bytes.size());
    }
    absl::Status status = tensor.ok() ? bind(slot.name, std::move(*tensor)) : tensor.status();
    if (!status.ok())
      return absl::Status(status.code(), absl::StrCat(path, ": ", std::string(status.message())));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Tensor>> Executable::call(const std::vector<Tensor> &inputs) const {
  if (inputs.size() != library_->numInputs)
    return absl::InvalidArgumentError(
        absl::StrCat("the model takes ", library_->numInputs, " inputs, got ", inputs.size()));
  if (!library_->unbound.empty())
    return absl::FailedPreconditionError(
        absl::StrCat("weights without data: ", absl::StrJoin(library_->unbound, ", "),
                     "; bind them or give a safetensors file"));
  std::vector<const DLManagedTensorVersioned *> pointers;
  pointers.reserve(inputs.size());
  for (const Tensor &input : inputs)
    pointers.push_back(input.get());
  std::vector<DLManagedTensorVersioned *> results(library_->numOutputs, nullptr);
  int code = library_->functions.call(library_->model, pointers.data(),
                                      static_cast<int32_t>(pointers.size()), results.data(),
                                      static_cast<int32_t>(results.size()));
  if (code != LINALGD_OK)
    return library_->error(code);
  std::vector<Tensor> outputs;
  outputs.reserve(results.size());
  for (DLManagedTensorVersioned *result : results)
    outputs.push_back(keepLibrary(result, library_->handle));
  return outputs;
}

absl::StatusOr<Tensor> Executable::state(const std::string &slot) const {
  DLManagedTensorVersioned *state = nullptr;
  int code = library_->functions.state(library_->model, slot.c_str(), &state);
  if (code != LINALGD_OK)
    return library_->error(code);
  return keepLibrary(state, library_->handle);
}

void Executable::reset() { library_->functions.reset(library_->model); }

} // namespace linalgd::client
