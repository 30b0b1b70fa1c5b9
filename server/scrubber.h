// A thread that verifies the store's blobs, one after the other, slowly enough to be in nobody's
// way.
#pragma once

#include "server/blob_store.h"

#include <condition_variable>
#include <mutex>
#include <thread>

namespace linalgd {

class Scrubber {
public:
  // The store must outlive the scrubber.
  explicit Scrubber(BlobStore &store);
  ~Scrubber();
  Scrubber(const Scrubber &) = delete;
  Scrubber &operator=(const Scrubber &) = delete;

private:
  void work();

  BlobStore &store_;
  std::mutex mutex_;
  std::condition_variable ending_;
  bool end_ = false; // guarded by mutex_
  std::thread thread_;
};

} // namespace linalgd
