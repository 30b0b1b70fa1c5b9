// What text may look like before MLIR's parser, which recurses without a limit, sees it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace linalgd {

struct TextLimits {
  static constexpr uint64_t kMaxBytes = 2ull << 30;
  static constexpr uint32_t kMaxNesting = 256;    // of brackets of one kind
  static constexpr uint32_t kMaxOperators = 1000; // of one expression of an affine map
};

// A place in text, 1-based, and what is wrong there.
struct TextProblem {
  uint32_t line = 1;
  uint32_t column = 1;
  std::string message;
};

// Nothing where the text keeps to the limits; it may be wrong all the same.
std::optional<TextProblem> checkTextLimits(std::string_view text);

// Whether the bytes look like MLIR: its bytecode, or text that begins as a module does.
bool looksLikeMlir(std::string_view bytes);
bool isMlirBytecode(std::string_view bytes);

} // namespace linalgd
