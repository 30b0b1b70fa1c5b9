#include "compiler/pipeline/explain_key.h"
#include "compiler/pipeline/report_json.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

namespace linalgd {
namespace {

Json describe(const KeyComponent &component, const SourceMap &sourceMap) {
  Json lines = Json::array();
  for (const CanonicalLine &line : component.text) {
    Json entry = {{"text", line.text}};
    if (!line.node.empty()) {
      entry["node"] = line.node;
      entry["source"] = sourceOf(line.node, sourceMap);
    }
    lines.push_back(std::move(entry));
  }
  return {{"name", component.name}, {"digest", component.digest.hex()}, {"lines", lines}};
}

// What a component says, on one line.
std::string summary(const KeyComponent &component) {
  if (component.text.empty())
    return "none";
  if (component.text.size() == 1)
    return component.text.front().text;
  size_t nodes = llvm::count_if(component.text, [](auto &line) { return !line.node.empty(); });
  return llvm::formatv("{0} lines{1}, sha256 {2}", component.text.size(),
                       nodes > 0 ? ", of them " + std::to_string(nodes) + " nodes" : "",
                       component.digest.hex());
}

// `users`: the artifacts that depend on it; none: all do.
void print(llvm::raw_ostream &os, const KeyComponent &component, llvm::ArrayRef<Stage> users) {
  os << llvm::formatv("  {0,-12} {1}\n", component.name, summary(component));
  if (component.name == "build")
    for (const CanonicalLine &line : component.text)
      os << llvm::formatv("  {0,-12} {1}\n", "", line.text);
  if (users.empty())
    return;
  std::string names;
  for (Stage stage : users)
    names += (names.empty() ? "" : ", ") + std::string(stageName(stage));
  os << llvm::formatv("  {0,-12} in the keys of {1}\n", "", names);
}

} // namespace

KeyExplanation explainKeys(KeyMaker &keys, const SourceMap &sourceMap,
                           const std::function<bool(Stage)> &allows) {
  Json json = {{"schema", "linalgd.key"},
               {"version", kKeySchema},
               {"artifacts", Json::array()},
               {"components", Json::array()}};
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "Keys\n";
  std::vector<std::pair<const KeyComponent *, std::vector<Stage>>> components; // and their users
  for (Stage emit : stagesTo(Stage::Executable)) {
    if (!allows(emit))
      continue;
    Json names = Json::array();
    for (const KeyComponent *component : keys.components(emit)) {
      names.push_back(component->name);
      auto known = llvm::find_if(components, [&](auto &entry) { return entry.first == component; });
      if (known == components.end())
        known = components.insert(known, {component, {}});
      known->second.push_back(emit);
    }
    std::string key = keys.make(emit).back().key.hex();
    os << llvm::formatv("  {0,-12} {1}\n", stageName(emit), key);
    json["artifacts"].push_back(
        {{"emit", stageName(emit)}, {"key", key}, {"components", std::move(names)}});
  }
  os << "\nWhat they are made of\n";
  for (const auto &[component, users] : components) {
    json["components"].push_back(describe(*component, sourceMap));
    bool isInAll = users.size() == json["artifacts"].size();
    print(os, *component, isInAll ? llvm::ArrayRef<Stage>() : llvm::ArrayRef(users));
  }
  return {dump(json), std::move(text)};
}

} // namespace linalgd
