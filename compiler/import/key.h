// The keys of a request's artifacts: one for each stage up to the one that is asked for.
#pragma once

#include "compiler/api/compiler.h"
#include "compiler/import/model.h"

#include <string>
#include <vector>

namespace linalgd {

// Raise it when the same model and options give another artifact though no binary changed its id.
inline constexpr uint64_t kKeyFormat = 1;

// The GNU build ids of this program and of the libraries that determine what it produces (MLIR,
// LLVM, libtorch): "linalgd-worker=1f…;libLLVM.so.22=11…".
const std::string &buildIds();

// Each stage's key holds that of the stage before it and what matters from there on: locations and
// the entry's name from torch-raw, keep_ops from torch, the target from llvm, the weights' bytes
// where the executable embeds them. The last one also holds how its artifact is rendered.
std::vector<StageKey> makeKeys(const ImportedModel &model, const Options &options,
                               const SourceMap &sourceMap, const std::string &target);

} // namespace linalgd
