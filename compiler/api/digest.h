// SHA-256 digests: how linalgd names blobs, weights and artifacts.
#pragma once

#include "absl/status/statusor.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace linalgd {

struct Digest {
  std::array<uint8_t, 32> bytes{};

  // 64 lower-case hexadecimal digits.
  std::string hex() const;
  static absl::StatusOr<Digest> fromHex(std::string_view hex);

  auto operator<=>(const Digest &) const = default;

  // NOLINTNEXTLINE(readability-identifier-naming): absl calls it by this name.
  template <typename H> friend H AbslHashValue(H h, const Digest &d) {
    return H::combine(std::move(h), d.bytes);
  }
};

// Incremental SHA-256.
class Hasher {
public:
  Hasher();
  ~Hasher();
  Hasher(const Hasher &) = delete;
  Hasher &operator=(const Hasher &) = delete;

  Hasher &update(std::string_view data);
  // A length-prefixed field: a sequence of fields hashes to one digest only.
  Hasher &field(std::string_view data);
  Hasher &field(uint64_t value);
  // Ends the computation; the hasher is then at its start again.
  Digest finish();

private:
  evp_md_ctx_st *context_;
};

Digest sha256(std::string_view data);

} // namespace linalgd
