// The daemon's settings: one table gives the flags, the keys of the configuration file, the
// environment variables and the help. Precedence: flag, environment, file, default.
#pragma once

#include "absl/status/statusor.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace linalgd {

struct Config {
  std::string listen = "127.0.0.1:8470";
  std::string metrics = "127.0.0.1:8471";
  std::string store; // default: see storeDefault() in config.cpp
  uint64_t storeSize = uint64_t{20} << 30;
  uint32_t workers = 0;   // filled in: one for each CPU
  std::string workerPath; // filled in: linalgd-worker beside the running program
  uint64_t workerMemory = uint64_t{8} << 30;
  std::chrono::milliseconds jobTimeout{std::chrono::minutes(10)};
  uint32_t maxQueue = 1000;
  uint32_t jobHistory = 1000; // ended jobs that Get and List still know
  std::chrono::milliseconds jobHistoryAge{std::chrono::hours(24)};
  std::chrono::milliseconds failureTtl{std::chrono::minutes(1)};
  std::chrono::milliseconds grace{std::chrono::seconds(30)};
  std::chrono::milliseconds uploadTtl{std::chrono::minutes(1)};
  std::chrono::milliseconds lease{std::chrono::minutes(5)};
  std::string defaultTarget = "x86-64-v3";
  std::string logLevel = "info";
  std::string logFormat = "text";
};

struct CommandLine {
  Config config;
  std::string answer; // --help or --version: to be printed, and nothing done
};

// `environment`: "NAME=value" lines, as in environ. INVALID_ARGUMENT names the flag, variable or
// file and key at fault.
absl::StatusOr<CommandLine> parseCommandLine(const std::vector<std::string> &arguments,
                                             const std::vector<std::string> &environment);

} // namespace linalgd
