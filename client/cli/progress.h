// What happens, on standard error: one live line on a terminal, a line for each step elsewhere.
#pragma once

#include "linalgd/client.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace linalgd::cli {

class Progress {
public:
  explicit Progress(bool quiet);
  ~Progress();
  Progress(const Progress &) = delete;
  Progress &operator=(const Progress &) = delete;

  // A new step begins: "uploading", "compiling: linalg".
  void step(const std::string &text);
  // What is said beside the step: "12 of 45 MB". Live only.
  void detail(const std::string &text);
  // A whole line that stays, without the newline.
  void line(const std::string &text);
  // As `step` and `detail`, for a transfer. False once linalgc was interrupted.
  client::TransferCallback transfer(const std::string &what);

private:
  using SteadyClock = std::chrono::steady_clock;

  void tick();
  void draw();  // with mutex_
  void clear(); // with mutex_

  const bool quiet_;
  const bool live_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string step_;
  std::string detail_;
  SteadyClock::time_point since_;
  bool drawn_ = false;
  bool stop_ = false;
  std::thread thread_;
};

} // namespace linalgd::cli
