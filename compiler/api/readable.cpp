#include "compiler/api/readable.h"

#include <cstdint>

namespace linalgd {
namespace {

// How many bytes the UTF-8 character at the start of `text` has; 0: there is none.
size_t characterBytes(std::string_view text) {
  auto byte = [&](size_t at) {
    return static_cast<uint32_t>(static_cast<unsigned char>(text[at]));
  };
  size_t bytes = byte(0) < 0x80   ? 1
                 : byte(0) < 0xc2 ? 0
                 : byte(0) < 0xe0 ? 2
                 : byte(0) < 0xf0 ? 3
                                  : 4;
  if (bytes <= 1)
    return bytes;
  if (bytes > text.size())
    return 0;
  uint32_t character = byte(0) & (0xffu >> (bytes + 1));
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80)
      return 0;
    character = character << 6 | (byte(i) & 0x3f);
  }
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  bool surrogate = character >= 0xd800 && character < 0xe000;
  return character < kSmallest[bytes] || character > 0x10ffff || surrogate ? 0 : bytes;
}

bool isControl(std::string_view character) {
  auto first = static_cast<unsigned char>(character[0]);
  bool extended = first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;
  return first < 0x20 || first == 0x7f || extended;
}

} // namespace

std::string readable(std::string_view text, bool keepLines) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  while (!text.empty()) {
    size_t bytes = characterBytes(text);
    bool kept = bytes > 0 && (!isControl(text.substr(0, bytes)) ||
                              (keepLines && (text[0] == '\n' || text[0] == '\t')));
    if (kept) {
      out += text.substr(0, bytes);
      text.remove_prefix(bytes);
      continue;
    }
    auto byte = static_cast<unsigned char>(text[0]);
    out += "\\x";
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
    text.remove_prefix(1);
  }
  return out;
}

} // namespace linalgd
