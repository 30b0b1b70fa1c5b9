// The Compiler of compiler/api: reads, inspects, and drives the stages.
#include "compiler/api/compiler.h"
#include "compiler/api/readable.h"
#include "compiler/dialect/peers.h"
#include "compiler/dialect/torch.h"
#include "compiler/import/archive.h"
#include "compiler/import/key.h"
#include "compiler/pipeline/diagnostics.h"
#include "compiler/pipeline/explain_key.h"
#include "compiler/pipeline/program.h"
#include "compiler/pipeline/render.h"
#include "compiler/pipeline/report.h"
#include "compiler/pipeline/stages.h"

#include "mlir/Config/mlir-config.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"

using namespace mlir;

namespace linalgd {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char *kVersion = LINALGD_VERSION;

// A model that was read, and what follows from it and the options alone.
struct Job {
  std::unique_ptr<MLIRContext> context; // the program's
  std::unique_ptr<Program> program;
  Options options;
  SourceMap sourceMap;
  Target target; // resolved, where the stage needs one
  std::string signature;
  std::vector<StageKey> keys;
};

absl::Status reject(const std::string &message, StageSink &sink) {
  Diagnostic diagnostic;
  diagnostic.code = "invalid-options";
  diagnostic.message = message;
  sink.diagnostic(std::move(diagnostic));
  return absl::InvalidArgumentError(message);
}

bool isIdentifier(llvm::StringRef name) {
  return !name.empty() && !llvm::isDigit(name.front()) &&
         llvm::all_of(name, [](char c) { return llvm::isAlnum(c) || c == '_'; });
}

// Why there is no artifact of a stage with these options; empty where there is one.
std::string whyNot(Stage emit, const Options &options) {
  if (!isCode(emit))
    return "";
  if (options.weights == WeightsMode::Inline || options.weights == WeightsMode::Params)
    return "weights=" + std::string(weightsModeName(options.weights)) +
           " is for emit=" + std::string(stageName(Stage::Linalg)) + " and the stages before it";
  if (!options.keepOps.empty())
    return "keep_ops is for emit=linalg and the stages before it: there is no code for an op "
           "that is kept";
  return "";
}

// Checks the options against each other.
absl::Status checkOptions(const Options &options, StageSink &sink) {
  if (!isIdentifier(options.entry))
    return reject("the entry name '" + options.entry + "' is not an identifier", sink);
  std::string reason = whyNot(options.emit, options);
  return reason.empty() ? absl::OkStatus() : reject(reason, sink);
}

std::unique_ptr<MLIRContext> makeContext() {
  DialectRegistry registry;
  registerCodegenDialects(registry);
  registry.insert<torch::TorchDialect>();
  return std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
}

// Why there is no artifact of a stage from a program; empty where there is one.
std::string whyNot(Stage emit, const Program &program) {
  if ((isText(emit) || isCode(emit)) && emit < program.stage())
    return "the model is at the stage " + std::string(stageName(program.stage())) +
           " already: emit=" + std::string(stageName(emit)) + " lies before it";
  return "";
}

absl::StatusOr<Job> prepare(const Model &model, Options options, StageSink &sink) {
  if (absl::Status status = checkOptions(options, sink); !status.ok())
    return status;
  Job job;
  if (isCode(options.emit) || options.emit == Stage::Key) {
    absl::StatusOr<Target> target = resolveTarget(options.target);
    if (!target.ok())
      return reject(std::string(target.status().message()), sink);
    job.target = *std::move(target);
  }
  job.context = makeContext();
  absl::StatusOr<std::unique_ptr<Program>> program =
      readProgram(model, options, sink, *job.context);
  if (!program.ok())
    return program.status();
  job.program = *std::move(program);
  if (!options.modelName.empty() && !job.program->hasName())
    return reject("only torch.export archives hold models by name; a function of MLIR is chosen by "
                  "the entry's name",
                  sink);
  if (std::string reason = whyNot(options.emit, *job.program); !reason.empty())
    return reject(reason, sink);
  if (absl::Status status = resolveKeepOps(job.program->opNames(), options.keepOps); !status.ok())
    return reject(std::string(status.message()), sink);
  job.options = std::move(options);
  job.sourceMap = job.program->sourceMap();
  KeyMaker keys(job.program->keyContent(), job.options, job.sourceMap, job.target.str());
  job.keys = keys.make(job.options.emit);
  job.signature = job.program->signature(job.options);
  return job;
}

// One compile: a module on its way through the stages.
class Compilation {
public:
  // What goes on from text has a context of its own: the program's resources have their names
  // already.
  Compilation(const Job &job, const Model &model, bool resumes, StageSink &sink)
      : job_(job), model_(model), sink_(sink), ownContext_(resumes ? makeContext() : nullptr),
        context_(resumes ? *ownContext_ : *job.context), diagnostics_(context_) {
    options_.keepOps = job.options.keepOps;
    options_.codegen.target = job.target;
    options_.codegen.weights = job.options.weights;
    options_.codegen.entry = job.options.entry;
    options_.codegen.signature = job.signature;
    options_.codegen.key = job.keys.back().key.hex();
    options_.codegen.producer = std::string("linalgd ") + kVersion;
  }

