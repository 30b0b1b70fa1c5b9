// JSON for people's tools: what reports and explanations of keys share.
#pragma once

#include "compiler/api/compiler.h"

#include <nlohmann/json.hpp>
#include <string>

namespace linalgd {

using Json = nlohmann::ordered_json;

// {"file", "line", "function", "module"} of where a node comes from, or null.
inline Json sourceOf(const std::string &node, const SourceMap &sourceMap) {
  auto found = sourceMap.find(node);
  if (found == sourceMap.end())
    return nullptr;
  const SourceLocation &location = found->second;
  return {{"file", location.file},
          {"line", location.line},
          {"function", location.function},
          {"module", location.module}};
}

// Names of a model need not be UTF-8; JSON does.
inline std::string dump(const Json &json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace linalgd
