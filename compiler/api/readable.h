// Text from outside, made fit for messages.
#pragma once

#include <string>
#include <string_view>

namespace linalgd {

// The text with what is not UTF-8 as \xNN, so that protobuf takes it, and control characters too,
// so that a terminal does; but line ends and tabs stay where `keepLines`.
std::string readable(std::string_view text, bool keepLines = true);

} // namespace linalgd
