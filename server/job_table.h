// The jobs that are known: found by id, listed by age, forgotten when enough others have ended
// since. Not thread-safe: the JobManager's mutex guards it.
#pragma once

#include "server/job.h"

#include "absl/status/statusor.h"

#include <deque>
#include <map>
#include <memory>
#include <string>

namespace linalgd {

class JobTable {
public:
  JobTable(size_t maxEnded, std::chrono::milliseconds maxAge)
      : maxEnded_(maxEnded), maxAge_(maxAge) {}

  // Gives the job its number. Its id is not known yet.
  void add(const std::shared_ptr<Job> &job);
  void remove(const std::shared_ptr<Job> &job);
  // To be called when a job has ended, `endedAt` being set.
  void ended(const std::shared_ptr<Job> &job);
  // Drops the ended jobs that are too many or too old, and answers with their ids.
  std::vector<std::string> prune(TimePoint now);

  // Null where there is none.
  std::shared_ptr<Job> lookUp(const std::string &id) const;
  // InvalidArgument, NotFound.
  absl::StatusOr<std::shared_ptr<Job>> find(const std::string &id) const;
  absl::StatusOr<v1::ListResponse> list(const v1::ListRequest &request) const;

private:
  const size_t maxEnded_;
  const std::chrono::milliseconds maxAge_;
  uint64_t nextNumber_ = 1;
  std::map<std::string, std::shared_ptr<Job>> byId_;
  std::map<uint64_t, std::shared_ptr<Job>> byNumber_;
  std::deque<std::shared_ptr<Job>> ended_; // the first to end first
};

} // namespace linalgd
