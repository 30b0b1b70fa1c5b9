// Where the weights of a model are, for clients and for code generation.
#pragma once

#include "compiler/api/compiler.h"
#include "compiler/codegen/codegen.h"
#include "compiler/import/model.h"

#include <deque>
#include <string>
#include <vector>

namespace linalgd {

// The slots that the model uses, in the order of the signature.
std::vector<WeightBinding> bindWeights(const ImportedModel &imported);

// The same for code generation. What is not contiguous in its blob is copied into `copies`.
std::vector<WeightSource> findWeights(const ImportedModel &imported, const Model &model,
                                      std::deque<std::string> &copies);

} // namespace linalgd
