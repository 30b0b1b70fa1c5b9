#include "server/job_journal.h"

#include "compiler/api/digest.h"
#include "server/logging.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include <algorithm>
#include <map>

namespace linalgd {
namespace {

constexpr char kDirectory[] = "jobs";
constexpr char kSuffix[] = ".job";
constexpr size_t kDigestBytes = sizeof(Digest::bytes);

std::string pathOf(const std::string &jobId) {
  return absl::StrCat(kDirectory, "/", jobId, kSuffix);
}

// A file is the SHA-256 of a record, and the record.
std::string encode(const v1::JobRecord &record) {
  std::string body = record.SerializeAsString();
  Digest digest = sha256(body);
  return std::string(digest.bytes.begin(), digest.bytes.end()) + body;
}

bool decode(const std::string &content, v1::JobRecord *record) {
  if (content.size() < kDigestBytes)
    return false;
  std::string body = content.substr(kDigestBytes);
  Digest digest = sha256(body);
  return std::equal(digest.bytes.begin(), digest.bytes.end(), content.begin(),
                    [](uint8_t a, char b) { return a == static_cast<uint8_t>(b); }) &&
         record->ParseFromString(body);
}

} // namespace

absl::StatusOr<std::unique_ptr<JobJournal>> JobJournal::open(DiskStore &disk) {
  if (absl::Status made = disk.makeDirectory(kDirectory); !made.ok())
    return made;
  auto journal = std::unique_ptr<JobJournal>(new JobJournal(disk));
  journal->thread_ = std::thread([raw = journal.get()] { raw->work(); });
  return journal;
}

JobJournal::~JobJournal() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable())
    thread_.join();
}

absl::StatusOr<std::vector<v1::JobRecord>> JobJournal::load() {
  absl::StatusOr<std::vector<DiskEntry>> entries = disk_.list(kDirectory);
  if (!entries.ok())
    return entries.status();
  std::vector<v1::JobRecord> records;
  for (const DiskEntry &entry : *entries) {
    std::string path = absl::StrCat(kDirectory, "/", entry.name);
    absl::StatusOr<std::string> content = disk_.readFile(path);
    v1::JobRecord record;
    if (content.ok() && absl::EndsWith(entry.name, kSuffix) && decode(*content, &record)) {
      records.push_back(std::move(record));
      continue;
    }
    logWarning("job record dropped: it is damaged", {{"path", path}});
    if (absl::Status removed = disk_.remove(path); !removed.ok())
      return removed;
  }
  return records;
}

void JobJournal::put(const v1::JobRecord &record, Done done) {
  enqueue({record.job().job_id(), encode(record), std::move(done)});
}

void JobJournal::remove(const std::string &jobId) { enqueue({jobId, "", nullptr}); }

void JobJournal::sync(Done done) { enqueue({"", "", std::move(done)}); }

void JobJournal::enqueue(Task task) {
  {
    std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  changed_.notify_one();
}

void JobJournal::work() {
  while (true) {
    std::deque<Task> tasks;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
      if (tasks_.empty())
        return;
      tasks.swap(tasks_);
    }
    absl::Status written = write(tasks);
    if (!written.ok())
      logError("job records not written", {{"error", written.ToString()}});
    for (const Task &task : tasks)
      if (task.done)
        task.done(written);
  }
}

absl::Status JobJournal::write(const std::deque<Task> &tasks) {
  // Of several records of one job, only the last counts.
  std::map<std::string, const Task *> last;
  for (const Task &task : tasks)
    if (!task.jobId.empty())
      last[task.jobId] = &task;
  if (last.empty())
    return absl::OkStatus();

  std::vector<UniqueFd> files;
  std::vector<int> fds;
  std::vector<std::pair<std::string, std::string>> renames;
  absl::Status status;
  for (const auto &[id, task] : last) {
    if (task->content.empty())
      continue;
    std::string temporary = disk_.temporaryPath();
    absl::StatusOr<UniqueFd> file = disk_.create(temporary);
    status = file.status();
    if (!status.ok())
      break;
    renames.emplace_back(temporary, pathOf(id));
    fds.push_back(file->get());
    files.push_back(*std::move(file));
    status = disk_.write(fds.back(), task->content, 0);
    if (!status.ok())
      break;
  }
  if (status.ok())
    status = disk_.sync(fds);
  size_t renamed = 0;
  while (status.ok() && renamed < renames.size()) {
    status = disk_.rename(renames[renamed].first, renames[renamed].second);
    renamed += status.ok() ? 1 : 0;
  }
  for (size_t i = renamed; i < renames.size(); ++i)
    disk_.remove(renames[i].first).IgnoreError();
  for (const auto &[id, task] : last) {
    absl::Status removed = task->content.empty() ? disk_.remove(pathOf(id)) : absl::OkStatus();
    if (!removed.ok() && !absl::IsNotFound(removed))
      status.Update(removed);
  }
  status.Update(disk_.syncDirectory(kDirectory));
  return status;
}

} // namespace linalgd
