#include "client/cli/compare_keys.h"

#include "absl/strings/str_cat.h"

#include <algorithm>

namespace linalgd::cli {
namespace {

bool separates(char c) { return c == ' ' || c == ',' || c == '(' || c == ')'; }

const Json *named(const Json &list, const char *field, const std::string &name) {
  auto found = std::ranges::find_if(list, [&](const Json &entry) { return entry[field] == name; });
  return found == list.end() ? nullptr : &*found;
}

Json lineAt(const Json &component, size_t index) {
  const Json &lines = component["lines"];
  return index < lines.size() ? lines[index] : Json();
}

std::string textOf(const Json &line) {
  return line.is_null() ? "" : line["text"].get<std::string>();
}

Json firstDifference(const Json &one, const Json &other) {
  size_t index = 0, most = std::max(one["lines"].size(), other["lines"].size());
  while (index < most && textOf(lineAt(one, index)) == textOf(lineAt(other, index)))
    ++index;
  Json lines = {lineAt(one, index), lineAt(other, index)};
  auto [mine, theirs] = differingParts(textOf(lines[0]), textOf(lines[1]));
  return {{"component", one["name"]},
          {"line", index + 1},
          {"lines", std::move(lines)},
          {"parts", {mine, theirs}}};
}

std::string placeOf(const Json &line) {
  if (line.is_null() || !line.contains("source") || line["source"].is_null())
    return "";
  const Json &source = line["source"];
  auto module = source["module"].get<std::string>();
  return absl::StrCat(source["file"].get<std::string>(), ":", source["line"].get<uint32_t>(),
                      " in ", source["function"].get<std::string>(),
                      module.empty() ? "" : absl::StrCat(" (", module, ")"));
}

} // namespace

std::pair<std::string, std::string> differingParts(const std::string &one,
                                                   const std::string &other) {
  size_t shortest = std::min(one.size(), other.size()), begin = 0, end = 0;
  while (begin < shortest && one[begin] == other[begin])
    ++begin;
  while (begin > 0 && !separates(one[begin - 1]))
    --begin;
  while (end < shortest - begin && one[one.size() - 1 - end] == other[other.size() - 1 - end])
    ++end;
  while (end > 0 && !separates(one[one.size() - end]))
    --end;
  return {one.substr(begin, one.size() - begin - end),
          other.substr(begin, other.size() - begin - end)};
}

absl::StatusOr<Json> compareKeys(const Json &one, const Json &other, const std::string &emit) {
  const Json *mine = named(one["artifacts"], "emit", emit);
  const Json *theirs = named(other["artifacts"], "emit", emit);
  if (!mine || !theirs)
    return absl::InvalidArgumentError(
        absl::StrCat("with these options there is no artifact of ", emit, ", so it has no key"));
  Json differences = Json::array();
  for (const Json &name : (*mine)["components"]) {
    const Json &left = *named(one["components"], "name", name);
    const Json &right = *named(other["components"], "name", name);
    if (left["digest"] != right["digest"])
      differences.push_back(firstDifference(left, right));
  }
  return Json{{"emit", emit},
              {"equal", (*mine)["key"] == (*theirs)["key"]},
              {"keys", {(*mine)["key"], (*theirs)["key"]}},
              {"differences", std::move(differences)}};
}

std::string printComparison(const Json &comparison, const std::vector<std::string> &models) {
  std::string emit = comparison["emit"].get<std::string>();
  if (comparison["equal"].get<bool>())
    return absl::StrCat("One key at ", emit, ": ", comparison["keys"][0].get<std::string>(), "\n");
  std::string text = absl::StrCat("The keys at ", emit, " differ.\n");
  size_t width = std::max(models[0].size(), models[1].size()) + 1;
  for (const Json &difference : comparison["differences"]) {
    auto part = [&](size_t i) {
      return difference["lines"][i].is_null() ? "nothing"
                                              : difference["parts"][i].get<std::string>();
    };
    absl::StrAppend(&text, "\n", difference["component"].get<std::string>(), ", line ",
                    difference["line"].get<size_t>(), ": ", part(0), "  vs  ", part(1), "\n");
    for (size_t i = 0; i < 2; ++i) {
      const Json &line = difference["lines"][i];
      std::string name = models[i] + ":";
      name.resize(width, ' ');
      absl::StrAppend(&text, "  ", name, " ", line.is_null() ? "ends before" : textOf(line), "\n");
      if (std::string place = placeOf(line); !place.empty())
        absl::StrAppend(&text, "  ", std::string(width, ' '), " ", place, "\n");
    }
  }
  return text;
}

} // namespace linalgd::cli
