// A JSON document, mutated as a tree.
#include "tests/fuzz/support.h"

#include <nlohmann/json.hpp>

#include <limits>
#include <vector>

namespace linalgd::fuzz {
namespace {

using Json = nlohmann::json;

void collect(Json &value, std::vector<Json *> &values) {
  values.push_back(&value);
  if (value.is_structured())
    for (Json &child : value)
      collect(child, values);
}

// Tags of torch.export's unions: that of a value decides which reader it meets.
constexpr const char *kTags[] = {
    "as_none",       "as_tensor",          "as_tensors",          "as_int",
    "as_ints",       "as_float",           "as_floats",           "as_string",
    "as_strings",    "as_sym_int",         "as_sym_ints",         "as_scalar_type",
    "as_layout",     "as_device",          "as_memory_format",    "as_bool",
    "as_bools",      "as_sym_bool",        "as_sym_bools",        "as_graph",
    "as_complex",    "as_custom_obj",      "as_operator",         "as_sym_float",
    "as_sym_floats", "as_int_lists",       "as_nested_tensors",   "as_expr",
    "as_name",       "as_optional_tensor", "as_optional_tensors", "as_string_to_argument"};

Json freshValue(Random &random) {
  constexpr int64_t kIntegers[] = {0,  1,       -1,        2,         7,        63,
                                   64, 1 << 20, INT32_MAX, INT64_MAX, INT64_MIN};
  switch (random.below(10)) {
  case 0:
    return nullptr;
  case 1:
    return random.oneIn(2);
  case 2:
    return Json::array();
  case 3:
    return Json::object();
  case 4:
    return random.oneIn(2) ? "NaN" : "-Infinity";
  case 5:
    return "";
  case 6:
    return std::numeric_limits<uint64_t>::max();
  case 7:
    return 1e300;
  default:
    return kIntegers[random.below(std::size(kIntegers))];
  }
}

void mutateContainer(Json &value, const Json &other, Random &random) {
  size_t at = random.below(value.size());
  bool shrink = !value.empty() && random.oneIn(2);
  if (value.is_array() && shrink) {
    value.erase(at);
  } else if (value.is_array()) {
    value.insert(value.begin() + static_cast<ptrdiff_t>(at),
                 value.empty() || random.oneIn(2) ? other : Json(value[at]));
  } else if (shrink) {
    auto field = value.begin();
    std::advance(field, at);
    std::string key = field.key();
    Json content = std::move(*field);
    value.erase(field);
    if (random.oneIn(2)) { // another name for it
      if (key.starts_with("as_"))
        key = kTags[random.below(std::size(kTags))];
      else
        mutateText(key, random);
      value[key] = std::move(content);
    }
  } else if (other.is_object() && !other.empty()) {
    auto field = other.begin();
    std::advance(field, random.below(other.size()));
    value[field.key()] = *field;
  }
}

void mutateScalar(Json &value, Random &random) {
  if (value.is_string()) {
    std::string text = value;
    mutateText(text, random);
    value = text;
  } else if (value.is_number_integer()) {
    auto number = value.get<uint64_t>();
    value = static_cast<int64_t>(random.oneIn(2) ? number + random.below(9) - 4
                                                 : number ^ (1ull << random.below(64)));
  } else if (value.is_boolean()) {
    value = !value.get<bool>();
  } else {
    value = freshValue(random);
  }
}

} // namespace

void mutateJson(std::string &content, Random &random) {
  Json document = Json::parse(content, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded() || random.oneIn(16))
    return mutateText(content, random);
  for (size_t rounds = 1 + random.below(3); rounds-- > 0;) {
    std::vector<Json *> values;
    collect(document, values);
    Json &value = *values[random.below(values.size())];
    Json other = *values[random.below(values.size())];
    switch (random.below(6)) {
    case 0:
      value = std::move(other);
      break;
    case 1:
      value = freshValue(random);
      break;
    default:
      if (value.is_structured())
        mutateContainer(value, other, random);
      else
        mutateScalar(value, random);
    }
  }
  content = document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace linalgd::fuzz
