// From what PyTorch records about a node to the place in the user's code, and from there to the
// source map of a job.
#pragma once

#include "compiler/import/graph.h"

#include <string_view>

namespace linalgd {

// Whether a frame of this file is the user's, as userFrame() below says.
bool isUserFile(std::string_view file);

// The innermost frame of a Python traceback ("File "…", line N, in f") that is the user's: not a
// pseudo-file such as "<eval_with_key>.7", and not inside the torch package. Libraries built on
// torch (torchvision, transformers) count as the user's. No such frame: an empty location.
SourceLocation userFrame(std::string_view stackTrace);

// The path of the innermost module, "layer1.0.conv1", of torch.export's "key,path,type;…".
std::string modulePath(std::string_view nnModuleStack);

// The location of each node by its id. A node without one of its own (a runtime assertion, say) has
// that of the first node that uses its value, else of a node beside it.
SourceMap makeSourceMap(const Graph &graph);

} // namespace linalgd
