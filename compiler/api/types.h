// What a request to compile says and what its answer tells: the vocabulary that the compiler, the
// daemon and the C++ client share. Installed with the client.
#pragma once

#include "compiler/api/digest.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace linalgd {

// The steps of the pipeline, in order; a request names the one whose artifact it wants. The last
// two stand apart: what there is to know about a model, and what its keys are made of.
enum class Stage : uint8_t { TorchRaw, Torch, Linalg, Llvm, Executable, Report, Key };
inline constexpr int kNumStages = 7;

// The stages that lead to an artifact, its own the last one.
std::vector<Stage> stagesTo(Stage emit);
// Whether a stage's artifact is IR as text, which may hold or name weights.
inline bool isText(Stage stage) { return stage <= Stage::Linalg; }
// Whether it depends on the target.
inline bool isCode(Stage stage) { return stage == Stage::Llvm || stage == Stage::Executable; }

// Where an artifact's weights are: in the executable (embed), beside it as safetensors (external),
// written into the text (inline), or as globals bound to `#flow.parameter.named` (params).
// Up to `linalg`, embed and external are the same: text with slots, and weights by reference.
enum class WeightsMode : uint8_t { Embed, External, Inline, Params };

// What IR locations hold: stable node ids, or the Python lines of the model (then part of the key).
enum class LocationsMode : uint8_t { Ids, Python };

enum class ModelFormat : uint8_t { Detect, Pt2, TorchScript, Mlir };

// "torch-raw" "torch" "linalg" "llvm" "executable" "report" "key"
std::string_view stageName(Stage stage);
std::optional<Stage> parseStage(std::string_view name);
std::string_view weightsModeName(WeightsMode mode); // "embed" "external" "inline" "params"
std::optional<WeightsMode> parseWeightsMode(std::string_view name);
std::string_view locationsModeName(LocationsMode mode); // "ids" "python"
std::optional<LocationsMode> parseLocationsMode(std::string_view name);
std::string_view modelFormatName(ModelFormat format); // "detect" "pt2" "torchscript" "mlir"
std::optional<ModelFormat> parseModelFormat(std::string_view name);

// What a model that does not carry its own signature (TorchScript) is called with: an argument, or
// a part of one.
struct InputSpec {
  enum class Kind : uint8_t { Tensor, Int, Float, Bool, Constant, List, Tuple, Dict };
  // Of an argument: the parameter that it is for, empty where it goes by position. Of a dict's
  // item: the key.
  std::string name;
  std::string dtype; // torch's name without the prefix: "float32", "int64", "bool", "bfloat16"
  std::vector<int64_t> shape; // -1: dynamic
  Kind kind = Kind::Tensor;   // Int, Float, Bool: a number that each call gives
  // Empty, or one for each size: the name of a dynamic one. Sizes of one name are equal.
  std::vector<std::string> symbols;
  std::variant<std::monostate, bool, int64_t, double, std::string> value; // of a constant
  std::vector<InputSpec> items; // of a list, tuple or dict
};
inline constexpr size_t kMaxInputDepth = 32; // of containers in containers

// Everything about a request that its artifact depends on.
struct Options {
  Stage emit = Stage::Linalg;
  // "" (the server's default), a level such as "x86-64-v3", or "triple:cpu:features".
  std::string target;
  WeightsMode weights = WeightsMode::Embed;
  LocationsMode locations = LocationsMode::Ids;
  std::vector<std::string> keepOps; // "aten.gelu": passed through to the output undecomposed
  std::string entry = "main";       // the function's name in the artifact
  std::vector<InputSpec> inputs;
  // Which model of an archive of several; may be left out where there is one. Part of no key: the
  // graph that it chooses is.
  std::string modelName;
};

// A place in the user's own source: the Python of the model, or its MLIR text.
struct SourceLocation {
  std::string file;
  uint32_t line = 0; // 1-based; 0: unknown
  std::string function;
  std::string module;  // path of the nn.Module: "layer1.0.conv1"
  uint32_t column = 0; // 1-based; 0: unknown

  bool operator==(const SourceLocation &) const = default;
};

enum class Severity : uint8_t { Note, Warning, Error };

struct Diagnostic {
  Severity severity = Severity::Error;
  std::string code;    // stable and machine-readable: "unsupported-op", "invalid-model", …
  std::string message; // one sentence
  std::string op;      // "torch.aten.foo", where one is concerned
  std::string node;    // node id; resolved through the job's source map into `location`
  std::optional<SourceLocation> location;
  std::string hint; // what to do about it
};

// Where the bytes of a weight are: nothing is copied to answer with it.
struct WeightBinding {
  std::string slot;  // the parameter's or buffer's name
  std::string dtype; // as in InputSpec
  std::vector<int64_t> shape;
  bool bound = true;   // false: the model holds no data for it
  Digest blob;         // a blob of the model, or a file of the artifact
  uint64_t offset = 0; // of the first element in that blob, bytes
  uint64_t size = 0;   // bytes from there that hold the elements
  // In elements. Empty: contiguous, row-major. Weights may be transposed views of each other.
  std::vector<int64_t> strides;
};

} // namespace linalgd
