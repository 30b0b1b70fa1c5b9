#include "compiler/import/mlir/bytecode_limits.h"
#include "compiler/import/text.h"

#include "mlir/IR/AsmState.h"
#include "llvm/Support/MathExtras.h"

#include <bit>

namespace linalgd {
namespace {

constexpr uint8_t kResourceOffsets = 6; // the number of the section
constexpr uint8_t kMaxKind = static_cast<uint8_t>(mlir::AsmResourceEntryKind::String);

class Cursor {
public:
  explicit Cursor(std::string_view bytes) : bytes_(bytes) {}

  bool atEnd() const { return bytes_.empty(); }
  const char *position() const { return bytes_.data(); }

  std::optional<uint8_t> byte() {
    auto taken = take(1);
    if (!taken)
      return std::nullopt;
    return static_cast<uint8_t>(taken->front());
  }

  std::optional<std::string_view> take(uint64_t count) {
    if (count > bytes_.size())
      return std::nullopt;
    std::string_view result = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return result;
  }

  // The number of zeros at the low end of the first byte is that of the bytes that follow it; none
  // of the first byte's bits count where it is zero: eight bytes follow.
  std::optional<uint64_t> number() {
    std::optional<uint8_t> first = byte();
    if (!first)
      return std::nullopt;
    auto numMore = static_cast<unsigned>(std::countr_zero(*first));
    auto more = take(numMore);
    if (!more)
      return std::nullopt;
    uint64_t value = 0;
    for (char c : llvm::reverse(*more))
      value = value << 8 | static_cast<uint8_t>(c);
    if (numMore == 8)
      return value;
    return (value << 8 | *first) >> (numMore + 1);
  }

  // To an address that is a multiple, as MLIR does it.
  bool align(uint64_t alignment) {
    if (!llvm::isPowerOf2_64(alignment))
      return false;
    uint64_t distance = -reinterpret_cast<uintptr_t>(bytes_.data()) & (alignment - 1);
    return take(distance).has_value();
  }

private:
  std::string_view bytes_;
};

std::optional<std::string_view> findSection(std::string_view bytes, uint8_t wanted) {
  Cursor at(bytes);
  if (!at.take(4) || !at.number()) // magic, version
    return std::nullopt;
  std::optional<uint8_t> character; // the producer's name
  do
    character = at.byte();
  while (character && *character != 0);
  while (!at.atEnd()) {
    std::optional<uint8_t> head = at.byte();
    std::optional<uint64_t> size = at.number();
    if (!head || !size)
      return std::nullopt;
    if (*head & 0x80) {
      std::optional<uint64_t> alignment = at.number();
      if (!alignment || !at.align(*alignment))
        return std::nullopt;
    }
    std::optional<std::string_view> section = at.take(*size);
    if (!section || (*head & 0x7f) == wanted)
      return section;
  }
  return std::nullopt;
}

} // namespace

std::optional<std::string> checkBytecode(std::string_view bytes) {
  std::optional<std::string_view> section = findSection(bytes, kResourceOffsets);
  if (!section)
    return std::nullopt;
  // Groups of entries, those of other programs and then those of dialects: their name, the number
  // of entries, and of each the key, the size and the kind.
  Cursor at(*section);
  if (!at.number())
    return std::nullopt;
  while (!at.atEnd()) {
    std::optional<uint64_t> name = at.number(), numEntries = at.number();
    if (!name || !numEntries)
      return std::nullopt;
    for (uint64_t i = 0; i < *numEntries; ++i) {
      std::optional<uint64_t> key = at.number(), size = at.number();
      const char *place = at.position();
      std::optional<uint8_t> kind = at.byte();
      if (!key || !size || !kind)
        return std::nullopt;
      if (*kind > kMaxKind)
        return concat("the bytecode is broken at byte ", place - bytes.data(),
                      ": a resource is of kind ", static_cast<unsigned>(*kind),
                      ", which does not exist");
    }
  }
  return std::nullopt;
}

} // namespace linalgd
