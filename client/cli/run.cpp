// `linalgc run`: runs an executable, or compiles a model and runs it.
#include "client/cli/compiling.h"
#include "client/cli/format.h"
#include "client/cli/values.h"

#include "linalgd/executable.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <span>

#include <stdlib.h>

namespace linalgd::cli {
namespace {

using client::Executable;
using client::Tensor;
using client::Value;

struct Run {
  const Session &session;
  CompileArguments arguments;
  std::vector<std::string> inputs;
  std::vector<std::string> dimensions;
  std::string weightsFile;
  std::string outputDir;
  int repeat = 1;

  int run();

  // Nothing where the model did not compile; `code` then says how linalgc ends.
  absl::StatusOr<std::optional<Executable>> compile(int &code);
  absl::StatusOr<std::vector<Tensor>> makeInputs(const client::Signature &signature) const;
  absl::Status writeOutputs(const std::vector<Tensor> &outputs,
                            const std::vector<std::string> &names, Json &json) const;
};

bool isSharedLibrary(const std::string &path) {
  char magic[4] = {};
  std::ifstream(path, std::ios::binary).read(magic, 4);
  return std::string_view(magic, 4) == "\x7f"
                                       "ELF";
}

// A folder of this run's own, which goes with it.
class Scratch {
public:
  static absl::StatusOr<Scratch> make() {
    std::error_code error;
    std::filesystem::path base = std::filesystem::temp_directory_path(error);
    std::string path = base / "linalgc-XXXXXX";
    if (error || !mkdtemp(path.data()))
      return absl::InternalError(absl::StrCat("cannot make a folder in ", base.string()));
    return Scratch(path);
  }
  Scratch(Scratch &&other) noexcept : path_(std::exchange(other.path_, "")) {}
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty())
      std::filesystem::remove_all(path_, ignored);
  }

  std::string file(const char *name) const { return path_ + "/" + name; }

private:
  explicit Scratch(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

absl::StatusOr<Symbols> parseSymbols(const std::vector<std::string> &texts,
                                     const client::Signature &signature) {
  Symbols symbols;
  for (const auto &[name, range] : signature.symbols)
    symbols[name] = std::max<int64_t>(range.min, 1);
  for (const std::string &text : texts) {
    size_t equals = text.find('=');
    std::string name = text.substr(0, equals);
    int64_t size = 0;
    const char *end = text.data() + text.size();
    bool parsed = equals != std::string::npos &&
                  std::from_chars(text.data() + equals + 1, end, size).ptr == end && size >= 0;
    if (!parsed)
      return absl::InvalidArgumentError(
          absl::StrCat("'", text, "' gives no size; write SYMBOL=SIZE, as in 's0=8'"));
    if (!signature.symbols.contains(name))
      return absl::InvalidArgumentError(absl::StrCat("the model has no dimension '", name, "'"));
    symbols[name] = size;
  }
  return symbols;
}

std::string describe(const Value &input) {
  return absl::StrCat(input.name, ": ", input.dtype, client::toString(input.shape));
}

absl::StatusOr<Tensor> makeInput(const Value &input, const std::string &text, size_t position,
                                 const Symbols &symbols) {
  if (text == "random" || text.starts_with("random:")) {
    uint64_t seed = position;
    const char *end = text.data() + text.size();
    if (text != "random" && std::from_chars(text.data() + 7, end, seed).ptr != end)
      return absl::InvalidArgumentError(absl::StrCat("'", text, "' has no number as its seed"));
    absl::StatusOr<std::vector<int64_t>> shape = client::resolveShape(input.shape, symbols);
    if (!shape.ok())
      return absl::InvalidArgumentError(absl::StrCat("input '", describe(input),
                                                     "': ", std::string(shape.status().message()),
                                                     "; give it as a .npy file"));
    return randomTensor(input.dtype, *shape, seed);
  }
  if (input.kind != client::ValueKind::Tensor)
    return scalarTensor(input.dtype, text);
  return client::readNpy(text);
}

} // namespace

// The inputs in the order of the signature: NAME=WHAT goes to its name, WHAT to the next input that
// has none yet; without any, all are random.
absl::StatusOr<std::vector<Tensor>> Run::makeInputs(const client::Signature &signature) const {
  std::vector<const Value *> wanted;
  for (const Value &input : signature.inputs)
    if (input.isTensor())
      wanted.push_back(&input);
  std::vector<std::string> given(wanted.size(), inputs.empty() ? "random" : "");
  for (const std::string &text : inputs) {
    size_t equals = text.find('=');
    auto named = std::ranges::find_if(wanted, [&](const Value *input) {
      return equals != std::string::npos && input->name == text.substr(0, equals);
    });
    bool isNamed = named != wanted.end();
    size_t index = isNamed ? static_cast<size_t>(named - wanted.begin())
                           : static_cast<size_t>(std::ranges::find(given, "") - given.begin());
    if (index == given.size())
      return absl::InvalidArgumentError(
          absl::StrCat("--input ", text, ": the model takes ", given.size(), " inputs only"));
    given[index] = isNamed ? text.substr(equals + 1) : text;
  }
  absl::StatusOr<Symbols> symbols = parseSymbols(dimensions, signature);
  if (!symbols.ok())
    return symbols.status();
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (given[i].empty())
      return absl::InvalidArgumentError(
          absl::StrCat("no --input for '", describe(*wanted[i]), "'"));
    absl::StatusOr<Tensor> tensor = makeInput(*wanted[i], given[i], i, *symbols);
    if (!tensor.ok())
      return tensor.status();
    tensors.push_back(std::move(*tensor));
  }
  return tensors;
}

