#include "server/config.h"

#include "server/units.h"

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "yaml-cpp/yaml.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <thread>

namespace linalgd {
namespace {

using std::chrono::milliseconds;

struct Setting {
  std::string name;  // the flag --NAME, the key NAME, the variable LINALGD_NAME
  std::string value; // in the help
  std::string help;
  std::function<absl::Status(Config &, const std::string &)> set;
};

// Makes the setter of a field from how its text is parsed.
template <typename Field, typename Parse> auto into(Field Config::*field, const Parse &parse) {
  return [field, parse](Config &config, const std::string &text) -> absl::Status {
    auto parsed = parse(text);
    if (!parsed.ok())
      return parsed.status();
    config.*field = *parsed;
    return absl::OkStatus();
  };
}

auto text(std::string Config::*field) {
  return into(field, [](const std::string &text) -> absl::StatusOr<std::string> {
    if (text.empty())
      return absl::InvalidArgumentError("it is empty");
    return text;
  });
}

auto oneOf(std::string Config::*field, const std::vector<std::string> &names) {
  return into(field, [names](const std::string &text) -> absl::StatusOr<std::string> {
    if (std::ranges::find(names, text) != names.end())
      return text;
    std::string all;
    for (const std::string &name : names)
      absl::StrAppend(&all, all.empty() ? "" : ", ", name);
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' is none of ", all));
  });
}

auto address(std::string Config::*field) {
  return into(field, [](const std::string &text) -> absl::StatusOr<std::string> {
    absl::StatusOr<Address> parsed = parseAddress(text);
    if (!parsed.ok())
      return parsed.status();
    return parsed->text();
  });
}

auto size(uint64_t Config::*field, uint64_t least) {
  return into(field, [least](const std::string &text) -> absl::StatusOr<uint64_t> {
    absl::StatusOr<uint64_t> bytes = parseSize(text);
    if (bytes.ok() && *bytes < least)
      return absl::InvalidArgumentError(
          absl::StrCat(text, " is too little; at least ", least >> 20, "MiB are needed"));
    return bytes;
  });
}

auto duration(milliseconds Config::*field, milliseconds least) {
  return into(field, [least](const std::string &text) -> absl::StatusOr<milliseconds> {
    absl::StatusOr<milliseconds> parsed = parseDuration(text);
    if (parsed.ok() && *parsed < least)
      return absl::InvalidArgumentError(
          absl::StrCat(text, " is too short; at least ", least.count(), "ms are needed"));
    return parsed;
  });
}

auto number(uint32_t Config::*field, uint32_t least, uint32_t most) {
  return into(field, [least, most](const std::string &text) -> absl::StatusOr<uint32_t> {
    uint32_t value = 0;
    if (!absl::SimpleAtoi(text, &value) || value < least || value > most)
      return absl::InvalidArgumentError(
          absl::StrCat("'", text, "' is not a number from ", least, " to ", most));
    return value;
  });
}

const std::vector<Setting> &settings() {
  using C = Config;
  static const std::vector<Setting> table = {
      {"listen", "HOST:PORT", "Address of the gRPC services; port 0 takes any [127.0.0.1:8470]",
       address(&C::listen)},
      {"metrics", "HOST:PORT",
       "Address of /metrics and /healthz over HTTP; port 0 takes any [127.0.0.1:8471]",
       address(&C::metrics)},
      {"store", "DIR",
       "Directory of blobs, artifacts and jobs [$XDG_CACHE_HOME/linalgd or ~/.cache/linalgd]",
       text(&C::store)},
      {"store-size", "SIZE", "What the blobs in it may take at most [20GiB]",
       size(&C::storeSize, 64 << 20)},
      {"workers", "N", "Worker processes, and so jobs that run at a time [one for each CPU]",
       number(&C::workers, 1, 1024)},
      {"worker-path", "FILE", "The worker's program [linalgd-worker beside linalgd]",
       text(&C::workerPath)},
      {"worker-memory", "SIZE", "What one worker may take at most [8GiB]",
       size(&C::workerMemory, 256 << 20)},
      {"job-timeout", "TIME", "Wall time of a job that does not ask for less [10m]",
       duration(&C::jobTimeout, milliseconds(100))},
      {"max-queue", "N", "Jobs that may wait; more are refused [1000]",
       number(&C::maxQueue, 1, 1000000)},
      {"job-history", "N", "Ended jobs that are remembered [1000]",
       number(&C::jobHistory, 0, 1000000)},
      {"job-history-age", "TIME", "How long they are remembered [1d]",
       duration(&C::jobHistoryAge, milliseconds(0))},
      {"failure-ttl", "TIME",
       "How long a model that cannot be compiled is answered from memory [1m]",
       duration(&C::failureTtl, milliseconds(0))},
      {"upload-ttl", "TIME", "How long an interrupted upload can be resumed [1m]",
       duration(&C::uploadTtl, milliseconds(0))},
      {"lease", "TIME", "How long a blob stays at least after it was uploaded or asked for [5m]",
       duration(&C::lease, milliseconds(1000))},
      {"grace", "TIME", "How long running jobs may go on after SIGTERM [30s]",
       duration(&C::grace, milliseconds(0))},
      {"default-target", "TARGET",
       "For jobs that name none: x86-64-v2, x86-64-v3, x86-64-v4 or triple:cpu:features "
       "[x86-64-v3]",
       text(&C::defaultTarget)},
      {"log-level", "LEVEL", "debug, info, warning or error [info]",
       oneOf(&C::logLevel, {"debug", "info", "warning", "error"})},
      {"log-format", "FORMAT", "text (key=value) or json, one line an event [text]",
       oneOf(&C::logFormat, {"text", "json"})},
  };
  return table;
}

std::string variableOf(const std::string &name) {
  std::string variable = absl::StrCat("LINALGD_", absl::AsciiStrToUpper(name));
  std::ranges::replace(variable, '-', '_');
  return variable;
}

using Values = std::map<std::string, std::string>; // by the setting's name

absl::StatusOr<Values> readFile(const std::string &path) {
  Values values;
  try {
    const YAML::Node root = YAML::LoadFile(path);
    if (root.IsNull())
      return values;
    if (!root.IsMap())
      return absl::InvalidArgumentError(absl::StrCat(path, " does not hold `name: value` lines"));
    for (const auto &entry : root) {
      const std::string name = entry.first.as<std::string>();
      const std::string where = absl::StrCat(path, ":", entry.first.Mark().line + 1);
      if (std::ranges::find(settings(), name, &Setting::name) == settings().end())
        return absl::InvalidArgumentError(
            absl::StrCat(where, ": there is no setting '", name, "'; see linalgd --help"));
      if (!entry.second.IsScalar())
        return absl::InvalidArgumentError(absl::StrCat(where, ": '", name, "' wants one value"));
      if (!values.emplace(name, entry.second.as<std::string>()).second)
        return absl::InvalidArgumentError(absl::StrCat(where, ": '", name, "' is set twice"));
    }
  } catch (const YAML::BadFile &) {
    return absl::InvalidArgumentError(absl::StrCat("cannot read the configuration file ", path));
  } catch (const YAML::Exception &error) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", error.what()));
  }
  return values;
}

// Each source's values in turn, the strongest last. `origin` says in errors where a value stands.
absl::Status apply(const Values &values, Config &config,
                   const std::function<std::string(const std::string &)> &origin) {
  for (const Setting &setting : settings()) {
    auto value = values.find(setting.name);
    if (value == values.end())
      continue;
    if (absl::Status status = setting.set(config, value->second); !status.ok())
      return absl::InvalidArgumentError(
          absl::StrCat(origin(setting.name), ": ", std::string(status.message())));
  }
  return absl::OkStatus();
}

absl::Status fillIn(Config &config, const std::map<std::string, std::string> &environment) {
  auto variable = [&](const char *name) {
    auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  };
  if (config.store.empty()) {
    std::filesystem::path cache = variable("XDG_CACHE_HOME");
    if (!cache.is_absolute() && !variable("HOME").empty())
      cache = std::filesystem::path(variable("HOME")) / ".cache";
    if (!cache.is_absolute())
      return absl::InvalidArgumentError(
          "there is no home directory for the store; give a directory with --store");
    config.store = cache / "linalgd";
  }
  if (config.workers == 0)
    config.workers = std::max(1u, std::thread::hardware_concurrency());
  if (config.workerPath.empty()) {
    std::error_code error;
    const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
    if (error)
      return absl::InvalidArgumentError("the worker's program is not found; give --worker-path");
    config.workerPath = self.parent_path() / "linalgd-worker";
  }
  return absl::OkStatus();
}

constexpr char kFooter[] =
    "Each setting can also be given in a configuration file (YAML, `store-size: 10GiB`), named "
    "with\n"
    "--config or $LINALGD_CONFIG, and as an environment variable (LINALGD_STORE_SIZE=10GiB).\n"
    "A flag goes before the environment, the environment before the file.";

} // namespace

