// The types of a model's results, where the model does not say them.
#pragma once

#include "compiler/import/model.h"

namespace linalgd {

// TorchScript keeps no shapes or dtypes: runs type inference and writes what it finds into the
// graph's output values. Sizes that remain unknown get symbols of their own. Nothing happens where
// all types are known; what cannot be inferred stays unknown.
void inferOutputTypes(ImportedModel &model, const Options &options);

} // namespace linalgd
