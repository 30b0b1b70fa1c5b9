// What the inputs' sizes and integers must satisfy beside their ranges: "guards_code", conditions
// in Python such as "L['x'].size()[0] > L['y'].size()[0]".
#include "compiler/import/pt2_graph.h"
#include "compiler/import/text.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"

namespace linalgd {
namespace {

// What a condition speaks of: a size of an input, or an input that is an integer.
struct Source {
  std::string input; // the placeholder's name: the path's keys joined by '_'
  std::optional<size_t> dimension;
};

// Takes "L['x'][0].field.size()[1]" from the front of a text.
std::optional<Source> takeSource(llvm::StringRef &text) {
  Source source;
  if (!text.consume_front("L"))
    return std::nullopt;
  while (text.starts_with("[") || (text.starts_with(".") && !text.starts_with(".size()["))) {
    bool isIndex = text.consume_front("[");
    if (isIndex && !text.contains(']'))
      return std::nullopt;
    llvm::StringRef key;
    if (isIndex)
      std::tie(key, text) = text.split(']');
    else
      key = text.substr(1).take_while([](char c) { return llvm::isAlnum(c) || c == '_'; });
    if (!isIndex)
      text = text.drop_front(key.size() + 1);
    if (!source.input.empty())
      source.input += '_';
    for (char c : key.trim("'\""))
      source.input += llvm::isAlnum(c) ? llvm::toLower(c) : '_';
  }
  if (!text.consume_front(".size()["))
    return source;
  if (text.consumeInteger(10, source.dimension.emplace()) || !text.consume_front("]"))
    return std::nullopt;
  return source;
}

// Its value over the graph's symbols, as text; nothing where it has none.
std::optional<std::string> valueOf(const Graph &graph, const Source &source) {
  for (const GraphInput &input : graph.inputs) {
    if (input.kind != GraphInput::Kind::User || input.name != source.input)
      continue;
    const GraphType &type = graph.typeOf(*input.value);
    if (!source.dimension)
      return input.symbolic ? std::optional(printExpression(*input.symbolic, graph.symbols))
                            : std::nullopt;
    if (*source.dimension >= type.tensor.sizes.size())
      return std::nullopt;
    const Dimension &size = type.tensor.sizes[*source.dimension];
    const auto *number = std::get_if<int64_t>(&size);
    return number ? concat(*number)
                  : printExpression(*std::get<ExpressionPtr>(size), graph.symbols);
  }
  return std::nullopt;
}

// Whether a condition holds for all symbols in range, as far as a comparison of a symbol with a
// number, or of equals, tells.
bool isProven(const Expression &guard, const std::vector<GraphSymbol> &symbols) {
  auto each = [&](const ExpressionPtr &part) { return isProven(*part, symbols); };
  if (guard.callee == "And")
    return llvm::all_of(guard.arguments, each);
  if (guard.callee == "Or")
    return llvm::any_of(guard.arguments, each);
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
    std::optional<Source> source = takeSource(text);
    std::optional<std::string> value = source ? valueOf(graph_, *source) : std::nullopt;
    if (!value) {
      guard.text += before.str();
      isKnown = false;
      break;
    }
    guard.text += source->input;
    if (source->dimension)
      guard.text += concat(".shape[", *source->dimension, "]");
    expression += concat("(", *value, ")");
  }
  auto resolve = [&](std::string_view name) -> std::optional<uint32_t> {
    for (const auto &[index, symbol] : llvm::enumerate(graph_.symbols))
      if (symbol.name == name)
        return static_cast<uint32_t>(index);
    return std::nullopt;
  };
  if (isKnown)
    if (auto parsed = parseExpression(expression, resolve); parsed.ok())
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
