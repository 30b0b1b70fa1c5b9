// linalgd-compile: the compiler without a daemon, for work on the compiler itself.
#include "compiler/api/compiler.h"
#include "compiler/api/input_spec.h"

#include "CLI/CLI.hpp"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <fcntl.h>
#include <sys/stat.h>

using namespace linalgd;

namespace {

struct Arguments {
  std::string model;
  std::string emit = "linalg", weights = "embed", locations = "ids";
  std::vector<std::string> inputs;
  std::string output = "-";
  std::string dumpStages;
  bool timing = false;
  bool inspect = false;
  Options options;
};

int fail(const llvm::Twine &message) {
  llvm::errs() << "linalgd-compile: " << message << '\n';
  return 1;
}

bool writeFile(const ArtifactFile &file, llvm::StringRef path) {
  auto bytes = llvm::MemoryBuffer::getOpenFile(file.fd.get(), file.name, file.size,
                                               /*RequiresNullTerminator=*/false);
  std::error_code error = bytes.getError();
  if (!error) {
    llvm::raw_fd_ostream os(path, error);
    if (!error)
      os << (*bytes)->getBuffer();
  }
  if (error)
    fail("cannot write " + path + ": " + error.message());
  return !error;
}

// The artifact proper, and the other files beside it, with extensions of their own.
bool writeArtifact(const Artifact &artifact, llvm::StringRef path) {
  if (!writeFile(artifact.files.front(), path))
    return false;
  for (const ArtifactFile &file : llvm::ArrayRef(artifact.files).drop_front()) {
    llvm::SmallString<128> beside = path;
    llvm::sys::path::replace_extension(beside, llvm::sys::path::extension(file.name));
    if (path != "-" && !writeFile(file, beside))
      return false;
  }
  return true;
}

// Prints diagnostics with their places, and what else is asked for.
class ConsoleSink : public StageSink {
public:
  explicit ConsoleSink(const Arguments &arguments) : arguments_(arguments) {}
  void resolveWith(SourceMap map) { map_ = std::move(map); }

