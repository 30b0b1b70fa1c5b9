// One linalgd-worker process: started in a process group of its own, watched while it works, killed
// with its group. Not thread-safe; the thread that started it must outlive it (the process ends
// with that thread).
#pragma once

#include "proto/message_channel.h"
#include "server/worker.h"

#include "linalgd/v1/worker.pb.h"

#include <functional>
#include <memory>
#include <string>
#include <sys/types.h>

namespace linalgd {

struct WorkerOptions {
  std::string path; // of the program
  uint64_t memoryBytes = uint64_t{8} << 30;
  std::chrono::milliseconds runTimeout{std::chrono::minutes(10)}; // of one request
  std::chrono::milliseconds helloTimeout{std::chrono::seconds(30)};
  std::chrono::milliseconds samplePeriod{20}; // of the memory watch
  // A process is replaced after so many requests, or when it holds so much memory between two.
  uint32_t maxRequests = 500;
  uint64_t recycleBytes = uint64_t{2} << 30;
  // Told, by faultName() or "recycled", of each process that is replaced. Thread-safe.
  std::function<void(std::string_view)> onReplaced;
};

class WorkerProcess {
public:
  // Starts a process and waits for its Hello. Errors are faults.
  static absl::StatusOr<std::unique_ptr<WorkerProcess>> start(const WorkerOptions &options);
  // Kills what is left of the process group.
  ~WorkerProcess();

  const CompilerInfo &info() const { return info_; }
  pid_t pid() const { return pid_; }
  uint32_t requests() const { return requests_; }
  // What the process holds beside pages of files, bytes; 0 where that cannot be read.
  uint64_t memory() const;

  // Handles each message of the answer: true for the last one. An error ends the call.
  using Handler = std::function<absl::StatusOr<bool>(const v1::WorkerResponse &response,
                                                     std::vector<UniqueFd> descriptors)>;
  // Errors are faults; after one the process is good for nothing.
  absl::Status call(const v1::WorkerRequest &request, std::span<const int> descriptors,
                    const RunContext &context, const Handler &handler);

private:
  WorkerProcess(const WorkerOptions &options, UniqueFd socket);
  absl::Status spawn(UniqueFd socket, UniqueFd output);
  absl::Status greet();

  // Waits for the socket, with an eye on everything else.
  absl::Status wait(int fd, short events);
  absl::Status supervise();
  absl::Status explain(absl::Status status);
  absl::Status explainExit();
  void drainOutput();
  void logLine(std::string line);
  void kill();

  const WorkerOptions &options_;
  MessageChannel channel_;
  pid_t pid_ = -1; // -1: reaped
  UniqueFd output_;
  CompilerInfo info_;
  uint32_t requests_ = 0;

  // Of the call that is running.
  const RunContext *context_ = nullptr;
  TimePoint deadline_;
  TimePoint nextSample_;
  std::string line_;
  std::string lastLine_;
  size_t logged_ = 0; // bytes
};

} // namespace linalgd