absl::StatusOr<std::optional<Executable>> Run::compile(int &code) {
  absl::StatusOr<client::ModelSource> model = client::ModelSource::fromFile(arguments.model);
  if (!model.ok())
    return model.status();
  absl::StatusOr<client::Client> client = session.connect();
  if (!client.ok())
    return client.status();
  Progress progress(session.json);
  absl::StatusOr<client::Job> job = submit(*client, *model, arguments, progress);
  if (!job.ok())
    return job.status();
  absl::StatusOr<client::JobInfo> info = follow(*job, progress);
  if (!info.ok())
    return info.status();
  if (code = report(*info, arguments.model); code != kOk) {
    if (session.json)
      printJson(toJson(*info));
    return std::nullopt;
  }
  absl::StatusOr<Scratch> scratch = Scratch::make();
  if (!scratch.ok())
    return scratch.status();
  std::string path = scratch->file("model.so");
  absl::StatusOr<std::vector<SavedFile>> saved =
      saveArtifact(*client, *info, path, &*model, progress);
  if (!saved.ok())
    return saved.status();
  return Executable::load(path, weightsFile);
}

absl::Status Run::writeOutputs(const std::vector<Tensor> &outputs,
                               const std::vector<std::string> &names, Json &json) const {
  if (!outputDir.empty()) {
    std::error_code error;
    std::filesystem::create_directories(outputDir, error);
    if (error)
      return absl::InvalidArgumentError(absl::StrCat(outputDir, ": ", error.message()));
  }
  std::vector<std::vector<std::string>> rows = {{"OUTPUT", "TYPE", "MIN", "MAX", "MEAN", "FILE"}};
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Tensor &output = outputs[i];
    std::vector<client::Dimension> shape;
    for (int64_t size : output.shape())
      shape.push_back({size, ""});
    Summary summary = summarize(output);
    Json entry = {{"name", names[i]},
                  {"dtype", output.dtype()},
                  {"shape", output.shape()},
                  {"min", summary.min},
                  {"max", summary.max},
                  {"mean", summary.mean},
                  {"non_finite", summary.nonFinite}};
    std::string file = "-";
    if (!outputDir.empty()) {
      file = std::filesystem::path(outputDir) / (names[i] + ".npy");
      if (absl::Status status = client::writeNpy(file, output); !status.ok())
        return status;
      entry["file"] = file;
    }
    json["outputs"].push_back(entry);
    auto number = [](double value) { return absl::StrCat(value); };
    std::string mean = number(summary.mean);
    if (summary.nonFinite)
      absl::StrAppend(&mean, " (", summary.nonFinite, " not finite)");
    rows.push_back({names[i], absl::StrCat(std::string(output.dtype()), client::toString(shape)),
                    number(summary.min), number(summary.max), mean, file});
  }
  if (!session.json)
    std::fputs(formatTable(rows).c_str(), stdout);
  return absl::OkStatus();
}