  void stageStarted(Stage) override {}
  void stageFinished(Stage stage, std::chrono::microseconds elapsed) override {
    if (arguments_.timing)
      llvm::errs() << llvm::formatv("{0,-10} {1,9:F1} ms\n", stageName(stage),
                                    static_cast<double>(elapsed.count()) / 1000);
  }
  void stageArtifact(Stage stage, Artifact artifact) override {
    if (!arguments_.dumpStages.empty())
      writeFile(artifact.files.front(),
                arguments_.dumpStages + "/" + std::string(stageName(stage)) + ".mlir");
  }
  void diagnostic(Diagnostic diagnostic) override {
    auto place = map_.find(diagnostic.node);
    if (!diagnostic.location && place != map_.end())
      diagnostic.location = place->second;
    if (const auto &location = diagnostic.location)
      llvm::errs() << location->file << ':' << location->line
                   << (location->column ? ":" + std::to_string(location->column) : "") << ": ";
    else if (!diagnostic.node.empty())
      llvm::errs() << diagnostic.node << ": ";
    static constexpr const char *kSeverities[] = {"note", "warning", "error"};
    llvm::errs() << kSeverities[static_cast<size_t>(diagnostic.severity)] << ": "
                 << diagnostic.message << " [" << diagnostic.code << "]\n";
  }
  void reproducer(ArtifactFile file) override {
    if (!arguments_.dumpStages.empty())
      writeFile(file, arguments_.dumpStages + "/" + file.name);
  }

private:
  const Arguments &arguments_;
  SourceMap map_;
};

bool readArguments(Arguments &arguments) {
  Options &options = arguments.options;
  auto emit = parseStage(arguments.emit);
  auto weights = parseWeightsMode(arguments.weights);
  auto locations = parseLocationsMode(arguments.locations);
  if (!emit || !weights || !locations)
    return fail("unknown stage, kind of weights, or kind of locations; see --help") == 0;
  options.emit = *emit;
  options.weights = *weights;
  options.locations = *locations;
  for (const std::string &input : arguments.inputs) {
    absl::StatusOr<InputSpec> spec = parseInputSpec(input);
    if (!spec.ok())
      return fail(std::string(spec.status().message())) == 0;
    options.inputs.push_back(*std::move(spec));
  }
  return true;
}

absl::StatusOr<Model> openModel(const std::string &path) {
  Model model;
  if (llvm::StringRef(path).ends_with(".mlir") || llvm::StringRef(path).ends_with(".mlirbc"))
    model.format = ModelFormat::Mlir;
  Blob blob;
  blob.fd.reset(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info{};
  if (!blob.fd || fstat(blob.fd.get(), &info) != 0)
    return absl::NotFoundError("cannot open " + path);
  blob.size = static_cast<uint64_t>(info.st_size);
  auto bytes = llvm::MemoryBuffer::getOpenFile(blob.fd.get(), path, blob.size,
                                               /*RequiresNullTerminator=*/false);
  if (!bytes)
    return absl::NotFoundError("cannot read " + path);
  blob.digest = sha256({(*bytes)->getBufferStart(), (*bytes)->getBufferSize()});
  model.blobs.push_back(std::move(blob));
  return model;
}

int run(Arguments &arguments) {
  if (!readArguments(arguments))
    return 2;
  absl::StatusOr<Model> model = openModel(arguments.model);
  if (!model.ok())
    return fail(std::string(model.status().message()));
  std::unique_ptr<Compiler> compiler = createCompiler();
  ConsoleSink sink(arguments);
  absl::StatusOr<Inspection> inspection = compiler->inspect(*model, arguments.options, sink);
  if (!inspection.ok())
    return fail(std::string(inspection.status().message()));
  if (arguments.inspect) {
    for (const StageKey &key : inspection->keys)
      llvm::outs() << stageName(key.stage) << ' ' << key.key.hex() << '\n';
    llvm::outs() << inspection->signature << '\n';
    return 0;
  }
  sink.resolveWith(std::move(inspection->sourceMap));
  absl::StatusOr<Artifact> artifact =
      compiler->compile(*model, arguments.options, std::nullopt, sink);
  if (!artifact.ok())
    return fail(std::string(artifact.status().message()));
  return writeArtifact(*artifact, arguments.output) ? 0 : 1;
}

} // namespace

int main(int argc, char **argv) {
  Arguments arguments;
  CLI::App app("Compiles a PyTorch model without a daemon.");
  app.set_version_flag("--version", "linalgd-compile " LINALGD_VERSION);
  app.add_option("MODEL", arguments.model, "a .pt2, .pt, .mlir or .mlirbc file")->required();
  app.add_option("-o,--output", arguments.output, "the artifact; - for standard output");
  app.add_option("--emit", arguments.emit,
                 "torch-raw, torch, linalg, llvm, executable, report or key");
  app.add_option("--target", arguments.options.target, "x86-64-v3, or triple:cpu:features");
  app.add_option("--weights", arguments.weights, "embed, external, inline or params");
  app.add_option("--locations", arguments.locations, "ids or python");
  app.add_option("--keep-op", arguments.options.keepOps, "an op to pass through, aten.gelu");
  app.add_option("--model-name", arguments.options.modelName, "which model of a .pt2 of several");
  app.add_option("--entry", arguments.options.entry, "the function's name");
  app.add_option("--input", arguments.inputs, "of a TorchScript file: NAME:DTYPE[SHAPE]")
      ->allow_extra_args(false);
  app.add_option("--dump-stages", arguments.dumpStages, "a folder for each stage's text")
      ->check(CLI::ExistingDirectory);
  app.add_flag("--timing", arguments.timing, "print each stage's time");
  app.add_flag("--inspect", arguments.inspect, "print keys and signature only");
  CLI11_PARSE(app, argc, argv);
  return run(arguments);
}
