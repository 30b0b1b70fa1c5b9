// The signature of an executable, read from its JSON and held against the function that was
// compiled.
#pragma once

#include "compiler/codegen/codegen.h"
#include "compiler/codegen/passes.h"

#include "nlohmann/json.hpp"

#include <optional>

namespace linalgd {

// A dimension, or an integer.
struct Dim {
  int64_t size = -1;               // -1: dynamic
  std::string text;                // of a dynamic one: "s0 + 1"; empty: anything
  std::vector<int64_t> expression; // its postfix program (compiler/runtime/tables.h); may be empty
};

struct TensorSpec {
  std::string name;
  uint8_t code = 0; // DLPack's
  uint8_t bits = 0;
  std::vector<Dim> dims;
  std::optional<Dim> value = std::nullopt; // of an integer that symbols stand for
  bool isState = false;                    // an input or slot that the model writes to
};

struct Symbol {
  std::string name;
  int64_t min = 0;
  int64_t max = INT64_MAX;
};

// What the sizes and integers of the inputs must satisfy.
struct Guard {
  std::vector<int64_t> expression;
  std::string text;
};

struct Signature {
  std::vector<TensorSpec> inputs;  // what linalgd_call takes
  std::vector<TensorSpec> outputs; // what it returns
  std::vector<Symbol> symbols;
  std::vector<Guard> guards;
  std::vector<TensorSpec> slots; // in the order of the module's slot numbers
  nlohmann::ordered_json json;
};

// What the last results of the function that a signature (JSON, or empty) describes are the new
// values of.
std::vector<StateResult> stateResults(const std::string &signature);

// Reads options.signature, or makes one from the function's type where it is empty. `module` is one
// that PrepareEntry has seen.
absl::StatusOr<Signature> readSignature(mlir::ModuleOp module, const CodegenOptions &options);

// A dimension's or guard's expression as a postfix program over the symbols; nothing where it
// cannot be read or names something that is no symbol.
std::optional<std::vector<int64_t>> compileExpression(const std::string &text,
                                                      const std::vector<Symbol> &symbols);

} // namespace linalgd
