#include "compiler/import/mlir/bytecode_limits.h"
#include "compiler/import/mlir/bytecode_attributes.h"
#include "compiler/import/mlir/bytecode_cursor.h"
#include "compiler/import/mlir/bytecode_ir.h"
#include "compiler/import/mlir/checks.h"

#include "mlir/Bytecode/Encoding.h"
#include "mlir/IR/AsmState.h"

#include <array>
#include <vector>

using namespace mlir::bytecode;

namespace linalgd {
namespace {

constexpr uint8_t kMaxKind = static_cast<uint8_t>(mlir::AsmResourceEntryKind::String);

using Sections = std::array<std::optional<std::string_view>, Section::kNumSections>;

Sections findSections(BytecodeCursor at) {
  Sections sections;
  at.take(4); // the magic number
  if (uint64_t version = at.number(); version != kVersion)
    at.fail(concat("it is of version ", version, "; linalgd reads version ",
                   static_cast<int>(kVersion), " only"));
  while (at.ok() && at.byte() != 0) // the producer's name
    ;
  while (at.ok() && !at.atEnd()) {
    uint8_t id = 0;
    std::string_view section = at.section(id);
    if (id >= Section::kNumSections || sections[id])
      at.fail(concat("a section of kind ", id, " that does not exist, or a second one"));
    else
      sections[id] = section;
  }
  for (uint8_t id : {Section::kString, Section::kDialect, Section::kAttrType,
                     Section::kAttrTypeOffset, Section::kIR})
    if (!sections[id])
      at.fail(concat("there is no section of kind ", id));
  return sections;
}

// Their sizes, with the zero at the end of each, from the last to the first; then their bytes.
std::vector<std::string_view> readStrings(BytecodeCursor at) {
  std::vector<std::string_view> strings(at.count());
  std::vector<uint64_t> sizes(strings.size());
  for (size_t i = sizes.size(); i-- > 0;) {
    sizes[i] = at.number();
    if (sizes[i] == 0)
      at.fail("a string has no end");
  }
  for (size_t i = 0; i < strings.size() && at.ok(); ++i) {
    strings[i] = at.take(sizes[i]);
    if (at.ok() && strings[i].back() != '\0')
      at.fail("a string has no end");
    else if (at.ok())
      strings[i].remove_suffix(1);
  }
  if (!at.atEnd())
    at.fail("bytes that belong to no string");
  return strings;
}

// Dialects, and the names of ops in groups by dialect.
std::pair<size_t, size_t> readDialects(BytecodeCursor at,
                                       const std::vector<std::string_view> &strings) {
  size_t numDialects = at.count();
  for (size_t i = 0; i < numDialects && at.ok(); ++i) {
    uint64_t head = at.number();
    std::string_view name;
    if (uint64_t index = at.checkIndex(head >> 1, strings.size(), "string"); at.ok())
      name = strings[index];
    if (!isDialectRead(name))
      at.fail(concat("the dialect '", escaped(name), "' is none that linalgd reads"));
    if (head & 1)
      at.fail("a dialect has a version");
  }
  size_t numOps = 0, numSaid = at.count();
  while (at.ok() && !at.atEnd()) {
    at.index(numDialects, "dialect");
    uint64_t count = at.count();
    for (uint64_t i = 0; i < count && at.ok(); ++i)
      at.checkIndex(at.number() >> 1, strings.size(), "string");
    numOps += count;
  }
  if (numOps != numSaid)
    at.fail(concat("it says that there are ", numSaid, " names of ops and has ", numOps));
  return {numDialects, numOps};
}

// The number of property records.
size_t readProperties(BytecodeCursor at) {
  size_t numProperties = at.count();
  for (size_t i = 0; i < numProperties && at.ok(); ++i)
    at.take(at.number());
  return numProperties;
}

// Groups of entries, those of other programs and then those of dialects: their name, the number of
// entries, and of each the key, the size and the kind.
void checkResources(BytecodeCursor at, const std::vector<std::string_view> &strings) {
  at.number();
  while (at.ok() && !at.atEnd()) {
    at.number();
    uint64_t numEntries = at.count();
    for (uint64_t i = 0; i < numEntries && at.ok(); ++i) {
      at.index(strings.size(), "string");
      at.number();
      BytecodeCursor place = at;
      if (uint8_t kind = at.byte(); kind > kMaxKind)
        place.fail(concat("a resource is of kind ", kind, ", which does not exist"));
    }
  }
}

} // namespace

std::optional<std::string> checkBytecode(std::string_view bytes) {
  BytecodeProblem problem(bytes);
  Sections sections = findSections({bytes, problem});
  auto section = [&](Section::ID id) { return BytecodeCursor(sections[id].value_or(""), problem); };
  auto run = [&] {
    if (problem.found())
      return;
    std::vector<std::string_view> strings = readStrings(section(Section::kString));
    auto [numDialects, numOps] = readDialects(section(Section::kDialect), strings);
    size_t numProperties =
        sections[Section::kProperties] ? readProperties(section(Section::kProperties)) : 0;
    if (sections[Section::kResourceOffset])
      checkResources(section(Section::kResourceOffset), strings);
    BytecodeAttributes attributes(strings, numDialects);
    attributes.read(section(Section::kAttrTypeOffset), section(Section::kAttrType));
    if (!problem.found())
      checkBytecodeIr(section(Section::kIR),
                      {numOps, numProperties, attributes.numAttributes(), attributes.numTypes()});
  };
  run();
  return problem.message();
}

} // namespace linalgd
