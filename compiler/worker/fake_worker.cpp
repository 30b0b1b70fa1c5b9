// linalgd-fake-worker, for tests only: a worker whose compiler does as the model's bytes say. The
// model's first blob is a script of lines:
//   key TEXT            the key is made of TEXT (default: of the whole script), emit and options
//   inspect COMMAND     done while inspecting
//   STAGE COMMAND       done in a stage ("torch", "linalg", …)
// COMMANDs: crash · crash-unless PATH (once: makes PATH) · exit CODE · hang · sleep MS · allocate
// MB · garbage · huge-frame · unexpected · silence · stderr TEXT · invalid TEXT · unsupported OP
// NODE · internal TEXT · warn NODE TEXT · log PATH (appends a line)
#include "compiler/api/worker.h"
#include "compiler/worker/process.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace linalgd {
namespace {

struct Step {
  std::string stage;
  std::string command;
  std::string argument;
};

struct Script {
  std::string key;
  std::vector<Step> steps;
};

std::string readAll(const Blob &blob) {
  std::string text(blob.size, '\0');
  if (pread(blob.fd.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    abort();
  return text;
}

Script parseScript(const Model &model) {
  std::string text = readAll(model.blobs.front());
  Script script{text, {}};
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    std::vector<std::string> words = absl::StrSplit(line, absl::MaxSplits(' ', 2));
    words.resize(3);
    if (words[0] == "key")
      script.key = words[1];
    else
      script.steps.push_back({words[0], words[1], words[2]});
  }
  return script;
}

ArtifactFile memoryFile(const std::string &name, const std::string &content) {
  ArtifactFile file{name, "text/plain", content.size(),
                    UniqueFd(memfd_create(name.c_str(), MFD_CLOEXEC))};
  if (write(file.fd.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size()))
    abort();
  return file;
}

void writeRaw(const std::string &bytes) {
  if (write(kWorkerSocket, bytes.data(), bytes.size()) < 0)
    abort();
}

[[noreturn]] void hang() {
  while (true)
    pause();
}

int number(const std::string &text) {
  int value = 0;
  if (!absl::SimpleAtoi(text, &value))
    abort();
  return value;
}

void appendLine(const std::string &path) {
  UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (write(file.get(), "line\n", 5) != 5)
    abort();
}

void allocate(size_t megabytes) {
  std::vector<std::unique_ptr<std::string>> held;
  for (size_t i = 0; i < megabytes; ++i) {
    held.push_back(std::make_unique<std::string>(1 << 20, 'x'));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  hang();
}

// By the signal, whatever a sanitizer makes of it.
void crash() {
  signal(SIGSEGV, SIG_DFL);
  raise(SIGSEGV);
}

// The commands that take the process's behaviour from its caller's hands.
void misbehave(const Step &step) {
  const std::string &command = step.command;
  if (command == "crash")
    crash();
  else if (command == "crash-unless") {
    if (access(step.argument.c_str(), F_OK) != 0) {
      appendLine(step.argument);
      crash();
    }
  } else if (command == "exit")
    _exit(number(step.argument));
  else if (command == "hang")
    hang();
  else if (command == "allocate")
    allocate(static_cast<size_t>(number(step.argument)));
  else if (command == "garbage") {
    writeRaw(std::string("\x05\0\0\0\xff\xff\xff\xff\xff", 9));
    hang();
  } else if (command == "huge-frame") {
    writeRaw("\xff\xff\xff\x7f");
    hang();
  } else if (command == "unexpected") {
    writeRaw(std::string("\x02\0\0\0\x0a\0", 6)); // a second Hello
    hang();
  } else if (command == "silence") {
    shutdown(kWorkerSocket, SHUT_RDWR);
    hang();
  }
}

absl::Status play(const Script &script, const std::string &stage, StageSink &sink) {
  for (const Step &step : script.steps) {
    if (step.stage != stage)
      continue;
    const std::string &command = step.command;
    std::vector<std::string> words = absl::StrSplit(step.argument, absl::MaxSplits(' ', 1));
    words.resize(2);
    misbehave(step);
    if (command == "sleep")
      std::this_thread::sleep_for(std::chrono::milliseconds(number(step.argument)));
    else if (command == "stderr")
      fprintf(stderr, "%s\n", step.argument.c_str());
    else if (command == "log")
      appendLine(step.argument);
    else if (command == "warn")
      sink.diagnostic(
          {Severity::Warning, "fake-warning", words[1], "", words[0], std::nullopt, ""});
    else if (command == "unsupported") {
      sink.diagnostic({Severity::Error, "unsupported-op", absl::StrCat(words[0], " is unknown"),
                       words[0], words[1], std::nullopt, "write it in other ops"});
      return absl::UnimplementedError("1 op is not supported");
    } else if (command == "invalid")
      return absl::InvalidArgumentError(step.argument);
    else if (command == "internal") {
      sink.reproducer(memoryFile("reproducer.mlir", "module {}\n"));
      return absl::InternalError(step.argument);
    }
  }
  return absl::OkStatus();
}

class FakeCompiler : public Compiler {
public:
  CompilerInfo info() const override {
    CompilerInfo info{"0.0-fake", "fake-build", {{"fake", "1"}}, {}, {"x86-64-v3"}};
    for (int i = 0; i < kNumStages; ++i)
      info.stages.push_back({static_cast<Stage>(i), "a fake stage", "model.txt"});
    return info;
  }

  absl::StatusOr<Inspection> inspect(const Model &model, const Options &options,
                                     StageSink &sink) override {
    Script script = parseScript(model);
    if (absl::Status played = play(script, "inspect", sink); !played.ok())
      return played;
    Inspection inspection;
    for (int i = 0; i <= static_cast<int>(options.emit); ++i) {
      auto stage = static_cast<Stage>(i);
      Hasher hasher;
      hasher.field(script.key).field(static_cast<uint64_t>(i));
      if (stage >= Stage::Llvm)
        hasher.field(options.target);
      inspection.keys.push_back({stage, hasher.finish()});
    }
    inspection.target = options.emit >= Stage::Llvm ? options.target : "";
    inspection.signature = R"({"entry":"main"})";
    const Blob &blob = model.blobs.front();
    WeightBinding &weight = inspection.weights.emplace_back();
    weight.slot = "weight";
    weight.dtype = "uint8";
    weight.shape = {static_cast<int64_t>(blob.size)};
    weight.blob = blob.digest;
    weight.size = blob.size;
    // The submitter's place differs with the bytes of the model, as a comment line above would do.
    inspection.sourceMap["n1"] = {absl::StrCat("model-", blob.size, ".py"), 12, "forward",
                                  "layer1"};
    return inspection;
  }

  absl::StatusOr<Artifact> compile(const Model &model, const Options &options,
                                   const std::optional<ResumePoint> &resume,
                                   StageSink &sink) override {
    Script script = parseScript(model);
    std::string text = absl::StrCat(script.key, ":");
    int first = 0;
    if (resume) {
      text = readAll({"", {}, resume->size, UniqueFd(dup(resume->fd.get()))});
      first = static_cast<int>(resume->stage) + 1;
    }
    for (int i = first; i <= static_cast<int>(options.emit); ++i) {
      auto stage = static_cast<Stage>(i);
      sink.stageStarted(stage);
      if (absl::Status played = play(script, std::string(stageName(stage)), sink); !played.ok())
        return played;
      absl::StrAppend(&text, std::string(stageName(stage)), ";");
      sink.stageFinished(stage, std::chrono::microseconds(1500));
      if (stage == options.emit)
        break;
      Artifact artifact;
      artifact.files.push_back(memoryFile("model.txt", text));
      sink.stageArtifact(stage, std::move(artifact));
    }
    Artifact artifact;
    artifact.files.push_back(memoryFile("model.txt", text));
    return artifact;
  }
};

} // namespace
} // namespace linalgd

int main(int argc, char **argv) {
  return linalgd::runWorker(argc, argv, [] { return std::make_unique<linalgd::FakeCompiler>(); });
}
