#include "compiler/import/pytree.h"

#include <nlohmann/json.hpp>

namespace linalgd {
namespace {

using nlohmann::ordered_json;

std::string containerSpec(const char *type, const std::string &context,
                          const std::vector<std::string> &children) {
  ordered_json spec = {
      {"type", type}, {"context", context}, {"children_spec", ordered_json::array()}};
  for (const std::string &child : children)
    spec["children_spec"].push_back(ordered_json::parse(child));
  return spec.dump();
}

} // namespace

std::string leafSpec() { return R"({"type":null,"context":null,"children_spec":[]})"; }
std::string tupleSpec(const std::vector<std::string> &children) {
  return containerSpec("builtins.tuple", "null", children);
}
std::string listSpec(const std::vector<std::string> &children) {
  return containerSpec("builtins.list", "null", children);
}
std::string dictSpec(const std::vector<std::string> &keys,
                     const std::vector<std::string> &children) {
  return containerSpec("builtins.dict", ordered_json(keys).dump(), children);
}
std::string treeSpec(const std::string &root) {
  return ordered_json::array({1, ordered_json::parse(root)}).dump();
}

} // namespace linalgd
