// What MLIR's reader of bytecode does not check before it relies on it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace linalgd {

// What is wrong with bytecode; nothing where MLIR can read it in safety. MLIR believes counts (it
// allocates before it reads), kinds, bit widths, and that attributes do not hold themselves. So all
// of it is gone over first, and what the bytecode of linalgd does not have is refused: other
// versions and dialects, and attributes and types that no module of ours is made of.
std::optional<std::string> checkBytecode(std::string_view bytes);

} // namespace linalgd
