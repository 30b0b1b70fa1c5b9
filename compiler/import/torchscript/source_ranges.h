// The places in Python that a TorchScript file gives for its code ("code/….debug_pkl").
#pragma once

#include "absl/status/status.h"

#include <string_view>

namespace linalgd {

// libtorch reads the places only once it needs one, which may be where it may not fail: while it
// describes an error. So they are read here first, as libtorch reads them. `bytes` are a pickle
// that checkSourceRanges() accepts.
absl::Status checkPlacesOfCode(std::string_view bytes);

} // namespace linalgd
