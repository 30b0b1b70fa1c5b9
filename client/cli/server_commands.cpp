// `linalgc jobs`, `cancel`, `cache`, `status` and `drain`.
#include "client/cli/compiling.h"
#include "client/cli/format.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <memory>
#include <optional>

namespace linalgd::cli {
namespace {

using client::milliseconds;

// Connects, and reports what `body` fails with.
template <typename Body> int withClient(const Session &session, Body body) {
  absl::StatusOr<client::Client> client = session.connect();
  if (!client.ok())
    return session.fail(client.status());
  absl::Status status = body(*client);
  return status.ok() ? static_cast<int>(kOk) : session.fail(status);
}

std::string percent(uint64_t part, uint64_t whole) {
  if (whole == 0)
    return "-";
  return std::to_string(
             std::llround(100.0 * static_cast<double>(part) / static_cast<double>(whole))) +
         " %";
}

std::string runTime(const client::JobInfo &job) {
  if (!job.started)
    return "-";
  client::Clock::time_point end = job.finished.value_or(client::Clock::now());
  return formatDuration(std::chrono::duration_cast<client::microseconds>(end - *job.started));
}

absl::Status listJobs(const Session &session, client::Client &client,
                      const std::vector<std::string> &stateNames, uint32_t limit) {
  std::vector<client::JobState> states;
  states.reserve(stateNames.size());
  for (const std::string &name : stateNames)
    states.push_back(*client::parseJobState(name)); // the parser takes no other names
  std::vector<client::JobInfo> jobs;
  std::string token;
  do {
    uint32_t wanted = std::min<uint32_t>(limit - static_cast<uint32_t>(jobs.size()), 1000);
    absl::StatusOr<client::JobList> page = client.list(states, wanted, token);
    if (!page.ok())
      return page.status();
    std::ranges::move(page->jobs, std::back_inserter(jobs));
    token = page->jobs.empty() ? "" : page->nextPageToken;
  } while (!token.empty() && jobs.size() < limit);
  if (session.json) {
    Json list = Json::array();
    for (const client::JobInfo &job : jobs)
      list.push_back(toJson(job));
    printJson({{"jobs", list}, {"more", !token.empty()}});
    return absl::OkStatus();
  }
  std::vector<std::vector<std::string>> rows = {
      {"JOB", "STATE", "STEP", "EMIT", "CREATED", "TIME", "LABEL"}};
  for (const client::JobInfo &job : jobs)
    rows.push_back({job.id, std::string(client::jobStateName(job.state)),
                    job.step.empty() ? "-" : job.step, job.emit, formatTime(job.created),
                    runTime(job), job.label});
  std::fputs(formatTable(rows).c_str(), stdout);
  if (!token.empty())
    std::fputs("… and older ones: see --limit\n", stdout);
  return absl::OkStatus();
}

absl::Status showJob(const Session &session, client::Client &client, const std::string &id) {
  absl::StatusOr<client::Job> found = client.attach(id);
  if (!found.ok())
    return found.status();
  const client::JobInfo &job = found->submitted();
  if (session.json) {
    printJson(toJson(job));
    return absl::OkStatus();
  }
  std::vector<std::vector<std::string>> rows = {
      {"job", job.id},
      {"state", std::string(client::jobStateName(job.state))},
      {"label", job.label},
      {"emit", job.emit},
      {"created", formatTime(job.created)},
      {"started", formatTime(job.started)},
      {"finished", formatTime(job.finished)}};
  if (!job.step.empty())
    rows.push_back({"step", job.step});
  for (const client::StageTiming &timing : job.timings)
    rows.push_back({"  " + timing.stage, formatDuration(timing.elapsed)});
  if (job.artifact) {
    rows.push_back({"key", job.artifact->key + (job.artifact->cached ? " (cached)" : "")});
    if (!job.artifact->target.empty())
      rows.push_back({"target", job.artifact->target});
    for (const client::ArtifactFile &file : job.artifact->files)
      rows.push_back({"file", file.name + ", " + formatBytes(file.size)});
  }
  std::fputs(formatTable(rows).c_str(), stdout);
  if (job.failure || !job.diagnostics.empty())
    report(job, job.label.empty() ? id : job.label);
  return absl::OkStatus();
}

absl::Status cancelJobs(const Session &session, client::Client &client,
                        const std::vector<std::string> &ids) {
  Json list = Json::array();
  for (const std::string &id : ids) {
    absl::StatusOr<client::JobInfo> job = client.cancel(id);
    if (!job.ok())
      return job.status();
    std::string state(client::jobStateName(job->state));
    list.push_back({{"job_id", id}, {"state", state}});
    if (!session.json)
      std::printf("%s: %s\n", id.c_str(),
                  job->done() ? state.c_str() : (state + ", to be cancelled").c_str());
  }
  if (session.json)
    printJson({{"jobs", list}});
  return absl::OkStatus();
}

absl::Status showCache(const Session &session, client::Client &client) {
  absl::StatusOr<client::ServerStats> stats = client.stats();
  absl::StatusOr<client::ServerInfo> info = client.serverInfo();
  if (!stats.ok() || !info.ok())
    return stats.ok() ? info.status() : stats.status();
  uint64_t limit = info->limits.storeBytes;
  if (session.json) {
    printJson({{"hits", stats->cacheHits},
               {"misses", stats->cacheMisses},
               {"joined", stats->cacheJoined},
               {"stage_resumes", stats->stageResumes},
               {"artifacts", stats->artifacts},
               {"blobs", stats->blobs},
               {"bytes", stats->storeBytesUsed},
               {"limit_bytes", limit}});
    return absl::OkStatus();
  }
  uint64_t served = stats->cacheHits + stats->cacheJoined;
  std::vector<std::vector<std::string>> rows = {
      {"artifacts", std::to_string(stats->artifacts)},
      {"blobs", std::to_string(stats->blobs)},
      {"size",
       formatBytes(stats->storeBytesUsed) +
           (limit ? " of " + formatBytes(limit) + " (" + percent(stats->storeBytesUsed, limit) + ")"
                  : "")},
      {"hits", std::to_string(stats->cacheHits)},
      {"misses", std::to_string(stats->cacheMisses)},
      {"joined", std::to_string(stats->cacheJoined) + " (served by another job's compile)"},
      {"resumed", std::to_string(stats->stageResumes) + " (went on from a cached stage)"},
      {"served", percent(served, served + stats->cacheMisses) + " without compiling"}};
  std::fputs(formatTable(rows).c_str(), stdout);
  return absl::OkStatus();
}

Json statusJson(const std::string &address, const client::ServerInfo &info,
                const client::ServerStats &stats) {
  Json stages = Json::array();
  for (const client::StageDescription &stage : info.stages)
    stages.push_back({{"name", stage.name}, {"description", stage.description}});
  auto seconds = [](client::microseconds time) {
    return std::chrono::duration<double>(time).count();
  };
  return {{"address", address},
          {"state", stats.draining ? "draining" : "serving"},
          {"version", info.version},
          {"protocol", info.protocol},
          {"build_id", info.buildId},
          {"libraries", info.libraries},
          {"uptime_seconds", seconds(stats.uptime)},
          {"stages", stages},
          {"targets", info.targets},
          {"default_target", info.defaultTarget},
          {"workers", info.limits.workers},
          {"limits",
           {{"max_blob_bytes", info.limits.maxBlobBytes},
            {"store_bytes", info.limits.storeBytes},
            {"worker_memory_bytes", info.limits.workerMemoryBytes},
            {"max_queued_jobs", info.limits.maxQueuedJobs},
            {"job_timeout_seconds", seconds(info.limits.jobTimeout)}}},
          {"jobs",
           {{"queued", stats.jobsQueued},
            {"running", stats.jobsRunning},
            {"submitted", stats.jobsSubmitted},
            {"succeeded", stats.jobsSucceeded},
            {"failed", stats.jobsFailed},
            {"cancelled", stats.jobsCancelled}}},
          {"worker_restarts", stats.workerRestarts}};
}

absl::Status showStatus(const Session &session, client::Client &client) {
  absl::StatusOr<client::ServerInfo> info = client.serverInfo();
  if (!info.ok())
    return info.status();
  absl::StatusOr<client::ServerStats> stats = client.stats();
  if (!stats.ok())
    return stats.status();
  if (session.json) {
    printJson(statusJson(client.address(), *info, *stats));
    return absl::OkStatus();
  }
  auto join = [](const auto &list, auto text) {
    std::string joined;
    for (const auto &item : list)
      joined += (joined.empty() ? "" : ", ") + text(item);
    return joined;
  };
  std::vector<std::vector<std::string>> rows = {
      {"server", client.address() + (stats->draining ? ", draining" : ", serving")},
      {"version", info->version + " (" + info->protocol + ")"},
      {"libraries",
       join(info->libraries, [](const auto &entry) { return entry.first + " " + entry.second; })},
      {"up", formatDuration(stats->uptime)},
      {"stages", join(info->stages, [](const auto &stage) { return stage.name; })},
      {"targets", join(info->targets, [](const std::string &target) { return target; })},
      {"default", info->defaultTarget},
      {"workers", std::to_string(info->limits.workers) + ", " +
                      std::to_string(stats->workerRestarts) + " restarts"},
      {"jobs", std::to_string(stats->jobsRunning) + " running, " +
                   std::to_string(stats->jobsQueued) + " queued, " +
                   std::to_string(stats->jobsSucceeded) + " succeeded, " +
                   std::to_string(stats->jobsFailed) + " failed, " +
                   std::to_string(stats->jobsCancelled) + " cancelled"},
      {"store",
       formatBytes(stats->storeBytesUsed) + " of " + formatBytes(info->limits.storeBytes)}};
  std::fputs(formatTable(rows).c_str(), stdout);
  return absl::OkStatus();
}

absl::Status drainServer(const Session &session, client::Client &client,
                         std::optional<double> grace) {
  std::optional<milliseconds> time;
  if (grace)
    time = milliseconds(std::llround(*grace * 1000));
  absl::StatusOr<client::DrainResult> result = client.drain(time);
  if (!result.ok())
    return result.status();
  if (session.json)
    printJson({{"drained", result->drained}, {"jobs_left", result->jobsLeft}});
  if (!result->drained)
    return absl::DeadlineExceededError(std::to_string(result->jobsLeft) +
                                       " jobs had not ended when the grace period was over");
  if (!session.json)
    std::puts("drained: no jobs are left, and none are taken");
  return absl::OkStatus();
}

} // namespace

void addJobs(CLI::App &app, const Session &session, Action &action) {
  struct Options {
    std::string id;
    std::vector<std::string> states;
    uint32_t limit = 50;
  };
  auto options = std::make_shared<Options>();
  CLI::App *sub = app.add_subcommand("jobs", "List the server's jobs, or show one");
  sub->add_option("JOB", options->id, "Show this one with its diagnostics");
  sub->add_option("--state", options->states, "Only those; may be repeated")
      ->check(CLI::IsMember({"queued", "running", "succeeded", "failed", "cancelled"}))
      ->allow_extra_args(false);
  sub->add_option("--limit", options->limit, "How many, newest first")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  sub->callback([options, &session, &action] {
    action = [options, &session] {
      return withClient(session, [&](client::Client &client) {
        return options->id.empty() ? listJobs(session, client, options->states, options->limit)
                                   : showJob(session, client, options->id);
      });
    };
  });
}

void addCancel(CLI::App &app, const Session &session, Action &action) {
  auto ids = std::make_shared<std::vector<std::string>>();
  CLI::App *sub = app.add_subcommand("cancel", "Cancel jobs");
  sub->add_option("JOB", *ids, "Their ids")->required();
  sub->callback([ids, &session, &action] {
    action = [ids, &session] {
      return withClient(session,
                        [&](client::Client &client) { return cancelJobs(session, client, *ids); });
    };
  });
}

void addCache(CLI::App &app, const Session &session, Action &action) {
  CLI::App *sub =
      app.add_subcommand("cache", "Show what the server's cache holds and how it serves");
  sub->callback([&session, &action] {
    action = [&session] {
      return withClient(session,
                        [&](client::Client &client) { return showCache(session, client); });
    };
  });
}

void addStatus(CLI::App &app, const Session &session, Action &action) {
  CLI::App *sub = app.add_subcommand("status", "Show the server: health, versions, load");
  sub->callback([&session, &action] {
    action = [&session] {
      return withClient(session,
                        [&](client::Client &client) { return showStatus(session, client); });
    };
  });
}

void addDrain(CLI::App &app, const Session &session, Action &action) {
  auto grace = std::make_shared<std::optional<double>>();
  CLI::App *sub =
      app.add_subcommand("drain", "Let the server take no more jobs, and wait for the others");
  sub->add_option("--grace", *grace, "Seconds to wait at most (default: the server's)")
      ->check(CLI::NonNegativeNumber);
  sub->callback([grace, &session, &action] {
    action = [grace, &session] {
      return withClient(
          session, [&](client::Client &client) { return drainServer(session, client, *grace); });
    };
  });
}

} // namespace linalgd::cli
