// A relocatable ELF object whose one section is raw weights: copied from where they are, never
// through LLVM.
#pragma once

#include "compiler/codegen/codegen.h"

#include <map>

namespace linalgd {

// The symbol at the section's start.
inline constexpr char kWeightsSymbol[] = "linalgd_weights";

struct WeightsObject {
  UniqueFd fd;                             // the object, a memfd
  std::map<std::string, uint64_t> offsets; // slot → offset from kWeightsSymbol; unbound slots lack
};

// The section is read-only and marked large (SHF_X86_64_LARGE), so that code may be linked with
// weights beyond 2 GB; each slot is 64-byte aligned, and slots of the same bytes share them.
absl::StatusOr<WeightsObject> writeWeightsObject(const std::vector<WeightSource> &sources);

} // namespace linalgd
