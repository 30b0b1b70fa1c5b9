// The reader of traced TorchScript modules, by libtorch.
#pragma once

#include "compiler/import/archive.h"
#include "compiler/import/graph.h"

#include "absl/status/statusor.h"

namespace linalgd {

// Reads the module's `forward`. TorchScript keeps no shapes, so `options.inputs` describes its
// tensors. Loading runs code of the model. InvalidArgument: not a TorchScript file, or inputs that
// do not fit; Unimplemented: control flow, or something else that only scripted modules have; each
// such construct goes to the sink.
absl::StatusOr<Graph> readTorchScript(std::shared_ptr<const MappedBlob> blob,
                                      const Options &options, StageSink &sink);

} // namespace linalgd
