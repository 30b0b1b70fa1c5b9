#include "linalgd/signature.h"

#include "absl/strings/str_cat.h"

#include <nlohmann/json.hpp>

#include <charconv>

namespace linalgd::client {
namespace {

using nlohmann::json;

// Reads members of one object; the first fault is kept with the member's name.
class Reader {
public:
  Reader(const json &object, std::string where, absl::Status &status)
      : object_(object), where_(std::move(where)), status_(status) {
    if (!object_.is_object())
      fail("", "is not an object");
  }

  std::string string(const char *name, bool required = true) {
    const json *value = member(name, required);
    if (value && !value->is_string())
      fail(name, "is not a string");
    return value && value->is_string() ? value->get<std::string>() : std::string();
  }

  int64_t integer(const char *name, int64_t otherwise = 0) {
    const json *value = member(name, false);
    if (value && !value->is_number_integer())
      fail(name, "is not an integer");
    return value && value->is_number_integer() ? value->get<int64_t>() : otherwise;
  }

  std::vector<Dimension> shape() {
    std::vector<Dimension> shape;
    const json *value = member("shape", true);
    if (!value || !value->is_array()) {
      fail("shape", "is not a list");
      return shape;
    }
    for (const json &size : *value) {
      if (size.is_number_integer() && size.get<int64_t>() >= 0)
        shape.push_back({size.get<int64_t>(), ""});
      else if (size.is_string())
        shape.push_back({-1, size.get<std::string>()});
      else
        fail("shape", "holds something other than sizes and expressions");
    }
    return shape;
  }

  template <typename Fn> void each(const char *name, Fn fn) {
    const json *value = member(name, false);
    if (!value)
      return;
    if (!value->is_array())
      return fail(name, "is not a list");
    for (size_t i = 0; i < value->size() && status_.ok(); ++i)
      fn((*value)[i], absl::StrCat(where_, name, "[", i, "]."));
  }

  const json *member(const char *name, bool required) {
    if (!object_.is_object())
      return nullptr;
    auto found = object_.find(name);
    if (found != object_.end() && !found->is_null())
      return &*found;
    if (required)
      fail(name, "is missing");
    return nullptr;
  }

  void fail(const std::string &name, const char *why) {
    if (status_.ok())
      status_ =
          absl::InvalidArgumentError(absl::StrCat("malformed signature: ", where_, name, " ", why));
  }

private:
  const json &object_;
  std::string where_;
  absl::Status &status_;
};

Value readValue(const json &object, const std::string &where, absl::Status &status) {
  Reader reader(object, where, status);
  Value value;
  value.name = reader.string("name", false);
  std::string kind = reader.string("kind");
  if (kind == "tensor") {
    value.dtype = reader.string("dtype");
    value.shape = reader.shape();
  } else if (kind == "int") {
    value.kind = ValueKind::Int;
    value.dtype = "int64";
  } else if (kind == "float") {
    value.kind = ValueKind::Float;
    value.dtype = "float64";
  } else if (kind == "bool") {
    value.kind = ValueKind::Bool;
    value.dtype = "bool";
  } else if (kind == "constant") {
    value.kind = ValueKind::Constant;
    value.constant = object.value("value", json()).dump();
  } else if (kind == "input") {
    value.kind = ValueKind::Input;
    value.index = static_cast<int>(reader.integer("index", -1));
  } else {
    reader.fail("kind", "is none that this version knows");
  }
  return value;
}

State readState(const json &object, const std::string &where, absl::Status &status) {
  Reader reader(object, where, status);
  State state;
  if (reader.member("slot", false))
    state.slot = reader.string("slot");
  if (reader.member("input", false))
    state.input = static_cast<int>(reader.integer("input"));
  state.dtype = reader.string("dtype");
  state.shape = reader.shape();
  return state;
}

Slot readSlot(const json &object, const std::string &where, absl::Status &status) {
  Reader reader(object, where, status);
  Slot slot;
  slot.name = reader.string("slot");
  slot.dtype = reader.string("dtype");
  for (const Dimension &dimension : reader.shape()) {
    if (!dimension.expression.empty())
      reader.fail("shape", "is not static");
    slot.shape.push_back(dimension.size);
  }
  if (const json *embedded = reader.member("embedded", false))
    slot.embedded = embedded->is_boolean() && embedded->get<bool>();
  return slot;
}

void readSymbols(const json *symbols, Signature &signature, absl::Status &status) {
  if (!symbols || !symbols->is_object())
    return;
  for (const auto &[name, range] : symbols->items()) {
    Reader reader(range, absl::StrCat("symbols.", name, "."), status);
    SymbolRange &out = signature.symbols[name];
    out.min = reader.integer("min");
    if (reader.member("max", false))
      out.max = reader.integer("max");
  }
}

Signature readSignature(const json &object, absl::Status &status) {
  Reader reader(object, "", status);
  Signature signature;
  signature.entry = reader.string("entry", false);
  signature.inSpec = reader.string("in_spec", false);
  signature.outSpec = reader.string("out_spec", false);
  reader.each("inputs", [&](const json &value, const std::string &where) {
    signature.inputs.push_back(readValue(value, where, status));
  });
  reader.each("outputs", [&](const json &value, const std::string &where) {
    signature.outputs.push_back(readValue(value, where, status));
  });
  reader.each("state", [&](const json &value, const std::string &where) {
    State state = readState(value, where, status);
    if (state.input && static_cast<size_t>(*state.input) >= signature.inputs.size())
      status.Update(absl::InvalidArgumentError(absl::StrCat(where, ".input names no input")));
    signature.state.push_back(std::move(state));
  });
  reader.each("slots", [&](const json &value, const std::string &where) {
    signature.slots.push_back(readSlot(value, where, status));
  });
  readSymbols(reader.member("symbols", false), signature, status);
  return signature;
}

absl::StatusOr<json> parseJson(std::string_view text) {
  json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object())
    return absl::InvalidArgumentError("malformed signature: not a JSON object");
  return object;
}

// sum := product (('+'|'-') product)*   product := atom (('*'|'//') atom)*
// atom := integer | symbol | '-' atom | '(' sum ')'
class Expression {
public:
  Expression(std::string_view text, const std::map<std::string, int64_t, std::less<>> &symbols)
      : rest_(text), symbols_(symbols) {}

