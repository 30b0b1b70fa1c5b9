// Ctrl-C and SIGTERM: the first one asks a command to stop in good order, the second ends linalgc.
#pragma once

#include <functional>

namespace linalgd::cli {

class Interrupt {
public:
  // Once, before any thread starts.
  static void install();
  // Whether a first signal came while a scope was open.
  static bool requested();

  // While it lives, the first signal calls `stop`, on another thread; without one, it ends linalgc.
  class Scope {
  public:
    explicit Scope(std::function<void()> stop);
    ~Scope();
    Scope(const Scope &) = delete;
    Scope &operator=(const Scope &) = delete;
  };
};

} // namespace linalgd::cli
