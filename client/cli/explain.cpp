// `linalgc explain`: the report on a model, and what its keys are made of.
#include "client/cli/compare_keys.h"
#include "client/cli/compiling.h"
#include "client/cli/format.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <cstdio>
#include <memory>

namespace linalgd::cli {
namespace {

struct Explain {
  const Session &session;
  CompileArguments arguments; // `emit`: whose keys are compared
  std::string other;
  std::string page;
  bool key = false;

  int run();

private:
  int report(client::Client &client);
  int explainKeys(client::Client &client);
  absl::StatusOr<std::optional<client::JobInfo>>
  ask(client::Client &client, const std::string &model, Stage stage, int &code);
  absl::StatusOr<Json> askForKeys(client::Client &client, const std::string &model, int &code);
};

const client::ArtifactFile *fileOf(const client::JobInfo &job, const std::string &name) {
  auto file = std::ranges::find(job.artifact->files, name, &client::ArtifactFile::name);
  return file == job.artifact->files.end() ? nullptr : &*file;
}

absl::StatusOr<std::string> read(client::Client &client, const client::JobInfo &job,
                                 const std::string &name) {
  const client::ArtifactFile *file = fileOf(job, name);
  if (!file)
    return absl::DataLossError(absl::StrCat("the server's answer has no ", name));
  std::string text;
  absl::Status status = client.download(*file, [&](std::string_view piece) {
    text += piece;
    return absl::OkStatus();
  });
  return status.ok() ? absl::StatusOr<std::string>(std::move(text)) : status;
}

absl::StatusOr<Json> readJson(client::Client &client, const client::JobInfo &job,
                              const std::string &name) {
  absl::StatusOr<std::string> text = read(client, job, name);
  if (!text.ok())
    return text.status();
  Json json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded())
    return absl::DataLossError(absl::StrCat("the server's ", name, " is no JSON"));
  return json;
}

void print(const std::string &text) { std::fwrite(text.data(), 1, text.size(), stdout); }

// Nothing where the job failed, which was reported then, with `code` to end with.
absl::StatusOr<std::optional<client::JobInfo>>
Explain::ask(client::Client &client, const std::string &model, Stage stage, int &code) {
  CompileArguments wanted = arguments;
  wanted.model = model;
  wanted.emit = stageName(stage);
  absl::StatusOr<client::ModelSource> source = client::ModelSource::fromFile(model);
  if (!source.ok())
    return source.status();
  Progress progress(/*quiet=*/true);
  absl::StatusOr<client::Job> job = submit(client, *source, wanted, progress);
  if (!job.ok())
    return job.status();
  absl::StatusOr<client::JobInfo> info = follow(*job, progress);
  if (!info.ok())
    return info.status();
  code = cli::report(*info, model);
  if (code == kOk)
    return std::optional(*std::move(info));
  if (session.json)
    printJson(toJson(*info));
  return std::nullopt;
}

int Explain::report(client::Client &client) {
  int code = kOk;
  absl::StatusOr<std::optional<client::JobInfo>> job =
      ask(client, arguments.model, Stage::Report, code);
  if (!job.ok())
    return session.fail(job.status());
  if (!*job)
    return code;
  absl::StatusOr<Json> json = readJson(client, **job, "report.json");
  if (!json.ok())
    return session.fail(json.status());
  if (!page.empty()) {
    const client::ArtifactFile *file = fileOf(**job, "report.html");
    absl::Status saved = file ? client.download(*file, page)
                              : absl::DataLossError("the server's answer has no report.html");
    if (!saved.ok())
      return session.fail(saved);
    std::fprintf(stderr, "%s: %s\n", page.c_str(), formatBytes(file->size).c_str());
  }
  if (session.json) {
    printJson(*json);
  } else if (page.empty()) {
    absl::StatusOr<std::string> text = read(client, **job, "report.txt");
    if (!text.ok())
      return session.fail(text.status());
    print(*text);
  }
  return json->value("supported", false) ? kOk : kFailed;
}

absl::StatusOr<Json> Explain::askForKeys(client::Client &client, const std::string &model,
                                         int &code) {
  absl::StatusOr<std::optional<client::JobInfo>> job = ask(client, model, Stage::Key, code);
  if (!job.ok())
    return job.status();
  return *job ? readJson(client, **job, "key.json") : Json();
}

int Explain::explainKeys(client::Client &client) {
  int code = kOk;
  if (other.empty()) {
    absl::StatusOr<std::optional<client::JobInfo>> job =
        ask(client, arguments.model, Stage::Key, code);
    if (!job.ok())
      return session.fail(job.status());
    if (!*job)
      return code;
    absl::StatusOr<std::string> text = read(client, **job, session.json ? "key.json" : "key.txt");
    if (!text.ok())
      return session.fail(text.status());
    print(session.json ? *text + "\n" : *text);
    return kOk;
  }
  std::vector<Json> explained;
  for (const std::string &model : {arguments.model, other}) {
    absl::StatusOr<Json> json = askForKeys(client, model, code);
    if (!json.ok())
      return session.fail(json.status());
    if (code != kOk)
      return code;
    explained.push_back(*std::move(json));
  }
  absl::StatusOr<Json> comparison = compareKeys(explained[0], explained[1], arguments.emit);
  if (!comparison.ok())
    return session.fail(comparison.status());
  if (session.json)
    printJson(*comparison);
  else
    print(printComparison(*comparison, {arguments.model, other}));
  return (*comparison)["equal"].get<bool>() ? kOk : kFailed;
}

int Explain::run() {
  if (!key && !other.empty())
    return session.fail(
        absl::InvalidArgumentError("two models are for --key, which compares them"));
  if (key && !page.empty())
    return session.fail(absl::InvalidArgumentError("--html is for the report, not for --key"));
  if (absl::StatusOr<client::SubmitOptions> options = arguments.toSubmitOptions(); !options.ok())
    return session.fail(options.status());
  absl::StatusOr<client::Client> client = session.connect();
  if (!client.ok())
    return session.fail(client.status());
  return key ? explainKeys(*client) : report(*client);
}

} // namespace

void addExplain(CLI::App &app, const Session &session, Action &action) {
  auto command = std::make_shared<Explain>(Explain{session, {}, "", "", false});
  CLI::App *sub = app.add_subcommand(
      "explain", "Report on a model: its ops, what is not supported and why, dynamic shapes, "
                 "inputs, outputs, state, parameters; or what its keys are made of");
  sub->add_option("MODEL", command->arguments.model, "As of compile")->required();
  sub->add_option("OTHER", command->other, "With --key: a second model, to be compared");
  sub->add_option("--html", command->page, "Save the report as an HTML page there");
  sub->add_flag("--key", command->key,
                "What the keys of its artifacts are made of, or, given two models, what tells them "
                "apart. The options are those of compile");
  addRequestOptions(*sub, command->arguments);
  sub->add_option("--emit", command->arguments.emit, "With --key OTHER: whose keys are compared")
      ->check(CLI::IsMember({"torch-raw", "torch", "linalg", "llvm", "executable"}))
      ->capture_default_str();
  sub->callback([command, &action] { action = [command] { return command->run(); }; });
}

} // namespace linalgd::cli
