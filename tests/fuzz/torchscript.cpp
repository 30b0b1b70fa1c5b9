// TorchScript files, from the bytes to the torch dialect. What the file calls "extra/inputs"
// describes the inputs, a line each: dtype and sizes.
#include "tests/fuzz/import.h"
#include "tests/fuzz/support.h"

#include "llvm/ADT/StringExtras.h"

using namespace linalgd;

namespace {

std::vector<InputSpec> inputsOf(const Model &model) {
  std::vector<InputSpec> inputs;
  auto files = ModelFiles::open(model);
  const ModelFile *file = files.ok() ? files->find("extra/inputs") : nullptr;
  if (!file)
    return inputs;
  for (llvm::StringRef line :
       llvm::split(llvm::StringRef(file->bytes.data(), file->bytes.size()), '\n')) {
    InputSpec &input = inputs.emplace_back();
    auto [dtype, sizes] = line.split(' ');
    input.dtype = dtype.str();
    while (!sizes.empty()) {
      auto [first, rest] = sizes.split(' ');
      int64_t size = 0;
      if (!first.getAsInteger(10, size))
        input.shape.push_back(size);
      sizes = rest;
    }
  }
  return inputs;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Model model = fuzz::modelOf({reinterpret_cast<const char *>(data), size});
  model.format = ModelFormat::TorchScript;
  Options options;
  options.inputs = inputsOf(model);
  fuzz::AllocationBound bound(size, 2048, 64 << 20);
  fuzz::QuietSink sink;
  auto imported = readModel(model, options, sink);
  if (!imported.ok())
    fuzz::checkFailure(imported.status(), sink);
  else
    fuzz::importModel(*imported, options);
  return 0;
}

LINALGD_FUZZ_MUTATOR(fuzz::mutateArchive)
