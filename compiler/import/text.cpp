#include "compiler/import/text.h"
#include "compiler/api/readable.h"

namespace linalgd {

std::string escaped(std::string_view text) {
  constexpr size_t kMaxBytes = 200;
  size_t end = std::min(text.size(), kMaxBytes);
  // Not within a character.
  while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
    --end;
  std::string out = readable(text.substr(0, end), /*keepLines=*/false);
  return end < text.size() ? out + "…" : out;
}

} // namespace linalgd
