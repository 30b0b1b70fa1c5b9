// The canonical form of a graph: what two saves of one model have in common.
#pragma once

#include "compiler/api/digest.h"
#include "compiler/import/model.h"

namespace linalgd {

// Over everything in a graph that determines the IR made from it: order, operators, types,
// constants, the names of inputs, weights and symbols, pytree specs. Not: names of values, where
// nodes come from, how the weights are stored and what they hold (small constants of the code
// excepted).
Digest canonicalDigest(const ImportedModel &model);

// Over the bytes of all weights, slot by slot: equal for equal storages, wherever they are.
Digest weightsDigest(const ImportedModel &model);

// Over where the nodes come from: the part of the key that python locations add.
Digest sourceDigest(const SourceMap &sourceMap);

} // namespace linalgd
