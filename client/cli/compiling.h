// What `compile`, `fetch` and `run` share: the options of a compile, following a job to its end,
// and fetching what it made.
#pragma once

#include "client/cli/progress.h"
#include "client/cli/session.h"

#include <optional>
#include <string>
#include <vector>

namespace linalgd::cli {

// The command-line options that make up a request.
struct CompileArguments {
  std::string model;
  std::string emit = "linalg";
  std::string target;
  std::string weights = "embed";
  std::string locations = "ids";
  std::string entry = "main";
  std::string modelName;
  std::vector<std::string> keepOps;
  std::vector<std::string> inputs; // compiler/api/input_spec.h
  double timeout = 0;              // seconds; 0: the server's

  absl::StatusOr<client::SubmitOptions> toSubmitOptions() const;
};

// Adds all options of the command line but the model and `emit`.
void addRequestOptions(CLI::App &command, CompileArguments &arguments);

// Sends the model and asks for the compile.
absl::StatusOr<client::Job> submit(client::Client &client, const client::ModelSource &model,
                                   const CompileArguments &arguments, Progress &progress);

// Follows a job to its end. An interrupt cancels it.
absl::StatusOr<client::JobInfo> follow(const client::Job &job, Progress &progress);

// Prints the diagnostics of a job that ended and, where it did not succeed, why.
// `model` names it in messages. The answer is the exit code.
int report(const client::JobInfo &job, const std::string &model);

struct SavedFile {
  std::string path; // "-": standard output
  uint64_t size = 0;
};

// Fetches the files of an artifact: the first one as `output`, others beside it, and the weights
// when they are to be external. Weights come from `local` where it has them.
absl::StatusOr<std::vector<SavedFile>>
saveArtifact(client::Client &client, const client::JobInfo &job, const std::string &output,
             const client::ModelSource *local, Progress &progress);

} // namespace linalgd::cli
