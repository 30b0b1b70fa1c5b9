// What the keys of a model's artifacts are made of, for people: the artifact of the stage `key`
// (docs/explain.md).
#pragma once

#include "compiler/import/key.h"

#include <functional>

namespace linalgd {

inline constexpr int kKeySchema = 1;

struct KeyExplanation {
  std::string json;
  std::string text;
};

// Of the keys of all artifacts that these options allow. `allows` says whether they do.
KeyExplanation explainKeys(KeyMaker &keys, const SourceMap &sourceMap,
                           const std::function<bool(Stage)> &allows);

} // namespace linalgd
