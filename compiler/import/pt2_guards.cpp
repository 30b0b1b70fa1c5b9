// What the sizes of the inputs must satisfy beside their ranges: "guards_code", conditions in
// Python such as "L['x'].size()[0] > L['y'].size()[0]".
#include "compiler/import/pt2_graph.h"
#include "compiler/import/text.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"

namespace linalgd {
namespace {

struct Size {
  std::string input; // the placeholder's name: the path's keys joined by '_'
  size_t dimension = 0;
};

// Takes "L['x'][0].size()[1]" from the front of a text.
std::optional<Size> takeSize(llvm::StringRef &text) {
  Size size;
  if (!text.consume_front("L"))
    return std::nullopt;
  while (text.consume_front("[")) {
    if (!text.contains(']'))
      return std::nullopt;
    llvm::StringRef key;
    std::tie(key, text) = text.split(']');
    if (!size.input.empty())
      size.input += '_';
    for (char c : key.trim("'\""))
      size.input += llvm::isAlnum(c) ? llvm::toLower(c) : '_';
  }
  if (!text.consume_front(".size()[") || text.consumeInteger(10, size.dimension) ||
      !text.consume_front("]"))
    return std::nullopt;
  return size;
}

const Dimension *findDimension(const Graph &graph, const Size &size) {
  for (const GraphInput &input : graph.inputs) {
    if (input.kind != GraphInput::Kind::User || input.name != size.input)
      continue;
    const TensorType &type = graph.typeOf(*input.value).tensor;
    return size.dimension < type.sizes.size() ? &type.sizes[size.dimension] : nullptr;
  }
  return nullptr;
}

// Whether a comparison of a symbol with a number, or of equals, holds for all sizes in range.
bool isProven(const Expression &guard, const std::vector<GraphSymbol> &symbols) {
  if (guard.arguments.size() != 2)
    return false;
  const Expression &a = *guard.arguments[0], &b = *guard.arguments[1];
  if (printExpression(a, symbols) == printExpression(b, symbols))
    return guard.callee == "Equality" || guard.callee == "LessThan" ||
           guard.callee == "GreaterThan";
  if (a.kind != Expression::Kind::Symbol || b.kind != Expression::Kind::Integer)
    return false;
  const GraphSymbol &symbol = symbols[a.symbol];
  if (guard.callee == "StrictGreaterThan" || guard.callee == "Unequality")
    return symbol.min > b.integer;
  if (guard.callee == "GreaterThan")
    return symbol.min >= b.integer;
  if (guard.callee == "LessThan")
    return symbol.max && *symbol.max <= b.integer;
  return guard.callee == "StrictLessThan" && symbol.max && *symbol.max < b.integer;
}

} // namespace

GraphGuard Pt2GraphReader::readGuard(llvm::StringRef text) {
  GraphGuard guard;
  std::string expression;
  bool isKnown = true;
  while (!text.empty()) {
    if (!text.starts_with("L[")) {
      guard.text += text.front();
      expression += text.front();
      text = text.drop_front();
      continue;
    }
    llvm::StringRef before = text;
    std::optional<Size> size = takeSize(text);
    const Dimension *dimension = size ? findDimension(graph_, *size) : nullptr;
    if (!dimension) {
      guard.text += before.str();
      isKnown = false;
      break;
    }
    guard.text += concat(size->input, ".shape[", size->dimension, "]");
    const auto *number = std::get_if<int64_t>(dimension);
    expression +=
        number ? concat(*number)
               : concat("(", printExpression(*std::get<ExpressionPtr>(*dimension), graph_.symbols),
                        ")");
  }
  auto resolve = [&](std::string_view name) {
    for (const auto &[index, symbol] : llvm::enumerate(graph_.symbols))
      if (symbol.name == name)
        return static_cast<uint32_t>(index);
    isKnown = false;
    return uint32_t(0);
  };
  if (isKnown)
    if (auto parsed = parseExpression(expression, resolve); parsed.ok() && isKnown)
      guard.expression = *parsed;
  return guard;
}

void Pt2GraphReader::readGuards(const JsonPlace &place) {
  place.eachItem([&](const JsonPlace &item) {
    std::string_view text = item.string();
    if (text.size() > kMaxGuardBytes)
      return item.fail("the guard is absurdly long");
    GraphGuard guard = readGuard({text.data(), text.size()});
    if (!guard.expression || !isProven(*guard.expression, graph_.symbols))
      graph_.guards.push_back(std::move(guard));
  });
}

} // namespace linalgd
