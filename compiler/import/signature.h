// What a caller of a compiled model needs to know, as JSON (docs/protocol.md, "Signature").
#pragma once

#include "compiler/import/graph.h"

#include <string>

namespace linalgd {

std::string makeSignature(const Graph &graph, const std::string &entry);

} // namespace linalgd