namespace {

// "output0": as files are named.
std::vector<std::string> outputNames(const client::Signature &signature) {
  std::vector<std::string> names;
  for (size_t i = 0; i < signature.outputs.size(); ++i)
    if (signature.outputs[i].isTensor())
      names.push_back(absl::StrCat("output", i));
  return names;
}

// Appends what the model has written, as "state0": its buffers, and its inputs in place.
absl::Status addState(const Executable &executable, std::vector<Tensor> &inputs,
                      std::vector<std::string> &names, std::vector<Tensor> &tensors) {
  const client::Signature &signature = executable.manifest().signature;
  for (size_t i = 0; i < signature.state.size(); ++i) {
    const client::State &state = signature.state[i];
    names.push_back(absl::StrCat("state", i));
    if (state.slot) {
      absl::StatusOr<Tensor> tensor = executable.state(*state.slot);
      if (!tensor.ok())
        return tensor.status();
      tensors.push_back(*std::move(tensor));
      continue;
    }
    auto before = std::span(signature.inputs).first(static_cast<size_t>(*state.input));
    auto given = std::ranges::count_if(before, [](auto &input) { return input.isTensor(); });
    tensors.push_back(std::move(inputs[static_cast<size_t>(given)]));
  }
  return absl::OkStatus();
}

} // namespace

int Run::run() {
  int code = kOk;
  absl::StatusOr<std::optional<Executable>> loaded =
      isSharedLibrary(arguments.model) ? Executable::load(arguments.model, weightsFile)
                                       : compile(code);
  if (!loaded.ok())
    return session.fail(loaded.status());
  if (!*loaded)
    return code;
  const Executable &executable = **loaded;
  const client::Signature &signature = executable.manifest().signature;
  absl::StatusOr<std::vector<Tensor>> tensors = makeInputs(signature);
  if (!tensors.ok())
    return session.fail(tensors.status());
  std::vector<Tensor> outputs;
  std::vector<std::chrono::microseconds> times;
  for (int i = 0; i < repeat; ++i) {
    auto started = std::chrono::steady_clock::now();
    absl::StatusOr<std::vector<Tensor>> result = executable.call(*tensors);
    times.push_back(std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now() - started));
    if (!result.ok())
      return session.fail(result.status()) == kUsage ? kUsage : kFailed;
    outputs = std::move(*result);
  }
  Json json = {{"model", arguments.model}, {"outputs", Json::array()}};
  std::vector<std::string> names = outputNames(signature);
  absl::Status status = addState(executable, *tensors, names, outputs);
  if (status.ok())
    status = writeOutputs(outputs, names, json);
  if (!status.ok())
    return session.fail(status);
  std::ranges::sort(times);
  std::chrono::microseconds median = times[times.size() / 2];
  json["seconds"] = std::chrono::duration<double>(median).count();
  if (session.json)
    printJson(json);
  else
    std::fprintf(stderr, "ran in %s%s\n", formatDuration(median).c_str(),
                 repeat > 1 ? absl::StrCat(", the median of ", repeat).c_str() : "");
  return kOk;
}

void addRun(CLI::App &app, const Session &session, Action &action) {
  auto command = std::make_shared<Run>(Run{session, {}, {}, {}, "", "", 1});
  command->arguments.emit = "executable";
  CLI::App *sub = app.add_subcommand("run", "Run an executable, or compile a model and run it");
  sub->add_option("MODEL", command->arguments.model,
                  "An executable (.so), which needs no server, or what compile takes")
      ->required();
  sub->add_option("-i,--input", command->inputs,
                  "[NAME=]FILE.npy, [NAME=]random[:SEED], or the value of a number; repeat it for "
                  "each input (default: all random)")
      ->allow_extra_args(false);
  sub->add_option("--dim", command->dimensions,
                  "SYMBOL=SIZE of a dynamic dimension of random inputs (default: its minimum)")
      ->allow_extra_args(false);
  sub->add_option("--weights-file", command->weightsFile,
                  "safetensors for slots that are not in the executable (default: the file beside "
                  "it of the same name)");
  sub->add_option("--output-dir", command->outputDir,
                  "Save outputs there as output0.npy …, and buffers that the model writes as "
                  "state0.npy …");
  sub->add_option("--repeat", command->repeat, "Run so many times and print the median time")
      ->check(CLI::PositiveNumber);
  sub->add_option("--target", command->arguments.target, "As of compile");
  sub->add_option("--input-spec", command->arguments.inputs, "As compile's --input")
      ->allow_extra_args(false);
  sub->callback([command, &action] { action = [command] { return command->run(); }; });
}

} // namespace linalgd::cli
