#include "client/cli/compiling.h"

#include "client/cli/format.h"
#include "client/cli/interrupt.h"
#include "compiler/api/input_spec.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include <unistd.h>

namespace linalgd::cli {
namespace {

std::string beside(const std::string &output, const std::string &name) {
  std::filesystem::path extension = std::filesystem::path(name).extension();
  return std::filesystem::path(output).replace_extension(extension);
}

} // namespace

void addRequestOptions(CLI::App &command, CompileArguments &arguments) {
  command.add_option(
      "--target", arguments.target,
      "x86-64-v2, x86-64-v3, x86-64-v4 or TRIPLE:CPU:FEATURES (default: the server's)");
  command
      .add_option("--weights", arguments.weights,
                  "Where weights go: into the executable, beside the output as .safetensors, "
                  "inline into the text, or as #flow.parameter.named globals")
      ->check(CLI::IsMember({"embed", "external", "inline", "params"}))
      ->capture_default_str();
  command
      .add_option("--keep-op", arguments.keepOps,
                  "Leave an op undecomposed, as in aten.gelu; may be repeated")
      ->allow_extra_args(false);
  command.add_option("--entry", arguments.entry, "The function's name in the output")
      ->capture_default_str();
  command.add_option("--model", arguments.modelName,
                     "The name of one model, of a .pt2 that holds several");
  command
      .add_option("--locations", arguments.locations,
                  "What IR locations hold: stable node ids, or lines of the model's Python source")
      ->check(CLI::IsMember({"ids", "python"}))
      ->capture_default_str();
  command
      .add_option(
          "--input", arguments.inputs,
          "An argument of a TorchScript model, which does not say: NAME:DTYPE[SHAPE], ? or a "
          "name for a size that varies; int, float, bool; true, 3, 'text', none; lists [..], "
          "tuples (..), dicts {KEY:..} of these. Without NAME: by position. Repeat it")
      ->allow_extra_args(false);
  command
      .add_option("--timeout", arguments.timeout,
                  "Seconds after which the server gives the job up (default: the server's)")
      ->check(CLI::PositiveNumber);
}

absl::StatusOr<client::SubmitOptions> CompileArguments::toSubmitOptions() const {
  client::SubmitOptions submit;
  Options &options = submit.options;
  // The parser takes no other names.
  options.emit = parseStage(emit).value();
  options.weights = parseWeightsMode(weights).value();
  options.locations = parseLocationsMode(locations).value();
  options.target = target;
  options.entry = entry;
  options.modelName = modelName;
  options.keepOps = keepOps;
  for (const std::string &input : inputs) {
    absl::StatusOr<InputSpec> spec = parseInputSpec(input);
    if (!spec.ok())
      return spec.status();
    options.inputs.push_back(std::move(*spec));
  }
  if (timeout > 0)
    submit.timeout = client::milliseconds(std::llround(timeout * 1000));
  submit.label = std::filesystem::path(model).filename();
  return submit;
}

absl::StatusOr<client::Job> submit(client::Client &client, const client::ModelSource &model,
                                   const CompileArguments &arguments, Progress &progress) {
  absl::StatusOr<client::SubmitOptions> options = arguments.toSubmitOptions();
  if (!options.ok())
    return options.status();
  progress.step("submitting to " + client.address());
  Interrupt::Scope scope([] {}); // the upload ends at its next piece
  return client.submit(model, *options, progress.transfer("uploading"));
}

absl::StatusOr<client::JobInfo> follow(const client::Job &job, Progress &progress) {
  if (job.submitted().done())
    return job.submitted();
  Interrupt::Scope scope([&] {
    progress.step("cancelling");
    job.cancel().status().IgnoreError(); // `wait` reports a server that is gone
  });
  progress.step("queued");
  return job.wait([&](const client::JobEvent &event) {
    switch (event.kind) {
    case client::JobEvent::Kind::State:
      if (event.job.state == client::JobState::Running && !event.job.step.empty())
        progress.step("compiling: " + event.job.step);
      break;
    case client::JobEvent::Kind::StageStarted:
      progress.step("compiling: " + event.stage.stage);
      break;
    case client::JobEvent::Kind::StageFinished:
      progress.line("  " + event.stage.stage + ": " + formatDuration(event.stage.elapsed));
      break;
    case client::JobEvent::Kind::Diagnostic:
      break; // `report` prints them with the job
    }
  });
}

int report(const client::JobInfo &job, const std::string &model) {
  bool colour = colourOnStderr();
  for (const Diagnostic &diagnostic : job.failure ? job.failure->diagnostics : job.diagnostics)
    std::fputs(formatDiagnostic(diagnostic, model, colour).c_str(), stderr);
  if (job.state == client::JobState::Succeeded)
    return kOk;
  if (job.state == client::JobState::Cancelled) {
    std::fprintf(stderr, "linalgc: job %s was cancelled\n", job.id.c_str());
    return Interrupt::requested() ? kInterrupted : kStopped;
  }
  std::string code = job.failure ? job.failure->code : "UNKNOWN";
  std::fprintf(stderr, "linalgc: %s: %s [%s]\n", model.c_str(),
               job.failure ? job.failure->message.c_str() : "the job failed", code.c_str());
  return code == "DEADLINE_EXCEEDED" ? kStopped : kFailed;
}

absl::StatusOr<std::vector<SavedFile>>
saveArtifact(client::Client &client, const client::JobInfo &job, const std::string &output,
             const client::ModelSource *local, Progress &progress) {
  const client::Artifact &artifact = *job.artifact;
  std::vector<SavedFile> saved;
  bool external = job.weights == WeightsMode::External;
  if (output == "-") {
    if (external || artifact.files.size() > 1)
      return absl::InvalidArgumentError(
          "an artifact of several files does not go to standard output; give -o FILE");
    std::fflush(stdout);
    if (absl::Status status = client.download(artifact.files[0], STDOUT_FILENO); !status.ok())
      return status;
    return std::vector<SavedFile>{{"-", artifact.files[0].size}};
  }
  Interrupt::Scope scope([] {}); // the download ends at its next piece
  for (const client::ArtifactFile &file : artifact.files) {
    std::string path = saved.empty() ? output : beside(output, file.name);
    absl::Status status = client.download(file, path, progress.transfer("downloading"));
    if (!status.ok())
      return status;
    saved.push_back({path, file.size});
  }
  std::string weights = beside(output, "model.safetensors");
  bool there = std::ranges::find(saved, weights, &SavedFile::path) != saved.end();
  if (external && !there) {
    absl::Status status =
        client.saveWeights(artifact, weights, local, progress.transfer("saving weights"));
    if (!status.ok())
      return status;
    saved.push_back({weights, std::filesystem::file_size(weights)});
  }
  return saved;
}

} // namespace linalgd::cli
