// Values with units, as flags, configuration files and environment variables write them.
#pragma once

#include "absl/status/statusor.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace linalgd {

// Bytes: "4GiB", "500 MB", "1.5TiB", "1024". Units: B, KB, MB, GB, TB, KiB, MiB, GiB, TiB.
absl::StatusOr<uint64_t> parseSize(std::string_view text);
// "250ms", "10s", "1.5m", "2h", "1d"; a number without a unit is refused, 0 aside.
absl::StatusOr<std::chrono::milliseconds> parseDuration(std::string_view text);

struct Address {
  std::string host; // without the brackets of an IPv6 address
  uint16_t port = 0;

  // "host:port", "[v6]:port".
  std::string text() const;
};

// "127.0.0.1:8470", "[::1]:0", "localhost:80".
absl::StatusOr<Address> parseAddress(std::string_view text);

} // namespace linalgd
