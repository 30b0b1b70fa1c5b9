// Inputs that linalgc makes, and what it says about outputs.
#pragma once

#include "linalgd/signature.h"
#include "linalgd/tensor.h"

#include <map>
#include <string>
#include <vector>

namespace linalgd::cli {

using Symbols = std::map<std::string, int64_t, std::less<>>;

// Floats from the standard normal distribution, integers from 0 to 9, booleans by a coin; always
// the same for a seed.
absl::StatusOr<client::Tensor> randomTensor(const std::string &dtype, std::vector<int64_t> shape,
                                            uint64_t seed);

// A tensor of rank 0 from text: "3", "0.5", "true".
absl::StatusOr<client::Tensor> scalarTensor(const std::string &dtype, const std::string &text);

struct Summary {
  double min = 0, max = 0, mean = 0;
  uint64_t nonFinite = 0; // not in the other three
};
// Of a contiguous tensor of real numbers.
Summary summarize(const client::Tensor &tensor);

} // namespace linalgd::cli
