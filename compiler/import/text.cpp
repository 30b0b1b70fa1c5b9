#include "compiler/import/text.h"

namespace linalgd {

std::string escaped(std::string_view text) {
  constexpr size_t kMaxBytes = 200;
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (char c : text.substr(0, kMaxBytes)) {
    auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      out += c;
    } else {
      out += "\\x";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return text.size() > kMaxBytes ? out + "…" : out;
}

} // namespace linalgd