  absl::StatusOr<Artifact> run(const std::optional<ResumePoint> &resume) {
    if (resume)
      if (absl::Status status = parse(*resume); !status.ok())
        return status;
    for (Stage stage : stagesTo(job_.options.emit)) {
      if (stage < job_.program->stage() || (resume && stage <= resume->stage))
        continue;
      if (absl::Status status = runStage(stage); !status.ok())
        return status;
    }
    if (!artifact_) {
      absl::StatusOr<Artifact> artifact = finalArtifact();
      if (!artifact.ok())
        return artifact;
      artifact_ = *std::move(artifact);
    }
    if (absl::Status status = addOwnFiles(*artifact_); !status.ok())
      return status;
    return *std::move(artifact_);
  }

private:
  // Goes on from the text of an earlier stage.
  absl::Status parse(const ResumePoint &resume) {
    Blob blob;
    blob.fd.reset(dup(resume.fd.get()));
    blob.size = resume.size;
    auto mapping = MappedBlob::map(blob);
    if (!mapping.ok())
      return mapping.status();
    std::string text((*mapping)->bytes());
    module_ = parseSourceString<ModuleOp>(text, ParserConfig(&context_));
    if (!module_)
      return absl::InternalError("the cached artifact of an earlier stage cannot be parsed");
    torch::adoptOperators(*module_);
    text_ = std::move(text);
    return absl::OkStatus();
  }

  absl::Status runStage(Stage stage) {
    sink_.stageStarted(stage);
    Clock::time_point start = Clock::now();
    absl::Status status = advance(stage);
    sink_.stageFinished(
        stage, std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start));
    if (!status.ok())
      return status;
    bool last = stage == job_.options.emit;
    if (!definitionOf(stage).isModule || last)
      return absl::OkStatus();
    text_ = renderModule(*module_, WeightsMode::Embed);
    absl::StatusOr<Artifact> artifact = makeArtifact({fileOf(definitionOf(stage), text_)});
    if (!artifact.ok())
      return artifact.status();
    if (absl::Status added = addOwnFiles(*artifact); !added.ok())
      return added;
    sink_.stageArtifact(stage, *std::move(artifact));
    return absl::OkStatus();
  }

  absl::Status advance(Stage stage) {
    if (stage == job_.program->stage()) {
      module_ = job_.program->takeModule(job_.options, job_.sourceMap);
      return module_ ? absl::OkStatus() : fail(stage);
    }
    if (stage == Stage::Executable)
      return link();
    PassManager pm(&context_);
    definitionOf(stage).populate(pm, options_);
    bool done = succeeded(pm.run(*module_)) && !diagnostics_.hasErrors();
    return done ? absl::OkStatus() : fail(stage, &pm);
  }

  absl::Status fail(Stage stage, PassManager *pm = nullptr) {
    bool isFaultOfModel = job_.program->mayBeWrongUntil(stage, job_.options);
    absl::Status status = diagnostics_.fail(stage, isFaultOfModel, sink_);
    if (!absl::IsInternal(status) || text_.empty())
      return status;
    std::string reproducer =
        "// linalgd failed on the way to " + std::string(stageName(stage)) + ".\n";
    if (pm) {
      llvm::raw_string_ostream os(reproducer);
      os << "// Passes: ";
      pm->printAsTextualPipeline(os);
      os << '\n';
    }
    reproducer += text_;
    absl::StatusOr<UniqueFd> fd = makeMemoryFile("reproducer.mlir", reproducer);
    if (fd.ok())
      sink_.reproducer({"reproducer.mlir", "text/x-mlir", reproducer.size(), *std::move(fd)});
    return status;
  }

  // An error of code generation, which says by its status alone what is wrong.
  absl::Status report(absl::Status status) {
    Diagnostic diagnostic;
    diagnostic.code = absl::IsUnimplemented(status) ? "unsupported-op" : "internal";
    diagnostic.message = std::string(status.message());
    sink_.diagnostic(std::move(diagnostic));
    return status;
  }

  absl::Status link() {
    std::deque<std::string> copies;
    std::vector<WeightSource> weights;
    if (job_.options.weights == WeightsMode::Embed)
      weights = job_.program->findWeights(model_, copies);
    absl::StatusOr<UniqueFd> library = generateExecutable(*module_, options_.codegen, weights);
    if (!library.ok())
      return report(library.status());
    off_t size = lseek(library->get(), 0, SEEK_END);
    lseek(library->get(), 0, SEEK_SET);
    const StageDefinition &stage = definitionOf(Stage::Executable);
    artifact_.emplace();
    artifact_->files.push_back(
        {stage.artifactName, stage.mediaType, static_cast<uint64_t>(size), *std::move(library)});
    return absl::OkStatus();
  }

