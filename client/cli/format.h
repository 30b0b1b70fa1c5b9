// How linalgc writes things, for people and as JSON.
#pragma once

#include "client/cli/session.h"

#include <chrono>
#include <string>
#include <vector>

namespace linalgd::cli {

std::string formatBytes(uint64_t bytes);                    // "44.7 MB"
std::string formatDuration(std::chrono::microseconds time); // "0.31 s", "2 min 5 s"
// "2026-11-23 09:04:39", local time; "-" for none.
std::string formatTime(const std::optional<client::Clock::time_point> &time);

// As compilers write them: "net.py:12: error: message [code]", then indented lines for the module
// and the hint. `model` stands for the place where none is known.
std::string formatDiagnostic(const Diagnostic &diagnostic, const std::string &model, bool colour);
bool colourOnStderr();

// Columns of equal width, two spaces between them; the first row is the heading.
std::string formatTable(const std::vector<std::vector<std::string>> &rows);

Json toJson(const Diagnostic &diagnostic);
Json toJson(const std::vector<Diagnostic> &diagnostics);
Json toJson(const std::vector<client::StageTiming> &timings); // stage → seconds, in order
Json toJson(const client::JobInfo &job);

// One line of JSON on standard output.
void printJson(const Json &json);

} // namespace linalgd::cli
