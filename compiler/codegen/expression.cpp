// Expressions of symbolic dimensions: "s0", "2*s0 + 1", "(s0 + 1)//2", "Max(1, s0)".
#include "compiler/codegen/signature.h"
#include "compiler/runtime/tables.h"

#include <cctype>
#include <cstring>

namespace linalgd {
namespace {

class Parser {
public:
  Parser(const std::string &text, const std::vector<Symbol> &symbols)
      : text_(text), symbols_(symbols) {}

  std::optional<std::vector<int64_t>> run() {
    if (!comparison())
      return std::nullopt;
    skipSpace();
    if (at_ != text_.size() || maxStack_ > LINALGD_EXPR_MAX_STACK)
      return std::nullopt;
    code_.push_back(LINALGD_EXPR_END);
    return code_;
  }

private:
  static constexpr int kMaxDepth = 24;

  void skipSpace() {
    while (at_ < text_.size() && text_[at_] == ' ')
      ++at_;
  }
  bool take(const char *token) {
    skipSpace();
    if (text_.compare(at_, strlen(token), token) != 0)
      return false;
    at_ += strlen(token);
    return true;
  }
  void push(int64_t opcode, int64_t operand) {
    code_.push_back(opcode);
    code_.push_back(operand);
    maxStack_ = std::max(maxStack_, ++stack_);
  }
  void apply(int64_t opcode) {
    code_.push_back(opcode);
    --stack_;
  }

  bool comparison() {
    if (!sum(0))
      return false;
    int64_t opcode = take("==")   ? LINALGD_EXPR_EQ
                     : take("!=") ? LINALGD_EXPR_NE
                     : take("<=") ? LINALGD_EXPR_LE
                     : take(">=") ? LINALGD_EXPR_GE
                     : take("<")  ? LINALGD_EXPR_LT
                     : take(">")  ? LINALGD_EXPR_GT
                                  : LINALGD_EXPR_END;
    if (opcode == LINALGD_EXPR_END)
      return true;
    if (!sum(0))
      return false;
    apply(opcode);
    return true;
  }

  bool sum(int depth) {
    if (!product(depth))
      return false;
    for (;;) {
      int64_t opcode = take("+")   ? LINALGD_EXPR_ADD
                       : take("-") ? LINALGD_EXPR_SUB
                                   : LINALGD_EXPR_END;
      if (opcode == LINALGD_EXPR_END)
        return true;
      if (!product(depth))
        return false;
      apply(opcode);
    }
  }

  bool product(int depth) {
    if (!atom(depth))
      return false;
    for (;;) {
      int64_t opcode = take("//")  ? LINALGD_EXPR_DIV
                       : take("*") ? LINALGD_EXPR_MUL
                       : take("%") ? LINALGD_EXPR_MOD
                                   : LINALGD_EXPR_END;
      if (opcode == LINALGD_EXPR_END)
        return true;
      if (!atom(depth))
        return false;
      apply(opcode);
    }
  }

  bool atom(int depth) {
    if (depth > kMaxDepth)
      return false;
    if (take("-")) {
      push(LINALGD_EXPR_CONSTANT, 0);
      if (!atom(depth + 1))
        return false;
      apply(LINALGD_EXPR_SUB);
      return true;
    }
    if (take("("))
      return sum(depth + 1) && take(")");
    size_t start = at_;
    while (at_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_'))
      ++at_;
    std::string word = text_.substr(start, at_ - start);
    if (word == "Max" || word == "Min")
      return call(word == "Max" ? LINALGD_EXPR_MAX : LINALGD_EXPR_MIN, depth);
    return name(word);
  }

  bool call(int64_t opcode, int depth) {
    if (!take("(") || !sum(depth + 1))
      return false;
    while (take(",")) {
      if (!sum(depth + 1))
        return false;
      apply(opcode);
    }
    return take(")");
  }

  bool name(const std::string &word) {
    if (!word.empty() && word.size() < 18 &&
        word.find_first_not_of("0123456789") == std::string::npos) {
      push(LINALGD_EXPR_CONSTANT, std::stoll(word));
      return true;
    }
    for (size_t i = 0; i < symbols_.size(); ++i) {
      if (symbols_[i].name != word)
        continue;
      push(LINALGD_EXPR_SYMBOL, static_cast<int64_t>(i));
      return true;
    }
    return false;
  }

  const std::string &text_;
  const std::vector<Symbol> &symbols_;
  size_t at_ = 0;
  int stack_ = 0, maxStack_ = 0;
  std::vector<int64_t> code_;
};

} // namespace

std::optional<std::vector<int64_t>> compileExpression(const std::string &text,
                                                      const std::vector<Symbol> &symbols) {
  return Parser(text, symbols).run();
}

} // namespace linalgd
