// The request's keep_ops: names of ops as users write them.
#pragma once

#include "absl/status/status.h"

#include <set>
#include <string>
#include <vector>

namespace linalgd {

// Brings the names into the spelling of the IR, sorted: a name without overload stands for all
// overloads ("aten.softmax" for "aten.softmax.int"), "torch." in front and ".default" behind are
// left away. A name that is none of `ofModel` nor one that linalgd knows is an error.
using OpNames = std::set<std::string, std::less<>>;
absl::Status resolveKeepOps(OpNames ofModel, std::vector<std::string> &keepOps);

} // namespace linalgd
