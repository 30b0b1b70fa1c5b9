// The strict reader of torch.export archives (.pt2), schema version 8.
#pragma once

#include "compiler/import/archive.h"
#include "compiler/import/graph.h"

#include "absl/status/statusor.h"

namespace linalgd {

// InvalidArgument: not a valid archive; Unimplemented: something that linalgd does not know. Both
// name the JSON path. `model` is the name of one of several models in the archive; "": the only
// one.
absl::StatusOr<Graph> readPt2(const ModelFiles &files, const std::string &model = "");

// Whether this looks like a torch.export archive, of any version.
bool isPt2(const ModelFiles &files);

} // namespace linalgd
