// Expressions of symbols ("s0", "2*s0 + 1", "s0 % 2 == 0 or s1 > 4") as postfix programs.
#include "compiler/codegen/signature.h"
#include "compiler/import/symbols.h"
#include "compiler/runtime/tables.h"

#include <bit>

namespace linalgd {
namespace {

struct Function {
  std::string_view callee; // SymPy's
  int64_t opcode;
  size_t arguments; // 0: any number of them, one after the other
};

constexpr Function kFunctions[] = {
    {"Add", LINALGD_EXPR_ADD, 0},
    {"Mul", LINALGD_EXPR_MUL, 0},
    {"Max", LINALGD_EXPR_MAX, 0},
    {"Min", LINALGD_EXPR_MIN, 0},
    {"And", LINALGD_EXPR_BIT_AND, 0}, // of 0 and 1
    {"Or", LINALGD_EXPR_BIT_OR, 0},
    {"BitwiseFn_bitwise_and", LINALGD_EXPR_BIT_AND, 0},
    {"BitwiseFn_bitwise_or", LINALGD_EXPR_BIT_OR, 0},
    {"BitwiseFn_bitwise_xor", LINALGD_EXPR_BIT_XOR, 0},
    {"FloorDiv", LINALGD_EXPR_DIV, 2},
    {"CleanDiv", LINALGD_EXPR_DIV, 2},
    {"Mod", LINALGD_EXPR_MOD, 2},
    {"PythonMod", LINALGD_EXPR_MOD, 2},
    {"Rational", LINALGD_EXPR_TRUE_DIV, 2},
    {"IntTrueDiv", LINALGD_EXPR_TRUE_DIV, 2},
    {"FloatTrueDiv", LINALGD_EXPR_TRUE_DIV, 2},
    {"Pow", LINALGD_EXPR_POW, 2},
    {"PowByNatural", LINALGD_EXPR_POW, 2},
    {"FloatPow", LINALGD_EXPR_POW, 2},
    {"LShift", LINALGD_EXPR_SHIFT_LEFT, 2},
    {"RShift", LINALGD_EXPR_SHIFT_RIGHT, 2},
    {"Equality", LINALGD_EXPR_EQ, 2},
    {"Unequality", LINALGD_EXPR_NE, 2},
    {"StrictLessThan", LINALGD_EXPR_LT, 2},
    {"LessThan", LINALGD_EXPR_LE, 2},
    {"StrictGreaterThan", LINALGD_EXPR_GT, 2},
    {"GreaterThan", LINALGD_EXPR_GE, 2},
    {"Where", LINALGD_EXPR_SELECT, 3},
    {"ITE", LINALGD_EXPR_SELECT, 3},
    {"Not", LINALGD_EXPR_NOT, 1},
    {"Abs", LINALGD_EXPR_ABS, 1},
    {"FloorToInt", LINALGD_EXPR_FLOOR, 1},
    {"floor", LINALGD_EXPR_FLOOR, 1},
    {"CeilToInt", LINALGD_EXPR_CEIL, 1},
    {"ceiling", LINALGD_EXPR_CEIL, 1},
    {"TruncToInt", LINALGD_EXPR_TRUNC, 1},
    {"RoundToInt", LINALGD_EXPR_ROUND, 1},
    {"ToFloat", LINALGD_EXPR_TO_REAL, 1},
    {"OpaqueUnaryFn_sqrt", LINALGD_EXPR_SQRT, 1},
};

class Emitter {
public:
  std::optional<std::vector<int64_t>> run(const Expression &expression) {
    if (!emit(expression))
      return std::nullopt;
    code_.push_back(LINALGD_EXPR_END);
    return std::move(code_);
  }

private:
  bool push(int64_t opcode, int64_t operand) {
    code_.push_back(opcode);
    code_.push_back(operand);
    return ++stack_ <= LINALGD_EXPR_MAX_STACK;
  }

  bool emit(const Expression &expression) {
    switch (expression.kind) {
    case Expression::Kind::Integer:
    case Expression::Kind::Boolean:
      return push(LINALGD_EXPR_CONSTANT, expression.integer);
    case Expression::Kind::Float:
      return push(LINALGD_EXPR_REAL, std::bit_cast<int64_t>(expression.real));
    case Expression::Kind::Symbol:
      return push(LINALGD_EXPR_SYMBOL, expression.symbol);
    case Expression::Kind::Call:
      return call(expression);
    }
    return false;
  }

  bool call(const Expression &expression) {
    const auto *found =
        std::find_if(std::begin(kFunctions), std::end(kFunctions),
                     [&](const Function &f) { return f.callee == expression.callee; });
    size_t count = expression.arguments.size();
    if (found == std::end(kFunctions) || count == 0 ||
        (found->arguments != 0 && found->arguments != count))
      return false;
    for (size_t i = 0; i < count; ++i) {
      if (!emit(*expression.arguments[i]))
        return false;
      if (found->arguments == 0 && i > 0)
        apply(found->opcode, 2);
    }
    if (found->arguments != 0)
      apply(found->opcode, found->arguments);
    return true;
  }

  void apply(int64_t opcode, size_t operands) {
    code_.push_back(opcode);
    stack_ -= operands - 1;
  }

  size_t stack_ = 0;
  std::vector<int64_t> code_;
};

} // namespace

std::optional<std::vector<int64_t>> compileExpression(const std::string &text,
                                                      const std::vector<Symbol> &symbols) {
  auto resolve = [&](std::string_view name) -> std::optional<uint32_t> {
    for (size_t i = 0; i < symbols.size(); ++i)
      if (symbols[i].name == name)
        return static_cast<uint32_t>(i);
    return std::nullopt;
  };
  auto parsed = parseExpression(text, resolve);
  return parsed.ok() ? Emitter().run(**parsed) : std::nullopt;
}

} // namespace linalgd
