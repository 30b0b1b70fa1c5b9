// What text and page say in the same words.
#pragma once

#include "compiler/pipeline/report_json.h"

#include <string>
#include <vector>

namespace linalgd {

// "This model compiles to linalg." or what keeps it from that.
std::string headline(const Json &report);
// Its size: nodes, parameters, inputs.
std::vector<std::string> facts(const Json &report);

std::string grouped(uint64_t number); // "2,413"
std::string bytes(uint64_t number);   // "46.8 MB"

// "net.py:12 in forward (layer1.conv)"; empty for null.
std::string placeOf(const Json &source);

// Of an entry of inputs, outputs or state: what it is called.
std::string nameOf(const Json &entry, size_t index, const Json &report);
// Of these, and of weights: the type or value.
std::string describe(const Json &entry, const Json &report);

std::string rangeOf(const Json &symbol);  // "2 to 16", "2 or more"
std::string originOf(const Json &symbol); // "x[0], y[1]"
std::string makes(const Json &place);     // "u0 depends on the data"
std::string meaningOf(const Json &level); // "as written"

// The largest weights first.
std::vector<const Json *> byBytes(const Json &weights);

} // namespace linalgd
