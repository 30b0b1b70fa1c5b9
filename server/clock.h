// Time as the server measures it: monotonic, and replaceable by tests.
#pragma once

#include <chrono>
#include <functional>

namespace linalgd {

using TimePoint = std::chrono::steady_clock::time_point;
using Clock = std::function<TimePoint()>;

inline Clock steadyClock() {
  return [] { return std::chrono::steady_clock::now(); };
}

} // namespace linalgd
