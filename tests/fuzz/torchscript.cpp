// TorchScript files, from the bytes to the torch dialect. What the file calls "extra/inputs"
// describes the inputs, a line each.
#include "compiler/api/input_spec.h"
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
  llvm::StringRef text(file->bytes.data(), file->bytes.size());
  for (llvm::StringRef line : llvm::split(text, '\n'))
    if (auto input = parseInputSpec({line.data(), line.size()}); input.ok())
      inputs.push_back(*std::move(input));
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
