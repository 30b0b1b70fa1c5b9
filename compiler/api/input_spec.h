// Inputs of models without a signature, as command lines and messages write them.
#pragma once

#include "compiler/api/types.h"

#include "absl/status/statusor.h"

#include <string>
#include <string_view>

namespace linalgd {

// One argument, `NAME:` before it where it does not go by position:
//   float32[1,?,width]     a tensor; ? (or -1) is a size that varies, a name one that has a name
//   int  float  bool       a number that each call gives
//   3  0.5  true  none  'text'     a value that is fixed
//   [float32[3],float32[4]]  (int,none)  {image:float32[3],'mask 1':none}     containers
absl::StatusOr<InputSpec> parseInputSpec(std::string_view text);

// In the same form, without the name.
std::string toString(const InputSpec &input);

} // namespace linalgd
