// What MLIR's reader of bytecode does not check before it relies on it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace linalgd {

// What is wrong with the section that lists resources: MLIR looks their kinds up in a table that
// ends at the last it knows. Nothing, where MLIR sees for itself that bytecode is broken.
std::optional<std::string> checkBytecode(std::string_view bytes);

} // namespace linalgd
