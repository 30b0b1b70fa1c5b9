// What linalgc's commands share: the global options, the connection, exit codes, and errors.
#pragma once

#include "linalgd/client.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <functional>
#include <string>

namespace linalgd::cli {

using Json = nlohmann::ordered_json;

// linalgc's exit codes; `linalgc --help` documents them.
enum ExitCode : int {
  kOk = 0,
  kFailed = 1,      // the model does not compile or does not run, or two keys differ
  kUsage = 2,       // the command line, or a file on it
  kUnavailable = 3, // no server there, or it takes no jobs now
  kStopped = 4,     // cancelled, or out of time
  kOther = 5,
  kInterrupted = 130,
};

struct Session {
  std::string server;
  bool json = false;

  absl::StatusOr<client::Client> connect() const;
  // Reports an error, in JSON where that was asked for, and answers with its exit code.
  int fail(const absl::Status &status) const;
};

int exitCodeOf(const absl::Status &status);

// A command sets this to what it does.
using Action = std::function<int()>;

void addCompile(CLI::App &app, const Session &session, Action &action);
void addExplain(CLI::App &app, const Session &session, Action &action);
void addFetch(CLI::App &app, const Session &session, Action &action);
void addRun(CLI::App &app, const Session &session, Action &action);
void addJobs(CLI::App &app, const Session &session, Action &action);
void addCancel(CLI::App &app, const Session &session, Action &action);
void addCache(CLI::App &app, const Session &session, Action &action);
void addStatus(CLI::App &app, const Session &session, Action &action);
void addDrain(CLI::App &app, const Session &session, Action &action);

} // namespace linalgd::cli
