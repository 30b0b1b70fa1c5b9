// Traits of ops that passes treat in their own way.
#pragma once

#include "mlir/IR/OpDefinition.h"

namespace linalgd::torch {

// mlir::Op makes them, no friend. NOLINTBEGIN(bugprone-crtp-constructor-accessibility)

// An op that goes away once its operands are known.
template <typename ConcreteOp> struct Known : mlir::OpTrait::TraitBase<ConcreteOp, Known> {};

// An op that takes quantized tensors as what they are: others work on the numbers they stand for.
template <typename ConcreteOp>
struct OnQuantized : mlir::OpTrait::TraitBase<ConcreteOp, OnQuantized> {};

// NOLINTEND(bugprone-crtp-constructor-accessibility)

} // namespace linalgd::torch
