// The jobs on disk: one small file each, below the store's directory, so that an acknowledged job
// survives the daemon. Writes are made by a thread, together where many come at once.
#pragma once

#include "server/disk_store.h"

#include "linalgd/v1/journal.pb.h"

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace linalgd {

// Thread-safe.
class JobJournal {
public:
  using Done = std::function<void(const absl::Status &)>;

  // The disk must outlive the journal.
  static absl::StatusOr<std::unique_ptr<JobJournal>> open(DiskStore &disk);
  // Writes what is still to be written.
  ~JobJournal();

  // All records, in no order. Files that cannot be read are dropped, with a word in the log.
  absl::StatusOr<std::vector<v1::JobRecord>> load();

  // Replaces the record of a job. `done`, called on the journal's thread, hears when it is on disk.
  void put(const v1::JobRecord &record, Done done);
  void remove(const std::string &jobId);
  // `done` hears when everything that was put before is on disk.
  void sync(Done done);

private:
  struct Task {
    std::string jobId;   // empty: nothing to write
    std::string content; // empty: the record is removed
    Done done;
  };

  explicit JobJournal(DiskStore &disk) : disk_(disk) {}
  void enqueue(Task task);
  void work();
  absl::Status write(const std::deque<Task> &tasks);

  DiskStore &disk_;
  std::mutex mutex_; // guards the following
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  bool stopping_ = false;
  std::thread thread_;
};

} // namespace linalgd