  std::optional<int64_t> evaluate() {
    std::optional<int64_t> value = sum(0);
    skip();
    return rest_.empty() ? value : std::nullopt;
  }

private:
  static constexpr int kMaxDepth = 64;

  void skip() {
    while (!rest_.empty() && rest_[0] == ' ')
      rest_.remove_prefix(1);
  }

  bool take(std::string_view token) {
    skip();
    if (rest_.substr(0, token.size()) != token)
      return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  std::optional<int64_t> sum(int depth) {
    std::optional<int64_t> left = product(depth);
    while (left) {
      bool plus = take("+");
      if (!plus && !take("-"))
        return left;
      std::optional<int64_t> right = product(depth);
      int64_t value = 0;
      if (!right || (plus ? __builtin_add_overflow(*left, *right, &value)
                          : __builtin_sub_overflow(*left, *right, &value)))
        return std::nullopt;
      left = value;
    }
    return left;
  }

  std::optional<int64_t> product(int depth) {
    std::optional<int64_t> left = atom(depth);
    while (left) {
      bool divide = take("//");
      if (!divide && !take("*"))
        return left;
      std::optional<int64_t> right = atom(depth);
      int64_t value = 0;
      if (!right ||
          (divide ? *right <= 0 || *left < 0 : __builtin_mul_overflow(*left, *right, &value)))
        return std::nullopt;
      left = divide ? *left / *right : value;
    }
    return left;
  }

  std::optional<int64_t> atom(int depth) {
    if (depth > kMaxDepth)
      return std::nullopt;
    if (take("-")) {
      std::optional<int64_t> value = atom(depth + 1);
      return value ? std::optional(-*value) : value;
    }
    if (take("(")) {
      std::optional<int64_t> value = sum(depth + 1);
      return take(")") ? value : std::nullopt;
    }
    skip();
    int64_t number = 0;
    auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
    if (error == std::errc()) {
      rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
      return number;
    }
    size_t length = 0;
    while (length < rest_.size() &&
           (isalnum(static_cast<unsigned char>(rest_[length])) != 0 || rest_[length] == '_'))
      ++length;
    auto found = symbols_.find(rest_.substr(0, length));
    if (length == 0 || found == symbols_.end())
      return std::nullopt;
    rest_.remove_prefix(length);
    return found->second;
  }

  std::string_view rest_;
  const std::map<std::string, int64_t, std::less<>> &symbols_;
};

} // namespace

absl::StatusOr<Signature> Signature::parse(std::string_view text) {
  absl::StatusOr<json> object = parseJson(text);
  if (!object.ok())
    return object.status();
  absl::Status status;
  Signature signature = readSignature(*object, status);
  if (!status.ok())
    return status;
  return signature;
}

absl::StatusOr<Manifest> Manifest::parse(std::string_view text) {
  absl::StatusOr<json> object = parseJson(text);
  if (!object.ok())
    return object.status();
  absl::Status status;
  Manifest manifest;
  manifest.signature = readSignature(*object, status);
  Reader reader(*object, "", status);
  manifest.abi = static_cast<int>(reader.integer("abi"));
  manifest.producer = reader.string("producer", false);
  manifest.key = reader.string("key", false);
  manifest.target = reader.string("target", false);
  manifest.weights = reader.string("weights", false);
  if (!status.ok())
    return status;
  return manifest;
}

std::string toString(const std::vector<Dimension> &shape) {
  std::string text = "[";
  for (const Dimension &dimension : shape)
    absl::StrAppend(&text, text.size() > 1 ? ", " : "",
                    dimension.expression.empty() ? absl::StrCat(dimension.size)
                                                 : dimension.expression);
  return text + "]";
}

absl::StatusOr<std::vector<int64_t>>
resolveShape(const std::vector<Dimension> &shape,
             const std::map<std::string, int64_t, std::less<>> &symbols) {
  std::vector<int64_t> sizes;
  for (const Dimension &dimension : shape) {
    if (dimension.expression.empty()) {
      sizes.push_back(dimension.size);
      continue;
    }
    std::optional<int64_t> size = Expression(dimension.expression, symbols).evaluate();
    if (!size || *size < 0)
      return absl::InvalidArgumentError(
          absl::StrCat("no size for '", dimension.expression, "' in ", toString(shape)));
    sizes.push_back(*size);
  }
  return sizes;
}

} // namespace linalgd::client
