// Traits of ops that passes treat in their own way.
#pragma once

#include "mlir/IR/OpDefinition.h"

namespace linalgd::torch {

// An op that goes away once its operands are known.
// NOLINTNEXTLINE(bugprone-crtp-constructor-accessibility): mlir::Op makes it, no friend.
template <typename ConcreteOp> struct Known : mlir::OpTrait::TraitBase<ConcreteOp, Known> {};

// An op that takes quantized tensors as what they are: others work on the numbers they stand for.
// NOLINTNEXTLINE(bugprone-crtp-constructor-accessibility): mlir::Op makes it, no friend.
template <typename ConcreteOp>
struct OnQuantized : mlir::OpTrait::TraitBase<ConcreteOp, OnQuantized> {};

} // namespace linalgd::torch
