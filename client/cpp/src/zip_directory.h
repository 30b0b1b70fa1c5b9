// Where the entries of a ZIP archive are. The server judges archives; the client only has to find
// the entries of one that is plain enough to be sent in pieces.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace linalgd::client {

struct ZipEntry {
  std::string_view name; // with the root folder
  uint64_t offset = 0;   // of the data
  uint64_t size = 0;
};

// The entries in the order of the central directory, or nothing where these bytes are no archive of
// entries that are all stored uncompressed, unencrypted and within bounds.
std::optional<std::vector<ZipEntry>> readZipDirectory(std::string_view bytes);

} // namespace linalgd::client
