#include "server/artifact_cache.h"

#include "server/logging.h"
#include "server/metrics.h"

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include <algorithm>

namespace linalgd {
namespace {

using nlohmann::json;

constexpr char kDirectory[] = "artifacts";

// An entry's file: this word, the SHA-256 of the rest, a line feed, and JSON (docs/operations.md).
constexpr std::string_view kMagic = "linalgd-artifact-1 ";
constexpr size_t kHeaderSize = kMagic.size() + 64 + 1;

std::string pathOf(const Digest &key) { return absl::StrCat(kDirectory, "/", key.hex()); }

std::string serialize(const CachedArtifact &artifact) {
  json files = json::array();
  for (const CachedFile &file : artifact.files)
    files.push_back({{"name", file.name},
                     {"media_type", file.mediaType},
                     {"digest", file.digest.hex()},
                     {"size", file.size}});
  const std::string body =
      json{{"stage", std::string(stageName(artifact.stage))}, {"files", std::move(files)}}.dump(
          -1, ' ', false, json::error_handler_t::replace);
  return std::string(kMagic) + sha256(body).hex() + "\n" + body;
}

std::optional<CachedArtifact> parse(const Digest &key, std::string_view content) {
  if (content.size() < kHeaderSize || !content.starts_with(kMagic))
    return std::nullopt;
  const std::string_view body = content.substr(kHeaderSize);
  if (content.substr(kMagic.size(), 64) != sha256(body).hex())
    return std::nullopt;
  const json root = json::parse(body, nullptr, /*allow_exceptions=*/false);
  // What follows was written by serialize(): the digest has just said so.
  CachedArtifact artifact;
  artifact.key = key;
  std::optional<Stage> stage = parseStage(root.at("stage").get<std::string>());
  if (!stage)
    return std::nullopt;
  artifact.stage = *stage;
  for (const json &file : root.at("files")) {
    absl::StatusOr<Digest> digest = Digest::fromHex(file.at("digest").get<std::string>());
    if (!digest.ok())
      return std::nullopt;
    artifact.files.push_back({file.at("name").get<std::string>(),
                              file.at("media_type").get<std::string>(), *digest,
                              file.at("size").get<uint64_t>()});
  }
  return artifact;
}

std::vector<Digest> digestsOf(const CachedArtifact &artifact) {
  std::vector<Digest> digests;
  digests.reserve(artifact.files.size());
  for (const CachedFile &file : artifact.files)
    digests.push_back(file.digest);
  return digests;
}

size_t sizeInMemory(const Inspection &inspection) {
  size_t bytes = sizeof(Inspection) + inspection.signature.size() + inspection.target.size();
  for (const WeightBinding &weight : inspection.weights)
    bytes += sizeof(weight) + weight.slot.size() + weight.shape.size() * sizeof(int64_t);
  // A map's node has about 32 bytes beside its content.
  for (const auto &[node, location] : inspection.sourceMap)
    bytes += sizeof(SourceMap::value_type) + 32 + node.size() + location.file.size() +
             location.function.size() + location.module.size();
  return bytes;
}

} // namespace

absl::StatusOr<std::unique_ptr<ArtifactCache>> ArtifactCache::open(DiskStore &disk,
                                                                   BlobStore &blobs,
                                                                   ArtifactCacheOptions options,
                                                                   Metrics &metrics) {
  std::unique_ptr<ArtifactCache> cache(new ArtifactCache(disk, blobs, std::move(options), metrics));
  absl::Status status = cache->recover();
  if (!status.ok())
    return status;
  blobs.onRemoved([raw = cache.get()](const Digest &digest) { raw->blobRemoved(digest); });
  return cache;
}

ArtifactCache::~ArtifactCache() { blobs_.onRemoved(nullptr); }

absl::Status ArtifactCache::recover() {
  if (absl::Status status = disk_.makeDirectory(kDirectory); !status.ok())
    return status;
  absl::StatusOr<std::vector<DiskEntry>> entries = disk_.list(kDirectory);
  if (!entries.ok())
    return entries.status();
  for (const DiskEntry &entry : *entries) {
    absl::StatusOr<Digest> key = Digest::fromHex(entry.name);
    if (!key.ok()) {
      logWarning("a file in the store is not named as an artifact and is left alone",
                 {{"file", absl::StrCat(kDirectory, "/", entry.name)}});
      continue;
    }
    absl::StatusOr<std::string> content = disk_.readFile(pathOf(*key));
    std::optional<CachedArtifact> artifact;
    if (content.ok())
      artifact = parse(*key, *content);
    const bool whole =
        artifact && std::ranges::all_of(artifact->files, [this](const CachedFile &file) {
          return blobs_.sizeOf(file.digest) == file.size;
        });
    if (whole) {
      std::lock_guard lock(mutex_);
      insertLocked(*std::move(artifact));
    } else {
      if (!artifact)
        logWarning("an artifact's entry is damaged and is dropped", {{"key", key->hex()}});
      removeFile(*key);
    }
  }
  return absl::OkStatus();
}

// --- Artifacts ---

void ArtifactCache::insertLocked(CachedArtifact artifact) {
  eraseLocked(artifact.key);
  for (const CachedFile &file : artifact.files)
    users_.emplace(file.digest, artifact.key);
  const Digest key = artifact.key;
  entries_.emplace(key, std::move(artifact));
  metrics_.artifacts.Set(static_cast<double>(entries_.size()));
}

bool ArtifactCache::eraseLocked(const Digest &key) {
  auto entry = entries_.find(key);
  if (entry == entries_.end())
    return false;
  for (const CachedFile &file : entry->second.files) {
    auto [begin, end] = users_.equal_range(file.digest);
    for (auto user = begin; user != end;)
      user = user->second == key ? users_.erase(user) : std::next(user);
  }
  entries_.erase(entry);
  metrics_.artifacts.Set(static_cast<double>(entries_.size()));
  return true;
}

void ArtifactCache::removeFile(const Digest &key) {
  if (absl::Status status = disk_.remove(pathOf(key)); !status.ok() && !absl::IsNotFound(status))
    logWarning("an artifact's entry stays on disk", {{"error", status.ToString()}});
}

void ArtifactCache::remove(const Digest &key) {
  std::lock_guard lock(mutex_);
  if (eraseLocked(key))
    removeFile(key);
}

void ArtifactCache::blobRemoved(const Digest &digest) {
  std::lock_guard lock(mutex_);
  std::vector<Digest> keys;
  auto [begin, end] = users_.equal_range(digest);
  for (auto user = begin; user != end; ++user)
    keys.push_back(user->second);
  for (const Digest &key : keys)
    if (eraseLocked(key))
      removeFile(key);
}

std::optional<CachedArtifact> ArtifactCache::find(const Digest &key) {
  CachedArtifact artifact;
  {
    std::lock_guard lock(mutex_);
    auto entry = entries_.find(key);
    if (entry == entries_.end())
      return std::nullopt;
    artifact = entry->second;
  }
  // Leases them, so that they stay until the client has fetched them.
  bool whole = blobs_.findMissing(digestsOf(artifact)).empty();
  for (const CachedFile &file : artifact.files)
    whole = whole && blobs_.open(file.digest).ok();
  if (whole)
    return artifact;
  remove(key);
  return std::nullopt;
}

absl::StatusOr<CachedArtifact> ArtifactCache::put(const Digest &key, Stage stage,
                                                  const Artifact &artifact) {
  std::vector<BlobSource> sources;
  sources.reserve(artifact.files.size());
  for (const ArtifactFile &file : artifact.files)
    sources.push_back({file.fd.get(), file.size});
  absl::StatusOr<std::vector<BlobInfo>> infos = blobs_.put(sources);
  if (!infos.ok())
    return infos.status();
  CachedArtifact cached{key, stage, {}};
  for (size_t i = 0; i < artifact.files.size(); ++i)
    cached.files.push_back({artifact.files[i].name, artifact.files[i].mediaType, (*infos)[i].digest,
                            (*infos)[i].size});
  // Not under the lock, since it waits for the disk. Should an older entry of the key be dropped,
  // with the new file, in between, the next start forgets the entry, which does no harm.
  absl::Status status = disk_.replaceFile(kDirectory, key.hex(), serialize(cached));
  if (!status.ok())
    return status;
  std::lock_guard lock(mutex_);
  insertLocked(cached);
  return cached;
}

size_t ArtifactCache::size() const {
  std::lock_guard lock(mutex_);
  return entries_.size();
}

// --- Failures ---

void ArtifactCache::putFailure(const Digest &key, CachedFailure failure,
                               std::chrono::milliseconds ttl) {
  const TimePoint now = options_.clock();
  std::lock_guard lock(mutex_);
  std::erase_if(failures_, [now](const auto &entry) { return entry.second.expires <= now; });
  if (failures_.size() >= options_.maxFailures && !failures_.contains(key))
    failures_.erase(std::ranges::min_element(
        failures_, {}, [](const auto &entry) { return entry.second.expires; }));
  failures_.insert_or_assign(key, Remembered{std::move(failure), now + ttl});
}

std::optional<CachedFailure> ArtifactCache::findFailure(const Digest &key) {
  std::lock_guard lock(mutex_);
  auto found = failures_.find(key);
  if (found == failures_.end() || found->second.expires <= options_.clock())
    return std::nullopt;
  return found->second.failure;
}

// --- Requests ---

void ArtifactCache::putInspection(const Digest &request,
                                  std::shared_ptr<const Inspection> inspection) {
  const size_t bytes = sizeInMemory(*inspection);
  std::lock_guard lock(mutex_);
  forgetRequestLocked(requests_.find(request));
  if (bytes > options_.maxInspectionBytes)
    return;
  while (!requestOrder_.empty() && (requests_.size() >= options_.maxInspections ||
                                    requestBytes_ + bytes > options_.maxInspectionBytes))
    forgetRequestLocked(requests_.find(requestOrder_.front()));
  auto position = requestOrder_.insert(requestOrder_.end(), request);
  requests_.emplace(request, Request{std::move(inspection), bytes, position});
  requestBytes_ += bytes;
}

void ArtifactCache::forgetRequestLocked(std::map<Digest, Request>::iterator request) {
  if (request == requests_.end())
    return;
  requestBytes_ -= request->second.bytes;
  requestOrder_.erase(request->second.position);
  requests_.erase(request);
}

std::shared_ptr<const Inspection> ArtifactCache::findInspection(const Digest &request) {
  std::lock_guard lock(mutex_);
  auto found = requests_.find(request);
  if (found == requests_.end())
    return nullptr;
  requestOrder_.splice(requestOrder_.end(), requestOrder_, found->second.position);
  return found->second.inspection;
}

} // namespace linalgd
