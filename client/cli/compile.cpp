// `linalgc compile` and `linalgc fetch`.
#include "client/cli/compiling.h"
#include "client/cli/format.h"

#include <cstdio>
#include <filesystem>
#include <memory>

namespace linalgd::cli {
namespace {

struct Compile {
  const Session &session;
  CompileArguments arguments;
  std::string output;
  bool noWait = false;

  int run();
};

struct Fetch {
  const Session &session;
  std::string jobId;
  std::string output;

  int run();
};

// Says what was made: files, where the time went.
void summarize(const client::JobInfo &job, const std::vector<SavedFile> &files,
               const std::string &model, std::chrono::microseconds elapsed, bool json) {
  if (json) {
    Json result = toJson(job);
    result["files"] = Json::array();
    for (const SavedFile &file : files)
      result["files"].push_back({{"path", file.path}, {"size", file.size}});
    result["signature"] = Json::parse(job.artifact->signature, nullptr, false);
    result["seconds"] = std::chrono::duration<double>(elapsed).count();
    printJson(result);
    return;
  }
  for (const SavedFile &file : files)
    if (file.path != "-")
      std::fprintf(stderr, "%s: %s\n", file.path.c_str(), formatBytes(file.size).c_str());
  std::string timings;
  for (const client::StageTiming &timing : job.timings)
    timings += (timings.empty() ? "" : ", ") + timing.stage + " " + formatDuration(timing.elapsed);
  std::fprintf(stderr, "%s of %s in %s%s\n", job.artifact->stage.c_str(), model.c_str(),
               formatDuration(elapsed).c_str(),
               job.artifact->cached ? " (cached)"
               : timings.empty()    ? ""
                                    : (" (" + timings + ")").c_str());
}

// The end that compile and fetch share.
int finish(client::Client &client, const client::Job &job, const client::ModelSource *local,
           const std::string &model, std::string output, const Session &session, Progress &progress,
           std::chrono::steady_clock::time_point started) {
  absl::StatusOr<client::JobInfo> info = follow(job, progress);
  if (!info.ok())
    return session.fail(info.status());
  if (int code = report(*info, model); code != kOk) {
    if (session.json)
      printJson(toJson(*info));
    if (info->failure && info->failure->reproducer) {
      const client::ArtifactFile &file = *info->failure->reproducer;
      absl::Status saved = client.download(file, file.name);
      std::fprintf(stderr,
                   saved.ok() ? "linalgc: saved a reproducer as %s\n"
                              : "linalgc: the reproducer %s cannot be saved\n",
                   file.name.c_str());
    }
    return code;
  }
  if (output.empty())
    output = std::filesystem::path(model).filename().replace_extension(
        std::filesystem::path(info->artifact->files[0].name).extension());
  absl::StatusOr<std::vector<SavedFile>> saved =
      saveArtifact(client, *info, output, local, progress);
  if (!saved.ok())
    return session.fail(saved.status());
  auto elapsed = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - started);
  summarize(*info, *saved, model, elapsed, session.json);
  return kOk;
}

int Compile::run() {
  auto started = std::chrono::steady_clock::now();
  if (absl::StatusOr<client::SubmitOptions> options = arguments.toSubmitOptions(); !options.ok())
    return session.fail(options.status());
  absl::StatusOr<client::ModelSource> model = client::ModelSource::fromFile(arguments.model);
  if (!model.ok())
    return session.fail(model.status());
  absl::StatusOr<client::Client> client = session.connect();
  if (!client.ok())
    return session.fail(client.status());
  Progress progress(session.json || output == "-");
  absl::StatusOr<client::Job> job = submit(*client, *model, arguments, progress);
  if (!job.ok())
    return session.fail(job.status());
  if (noWait) {
    if (session.json)
      printJson(toJson(job->submitted()));
    else
      std::printf("%s\n", job->id().c_str());
    return kOk;
  }
  return finish(*client, *job, &*model, arguments.model, output, session, progress, started);
}

int Fetch::run() {
  auto started = std::chrono::steady_clock::now();
  absl::StatusOr<client::Client> client = session.connect();
  if (!client.ok())
    return session.fail(client.status());
  absl::StatusOr<client::Job> job = client->attach(jobId);
  if (!job.ok())
    return session.fail(job.status());
  Progress progress(session.json || output == "-");
  const std::string &label = job->submitted().label;
  return finish(*client, *job, nullptr, label.empty() ? jobId : label, output, session, progress,
                started);
}

} // namespace

void addCompile(CLI::App &app, const Session &session, Action &action) {
  auto command = std::make_shared<Compile>(Compile{session, {}, "", false});
  CompileArguments &arguments = command->arguments;
  CLI::App *sub = app.add_subcommand("compile", "Compile a model and save what comes out");
  sub->add_option(
         "MODEL", arguments.model,
         "torch.export archive (.pt2), TorchScript (.pt), or MLIR of the torch dialect or linalg "
         "(.mlir, .mlirbc)")
      ->required();
  sub->add_option("-o,--output", command->output,
                  "Where to save it; - for standard output (default: the model's name with the "
                  "extension of what comes out, in this folder)");
  sub->add_option("--emit", arguments.emit, "The stage whose result is wanted")
      ->check(CLI::IsMember({"torch-raw", "torch", "linalg", "llvm", "executable"}))
      ->capture_default_str();
  addRequestOptions(*sub, arguments);
  sub->add_flag("--no-wait", command->noWait,
                "Print the job's id and end; `linalgc fetch ID` has the result");
  sub->callback([command, &action] { action = [command] { return command->run(); }; });
}

void addFetch(CLI::App &app, const Session &session, Action &action) {
  auto command = std::make_shared<Fetch>(Fetch{session, "", ""});
  CLI::App *sub = app.add_subcommand("fetch", "Wait for a job and save what it made");
  sub->add_option("JOB", command->jobId, "The job's id")->required();
  sub->add_option("-o,--output", command->output, "As of compile");
  sub->callback([command, &action] { action = [command] { return command->run(); }; });
}

} // namespace linalgd::cli
