// key → artifact, one entry for each stage of each compile, persisted beside the blobs that it
// names; and, in memory only, what is known about failures and about requests.
//
// An entry is a hit only when each of its blobs is present and verified; an entry whose blobs are
// gone is gone too. Thread-safe.
#pragma once

#include "compiler/api/compiler.h"
#include "server/blob_store.h"

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace linalgd {

struct CachedFile {
  std::string name;
  std::string mediaType;
  Digest digest;
  uint64_t size = 0;
};

struct CachedArtifact {
  Digest key;
  Stage stage = Stage::TorchRaw;
  std::vector<CachedFile> files; // the first one is the artifact proper
};

// A failure that the same key would meet again. Its diagnostics name nodes, not places.
struct CachedFailure {
  absl::Status status;
  std::vector<Diagnostic> diagnostics;
};

struct ArtifactCacheOptions {
  // Entries of failures, and of requests, that are remembered at most.
  size_t maxFailures = 1000;
  size_t maxInspections = 4096;
  // What remembered inspections (weights, signatures, source maps) may take, roughly.
  size_t maxInspectionBytes = 64 << 20;
  Clock clock = steadyClock();
};

class ArtifactCache {
public:
  // The disk, the blobs and the metrics must outlive the cache.
  static absl::StatusOr<std::unique_ptr<ArtifactCache>>
  open(DiskStore &disk, BlobStore &blobs, ArtifactCacheOptions options, Metrics &metrics);
  ~ArtifactCache();

  // The entry of a key, its blobs leased, or nothing. The first look at an entry after the start
  // reads its blobs to verify them.
  std::optional<CachedArtifact> find(const Digest &key);
  // Stores the artifact's files as blobs, and the entry. Counts no hit or miss: jobs do.
  absl::StatusOr<CachedArtifact> put(const Digest &key, Stage stage, const Artifact &artifact);
  void remove(const Digest &key);

  void putFailure(const Digest &key, CachedFailure failure, std::chrono::milliseconds ttl);
  std::optional<CachedFailure> findFailure(const Digest &key);

  // What inspecting a request (the digest of its model and options) found out.
  void putInspection(const Digest &request, std::shared_ptr<const Inspection> inspection);
  std::shared_ptr<const Inspection> findInspection(const Digest &request);

  size_t size() const;

private:
  struct Remembered {
    CachedFailure failure;
    TimePoint expires;
  };
  struct Request {
    std::shared_ptr<const Inspection> inspection;
    size_t bytes = 0;
    std::list<Digest>::iterator position; // in requestOrder_
  };

  ArtifactCache(DiskStore &disk, BlobStore &blobs, ArtifactCacheOptions options, Metrics &metrics)
      : disk_(disk), blobs_(blobs), options_(std::move(options)), metrics_(metrics) {}
  absl::Status recover();
  // Those named ...Locked are called with mutex_ held.
  void insertLocked(CachedArtifact artifact);
  bool eraseLocked(const Digest &key);
  void forgetRequestLocked(std::map<Digest, Request>::iterator request);
  void removeFile(const Digest &key);
  void blobRemoved(const Digest &digest);

  DiskStore &disk_;
  BlobStore &blobs_;
  const ArtifactCacheOptions options_;
  Metrics &metrics_;

  mutable std::mutex mutex_; // guards all below
  std::map<Digest, CachedArtifact> entries_;
  std::multimap<Digest, Digest> users_; // blob → keys of the entries that name it
  std::map<Digest, Remembered> failures_;
  std::map<Digest, Request> requests_;
  std::list<Digest> requestOrder_; // least recently used first
  size_t requestBytes_ = 0;
};

} // namespace linalgd
