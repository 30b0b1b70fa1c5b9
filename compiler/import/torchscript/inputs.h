// The arguments of `forward`, from what the request says of them. Includes libtorch: private to
// this folder.
#pragma once

#include "compiler/import/graph.h"

#include "absl/status/statusor.h"

#include <ATen/core/function_schema.h>

#include <functional>
#include <string>
#include <vector>

namespace linalgd {

// What TorchScript's own value, a default, is in the graph.
using ConstantReader =
    std::function<absl::StatusOr<Argument>(const c10::IValue &, const std::string &name)>;

// What each parameter of `forward` but `self` is given. Appends the leaves to the graph's inputs,
// in the order of the request, and sets its `inSpec`. Containers are ArgumentLists and
// ArgumentDicts over them. InvalidArgument: the request does not fit the parameters.
absl::StatusOr<std::vector<Argument>> readInputs(const c10::FunctionSchema &forward,
                                                 const std::vector<InputSpec> &inputs,
                                                 const ConstantReader &constant, Graph &graph);

} // namespace linalgd
