// The border between the service and the compiler: plain structs and one interface. The server side
// knows nothing of MLIR, the compiler side nothing of gRPC or protobuf.
#pragma once

#include "compiler/api/types.h"
#include "compiler/api/unique_fd.h"

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include <chrono>
#include <map>
#include <memory>

namespace linalgd {

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

// Node id (as IR locations and diagnostics name it) → where its submitter wrote it. Not part of a
// key.
using SourceMap = std::map<std::string, SourceLocation, std::less<>>;

struct StageKey {
  Stage stage;
  Digest key;
};

// What the first step of a job finds out.
struct Inspection {
  // One entry for each stage up to the emitted one, in order. An entry's key determines the bytes
  // of its stage's artifact; the last one is the job's key (its rendering options included).
  std::vector<StageKey> keys;
  std::string target; // resolved: "triple:cpu:features", empty where no code is made
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

// A compile can go on from artifacts up to this stage; later ones are for people only.
inline constexpr Stage kLastResumableStage = Stage::Linalg;

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
  // IR and pipeline without weights, before the compiler answers with a failure of its own.
  virtual void reproducer(ArtifactFile file) = 0;
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
