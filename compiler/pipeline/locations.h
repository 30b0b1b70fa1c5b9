// Locations that passes lose.
#pragma once

#include "mlir/Pass/Pass.h"

#include <memory>

namespace linalgd {

// Gives an op that comes from no node, such as a constant that folding has merged, the location of
// the first op that uses it.
std::unique_ptr<mlir::Pass> createRestoreLocationsPass();

} // namespace linalgd
