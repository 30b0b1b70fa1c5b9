#include "compiler/import/symbols.h"

#include "absl/status/status.h"
#include "compiler/import/text.h"

#include "llvm/ADT/StringRef.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
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
                                         "BitwiseFn_bitwise_xor",
                                         "CeilDiv",
                                         "CeilToInt",
                                         "CleanDiv",
                                         "Equality",
                                         "ExprCondPair",
                                         "FloatPow",
                                         "FloatTrueDiv",
                                         "FloorDiv",
                                         "FloorToInt",
                                         "GreaterThan",
                                         "ITE",
                                         "Identity",
                                         "IntTrueDiv",
                                         "IsNonOverlappingAndDenseIndicator",
                                         "LShift",
                                         "LessThan",
                                         "Max",
                                         "Min",
                                         "Mod",
                                         "ModularIndexing",
                                         "Mul",
                                         "Not",
                                         "Or",
                                         "Piecewise",
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
                                         "exp",
                                         "floor",
                                         "log"};

// What Python calls them in conditions.
constexpr std::pair<std::string_view, std::string_view> kPythonNames[] = {
    {"Eq", "Equality"},
    {"Ne", "Unequality"},
    {"abs", "Abs"},
    {"math.ceil", "CeilToInt"},
    {"math.floor", "FloorToInt"},
    {"math.sqrt", "OpaqueUnaryFn_sqrt"},
    {"math.trunc", "TruncToInt"},
    {"max", "Max"},
    {"min", "Min"},
    {"round", "RoundToInt"},
    {"torch._sym_sqrt", "OpaqueUnaryFn_sqrt"},
    {"torch.sym_float", "ToFloat"},
    {"torch.sym_ite", "Where"},
    {"torch.sym_max", "Max"},
    {"torch.sym_min", "Min"}};

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
    ExpressionPtr result = whole(0);
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
    return takeWhile([](unsigned char c) { return std::isalnum(c) || c == '_' || c == '.'; });
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
    ExpressionPtr result = named(*name);
    return result ? result : fail(concat("unknown symbol '", escaped(*name), "'"));
  }

  ExpressionPtr named(std::string_view name) {
    std::optional<uint32_t> index = resolve_(name);
    if (!index)
      return nullptr;
    auto result = std::make_shared<Expression>();
    result->kind = Expression::Kind::Symbol;
    result->symbol = *index;
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
    return make("Rational", {makeInteger(*numerator), makeInteger(*denominator)});
  }

  ExpressionPtr real() {
    double value = 0;
    std::optional<std::string_view> text = quotedText();
    if (!text || llvm::StringRef(*text).getAsDouble(value) || !assumptions())
      return fail("expected a number");
    return makeReal(value);
  }

  static ExpressionPtr makeReal(double value) {
    auto result = std::make_shared<Expression>();
    result->kind = Expression::Kind::Float;
    result->real = value;
    return result;
  }

  ExpressionPtr constant(std::string_view name) {
    if (ExpressionPtr symbol = named(name))
      return symbol;
    if (name == "true" || name == "false" || name == "True" || name == "False") {
      auto result = std::make_shared<Expression>();
      result->kind = Expression::Kind::Boolean;
      result->integer = name == "true" || name == "True";
      return result;
    }
    if (name == "oo" || name == "int_oo" || name == "math.inf")
      return makeReal(std::numeric_limits<double>::infinity());
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

  // Python's operators: in conditions, and in what PyTorch wrote before 2.6 (schema 7), which is
  // SymPy's str, not srepr. Longer ones first.
  struct Operator {
    std::string_view text, callee;
    int precedence;
  };
  enum { kLowest = 0, kNot = 3, kUnary = 11 };
  static constexpr Operator kInfix[] = {
      {"**", "Pow", 12},
      {"//", "FloorDiv", 10},
      {"==", "Equality", 4},
      {"!=", "Unequality", 4},
      {"<=", "LessThan", 4},
      {">=", "GreaterThan", 4},
      {"<<", "LShift", 8},
      {">>", "RShift", 8},
      {"<", "StrictLessThan", 4},
      {">", "StrictGreaterThan", 4},
      {"or", "Or", 1},
      {"and", "And", 2},
      {"|", "BitwiseFn_bitwise_or", 5},
      {"^", "BitwiseFn_bitwise_xor", 6},
      {"&", "BitwiseFn_bitwise_and", 7},
      {"+", "Add", 9},
      {"-", "-", 9},
      {"*", "Mul", 10},
      {"/", "/", 10},
      {"%", "PythonMod", 10},
  };

  // Whether the text goes on with an operator, or a word that ends there.
  bool startsWith(std::string_view token) {
    skipSpace();
    if (rest_.substr(0, token.size()) != token)
      return false;
    auto isLetter = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
    return !isLetter(token.back()) || rest_.size() == token.size() ||
           !isLetter(rest_[token.size()]);
  }

  bool acceptWord(std::string_view word) {
    if (!startsWith(word))
      return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  // "a", or "a if condition else b".
  ExpressionPtr whole(int depth) {
    ExpressionPtr value = infix(kLowest, depth);
    if (!value || !acceptWord("if"))
      return value;
    ExpressionPtr condition = infix(kLowest, depth + 1);
    if (!condition || !acceptWord("else"))
      return condition ? fail("expected 'else'") : nullptr;
    ExpressionPtr other = whole(depth + 1);
    return other ? make("Where", {condition, value, other}) : nullptr;
  }

  ExpressionPtr infix(int least, int depth) {
    ExpressionPtr left = operand(depth);
    while (left) {
      const auto *found = std::find_if(std::begin(kInfix), std::end(kInfix),
                                       [&](const Operator &o) { return startsWith(o.text); });
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
    return make(isRational ? "Rational" : "IntTrueDiv", {left, right});
  }

  ExpressionPtr operand(int depth) {
    if (depth > kMaxDepth)
      return fail(concat("more than ", kMaxDepth, " levels of nesting"));
    if (accept('-')) {
      ExpressionPtr value = infix(kUnary, depth + 1);
      return value ? negative(value) : nullptr;
    }
    if (bool tilde = accept('~'); tilde || acceptWord("not")) {
      ExpressionPtr value = infix(tilde ? kUnary : kNot, depth + 1);
      return value ? make("Not", {value}) : nullptr;
    }
    if (accept('(')) {
      ExpressionPtr value = whole(depth + 1);
      return !value || accept(')') ? value : fail("expected ')'");
    }
    skipSpace();
    if (!rest_.empty() && std::isdigit(static_cast<unsigned char>(rest_.front())))
      return numeral();
    return expression(depth);
  }

  ExpressionPtr numeral() {
    size_t length = 0;
    auto next = [&] { return length < rest_.size() ? rest_[length] : '\0'; };
    while (std::isdigit(static_cast<unsigned char>(next())) || next() == '.' || next() == 'e' ||
           ((next() == '-' || next() == '+') && rest_[length - 1] == 'e'))
      ++length;
    auto digits = llvm::StringRef(rest_).take_front(length);
    rest_.remove_prefix(length);
    int64_t value = 0;
    if (!digits.getAsInteger(10, value))
      return makeInteger(value);
    double number = 0;
    return digits.getAsDouble(number) ? ExpressionPtr(fail("expected a number")) : makeReal(number);
  }

  ExpressionPtr call(std::string_view name, int depth) {
    for (const auto &[python, sympy] : kPythonNames)
      if (name == python)
        name = sympy;
    if (std::find(std::begin(kCallees), std::end(kCallees), name) == std::end(kCallees) &&
        name.substr(0, 14) != "OpaqueUnaryFn_")
      return fail(concat("unknown function '", escaped(name), "'"));
    std::vector<ExpressionPtr> arguments;
    if (accept(')'))
      return fail(concat("'", name, "' without arguments"));
    do {
      if (!arguments.emplace_back(whole(depth + 1)))
        return nullptr;
    } while (accept(','));
    return accept(')') ? make(name, std::move(arguments)) : fail("expected ',' or ')'");
  }

  std::string_view text_;
  std::string_view rest_;
  const SymbolResolver &resolve_;
  std::string error_;
  int infixes_ = 0;
};

// How tightly an operator binds; what binds less gets parentheses.
enum Precedence {
  kOr,
  kAnd,
  kComparison,
  kBitOr,
  kBitXor,
  kBitAnd,
  kShift,
  kSum,
  kProduct,
  kPower,
  kAtom
};

class Printer {
public:
  explicit Printer(const std::vector<GraphSymbol> &symbols) : symbols_(symbols) {}

  std::string print(const Expression &e, Precedence context) {
    switch (e.kind) {
    case Expression::Kind::Integer:
      return e.integer < 0 && context > kSum ? concat("(", e.integer, ")") : concat(e.integer);
    case Expression::Kind::Float:
      return printReal(e.real);
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
  // Exact, and never an integer's spelling.
  static std::string printReal(double value) {
    if (std::isinf(value))
      return value < 0 ? "-math.inf" : "math.inf";
    char buffer[32];
    auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
    std::string text(buffer, end);
    return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
  }

  std::string printCall(const Expression &e, Precedence context) {
    static constexpr struct {
      std::string_view callee, op;
      Precedence precedence;
    } kOperators[] = {{"Or", " or ", kOr},
                      {"And", " and ", kAnd},
                      {"Equality", " == ", kComparison},
                      {"Unequality", " != ", kComparison},
                      {"GreaterThan", " >= ", kComparison},
                      {"LessThan", " <= ", kComparison},
                      {"StrictGreaterThan", " > ", kComparison},
                      {"StrictLessThan", " < ", kComparison},
                      {"BitwiseFn_bitwise_or", " | ", kBitOr},
                      {"BitwiseFn_bitwise_xor", " ^ ", kBitXor},
                      {"BitwiseFn_bitwise_and", " & ", kBitAnd},
                      {"LShift", " << ", kShift},
                      {"RShift", " >> ", kShift},
                      {"Add", " + ", kSum},
                      {"Mul", "*", kProduct},
                      {"FloorDiv", "//", kProduct},
                      {"CleanDiv", "//", kProduct},
                      {"Mod", "%", kProduct},
                      {"PythonMod", "%", kProduct},
                      {"Rational", "/", kProduct},
                      {"IntTrueDiv", "/", kProduct},
                      {"FloatTrueDiv", "/", kProduct},
                      {"Pow", "**", kPower},
                      {"PowByNatural", "**", kPower},
                      {"FloatPow", "**", kPower}};
    for (const auto &[callee, op, precedence] : kOperators) {
      if (e.callee != callee)
        continue;
      // Only these need no parentheses in one of their own kind.
      bool associative =
          precedence == kOr || precedence == kAnd || e.callee == "Add" || e.callee == "Mul";
      Precedence inner = associative ? precedence : static_cast<Precedence>(precedence + 1);
      std::string text = join(e.arguments, op, inner);
      bool enclose = context > precedence || (!associative && context == precedence);
      return enclose ? concat("(", text, ")") : text;
    }
    return concat(e.callee, "(", join(e.arguments, ", ", kOr), ")");
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
  return Printer(symbols).print(expression, kOr);
}

} // namespace linalgd
