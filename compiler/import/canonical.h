// The canonical form of a model: what two saves of it have in common, as lines of text that people
// can read, too. Digests are made over these lines, so that what tells two keys apart can be shown.
#pragma once

#include "compiler/api/digest.h"
#include "compiler/import/model.h"

#include <string>
#include <vector>

namespace linalgd {

struct CanonicalLine {
  std::string text; // without line breaks, whatever the model holds
  std::string node; // its id, where the line is a node
};
using CanonicalText = std::vector<CanonicalLine>;

Digest digestOf(const CanonicalText &text);

// Everything in a graph that determines the IR made from it: order, operators, types, constants,
// the names of inputs, weights and symbols, pytree specs. Not: names of values, where nodes come
// from, how the weights are stored and what they hold (small constants of the code excepted).
CanonicalText canonicalGraph(const ImportedModel &model);
Digest canonicalDigest(const ImportedModel &model);

// The bytes of all weights, by digest, slot by slot: equal for equal storages, wherever they are.
CanonicalText canonicalWeights(const ImportedModel &model);

// What of the weights a report tells: which are there, and which share their bytes.
CanonicalText canonicalBindings(const ImportedModel &model);

// Where the nodes come from.
CanonicalText canonicalSources(const SourceMap &sourceMap);

} // namespace linalgd
