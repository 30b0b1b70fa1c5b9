#include "compiler/import/json.h"

#include "absl/status/status.h"
#include "compiler/import/text.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>
#include <vector>

namespace linalgd {
namespace {

using Json = nlohmann::json;

// How deep the brackets nest, without parsing: the parser and its values need not meet hostile
// depth.
int nestingDepth(std::string_view text) {
  int depth = 0, deepest = 0;
  bool inString = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (inString) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        inString = false;
    } else if (c == '"') {
      inString = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return deepest;
}

} // namespace

JsonDocument::JsonDocument(std::string_view name) : name_(name), root_(std::make_unique<Json>()) {}
JsonDocument::~JsonDocument() = default;

absl::StatusOr<std::unique_ptr<JsonDocument>> JsonDocument::parse(std::string_view name,
                                                                  std::string_view text) {
  if (text.size() > kMaxBytes)
    return absl::InvalidArgumentError(
        concat(name, " has ", text.size(), " bytes; at most ", kMaxBytes, " are accepted"));
  if (nestingDepth(text) > kMaxDepth)
    return absl::InvalidArgumentError(concat(name, " nests more than ", kMaxDepth, " levels deep"));
  std::unique_ptr<JsonDocument> document(new JsonDocument(name));
  try {
    *document->root_ = Json::parse(text.begin(), text.end());
  } catch (const Json::exception &error) {
    return absl::InvalidArgumentError(concat(name, " is not valid JSON: ", escaped(error.what())));
  }
  return document;
}

std::string JsonPlace::path() const {
  std::vector<const JsonPlace *> way;
  for (const JsonPlace *place = this; place->parent_; place = place->parent_)
    way.push_back(place);
  std::string result;
  for (auto place = way.rbegin(); place != way.rend(); ++place) {
    if ((*place)->key_.data())
      result += concat(result.empty() ? "" : ".", (*place)->key_);
    else
      result += concat("[", (*place)->index_, "]");
  }
  return result;
}

void JsonPlace::record(absl::StatusCode code, std::string_view what) const {
  if (!document_.status_.ok())
    return;
  std::string where = path();
  document_.status_ = absl::Status(
      code, concat(document_.name_, where.empty() ? "" : ": ", escaped(where), ": ", what));
}

void JsonPlace::fail(std::string_view what) const {
  record(absl::StatusCode::kInvalidArgument, what);
}

void JsonPlace::unsupported(std::string_view what) const {
  record(absl::StatusCode::kUnimplemented, what);
}

bool JsonPlace::failed() const { return !document_.status_.ok(); }

JsonPlace::operator bool() const { return value_ && !value_->is_null(); }

std::string JsonPlace::kindName() const {
  return value_ ? concat("found ", value_->type_name()) : "it is missing";
}

JsonPlace JsonPlace::get(std::string_view key) const & {
  if (value_ && value_->is_object()) {
    auto found = value_->find(key);
    if (found != value_->end())
      return JsonPlace(document_, &*found, this, found.key(), 0);
  } else if (value_ && !failed()) {
    fail(concat("expected an object, ", kindName()));
  }
  return JsonPlace(document_, nullptr, this, key, 0);
}

JsonPlace JsonPlace::operator[](std::string_view key) const & {
  JsonPlace place = get(key);
  if (!place.value_)
    place.fail("the field is missing");
  return place;
}

void JsonPlace::allowOnly(std::initializer_list<std::string_view> keys) const {
  eachField([&](std::string_view key, const JsonPlace &field) {
    if (field && std::find(keys.begin(), keys.end(), key) == keys.end())
      field.unsupported("unknown field; was the model written by a newer PyTorch?");
  });
}

void JsonPlace::tagged(const std::function<void(std::string_view, const JsonPlace &)> &read) const {
  if (!value_ || !value_->is_object() || value_->size() != 1)
    return fail("expected an object with one field, the tag of a union");
  eachField(read);
}

void JsonPlace::eachField(
    const std::function<void(std::string_view, const JsonPlace &)> &read) const {
  if (!value_ || !value_->is_object())
    return fail(concat("expected an object, ", kindName()));
  for (auto field = value_->begin(); field != value_->end() && !failed(); ++field)
    read(field.key(), JsonPlace(document_, &*field, this, field.key(), 0));
}

void JsonPlace::eachItem(const std::function<void(const JsonPlace &)> &read) const {
  if (!value_ || !value_->is_array())
    return fail(concat("expected an array, ", kindName()));
  for (size_t i = 0; i < value_->size() && !failed(); ++i)
    read(JsonPlace(document_, &(*value_)[i], this, {}, i));
}

size_t JsonPlace::size() const {
  if (!value_ || !value_->is_array()) {
    fail(concat("expected an array, ", kindName()));
    return 0;
  }
  return value_->size();
}

bool JsonPlace::isBoolean() const { return value_ && value_->is_boolean(); }

int64_t JsonPlace::integer() const {
  bool fits = value_ && value_->is_number_integer() &&
              !(value_->is_number_unsigned() &&
                value_->get<uint64_t>() > uint64_t(std::numeric_limits<int64_t>::max()));
  if (fits)
    return value_->get<int64_t>();
  fail(concat("expected an integer of 64 bits, ", kindName()));
  return 0;
}

bool JsonPlace::boolean() const {
  if (value_ && value_->is_boolean())
    return value_->get<bool>();
  fail(concat("expected true or false, ", kindName()));
  return false;
}

double JsonPlace::number() const {
  if (value_ && value_->is_number())
    return value_->get<double>();
  if (value_ && value_->is_string()) {
    const auto &text = value_->get_ref<const std::string &>();
    if (text == "Infinity")
      return std::numeric_limits<double>::infinity();
    if (text == "-Infinity")
      return -std::numeric_limits<double>::infinity();
    if (text == "NaN")
      return std::numeric_limits<double>::quiet_NaN();
  }
  fail(concat("expected a number, ", kindName()));
  return 0;
}

std::string_view JsonPlace::string() const {
  if (value_ && value_->is_string())
    return value_->get_ref<const std::string &>();
  fail(concat("expected a string, ", kindName()));
  return {};
}

} // namespace linalgd
