// Symbolic sizes: expressions over named integers, as torch.export writes them (SymPy's srepr).
#pragma once

#include "absl/status/statusor.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace linalgd {

// A symbol of a model: an integer that is unknown until the model is called.
struct GraphSymbol {
  std::string name; // canonical: "s0", "s1", … where sizes of inputs, "u0", … where data-dependent
  int64_t min = 0;
  std::optional<int64_t> max; // none: no bound
};

// An expression tree. Immutable, shared.
struct Expression {
  enum class Kind : uint8_t { Integer, Float, Boolean, Symbol, Call };
  Kind kind = Kind::Integer;
  int64_t integer = 0; // Integer, Boolean (0 or 1)
  double real = 0;     // Float
  uint32_t symbol = 0; // Symbol: index into the graph's symbols
  std::string callee;  // Call: SymPy's name, "Add", "Mul", "FloorDiv", "Max", …
  std::vector<std::shared_ptr<const Expression>> arguments; // Call
};
using ExpressionPtr = std::shared_ptr<const Expression>;

// Finds or makes the symbol of a name; nothing where no symbol can have the name.
using SymbolResolver = std::function<std::optional<uint32_t>(std::string_view name)>;

// Parses srepr text such as "Add(Symbol('s77', positive=True, integer=True), Integer(1))" by
// recursive descent of bounded depth; nothing is evaluated. Python's own form, "s77 + 1 if s3 > 2
// else max(s77, 4)", is understood, too. Errors quote the place.
absl::StatusOr<ExpressionPtr> parseExpression(std::string_view text, const SymbolResolver &resolve);

// "s0 + 1", "2*s0", "Max(s0, 4)": what parseExpression reads again.
std::string printExpression(const Expression &expression, const std::vector<GraphSymbol> &symbols);

} // namespace linalgd
