#include "server/logging.h"

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "spdlog/pattern_formatter.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

#include <atomic>

namespace linalgd {
namespace {

std::atomic<bool> json{false};

spdlog::logger &logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>("linalgd",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_formatter(std::make_unique<spdlog::pattern_formatter>(
        "time=%Y-%m-%dT%H:%M:%S.%eZ level=%l %v", spdlog::pattern_time_type::utc));
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *instance;
}

std::string jsonString(std::string_view text) {
  return nlohmann::json(std::string(text))
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// Bare where it is one word, else quoted and escaped as in JSON.
std::string textValue(const std::string &text) {
  auto plain = [](char c) { return c > ' ' && c != '"' && c != '=' && c != '\\' && c < 0x7f; };
  return !text.empty() && std::all_of(text.begin(), text.end(), plain) ? text : jsonString(text);
}

std::string fieldValue(const LogField &field, bool asJson) {
  return std::visit(
      [asJson](const auto &value) -> std::string {
        using Value = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, std::string>)
          return asJson ? jsonString(value) : textValue(value);
        else if constexpr (std::is_same_v<Value, bool>)
          return value ? "true" : "false";
        else
          return absl::StrCat(value);
      },
      field.value);
}

spdlog::level::level_enum levelOf(LogLevel level) {
  switch (level) {
  case LogLevel::Debug:
    return spdlog::level::debug;
  case LogLevel::Info:
    return spdlog::level::info;
  case LogLevel::Warning:
    return spdlog::level::warn;
  case LogLevel::Error:
    return spdlog::level::err;
  }
  return spdlog::level::err;
}

} // namespace

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (!logger().should_log(levelOf(level)))
    return;
  const bool asJson = json.load(std::memory_order_relaxed);
  std::string line = absl::StrCat(asJson ? "\"message\":" : "message=", jsonString(message));
  for (const LogField &field : fields)
    if (asJson)
      absl::StrAppend(&line, ",", jsonString(field.key), ":", fieldValue(field, true));
    else
      absl::StrAppend(&line, " ", std::string(field.key), "=", fieldValue(field, false));
  logger().log(levelOf(level), spdlog::string_view_t(line));
}

absl::Status configureLogging(std::string_view level, std::string_view format) {
  if (level != "debug" && level != "info" && level != "warning" && level != "error")
    return absl::InvalidArgumentError(absl::StrCat("unknown log level '", std::string(level),
                                                   "'; there are debug, info, warning, error"));
  if (format != "text" && format != "json")
    return absl::InvalidArgumentError(
        absl::StrCat("unknown log format '", std::string(format), "'; there are text and json"));
  logger().set_level(spdlog::level::from_str(std::string(level)));
  json = format == "json";
  if (json)
    logger().set_formatter(std::make_unique<spdlog::pattern_formatter>(
        R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})", spdlog::pattern_time_type::utc));
  return absl::OkStatus();
}

} // namespace linalgd
