// What tells the keys of two models apart.
#pragma once

#include "client/cli/session.h"

#include <string>
#include <vector>

namespace linalgd::cli {

// Where two texts differ, at the boundaries of what is written in them: {"alpha=1", "alpha=2"}.
std::pair<std::string, std::string> differingParts(const std::string &one,
                                                   const std::string &other);

// Two explanations of keys (docs/explain.md), for artifacts of `emit`:
// {"emit", "equal", "keys": [2], "differences": [{"component", "line", "lines": [2], "parts":
// [2]}]} A difference is the first one in its component; a line of null is one that there is not.
// InvalidArgument where the options allow no such artifact.
absl::StatusOr<Json> compareKeys(const Json &one, const Json &other, const std::string &emit);

std::string printComparison(const Json &comparison, const std::vector<std::string> &models);

} // namespace linalgd::cli