absl::StatusOr<CommandLine> parseCommandLine(const std::vector<std::string> &arguments,
                                             const std::vector<std::string> &environment) {
  CommandLine result;
  CLI::App app("linalgd: a compile service for PyTorch", "linalgd");
  app.set_version_flag("--version", absl::StrCat("linalgd ", LINALGD_VERSION));
  app.footer(kFooter);
  app.get_formatter()->column_width(28);
  std::map<std::string, std::string> flags;
  std::string file;
  app.add_option("--config", file, "Configuration file")->type_name("FILE");
  for (const Setting &setting : settings())
    app.add_option("--" + setting.name, flags[setting.name], setting.help)
        ->type_name(setting.value);
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp &) {
    result.answer = app.help();
    return result;
  } catch (const CLI::CallForVersion &) {
    result.answer = absl::StrCat(app.version(), "\n");
    return result;
  } catch (const CLI::ParseError &error) {
    return absl::InvalidArgumentError(absl::StrCat(error.what(), "; see linalgd --help"));
  }
  std::erase_if(flags, [&](const auto &flag) { return app.count("--" + flag.first) == 0; });

  std::map<std::string, std::string> variables;
  for (const std::string &line : environment)
    if (size_t equals = line.find('='); equals != std::string::npos)
      variables.emplace(line.substr(0, equals), line.substr(equals + 1));
  Values fromEnvironment;
  for (const Setting &setting : settings())
    // An empty variable is as good as none.
    if (auto found = variables.find(variableOf(setting.name));
        found != variables.end() && !found->second.empty())
      fromEnvironment.emplace(setting.name, found->second);
  if (file.empty())
    file = variables["LINALGD_CONFIG"];

  absl::Status status;
  if (!file.empty()) {
    absl::StatusOr<Values> values = readFile(file);
    status = values.ok()
                 ? apply(*values, result.config,
                         [&](const std::string &name) { return absl::StrCat(file, ": ", name); })
                 : values.status();
  }
  if (status.ok())
    status = apply(fromEnvironment, result.config, variableOf);
  if (status.ok())
    status = apply(flags, result.config, [](const std::string &name) { return "--" + name; });
  if (status.ok())
    status = fillIn(result.config, variables);
  if (!status.ok())
    return status;
  return result;
}

} // namespace linalgd
