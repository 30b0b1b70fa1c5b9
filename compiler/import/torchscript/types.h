// Types of TorchScript values. Includes libtorch: private to this folder.
#pragma once

#include "compiler/import/graph.h"

#include <ATen/core/jit_type.h>

namespace linalgd {

TypeKind kindOf(const c10::Type &type);

} // namespace linalgd
