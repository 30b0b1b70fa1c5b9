// The reader of symbolic expressions: what it prints, it reads again.
#include "compiler/import/symbols.h"
#include "tests/fuzz/support.h"

using namespace linalgd;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz::AllocationBound bound(size, 512, 1 << 16);
  std::vector<GraphSymbol> symbols;
  auto resolve = [&](std::string_view name) {
    for (uint32_t i = 0; i < symbols.size(); ++i)
      if (symbols[i].name == name)
        return i;
    symbols.push_back({std::string(name), 0, std::nullopt});
    return static_cast<uint32_t>(symbols.size() - 1);
  };
  auto expression = parseExpression({reinterpret_cast<const char *>(data), size}, resolve);
  if (!expression.ok() && expression.status().message().empty())
    fuzz::fail("an error without a message");
  if (expression.ok() && printExpression(**expression, symbols).empty())
    fuzz::fail("an expression without a text");
  return 0;
}

LINALGD_FUZZ_MUTATOR(fuzz::mutateText)
