#include "server/scrubber.h"

namespace linalgd {
namespace {

using std::chrono::milliseconds;

// The start of the daemon belongs to others; so does most of the disk's time.
constexpr milliseconds kFirstDelay{60000};
constexpr milliseconds kDelay{1000};
constexpr uint64_t kBytesPerMillisecond = 8 << 10;

} // namespace

Scrubber::Scrubber(BlobStore &store) : store_(store), thread_([this] { work(); }) {}

Scrubber::~Scrubber() {
  {
    std::lock_guard lock(mutex_);
    end_ = true;
  }
  ending_.notify_all();
  thread_.join();
}

void Scrubber::work() {
  milliseconds delay = kFirstDelay;
  std::unique_lock lock(mutex_);
  while (!ending_.wait_for(lock, delay, [this] { return end_; })) {
    lock.unlock();
    const std::optional<uint64_t> size = store_.scrubNext();
    delay = size ? kDelay + milliseconds(*size / kBytesPerMillisecond) : kFirstDelay;
    lock.lock();
  }
}

} // namespace linalgd
