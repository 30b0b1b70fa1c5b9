#include "client/cli/format.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include <unistd.h>

namespace linalgd::cli {
namespace {

template <typename... Args> std::string print(const char *format, Args... args) {
  char buffer[64];
  int size = std::snprintf(buffer, sizeof buffer, format, args...);
  return {buffer, static_cast<size_t>(std::max(size, 0))};
}

struct SeverityStyle {
  const char *name;
  const char *colour;
};
// In the order of Severity.
constexpr std::array<SeverityStyle, 3> kSeverities = {
    {{"note", "\033[1;36m"}, {"warning", "\033[1;35m"}, {"error", "\033[1;31m"}}};

const SeverityStyle &styleOf(Severity severity) {
  return kSeverities.at(static_cast<size_t>(severity));
}

std::string isoTime(const client::Clock::time_point &time) {
  std::time_t seconds = client::Clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char buffer[32];
  return {buffer, std::strftime(buffer, sizeof buffer, "%FT%TZ", &parts)};
}

// Everything is text of other programs: nothing in it may fail to print.
std::string dump(const Json &json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace

std::string formatBytes(uint64_t bytes) {
  constexpr std::array<const char *, 5> kUnits = {"kB", "MB", "GB", "TB", "PB"};
  if (bytes < 1000)
    return print("%u B", static_cast<unsigned>(bytes));
  double value = static_cast<double>(bytes) / 1000;
  size_t unit = 0;
  for (; value >= 999.5 && unit + 1 < kUnits.size(); ++unit)
    value /= 1000;
  return print(value < 9.995   ? "%.2f %s"
               : value < 99.95 ? "%.1f %s"
                               : "%.0f %s",
               value, kUnits[unit]);
}

std::string formatDuration(std::chrono::microseconds time) {
  double seconds = std::chrono::duration<double>(time).count();
  if (seconds < 0.1)
    return print("%.1f ms", seconds * 1000);
  if (seconds < 60)
    return print("%.2f s", seconds);
  long whole = static_cast<long>(seconds);
  if (whole < 3600)
    return print("%ld min %ld s", whole / 60, whole % 60);
  return print("%ld h %ld min", whole / 3600, whole / 60 % 60);
}

std::string formatTime(const std::optional<client::Clock::time_point> &time) {
  if (!time)
    return "-";
  std::time_t seconds = client::Clock::to_time_t(*time);
  std::tm parts{};
  localtime_r(&seconds, &parts);
  char buffer[32];
  return {buffer, std::strftime(buffer, sizeof buffer, "%F %T", &parts)};
}

bool colourOnStderr() {
  const char *noColour = std::getenv("NO_COLOR");
  return isatty(STDERR_FILENO) == 1 && !(noColour && *noColour);
}

std::string formatDiagnostic(const Diagnostic &diagnostic, const std::string &model, bool colour) {
  const SeverityStyle &style = styleOf(diagnostic.severity);
  const std::optional<SourceLocation> &location = diagnostic.location;
  std::string text = colour ? "\033[1m" : "";
  if (location && !location->file.empty()) {
    text += location->file;
    if (location->line)
      text += ":" + std::to_string(location->line);
    if (location->column)
      text += ":" + std::to_string(location->column);
  } else {
    text += model;
    if (!diagnostic.node.empty())
      text += ": node " + diagnostic.node;
  }
  text += ": ";
  text += colour ? std::string(style.colour) + style.name + ":\033[0m "
                 : style.name + std::string(": ");
  text += diagnostic.message;
  if (!diagnostic.code.empty())
    text += " [" + diagnostic.code + "]";
  text += "\n";
  if (location && !(location->module.empty() && location->function.empty())) {
    text += "    in ";
    text += location->module;
    if (!location->function.empty())
      text += (location->module.empty() ? "" : ", ") + location->function;
    text += "\n";
  }
  if (!diagnostic.hint.empty())
    text += "    hint: " + diagnostic.hint + "\n";
  return text;
}

std::string formatTable(const std::vector<std::vector<std::string>> &rows) {
  std::vector<size_t> widths;
  for (const std::vector<std::string> &row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const std::vector<std::string> &row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 < row.size())
        text.append(widths[i] - row[i].size() + 2, ' ');
    }
    text += "\n";
  }
  return text;
}

Json toJson(const Diagnostic &diagnostic) {
  Json json = {{"severity", styleOf(diagnostic.severity).name},
               {"code", diagnostic.code},
               {"message", diagnostic.message}};
  if (!diagnostic.op.empty())
    json["op"] = diagnostic.op;
  if (!diagnostic.node.empty())
    json["node"] = diagnostic.node;
  if (diagnostic.location)
    json["location"] = {{"file", diagnostic.location->file},
                        {"line", diagnostic.location->line},
                        {"column", diagnostic.location->column},
                        {"function", diagnostic.location->function},
                        {"module", diagnostic.location->module}};
  if (!diagnostic.hint.empty())
    json["hint"] = diagnostic.hint;
  return json;
}

Json toJson(const std::vector<Diagnostic> &diagnostics) {
  Json json = Json::array();
  for (const Diagnostic &diagnostic : diagnostics)
    json.push_back(toJson(diagnostic));
  return json;
}

Json toJson(const std::vector<client::StageTiming> &timings) {
  Json json = Json::object();
  for (const client::StageTiming &timing : timings)
    json[timing.stage] = std::chrono::duration<double>(timing.elapsed).count();
  return json;
}

Json toJson(const client::JobInfo &job) {
  Json json = {{"job_id", job.id}, {"state", client::jobStateName(job.state)}};
  if (!job.label.empty())
    json["label"] = job.label;
  if (!job.step.empty())
    json["step"] = job.step;
  json["emit"] = job.emit;
  for (const auto &[name, time] :
       {std::pair("created", job.created), std::pair("started", job.started),
        std::pair("finished", job.finished)})
    if (time)
      json[name] = isoTime(*time);
  if (job.artifact) {
    json["key"] = job.artifact->key;
    json["stage"] = job.artifact->stage;
    json["cached"] = job.artifact->cached;
    if (!job.artifact->target.empty())
      json["target"] = job.artifact->target;
  }
  json["timings"] = toJson(job.timings);
  if (job.failure)
    json["failure"] = {{"code", job.failure->code}, {"message", job.failure->message}};
  json["diagnostics"] = toJson(job.failure ? job.failure->diagnostics : job.diagnostics);
  return json;
}

void printJson(const Json &json) { std::printf("%s\n", dump(json).c_str()); }

} // namespace linalgd::cli
