#include "compiler/api/input_spec.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

#include <charconv>

namespace linalgd {
namespace {

bool isNameChar(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; }
bool startsName(char c) {
  return isNameChar(c) && !absl::ascii_isdigit(static_cast<unsigned char>(c));
}

// By recursive descent of bounded depth. A function is false where the text cannot be read.
class Parser {
public:
  explicit Parser(std::string_view text) : rest_(text) {}

  bool argument(InputSpec &input) {
    std::string_view start = rest_;
    if (!name(input.name) || !take(':')) {
      input.name.clear();
      rest_ = start;
    }
    return value(input, 0) && (skipBlanks(), rest_.empty());
  }

private:
  void skipBlanks() {
    while (!rest_.empty() && rest_.front() == ' ')
      rest_.remove_prefix(1);
  }
  bool take(char wanted) {
    skipBlanks();
    if (rest_.empty() || rest_.front() != wanted)
      return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool name(std::string &result) {
    skipBlanks();
    if (rest_.empty() || !startsName(rest_.front()))
      return false;
    size_t size = 0;
    while (size < rest_.size() && isNameChar(rest_[size]))
      ++size;
    result = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }
  bool quoted(std::string &result) {
    if (!take('\''))
      return false;
    size_t size = rest_.find('\'');
    if (size == std::string_view::npos)
      return false;
    result = rest_.substr(0, size);
    rest_.remove_prefix(size + 1);
    return true;
  }

  // What `item` reads, separated by commas, up to the character that closes it.
  template <typename Item> bool sequence(char close, Item item) {
    if (take(close))
      return true;
    do {
      if (!item())
        return false;
    } while (take(','));
    return take(close);
  }
  bool items(InputSpec &input, InputSpec::Kind kind, char close, size_t depth) {
    input.kind = kind;
    return depth < kMaxInputDepth &&
           sequence(
               close,
               [&] {
                 InputSpec &item = input.items.emplace_back();
                 if (kind == InputSpec::Kind::Dict &&
                     ((!quoted(item.name) && !name(item.name)) || !take(':')))
                   return false;
                 return value(item, depth + 1);
               });
  }

  bool value(InputSpec &input, size_t depth) {
    if (take('['))
      return items(input, InputSpec::Kind::List, ']', depth);
    if (take('('))
      return items(input, InputSpec::Kind::Tuple, ')', depth);
    if (take('{'))
      return items(input, InputSpec::Kind::Dict, '}', depth);
    std::string word;
    if (!name(word)) {
      input.kind = InputSpec::Kind::Constant;
      if (!quoted(word))
        return number(input);
      input.value = std::move(word);
      return true;
    }
    if (take('[')) {
      input.dtype = std::move(word);
      return sequence(']', [&] { return size(input); });
    }
    return keyword(input, word);
  }

  static bool keyword(InputSpec &input, std::string_view word) {
    using Kind = InputSpec::Kind;
    if (word == "int" || word == "float" || word == "bool") {
      input.kind = word == "int" ? Kind::Int : word == "float" ? Kind::Float : Kind::Bool;
      return true;
    }
    input.kind = Kind::Constant;
    if (word == "true" || word == "false")
      input.value = word == "true";
    return word == "true" || word == "false" || word == "none";
  }

  bool number(InputSpec &input) {
    const char *begin = rest_.data();
    const char *end = begin + rest_.size();
    int64_t integer = 0;
    double real = 0;
    auto [afterInteger, integerError] = std::from_chars(begin, end, integer);
    auto [afterReal, realError] = std::from_chars(begin, end, real);
    if (realError != std::errc())
      return false;
    if (integerError == std::errc() && afterInteger == afterReal)
      input.value = integer;
    else
      input.value = real;
    rest_.remove_prefix(static_cast<size_t>(afterReal - begin));
    return true;
  }

  bool size(InputSpec &input) {
    int64_t value = -1;
    std::string symbol;
    if (!take('?') && !name(symbol)) {
      skipBlanks();
      auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
      if (error != std::errc() || value < -1)
        return false;
      rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    }
    input.shape.push_back(value);
    if (!symbol.empty() || !input.symbols.empty()) {
      input.symbols.resize(input.shape.size());
      input.symbols.back() = std::move(symbol);
    }
    return true;
  }

  std::string_view rest_;
};

std::string join(const InputSpec &input, char open, char close) {
  std::string text(1, open);
  for (const InputSpec &item : input.items) {
    absl::StrAppend(&text, text.size() > 1 ? "," : "");
    if (input.kind == InputSpec::Kind::Dict)
      absl::StrAppend(&text, "'", item.name, "':");
    text += toString(item);
  }
  return text + close;
}

std::string constantText(const InputSpec &input) {
  if (const auto *flag = std::get_if<bool>(&input.value))
    return *flag ? "true" : "false";
  if (const auto *integer = std::get_if<int64_t>(&input.value))
    return absl::StrCat(*integer);
  if (const auto *text = std::get_if<std::string>(&input.value))
    return absl::StrCat("'", *text, "'");
  const auto *real = std::get_if<double>(&input.value);
  if (!real)
    return "none";
  std::string text = absl::StrCat(*real);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

} // namespace

absl::StatusOr<InputSpec> parseInputSpec(std::string_view text) {
  InputSpec input;
  if (Parser(text).argument(input))
    return input;
  return absl::InvalidArgumentError(absl::StrCat(
      "'", std::string(text),
      "' describes no input; write NAME:DTYPE[SHAPE], as in 'x:float32[?,3,224,224]', 'n:int' or "
      "'flag:true', in brackets where it is a list, tuple or dict: "
      "'[float32[3,?,?],float32[3,?,?]]'"));
}

std::string toString(const InputSpec &input) {
  switch (input.kind) {
  case InputSpec::Kind::Int:
    return "int";
  case InputSpec::Kind::Float:
    return "float";
  case InputSpec::Kind::Bool:
    return "bool";
  case InputSpec::Kind::Constant:
    return constantText(input);
  case InputSpec::Kind::List:
    return join(input, '[', ']');
  case InputSpec::Kind::Tuple:
    return join(input, '(', ')');
  case InputSpec::Kind::Dict:
    return join(input, '{', '}');
  case InputSpec::Kind::Tensor:
    break;
  }
  std::string text = input.dtype + "[";
  for (size_t i = 0; i < input.shape.size(); ++i) {
    bool named = i < input.symbols.size() && !input.symbols[i].empty();
    absl::StrAppend(&text, i ? "," : "",
                    input.shape[i] >= 0 ? absl::StrCat(input.shape[i])
                    : named             ? input.symbols[i]
                                        : "?");
  }
  return text + "]";
}

} // namespace linalgd
