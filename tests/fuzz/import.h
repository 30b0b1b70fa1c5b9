// What follows reading a model, whatever its format: all that inspecting it does, and its module of
// the torch dialect.
#pragma once

#include "compiler/import/model.h"

namespace linalgd::fuzz {

void importModel(const ImportedModel &model, const Options &options);

} // namespace linalgd::fuzz