  absl::Status addOwnFiles(Artifact &artifact) {
    absl::StatusOr<std::vector<ArtifactFile>> files = job_.program->ownFiles();
    if (!files.ok())
      return files.status();
    for (ArtifactFile &file : *files)
      artifact.files.push_back(std::move(file));
    return absl::OkStatus();
  }

  absl::StatusOr<Artifact> finalArtifact() {
    const StageDefinition &stage = definitionOf(job_.options.emit);
    if (ownContext_ && job_.options.weights == WeightsMode::Inline) {
      // The text of an earlier stage has no data.
      std::deque<std::string> copies;
      absl::Status status = fillResources(*module_, job_.program->findWeights(model_, copies));
      if (!status.ok())
        return status;
    }
    if (stage.isModule)
      return makeArtifact({fileOf(stage, renderModule(*module_, job_.options.weights))});
    absl::StatusOr<std::string> text = emitLlvmIr(*module_, options_.codegen);
    if (!text.ok())
      return report(text.status());
    return makeArtifact({fileOf(stage, *std::move(text))});
  }

  const Job &job_;
  const Model &model_;
  StageSink &sink_;
  StageOptions options_;
  std::unique_ptr<MLIRContext> ownContext_;
  MLIRContext &context_;
  DiagnosticCollector diagnostics_;
  OwningOpRef<ModuleOp> module_;
  std::string text_; // of the last stage that has one
  std::optional<Artifact> artifact_;
};

absl::StatusOr<std::vector<TextFile>> reportOn(const Job &job, StageSink &sink) {
  absl::StatusOr<Json> report =
      makeReport({*job.program, job.options, job.sourceMap, job.signature}, *job.context, sink);
  if (!report.ok())
    return report.status();
  // Names of the model may hold anything.
  return std::vector<TextFile>{{"report.json", "application/json", dump(*report)},
                               {"report.txt", "text/plain", readable(renderReportText(*report))},
                               {"report.html", "text/html", readable(renderReportHtml(*report))}};
}

std::vector<TextFile> explainKeysOf(const Job &job) {
  KeyMaker keys(job.program->keyContent(), job.options, job.sourceMap, job.target.str());
  KeyExplanation explanation = explainKeys(keys, job.sourceMap, [&](Stage emit) {
    return whyNot(emit, job.options).empty() && whyNot(emit, *job.program).empty();
  });
  return {{"key.json", "application/json", std::move(explanation.json)},
          {"key.txt", "text/plain", readable(explanation.text)}};
}

// The stages that stand apart: each makes its artifact in one step.
absl::StatusOr<Artifact> explain(const Job &job, StageSink &sink) {
  Clock::time_point start = Clock::now();
  Stage stage = job.options.emit;
  sink.stageStarted(stage);
  absl::StatusOr<std::vector<TextFile>> files =
      stage == Stage::Report ? reportOn(job, sink) : explainKeysOf(job);
  sink.stageFinished(stage,
                     std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start));
  return files.ok() ? makeArtifact(*files) : files.status();
}

class PipelineCompiler : public Compiler {
public:
  CompilerInfo info() const override {
    CompilerInfo info;
    info.version = kVersion;
    info.buildId = buildIds();
    info.libraries = {{"llvm", LLVM_VERSION_STRING}, {"mlir", LLVM_VERSION_STRING}};
    for (const StageDefinition &stage : stages())
      info.stages.push_back({stage.stage, stage.description, stage.artifactName});
    info.targets = targetNames();
    return info;
  }

  absl::StatusOr<Inspection> inspect(const Model &model, const Options &options,
                                     StageSink &sink) override {
    absl::StatusOr<Job> job = prepare(model, options, sink);
    if (!job.ok())
      return job.status();
    Inspection inspection;
    inspection.keys = std::move(job->keys);
    if (isCode(job->options.emit))
      inspection.target = job->target.str();
    inspection.weights = job->program->bindWeights();
    inspection.signature = std::move(job->signature);
    inspection.sourceMap = std::move(job->sourceMap);
    return inspection;
  }

  absl::StatusOr<Artifact> compile(const Model &model, const Options &options,
                                   const std::optional<ResumePoint> &resume,
                                   StageSink &sink) override {
    absl::StatusOr<Job> job = prepare(model, options, sink);
    if (!job.ok())
      return job.status();
    if (!isText(options.emit) && !isCode(options.emit))
      return explain(*job, sink);
    return Compilation(*job, model, resume.has_value(), sink).run(resume);
  }
};

} // namespace

std::unique_ptr<Compiler> createCompiler() { return std::make_unique<PipelineCompiler>(); }

} // namespace linalgd
