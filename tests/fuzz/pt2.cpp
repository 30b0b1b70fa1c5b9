// torch.export archives, from the bytes to the torch dialect: directory, JSON schema, symbols,
// weights, pickles of older versions.
#include "tests/fuzz/import.h"
#include "tests/fuzz/support.h"

using namespace linalgd;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Model model = fuzz::modelOf({reinterpret_cast<const char *>(data), size});
  fuzz::AllocationBound bound(size, 512, 16 << 20);
  fuzz::QuietSink sink;
  Options options;
  options.locations = size % 2 ? LocationsMode::Python : LocationsMode::Ids;
  model.format = ModelFormat::Pt2;
  auto imported = readModel(model, options, sink);
  if (!imported.ok())
    fuzz::checkFailure(imported.status(), sink);
  else
    fuzz::importModel(*imported, options);
  return 0;
}

LINALGD_FUZZ_MUTATOR(fuzz::mutateArchive)
