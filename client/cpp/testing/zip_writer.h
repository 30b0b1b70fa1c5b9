// Writes the ZIP archives that tests read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace linalgd::client {

inline void appendNumber(std::string &out, uint64_t value, int width) {
  for (int i = 0; i < width; ++i)
    out += static_cast<char>(value >> (8 * i) & 0xff);
}

// Stored entries, as torch.export writes them, but without alignment and checksums. `zip64` writes
// every size and offset in the 64-bit form.
inline std::string makeZip(const std::vector<std::pair<std::string, std::string>> &entries,
                           bool zip64 = false, uint16_t method = 0) {
  std::string out, central;
  auto small = [&](uint64_t value) { return zip64 ? UINT32_MAX : value; };
  for (const auto &[name, data] : entries) {
    uint64_t local = out.size();
    appendNumber(out, 0x04034b50, 4);
    out.append(22, '\0');
    appendNumber(out, name.size(), 2);
    appendNumber(out, 3, 2);
    out.append(name).append("pad").append(data);
    std::string extra;
    if (zip64) {
      appendNumber(extra, 1, 2);
      appendNumber(extra, 24, 2);
      for (uint64_t value : {uint64_t(data.size()), uint64_t(data.size()), local})
        appendNumber(extra, value, 8);
    }
    appendNumber(central, 0x02014b50, 4);
    central.append(6, '\0');
    appendNumber(central, method, 2);
    central.append(8, '\0');
    appendNumber(central, small(data.size()), 4);
    appendNumber(central, small(data.size()), 4);
    appendNumber(central, name.size(), 2);
    appendNumber(central, extra.size(), 2);
    central.append(10, '\0');
    appendNumber(central, small(local), 4);
    central += name + extra;
  }
  uint64_t start = out.size();
  out += central;
  if (zip64) {
    uint64_t record = out.size();
    appendNumber(out, 0x06064b50, 4);
    out.append(20, '\0');
    for (uint64_t value :
         {uint64_t(entries.size()), uint64_t(entries.size()), uint64_t(central.size()), start})
      appendNumber(out, value, 8);
    appendNumber(out, 0x07064b50, 4);
    appendNumber(out, 0, 4);
    appendNumber(out, record, 8);
    appendNumber(out, 1, 4);
  }
  appendNumber(out, 0x06054b50, 4);
  out.append(4, '\0');
  appendNumber(out, zip64 ? 0xffff : entries.size(), 2);
  appendNumber(out, zip64 ? 0xffff : entries.size(), 2);
  appendNumber(out, small(central.size()), 4);
  appendNumber(out, small(start), 4);
  appendNumber(out, 0, 2);
  return out;
}

} // namespace linalgd::client
