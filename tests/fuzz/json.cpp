// The JSON reader: everything in a document is asked for as every kind.
#include "compiler/import/json.h"
#include "tests/fuzz/support.h"

using namespace linalgd;

namespace {

template <typename Ask> void visit(const JsonPlace &place, Ask ask) {
  ask(place);
  static_cast<void>(place.path());
  if (place.failed())
    return;
  place.eachField([&](std::string_view key, const JsonPlace &field) {
    if (!place.get(key) != !field)
      fuzz::fail("a field that is there is not found");
    visit(field, ask);
  });
  if (place.failed())
    place.eachItem([&](const JsonPlace &item) { visit(item, ask); });
}

void visitItems(const JsonPlace &place) {
  place.eachItem([](const JsonPlace &item) { visitItems(item); });
}

// What a reader may want of a value.
void ask(const JsonPlace &place, size_t question) {
  switch (question) {
  case 0:
    return (void)place.isBoolean();
  case 1:
    return (void)place.integer();
  case 2:
    return (void)place.number();
  case 3:
    return (void)place.boolean();
  case 4:
    return (void)place.string();
  case 5:
    return (void)place.size();
  case 6:
    return place.allowOnly({"major", "minor"});
  default:
    place.tagged([](std::string_view, const JsonPlace &value) { value.unsupported("x"); });
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view text(reinterpret_cast<const char *>(data), size);
  fuzz::AllocationBound bound(size, 64, 1 << 16);
  auto document = JsonDocument::parse("model.json", text);
  if (!document.ok()) {
    if (document.status().message().empty())
      fuzz::fail("an error without a message");
    return 0;
  }
  // One question a run: the first error ends a document's answers.
  size_t question = size % 8;
  visit((*document)->root(), [&](const JsonPlace &place) { ask(place, question); });
  visitItems((*document)->root());
  return 0;
}

LINALGD_FUZZ_MUTATOR([](std::string &content, fuzz::Random &random) {
  random.oneIn(2) ? fuzz::mutateJson(content, random) : fuzz::mutateText(content, random);
})
