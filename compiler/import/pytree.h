// Pytree specs of values that have none of their own.
#pragma once

#include <string>
#include <vector>

namespace linalgd {

// Pytree specs as torch.utils._pytree.treespec_dumps writes them, without and with the version
// around.
std::string leafSpec();
std::string tupleSpec(const std::vector<std::string> &children);
std::string listSpec(const std::vector<std::string> &children);
std::string dictSpec(const std::vector<std::string> &keys,
                     const std::vector<std::string> &children);
std::string treeSpec(const std::string &root);

} // namespace linalgd
