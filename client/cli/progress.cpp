#include "client/cli/progress.h"

#include "client/cli/format.h"
#include "client/cli/interrupt.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>

#include <sys/ioctl.h>
#include <unistd.h>

namespace linalgd::cli {
namespace {

constexpr std::chrono::milliseconds kRefresh{100};
// Steps that end sooner never flicker over the terminal.
constexpr std::chrono::milliseconds kFirstDraw{150};
constexpr std::array<const char *, 4> kSpinner = {"|", "/", "-", "\\"};

bool isTerminal() {
  const char *term = std::getenv("TERM");
  return isatty(STDERR_FILENO) == 1 && term && std::string_view(term) != "dumb";
}

size_t terminalWidth() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

} // namespace

Progress::Progress(bool quiet) : quiet_(quiet), live_(!quiet && isTerminal()) {
  if (live_)
    thread_ = std::thread([this] { tick(); });
}

Progress::~Progress() {
  if (!live_)
    return;
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
    clear();
  }
  changed_.notify_one();
  thread_.join();
}

void Progress::tick() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    draw();
    changed_.wait_for(lock, kRefresh);
  }
}

void Progress::draw() {
  SteadyClock::duration elapsed = SteadyClock::now() - since_;
  if (step_.empty() || (!drawn_ && elapsed < kFirstDraw))
    return;
  size_t frame = static_cast<size_t>(elapsed / kRefresh) % kSpinner.size();
  double seconds = std::chrono::duration<double>(elapsed).count();
  char time[32];
  std::snprintf(time, sizeof time, "%.1f s", seconds);
  std::string text = std::string(kSpinner[frame]) + " " + step_ + "  " + time;
  if (!detail_.empty())
    text += "  " + detail_;
  text.resize(std::min(text.size(), terminalWidth() - 1));
  std::fprintf(stderr, "\r\033[K%s", text.c_str());
  std::fflush(stderr);
  drawn_ = true;
}

void Progress::clear() {
  if (drawn_)
    std::fputs("\r\033[K", stderr);
  drawn_ = false;
}

void Progress::step(const std::string &text) {
  std::lock_guard lock(mutex_);
  if (step_ == text)
    return;
  bool wasDrawn = drawn_;
  step_ = text;
  detail_.clear();
  since_ = SteadyClock::now();
  drawn_ = wasDrawn;
}

void Progress::detail(const std::string &text) {
  std::lock_guard lock(mutex_);
  detail_ = text;
}

void Progress::line(const std::string &text) {
  if (quiet_)
    return;
  std::lock_guard lock(mutex_);
  clear();
  std::fprintf(stderr, "%s\n", text.c_str());
}

client::TransferCallback Progress::transfer(const std::string &what) {
  return [this, what, started = SteadyClock::now()](uint64_t done, uint64_t total) {
    step(what);
    detail(formatBytes(done) + " of " + formatBytes(total));
    if (done == total) {
      auto elapsed =
          std::chrono::duration_cast<std::chrono::microseconds>(SteadyClock::now() - started);
      line(what + ": " + formatBytes(total) + " in " + formatDuration(elapsed));
    }
    return !Interrupt::requested();
  };
}

} // namespace linalgd::cli
