#include "compiler/import/symbols.h"

#include "absl/status/status.h"
#include "compiler/import/text.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/FormatVariadic.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <iterator>
#include <limits>

namespace linalgd {
namespace {

constexpr int kMaxDepth = 200;
// A chain of them nests, too.
constexpr int kMaxInfix = 500;

// SymPy's functions, and those that torch/utils/_sympy/functions.py adds, as srepr names them.
constexpr std::string_view kCallees[] = {"Abs",
                                         "Add",
                                         "And",
                                         "BitwiseFn_bitwise_and",
                                         "BitwiseFn_bitwise_or",
                                         "CeilToInt",
                                         "CleanDiv",
                                         "Equality",
                                         "FloatPow",
                                         "FloatTrueDiv",
                                         "FloorDiv",
                                         "FloorToInt",
                                         "GreaterThan",
                                         "Identity",
                                         "IntTrueDiv",
                                         "LShift",
                                         "LessThan",
                                         "Max",
                                         "Min",
                                         "Mod",
                                         "ModularIndexing",
                                         "Mul",
                                         "Not",
                                         "Or",
                                         "Pow",
                                         "PowByNatural",
                                         "PythonMod",
                                         "RShift",
                                         "RoundDecimal",
                                         "RoundToInt",
                                         "StrictGreaterThan",
                                         "StrictLessThan",
                                         "ToFloat",
                                         "TruncToFloat",
                                         "TruncToInt",
                                         "Unequality",
                                         "Where",
                                         "ceiling",
                                         "floor"};

ExpressionPtr makeInteger(int64_t value) {
  auto result = std::make_shared<Expression>();
  result->integer = value;
  return result;
}

class Parser {
public:
  Parser(std::string_view text, const SymbolResolver &resolve)
      : text_(text), rest_(text), resolve_(resolve) {}

  absl::StatusOr<ExpressionPtr> parse() {
    ExpressionPtr result = infix(0, 0);
    skipSpace();
    if (result && !rest_.empty())
      result = fail("unexpected text after the expression");
    if (!result)
      return absl::InvalidArgumentError(error_);
    return result;
  }

private:
  std::nullptr_t fail(std::string_view what) {
    if (error_.empty())
      error_ = concat(what, " at character ", text_.size() - rest_.size(),
                      " of the symbolic expression \"", escaped(text_), "\"");
    return nullptr;
  }

  void skipSpace() {
    while (!rest_.empty() && rest_.front() == ' ')
      rest_.remove_prefix(1);
  }

  bool accept(char c) {
    skipSpace();
    if (rest_.empty() || rest_.front() != c)
      return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::string_view takeWhile(bool (*matches)(unsigned char)) {
    skipSpace();
    size_t length = 0;
    while (length < rest_.size() && matches(static_cast<unsigned char>(rest_[length])))
      ++length;
    std::string_view taken = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return taken;
  }

  std::string_view identifier() {
    return takeWhile([](unsigned char c) { return std::isalnum(c) || c == '_'; });
  }

  std::optional<std::string_view> quotedText() {
    if (!accept('\''))
      return std::nullopt;
    size_t end = rest_.find('\'');
    if (end == std::string_view::npos)
      return std::nullopt;
    std::string_view result = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return result;
  }

  // Skips ", name=value" assumptions up to the closing parenthesis.
  bool assumptions() {
    while (accept(',')) {
      if (identifier().empty() || !accept('=') || identifier().empty())
        return false;
    }
    return accept(')');
  }

  std::optional<int64_t> integerLiteral() {
    std::string_view digits =
        takeWhile([](unsigned char c) { return std::isdigit(c) || c == '-'; });
    int64_t value = 0;
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size())
      return std::nullopt;
    return value;
  }

  ExpressionPtr symbol() {
    std::optional<std::string_view> name = quotedText();
    if (!name || name->empty() || !assumptions())
      return fail("expected a symbol's name and assumptions");
    auto result = std::make_shared<Expression>();
    result->kind = Expression::Kind::Symbol;
    result->symbol = resolve_(*name);
    return result;
  }

  ExpressionPtr integer() {
    std::optional<int64_t> value = integerLiteral();
    if (!value || !accept(')'))
      return fail("expected an integer of 64 bits");
    return makeInteger(*value);
  }

  ExpressionPtr rational() {
    std::optional<int64_t> numerator = integerLiteral();
    bool comma = accept(',');
    std::optional<int64_t> denominator = integerLiteral();
    if (!numerator || !comma || !denominator || *denominator == 0 || !accept(')'))
      return fail("expected a numerator and a denominator");
    auto result = std::make_shared<Expression>();
    result->kind = Expression::Kind::Call;
    result->callee = "Rational";
    result->arguments = {makeInteger(*numerator), makeInteger(*denominator)};
    return result;
  }

