#include "compiler/import/mlir/text_limits.h"
#include "compiler/import/text.h"

#include <array>
#include <vector>

namespace linalgd {
namespace {

bool isSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool isLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool isWord(char c) { return isLetter(c) || (c >= '0' && c <= '9') || c == '.' || c == '$'; }

constexpr std::string_view kBrackets = "([{<)]}>";

std::string_view skipBlanks(std::string_view text) {
  for (;;) {
    while (!text.empty() && isSpace(text.front()))
      text.remove_prefix(1);
    if (!text.starts_with("//"))
      return text;
    size_t end = text.find('\n');
    text.remove_prefix(end == std::string_view::npos ? text.size() : end);
  }
}

// Goes over the text as MLIR's lexer does: strings and comments hold no brackets.
class Scanner {
public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::optional<TextProblem> run() {
    while (at_ < text_.size() && !problem_)
      step();
    return problem_;
  }

private:
  char peek(size_t ahead) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  void fail(std::string message) {
    problem_ = {line_, static_cast<uint32_t>(at_ - lineStart_ + 1), std::move(message)};
  }

  void step() {
    char c = text_[at_];
    if (c == '"') {
      last_ = c;
      return skipString();
    }
    if (c == '/' && peek(1) == '/')
      return skipComment();
    if (isWord(c))
      return word();
    if ((c == '-' && peek(1) == '>') || ((c == '<' || c == '>') && peek(1) == '=')) {
      last_ = peek(1);
      at_ += 2;
      return;
    }
    if (c == '\n') {
      ++line_;
      lineStart_ = at_ + 1;
    } else if (size_t kind = kBrackets.find(c); kind != std::string_view::npos) {
      bracket(kind);
    } else if (c == ',' || c == '=' || c == ':') {
      operators_.back() = 0;
    } else if (c == '+' || c == '-' || c == '*') {
      countOperator();
    }
    if (!isSpace(c))
      last_ = c;
    ++at_;
  }

  void bracket(size_t kind) {
    if (kind < 4) {
      if (++depth_[kind] > TextLimits::kMaxNesting)
        return fail(concat("brackets are nested deeper than ", TextLimits::kMaxNesting));
      operators_.push_back(0);
    } else if (depth_[kind - 4] > 0) {
      --depth_[kind - 4];
      operators_.pop_back();
    }
  }

  void countOperator() {
    if (++operators_.back() > TextLimits::kMaxOperators)
      fail(concat("an expression has more than ", TextLimits::kMaxOperators, " operators"));
  }

  void word() {
    size_t start = at_;
    while (at_ < text_.size() && isWord(text_[at_]))
      ++at_;
    std::string_view name = text_.substr(start, at_ - start);
    if (name == "mod" || name == "floordiv" || name == "ceildiv")
      countOperator();
    // Not an attribute of a dictionary, nor a name of something.
    if ((name == "dimensions" || name == "permutation") &&
        std::string_view("{,%@#!^").find(last_) == std::string_view::npos)
      checkIntegers(name);
    last_ = text_[at_ - 1];
  }

  // MLIR's own syntax of linalg.broadcast, transpose and reduce takes it for granted that what
  // follows is such a list.
  void checkIntegers(std::string_view name) {
    std::string_view rest = text_.substr(at_);
    auto accept = [&](char c) {
      rest = skipBlanks(rest);
      bool isThere = rest.starts_with(c);
      rest.remove_prefix(isThere);
      return isThere;
    };
    auto acceptInteger = [&] {
      accept('-');
      rest = skipBlanks(rest);
      size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
      rest.remove_prefix(digits);
      return digits > 0 && digits <= 18;
    };
    bool isList = accept('=') && accept('[');
    if (isList && !accept(']')) {
      do
        isList = acceptInteger();
      while (isList && accept(','));
      isList = isList && accept(']');
    }
    if (!isList)
      fail(concat("'", name, "' takes integers: ", name, " = [0, 1]"));
  }

  void skipString() {
    for (++at_; at_ < text_.size() && text_[at_] != '\n'; ++at_) {
      if (text_[at_] == '"') {
        ++at_;
        return;
      }
      if (text_[at_] == '\\')
        ++at_;
    }
  }

  void skipComment() {
    while (at_ < text_.size() && text_[at_] != '\n')
      ++at_;
  }

  std::string_view text_;
  size_t at_ = 0, lineStart_ = 0;
  uint32_t line_ = 1;
  char last_ = '\0'; // that was no space
  std::array<uint32_t, 4> depth_{};
  std::vector<uint32_t> operators_{0}; // of the expression so far, for each open bracket
  std::optional<TextProblem> problem_;
};

} // namespace

std::optional<TextProblem> checkTextLimits(std::string_view text) {
  if (text.size() > TextLimits::kMaxBytes)
    return TextProblem{1, 1, concat("the text is larger than ", TextLimits::kMaxBytes, " bytes")};
  return Scanner(text).run();
}

bool isMlirBytecode(std::string_view bytes) { return bytes.starts_with("ML\xEFR"); }

bool looksLikeMlir(std::string_view bytes) {
  if (isMlirBytecode(bytes))
    return true;
  std::string_view text = skipBlanks(bytes.substr(0, 64 << 10));
  if (text.empty())
    return false;
  if (text.starts_with("{-#"))
    return true;
  char first = text.front();
  bool isAlias = first == '#' || first == '!';
  bool isGeneric = first == '"';
  if (isAlias || isGeneric)
    text.remove_prefix(1);
  size_t end = 0;
  while (end < text.size() && isWord(text[end]))
    ++end;
  std::string_view name = text.substr(0, end);
  if (name.empty() || !isLetter(name.front()))
    return false;
  if (isAlias)
    return skipBlanks(text.substr(end)).starts_with('=');
  // "func.func", "torch.class_type"; "module" has a short form.
  size_t dot = name.find('.');
  return name == "module" || (dot != name.npos && dot > 0 && dot + 1 < name.size());
}

} // namespace linalgd
