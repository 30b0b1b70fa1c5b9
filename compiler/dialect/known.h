// A trait of ops about values that are no tensors.
#pragma once

#include "mlir/IR/OpDefinition.h"

namespace linalgd::torch {

// An op that goes away once its operands are known.
// NOLINTNEXTLINE(bugprone-crtp-constructor-accessibility): mlir::Op makes it, no friend.
template <typename ConcreteOp> struct Known : mlir::OpTrait::TraitBase<ConcreteOp, Known> {};

} // namespace linalgd::torch