  ExpressionPtr real() {
    auto result = std::make_shared<Expression>();
    result->kind = Expression::Kind::Float;
    std::optional<std::string_view> text = quotedText();
    if (!text || llvm::StringRef(*text).getAsDouble(result->real) || !assumptions())
      return fail("expected a number");
    return result;
  }

  ExpressionPtr constant(std::string_view name) {
    if (isSymbolName(name)) {
      auto result = std::make_shared<Expression>();
      result->kind = Expression::Kind::Symbol;
      result->symbol = resolve_(name);
      return result;
    }
    if (name == "true" || name == "false" || name == "True" || name == "False") {
      auto result = std::make_shared<Expression>();
      result->kind = Expression::Kind::Boolean;
      result->integer = name == "true" || name == "True";
      return result;
    }
    return fail(concat("unknown name '", escaped(name), "'"));
  }

  ExpressionPtr expression(int depth) {
    if (depth > kMaxDepth)
      return fail(concat("more than ", kMaxDepth, " levels of nesting"));
    std::string_view name = identifier();
    if (name.empty())
      return fail("expected a name");
    if (!accept('('))
      return constant(name);
    if (name == "Symbol")
      return symbol();
    if (name == "Integer")
      return integer();
    if (name == "Rational")
      return rational();
    if (name == "Float")
      return real();
    return call(name, depth);
  }

  // What PyTorch wrote before 2.6 (schema 7) is str, not srepr: operators between symbols' bare
  // names. No text is both.
  struct Operator {
    std::string_view text, callee;
    int precedence;
  };
  static constexpr Operator kInfix[] = {{"**", "Pow", 6},
                                        {"//", "FloorDiv", 5},
                                        {"==", "Equality", 3},
                                        {"!=", "Unequality", 3},
                                        {"<=", "LessThan", 3},
                                        {">=", "GreaterThan", 3},
                                        {"<", "StrictLessThan", 3},
                                        {">", "StrictGreaterThan", 3},
                                        {"|", "Or", 1},
                                        {"&", "And", 2},
                                        {"+", "Add", 4},
                                        {"-", "-", 4},
                                        {"*", "Mul", 5},
                                        {"/", "/", 5},
                                        {"%", "Mod", 5}};

  ExpressionPtr infix(int least, int depth) {
    ExpressionPtr left = operand(depth);
    while (left) {
      skipSpace();
      const auto *found =
          std::find_if(std::begin(kInfix), std::end(kInfix),
                       [&](const Operator &o) { return rest_.substr(0, o.text.size()) == o.text; });
      if (found == std::end(kInfix) || found->precedence < least)
        break;
      if (++infixes_ > kMaxInfix)
        return fail(concat("more than ", kMaxInfix, " operators"));
      rest_.remove_prefix(found->text.size());
      // ** binds to the right, all else to the left.
      bool rightward = found->callee == "Pow";
      ExpressionPtr right = infix(found->precedence + (rightward ? 0 : 1), depth + 1);
      left = right ? combine(found->callee, left, right) : nullptr;
    }
    return left;
  }

  static ExpressionPtr make(std::string_view callee, std::vector<ExpressionPtr> arguments) {
    auto result = std::make_shared<Expression>();
    result->kind = Expression::Kind::Call;
    result->callee = std::string(callee);
    result->arguments = std::move(arguments);
    return result;
  }

  static ExpressionPtr negative(const ExpressionPtr &value) {
    bool fits = value->kind == Expression::Kind::Integer &&
                value->integer != std::numeric_limits<int64_t>::min();
    return fits ? makeInteger(-value->integer) : make("Mul", {makeInteger(-1), value});
  }

  static ExpressionPtr combine(std::string_view callee, const ExpressionPtr &left,
                               const ExpressionPtr &right) {
    if (callee == "-")
      return make("Add", {left, negative(right)});
    if (callee != "/")
      return make(callee, {left, right});
    bool isRational = left->kind == Expression::Kind::Integer &&
                      right->kind == Expression::Kind::Integer && right->integer != 0;
    return isRational ? make("Rational", {left, right})
                      : make("Mul", {left, make("Pow", {right, makeInteger(-1)})});
  }

  ExpressionPtr operand(int depth) {
    if (depth > kMaxDepth)
      return fail(concat("more than ", kMaxDepth, " levels of nesting"));
    if (accept('-')) {
      ExpressionPtr value = infix(5, depth + 1);
      return value ? negative(value) : nullptr;
    }
    if (accept('~')) {
      ExpressionPtr value = infix(6, depth + 1);
      return value ? make("Not", {value}) : nullptr;
    }
    if (accept('(')) {
      ExpressionPtr value = infix(0, depth + 1);
      return !value || accept(')') ? value : fail("expected ')'");
    }
    skipSpace();
    if (!rest_.empty() && std::isdigit(static_cast<unsigned char>(rest_.front())))
      return numeral();
    return expression(depth);
  }

