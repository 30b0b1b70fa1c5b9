// The daemon's log: one line for each event on stderr, a message and fields, as `key=value` or as
// JSON.
#pragma once

#include "absl/status/status.h"

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace linalgd {

enum class LogLevel : uint8_t { Debug, Info, Warning, Error };

struct LogField {
  std::string_view key;
  std::variant<std::string, int64_t, double, bool> value;

  LogField(std::string_view key, std::string value) : key(key), value(std::move(value)) {}
  LogField(std::string_view key, std::string_view value) : key(key), value(std::string(value)) {}
  LogField(std::string_view key, const char *value) : key(key), value(std::string(value)) {}
  LogField(std::string_view key, bool value) : key(key), value(value) {}
  LogField(std::string_view key, double value) : key(key), value(value) {}
  template <std::integral Integer>
  LogField(std::string_view key, Integer value) : key(key), value(static_cast<int64_t>(value)) {}
};

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields);

inline void logDebug(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::Debug, message, fields);
}
inline void logInfo(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::Info, message, fields);
}
inline void logWarning(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::Warning, message, fields);
}
inline void logError(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::Error, message, fields);
}

// What of the log is written, and how: "debug" "info" "warning" "error", "text" "json". Without it:
// info, text.
absl::Status configureLogging(std::string_view level, std::string_view format);

} // namespace linalgd
