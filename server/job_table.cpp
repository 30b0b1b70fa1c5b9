#include "server/job_table.h"

#include "server/job_request.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include <algorithm>

namespace linalgd {
namespace {

constexpr uint32_t kDefaultPage = 100;
constexpr uint32_t kMaxPage = 1000;

} // namespace

void JobTable::add(const std::shared_ptr<Job> &job) {
  job->number = nextNumber_++;
  byId_[job->state().job_id()] = job;
  byNumber_[job->number] = job;
}

void JobTable::remove(const std::shared_ptr<Job> &job) {
  std::erase(ended_, job);
  byNumber_.erase(job->number);
  byId_.erase(job->state().job_id());
}

void JobTable::ended(const std::shared_ptr<Job> &job) {
  // All but always at the end; jobs of an earlier run of the daemon come in the order of
  // submission.
  auto position = std::ranges::upper_bound(ended_, job->endedAt, std::less(), &Job::endedAt);
  ended_.insert(position, job);
}

std::vector<std::string> JobTable::prune(TimePoint now) {
  std::vector<std::string> ids;
  while (!ended_.empty() &&
         (ended_.size() > maxEnded_ || ended_.front()->endedAt + maxAge_ < now)) {
    std::shared_ptr<Job> job = ended_.front();
    ids.push_back(job->state().job_id());
    remove(job);
  }
  return ids;
}

std::shared_ptr<Job> JobTable::lookUp(const std::string &id) const {
  auto job = byId_.find(id);
  return job == byId_.end() ? nullptr : job->second;
}

absl::StatusOr<std::shared_ptr<Job>> JobTable::find(const std::string &id) const {
  if (absl::Status checked = checkJobId(id); !checked.ok())
    return checked;
  if (std::shared_ptr<Job> job = lookUp(id))
    return job;
  return absl::NotFoundError(
      absl::StrCat("there is no job ", id, ": it never was, or it ended too long ago"));
}

absl::StatusOr<v1::ListResponse> JobTable::list(const v1::ListRequest &request) const {
  uint64_t before = UINT64_MAX;
  if (!request.page_token().empty() && !absl::SimpleAtoi(request.page_token(), &before))
    return absl::InvalidArgumentError("page_token: not one that List answered with");
  if (request.page_size() > kMaxPage)
    return absl::InvalidArgumentError(absl::StrCat("page_size: at most ", kMaxPage));
  int size = static_cast<int>(request.page_size() == 0 ? kDefaultPage : request.page_size());
  v1::ListResponse response;
  for (auto entry = byNumber_.lower_bound(before); entry != byNumber_.begin();) {
    const Job &job = *(--entry)->second;
    if (!request.states().empty() &&
        std::ranges::find(request.states(), job.state().state()) == request.states().end())
      continue;
    if (response.jobs_size() == size) {
      response.set_next_page_token(absl::StrCat(entry->first + 1));
      break;
    }
    *response.add_jobs() = job.summary();
  }
  return response;
}

} // namespace linalgd
