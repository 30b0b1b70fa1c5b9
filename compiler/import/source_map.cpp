#include "compiler/import/source_map.h"

#include "llvm/ADT/StringRef.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>

namespace linalgd {
namespace {

// Reads `  File "path", line 12, in name`; false where a line is something else.
bool parseFrame(llvm::StringRef line, SourceLocation &location) {
  line = line.ltrim();
  if (!line.consume_front("File \""))
    return false;
  auto [file, rest] = line.split("\", line ");
  auto [number, function] = rest.split(", in ");
  if (number.getAsInteger(10, location.line))
    return false;
  location.file = file.str();
  location.function = function.str();
  return true;
}

} // namespace

bool isUserFile(std::string_view path) {
  llvm::StringRef file = path;
  return !file.empty() && !file.starts_with("<") && !file.starts_with("torch/") &&
         !file.contains("site-packages/torch/") && !file.contains("dist-packages/torch/");
}

SourceLocation userFrame(std::string_view stackTrace) {
  llvm::StringRef rest = stackTrace;
  while (!rest.empty()) {
    llvm::StringRef line;
    std::tie(rest, line) = rest.contains('\n') ? rest.rsplit('\n') : std::pair("", rest);
    SourceLocation location;
    if (parseFrame(line, location) && isUserFile(location.file))
      return location;
  }
  return {};
}

std::string modulePath(std::string_view nnModuleStack) {
  llvm::StringRef stack = nnModuleStack;
  llvm::StringRef last = stack.contains(';') ? stack.rsplit(';').second : stack;
  auto [key, rest] = last.split(',');
  llvm::StringRef path = rest.split(',').first;
  if (path == key) // torch.export's way to write that there is no module
    return "";
  path.consume_front("L['self']");
  path.consume_front(".");
  return path.str();
}

SourceMap makeSourceMap(const Graph &graph) {
  std::vector<const Node *> nodes;
  std::unordered_map<ValueId, size_t> firstUse;
  forEachNode(graph, [&](const Node &node, size_t index) {
    nodes.push_back(&node);
    std::vector<ValueId> used;
    for (const NamedArgument &input : node.inputs)
      collectValues(input.argument, used);
    for (ValueId value : used)
      firstUse.try_emplace(value, index);
  });

  // Uses come after definitions, so going backwards a node's user has its location already.
  std::vector<const SourceLocation *> locations(nodes.size(), nullptr);
  for (size_t i = nodes.size(); i-- > 0;) {
    if (!nodes[i]->source.file.empty()) {
      locations[i] = &nodes[i]->source;
      continue;
    }
    size_t user = nodes.size();
    std::vector<ValueId> defined;
    for (const Argument &output : nodes[i]->outputs)
      collectValues(output, defined);
    for (ValueId value : defined)
      if (auto found = firstUse.find(value); found != firstUse.end() && found->second > i)
        user = std::min(user, found->second);
    if (user < nodes.size())
      locations[i] = locations[user];
  }

  SourceMap map;
  auto firstKnown = std::find_if(locations.begin(), locations.end(), [](auto *l) { return l; });
  const SourceLocation *previous = firstKnown == locations.end() ? nullptr : *firstKnown;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const SourceLocation *location = locations[i] ? locations[i] : previous;
    previous = location;
    if (location)
      map.emplace(nodeId(i), *location);
  }
  return map;
}

} // namespace linalgd