  ExpressionPtr numeral() {
    std::string_view digits =
        takeWhile([](unsigned char c) { return std::isdigit(c) || c == '.'; });
    int64_t value = 0;
    if (!llvm::StringRef(digits).getAsInteger(10, value))
      return makeInteger(value);
    auto result = std::make_shared<Expression>();
    result->kind = Expression::Kind::Float;
    if (llvm::StringRef(digits).getAsDouble(result->real))
      return fail("expected a number");
    return result;
  }

  // A letter or two and a number: s0, u1, zf2.
  static bool isSymbolName(std::string_view name) {
    size_t letters = std::min(name.find_first_not_of("suzf"), name.size());
    return letters > 0 && letters <= 2 && letters < name.size() &&
           name.find_first_not_of("0123456789", letters) == std::string_view::npos;
  }

  ExpressionPtr call(std::string_view name, int depth) {
    if (name == "Eq" || name == "Ne")
      name = name == "Eq" ? "Equality" : "Unequality";
    if (std::find(std::begin(kCallees), std::end(kCallees), name) == std::end(kCallees) &&
        name.substr(0, 14) != "OpaqueUnaryFn_")
      return fail(concat("unknown function '", escaped(name), "'"));
    auto result = std::make_shared<Expression>();
    result->kind = Expression::Kind::Call;
    result->callee = std::string(name);
    if (accept(')'))
      return result;
    do {
      ExpressionPtr argument = infix(0, depth + 1);
      if (!argument)
        return nullptr;
      result->arguments.push_back(std::move(argument));
    } while (accept(','));
    if (!accept(')'))
      return fail("expected ',' or ')'");
    return result;
  }

  std::string_view text_;
  std::string_view rest_;
  const SymbolResolver &resolve_;
  std::string error_;
  int infixes_ = 0;
};

// How tightly an operator binds; what binds less gets parentheses.
enum Precedence { kComparison, kSum, kProduct, kPower, kAtom };

class Printer {
public:
  explicit Printer(const std::vector<GraphSymbol> &symbols) : symbols_(symbols) {}

  std::string print(const Expression &e, Precedence context) {
    switch (e.kind) {
    case Expression::Kind::Integer:
      return e.integer < 0 && context > kSum ? concat("(", e.integer, ")") : concat(e.integer);
    case Expression::Kind::Float:
      return llvm::formatv("{0}", e.real).str();
    case Expression::Kind::Boolean:
      return e.integer ? "True" : "False";
    case Expression::Kind::Symbol:
      return symbols_[e.symbol].name;
    case Expression::Kind::Call:
      return printCall(e, context);
    }
    return "";
  }

private:
  std::string printCall(const Expression &e, Precedence context) {
    static constexpr struct {
      std::string_view callee, op;
      Precedence precedence;
    } kOperators[] = {{"Add", " + ", kSum},
                      {"Mul", "*", kProduct},
                      {"FloorDiv", "//", kProduct},
                      {"Mod", "%", kProduct},
                      {"PythonMod", "%", kProduct},
                      {"Rational", "/", kProduct},
                      {"Pow", "**", kPower},
                      {"PowByNatural", "**", kPower},
                      {"Equality", " == ", kComparison},
                      {"Unequality", " != ", kComparison},
                      {"GreaterThan", " >= ", kComparison},
                      {"LessThan", " <= ", kComparison},
                      {"StrictGreaterThan", " > ", kComparison},
                      {"StrictLessThan", " < ", kComparison}};
    for (const auto &[callee, op, precedence] : kOperators) {
      if (e.callee != callee)
        continue;
      // Only a sum in a sum and a product in a product need no parentheses.
      bool associative = e.callee == "Add" || e.callee == "Mul";
      Precedence inner = associative ? precedence : static_cast<Precedence>(precedence + 1);
      std::string text = join(e.arguments, op, inner);
      bool enclose = context > precedence ||
                     (!associative && context == precedence && precedence != kComparison);
      return enclose ? concat("(", text, ")") : text;
    }
    return concat(e.callee, "(", join(e.arguments, ", ", kComparison), ")");
  }

  std::string join(const std::vector<ExpressionPtr> &arguments, std::string_view separator,
                   Precedence context) {
    std::string text;
    for (const ExpressionPtr &argument : arguments)
      text += concat(text.empty() ? "" : separator, print(*argument, context));
    return text;
  }

  const std::vector<GraphSymbol> &symbols_;
};

} // namespace

absl::StatusOr<ExpressionPtr> parseExpression(std::string_view text,
                                              const SymbolResolver &resolve) {
  return Parser(text, resolve).parse();
}

std::string printExpression(const Expression &expression, const std::vector<GraphSymbol> &symbols) {
  return Printer(symbols).print(expression, kComparison);
}

} // namespace linalgd
