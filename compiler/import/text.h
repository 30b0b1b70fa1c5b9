// Building and taking apart text. Debian's absl has a string_view of its own, which
// std::string_view does not convert to; these take the standard one.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace linalgd {

namespace detail {
inline void append(std::string &out, std::string_view piece) { out.append(piece); }
template <std::integral T> void append(std::string &out, T number) {
  out.append(std::to_string(number));
}
} // namespace detail

// The concatenation of strings and integers.
template <typename... Pieces> std::string concat(const Pieces &...pieces) {
  std::string out;
  (detail::append(out, pieces), ...);
  return out;
}

// Text from outside made fit for a message: at most 200 bytes, control characters and what is not
// UTF-8 escaped.
std::string escaped(std::string_view text);

} // namespace linalgd
