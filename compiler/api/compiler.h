// The border between the service and the compiler: plain structs and one interface. The server side
// knows nothing of MLIR, the compiler side nothing of gRPC or protobuf.
#pragma once

#include "compiler/api/digest.h"
#include "compiler/api/unique_fd.h"

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace linalgd {

// The steps of the pipeline, in order; a request names the one whose artifact it wants.
enum class Stage : uint8_t { TorchRaw, Torch, Linalg, Llvm, Executable };
inline constexpr int kNumStages = 5;

// Where an artifact's weights are: in the executable (embed), beside it as safetensors (external),
// written into the text (inline), or as globals bound to `#flow.parameter.named` (params).
// Up to `linalg`, embed and external are the same: text with slots, and weights by reference.
enum class WeightsMode : uint8_t { Embed, External, Inline, Params };

// What IR locations hold: stable node ids, or the Python lines of the model (then part of the key).
enum class LocationsMode : uint8_t { Ids, Python };

enum class ModelFormat : uint8_t { Detect, Pt2, TorchScript, Mlir };

std::string_view stageName(Stage stage); // "torch-raw" "torch" "linalg" "llvm" "executable"
std::optional<Stage> parseStage(std::string_view name);
std::string_view weightsModeName(WeightsMode mode); // "embed" "external" "inline" "params"
std::optional<WeightsMode> parseWeightsMode(std::string_view name);
std::string_view locationsModeName(LocationsMode mode); // "ids" "python"
std::optional<LocationsMode> parseLocationsMode(std::string_view name);
std::string_view modelFormatName(ModelFormat format); // "detect" "pt2" "torchscript" "mlir"
std::optional<ModelFormat> parseModelFormat(std::string_view name);

// One tensor input of a model that does not carry its own signature (TorchScript).
struct InputSpec {
  std::string name;  // optional
  std::string dtype; // torch's name without the prefix: "float32", "int64", "bool", "bfloat16"
  std::vector<int64_t> shape; // -1: dynamic
};

// Everything about a request that is part of the key.
struct Options {
  Stage emit = Stage::Linalg;
  // "" (the server's default), a level such as "x86-64-v3", or "triple:cpu:features".
  std::string target;
  WeightsMode weights = WeightsMode::Embed;
  LocationsMode locations = LocationsMode::Ids;
  std::vector<std::string> keepOps; // "aten.gelu": passed through to the output undecomposed
  std::string entry = "main";       // the function's name in the artifact
  std::vector<InputSpec> inputs;
};

// Bytes of a model, as a read-only descriptor positioned nowhere in particular.
struct Blob {
  std::string name; // the path inside the archive; empty where the whole model is one blob
  Digest digest;
  uint64_t size = 0;
  UniqueFd fd;
};

struct Model {
  ModelFormat format = ModelFormat::Detect;
  std::vector<Blob> blobs; // one unnamed blob, or the entries of a .pt2 by name
};

// A place in the user's own Python source.
struct SourceLocation {
  std::string file;
  uint32_t line = 0; // 1-based; 0: unknown
  std::string function;
  std::string module; // path of the nn.Module: "layer1.0.conv1"

  bool operator==(const SourceLocation &) const = default;
};

// Node id (as IR locations and diagnostics name it) → where its submitter wrote it. Not part of a
// key.
using SourceMap = std::map<std::string, SourceLocation, std::less<>>;

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
  std::string slot;           // the parameter's or buffer's name
  std::string dtype;          // as in InputSpec
  std::vector<int64_t> shape; // contiguous, row-major
  bool bound = true;          // false: the model holds no data for it
  Digest blob;                // a blob of the model
  uint64_t offset = 0;        // into that blob, bytes
  uint64_t size = 0;          // bytes
};

struct StageKey {
  Stage stage;
  Digest key;
};

// What the first step of a job finds out.
struct Inspection {
  // One entry for each stage up to the emitted one, in order. An entry's key determines the bytes
  // of its stage's artifact; the last one is the job's key (its rendering options included).
  std::vector<StageKey> keys;
  std::string target; // resolved: "triple:cpu:features", empty before codegen
  std::vector<WeightBinding> weights;
  // JSON (docs/protocol.md, "Signature"): inputs, outputs, symbols, state, pytree specs.
  std::string signature;
  SourceMap sourceMap;
};

struct ArtifactFile {
  std::string name;      // "model.mlir", "model.so"
  std::string mediaType; // "text/x-mlir", "application/x-sharedlib"
  uint64_t size = 0;
  UniqueFd fd; // readable from offset 0, typically a memfd
};

struct Artifact {
  std::vector<ArtifactFile> files; // the first one is the artifact proper
};

// A cached artifact of an earlier stage for the compile to go on from.
struct ResumePoint {
  Stage stage;
  UniqueFd fd;
  uint64_t size = 0;
};

// Told what happens during a compile, on the compiling thread.
class StageSink {
public:
  virtual ~StageSink() = default;
  virtual void stageStarted(Stage stage) = 0;
  virtual void stageFinished(Stage stage, std::chrono::microseconds elapsed) = 0;
  // An intermediate stage's artifact, for the per-stage cache; its key is the Inspection's.
  virtual void stageArtifact(Stage stage, Artifact artifact) = 0;
  virtual void diagnostic(Diagnostic diagnostic) = 0;
};

struct StageInfo {
  Stage stage;
  std::string description;
  std::string artifactName; // "model.mlir"
};

struct CompilerInfo {
  std::string version;
  std::string buildId; // of the worker and of the libraries that determine its output
  std::map<std::string, std::string> libraries; // name → version
  std::vector<StageInfo> stages;
  std::vector<std::string> targets;
};

// Not thread-safe; one instance per worker. Status codes: InvalidArgument (the model or the options
// are wrong), Unimplemented (something that linalgd cannot compile yet), Internal (our fault).
// Every error's details go to the sink as diagnostics first; the status is the one-sentence
// summary.
class Compiler {
public:
  virtual ~Compiler() = default;
  virtual CompilerInfo info() const = 0;
  virtual absl::StatusOr<Inspection> inspect(const Model &model, const Options &options,
                                             StageSink &sink) = 0;
  virtual absl::StatusOr<Artifact> compile(const Model &model, const Options &options,
                                           const std::optional<ResumePoint> &resume,
                                           StageSink &sink) = 0;
};

// Defined in compiler/pipeline.
std::unique_ptr<Compiler> createCompiler();

} // namespace linalgd
