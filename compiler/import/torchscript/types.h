// Types and pytree specs of TorchScript values. Includes libtorch: private to this folder.
#pragma once

#include "compiler/import/graph.h"

#include "absl/status/statusor.h"

#include <ATen/core/jit_type.h>

#include <string>
#include <vector>

namespace linalgd {

// TorchScript knows that a value is a tensor, and nothing more of it.
GraphType graphType(const c10::Type &type);
// What a list of this type holds.
TypeKind elementKind(const c10::Type &list);

// Pytree specs as torch.utils._pytree.treespec_dumps writes them, without and with the version
// around.
std::string leafSpec();
std::string tupleSpec(const std::vector<std::string> &children);
std::string listSpec(const std::vector<std::string> &children);
std::string dictSpec(const std::vector<std::string> &keys,
                     const std::vector<std::string> &children);
std::string treeSpec(const std::string &root);

// Appends the leaves of a value; its spec.
absl::StatusOr<std::string> flatten(const Argument &value, const c10::Type &type,
                                    std::vector<Argument> &leaves);

} // namespace linalgd
