// What a model takes and returns, as an artifact's signature and an executable's manifest say it
// (docs/protocol.md, "Signature").
#pragma once

#include "absl/status/statusor.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace linalgd::client {

// A size, or an expression of symbols: "s0", "s0 + 1", "2*s0".
struct Dimension {
  int64_t size = -1; // -1: see `expression`
  std::string expression;
};

enum class ValueKind : uint8_t { Tensor, Int, Float, Bool, Constant, Input };

// One leaf of the model's inputs or outputs.
struct Value {
  ValueKind kind = ValueKind::Tensor;
  std::string name;             // inputs only
  std::string dtype;            // int, float and bool: "int64", "float64", "bool"
  std::vector<Dimension> shape; // empty for int, float and bool
  std::string constant;         // JSON, of a constant
  int index = -1;               // Input: the output is that input

  // Whether a call takes or returns a tensor for it.
  bool isTensor() const { return kind != ValueKind::Constant && kind != ValueKind::Input; }
};

// Something that the model updates in place: a buffer, or an input.
struct State {
  std::optional<std::string> slot;
  std::optional<int> input;
  std::string dtype;
  std::vector<Dimension> shape;
};

struct Slot {
  std::string name;
  std::string dtype;
  std::vector<int64_t> shape;
  bool embedded = false; // in an executable's manifest: needs no binding
};

struct SymbolRange {
  int64_t min = 0;
  std::optional<int64_t> max;
};

struct Signature {
  std::string entry;
  std::vector<Value> inputs;
  std::vector<Value> outputs;
  std::vector<State> state;
  std::map<std::string, SymbolRange, std::less<>> symbols;
  std::vector<Slot> slots;
  std::string inSpec;
  std::string outSpec;

  // Errors: InvalidArgument with what is missing or of the wrong kind.
  static absl::StatusOr<Signature> parse(std::string_view json);
};

struct Manifest {
  Signature signature;
  int abi = 0;
  std::string producer;
  std::string key;
  std::string target;
  std::string weights;

  static absl::StatusOr<Manifest> parse(std::string_view json);
};

// "[s0, 3, 224, 224]".
std::string toString(const std::vector<Dimension> &shape);

// The sizes for given values of the symbols. Errors: InvalidArgument (a symbol without a value, an
// expression other than of + - * // and parentheses, a negative size).
absl::StatusOr<std::vector<int64_t>>
resolveShape(const std::vector<Dimension> &shape,
             const std::map<std::string, int64_t, std::less<>> &symbols);

} // namespace linalgd::client
