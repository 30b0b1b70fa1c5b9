#include "compiler/api/digest.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

#include <openssl/evp.h>

namespace linalgd {

std::string Digest::hex() const {
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char *>(bytes.data()), bytes.size()));
}

absl::StatusOr<Digest> Digest::fromHex(std::string_view hex) {
  Digest digest;
  bool valid = hex.size() == 2 * digest.bytes.size();
  for (size_t i = 0; valid && i < hex.size(); ++i) {
    char c = hex[i];
    int nibble = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    valid = nibble >= 0;
    digest.bytes[i / 2] = static_cast<uint8_t>(digest.bytes[i / 2] << 4 | (nibble & 15));
  }
  if (!valid)
    return absl::InvalidArgumentError(absl::StrCat(
        "'", absl::CHexEscape(std::string(hex.substr(0, 80))),
        "' is not a digest: a SHA-256 is written as 64 lower-case hexadecimal digits"));
  return digest;
}

Hasher::Hasher() : context_(EVP_MD_CTX_new()) {
  EVP_DigestInit_ex(context_, EVP_sha256(), nullptr);
}

Hasher::~Hasher() { EVP_MD_CTX_free(context_); }

Hasher &Hasher::update(std::string_view data) {
  EVP_DigestUpdate(context_, data.data(), data.size());
  return *this;
}

Hasher &Hasher::field(std::string_view data) { return field(data.size()).update(data); }

Hasher &Hasher::field(uint64_t value) {
  char little[8];
  for (int i = 0; i < 8; ++i)
    little[i] = static_cast<char>(value >> (8 * i));
  return update(std::string_view(little, sizeof little));
}

Digest Hasher::finish() {
  Digest digest;
  EVP_DigestFinal_ex(context_, digest.bytes.data(), nullptr);
  EVP_DigestInit_ex(context_, EVP_sha256(), nullptr);
  return digest;
}

Digest sha256(std::string_view data) { return Hasher().update(data).finish(); }

} // namespace linalgd
