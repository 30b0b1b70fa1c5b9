// The reader of pickles.
#include "compiler/import/pickle.h"
#include "tests/fuzz/support.h"

using namespace linalgd;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz::AllocationBound bound(size, 512, 1 << 16);
  auto tensors = readPickledTensors({reinterpret_cast<const char *>(data), size});
  if (!tensors.ok() && tensors.status().message().empty())
    fuzz::fail("an error without a message");
  return 0;
}
