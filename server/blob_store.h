// Immutable bytes on local disk, named by their SHA-256: models, and the files of artifacts.
//
// Bytes are written to a temporary file, verified, synced, and renamed, so that a blob that can be
// seen is whole. What a restart or the disk itself may have damaged is verified before its first
// use after the start, while it streams to a client, and from time to time by a scrubber; what does
// not match its name is dropped and counted. The index is in memory, rebuilt by listing the
// directory.
//
// The least recently used blobs go when the high-water mark is passed; pinned and leased ones stay.
// A descriptor that open() gave stays readable whatever happens to the blob.
//
// Thread-safe. Calls that write, open or verify block on the disk.
#pragma once

#include "compiler/api/digest.h"
#include "compiler/api/unique_fd.h"
#include "server/clock.h"
#include "server/disk_store.h"

#include "absl/status/statusor.h"

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace linalgd {

class BlobStore;
struct Metrics;

struct BlobStoreOptions {
  // Bytes of all blobs and uploads, never exceeded.
  uint64_t limitBytes = uint64_t{20} << 30;
  // Where eviction begins.
  uint64_t highWaterBytes = uint64_t{18} << 30;
  // How long findMissing() keeps what it reports present, and a new blob stays at least.
  std::chrono::seconds lease{300};
  // How long an interrupted upload waits to be resumed.
  std::chrono::seconds uploadTtl{60};
  uint32_t maxUploads = 256;
  Clock clock = steadyClock();
};

struct BlobInfo {
  Digest digest;
  uint64_t size = 0;
};

struct MissingBlob {
  Digest digest;
  uint64_t uploadedBytes = 0; // what an interrupted upload left behind
};

struct OpenBlob {
  UniqueFd fd; // read-only
  uint64_t size = 0;
};

// A descriptor to store the first `size` bytes of. Its offset is not used.
struct BlobSource {
  int fd = -1;
  uint64_t size = 0;
};

// Keeps blobs from eviction as long as it lives, which must be less long than the store.
class BlobPins {
public:
  BlobPins() = default;
  BlobPins(BlobPins &&other) noexcept { *this = std::move(other); }
  BlobPins &operator=(BlobPins &&other) noexcept;
  ~BlobPins();

private:
  friend class BlobStore;
  BlobStore *store_ = nullptr;
  std::vector<Digest> digests_;
};

// One blob on its way in. Not thread-safe; at most as long-lived as its store. Destroying an upload
// that did not finish leaves its bytes to be resumed, or drops them where that cannot be.
class BlobUpload {
public:
  ~BlobUpload();
  BlobUpload(const BlobUpload &) = delete;
  BlobUpload &operator=(const BlobUpload &) = delete;

  const BlobInfo &info() const { return info_; }
  // Bytes so far, those before a resumed offset included.
  uint64_t received() const { return received_; }
  // INVALID_ARGUMENT for more than the announced size; RESOURCE_EXHAUSTED where the store is full.
  // Either ends the upload.
  absl::Status append(std::string_view data);
  // Verifies size and digest (INVALID_ARGUMENT; the bytes are dropped). Next is
  // BlobStore::commit().
  absl::Status finish();

private:
  friend class BlobStore;
  BlobUpload(BlobStore &store, BlobInfo info) : store_(store), info_(info) {}
  absl::Status fail(absl::Status status);

  // Gives up the file: the store has the blob, or the upload failed.
  void discard();

  BlobStore &store_;
  BlobInfo info_;
  UniqueFd fd_;      // none: the bytes are not kept
  std::string path_; // of the file
  uint64_t received_ = 0;
  uint64_t reserved_ = 0; // bytes counted against the limit
  Hasher hasher_;
  absl::Status status_;    // of the first failure
  bool resumable_ = false; // it is the one in BlobStore::partials_
  bool finished_ = false;
};

class BlobStore {
public:
  // The disk, the metrics and the options' clock must outlive the store.
  static absl::StatusOr<std::unique_ptr<BlobStore>> open(DiskStore &disk, BlobStoreOptions options,
                                                         Metrics &metrics);
  ~BlobStore();

  // --- Looking up ---

  std::optional<uint64_t> sizeOf(const Digest &digest) const;
  // Those of `digests` that are not here. The others are leased, and marked as just used.
  std::vector<MissingBlob> findMissing(std::span<const Digest> digests);
  // Pins those of `digests` that are here; the others are appended to `missing`.
  BlobPins pin(std::span<const Digest> digests, std::vector<Digest> *missing);
  // Verified since the start, and marked as just used. NOT_FOUND; DATA_LOSS where the bytes did not
  // match, which drops the blob.
  absl::StatusOr<OpenBlob> open(const Digest &digest);
  // As open(), for a caller that hashes all of the bytes itself and reports with verified().
  absl::StatusOr<OpenBlob> openUnverified(const Digest &digest);
  void verified(const Digest &digest, bool good);

  // --- Storing ---

  // Copies, hashes and stores. The bytes are hashed as they are written, so that a writer at the
  // other end of the descriptor cannot change them in between. All of them, or none, become
  // visible.
  absl::StatusOr<std::vector<BlobInfo>> put(std::span<const BlobSource> sources);
  // Begins an upload, or goes on with one at `offset` (OUT_OF_RANGE where that cannot be, ABORTED
  // where another stream is at it). A second upload of a blob that is already on its way gets a
  // file of its own, and is done as soon as the first one is. RESOURCE_EXHAUSTED: too large, or too
  // many.
  absl::StatusOr<std::unique_ptr<BlobUpload>> beginUpload(const BlobInfo &info, uint64_t offset);
  // Makes finished uploads durable and visible, and leases them.
  absl::Status commit(std::span<const std::unique_ptr<BlobUpload>> uploads);

  // --- Upkeep ---

  // Drops interrupted uploads whose time has come. To be called about once a second.
  void expire();
  // Verifies the blob after the one verified last, in the order of digests; returns its size, or
  // nothing where the store is empty.
  std::optional<uint64_t> scrubNext();
  void remove(const Digest &digest);
  // Called, outside of all locks, with each blob that is evicted, removed or found corrupt. To be
  // set before the store is shared between threads.
  void onRemoved(std::function<void(const Digest &)> listener);

  struct Usage {
    uint64_t blobs = 0;
    uint64_t bytes = 0; // uploads included
  };
  Usage usage() const;
  std::chrono::seconds leaseTime() const { return options_.lease; }
  uint64_t limitBytes() const { return options_.limitBytes; }

private:
  friend class BlobPins;
  friend class BlobUpload;

  struct Blob {
    uint64_t size = 0;
    uint32_t pins = 0;
    bool durable = true;   // false: being committed, and not to be seen yet
    bool verified = false; // since the start
    TimePoint leasedUntil = TimePoint::min();
    TimePoint touched = TimePoint::min(); // when the file's time was last set
    std::list<Digest>::iterator position; // in order_
  };
  using Blobs = std::map<Digest, Blob>;

  // The resumable upload of a blob.
  struct Partial {
    bool active = true; // a BlobUpload has the file; what follows is of those that are not
    UniqueFd fd;
    std::string path;
    uint64_t size = 0;
    uint64_t received = 0;
    TimePoint expires;
  };

  // A blob out of the index, whose file, renamed to a temporary one, is still to be removed.
  struct Removal {
    Digest digest;
    std::string path;
  };

  BlobStore(DiskStore &disk, BlobStoreOptions options, Metrics &metrics)
      : disk_(disk), options_(std::move(options)), metrics_(metrics) {}
  absl::Status recover();

  // Those named ...Locked are called with mutex_ held.
  Blobs::iterator findLocked(const Digest &digest);
  bool useLocked(Blobs::iterator blob);
  void insertLocked(const BlobInfo &info, Blob blob);
  void takeAwayLocked(Blobs::iterator blob, std::vector<Removal> &removals);
  absl::Status makeRoomLocked(uint64_t bytes, std::vector<Removal> &removals);
  void publishLocked() const;
  absl::Status moveIntoPlaceLocked(BlobUpload &upload, std::vector<Digest> &moved);

  absl::Status reserve(uint64_t bytes);
  void release(uint64_t bytes);
  void finishRemovals(std::span<const Removal> removals);
  void drop(const Digest &digest);
  void unpin(std::span<const Digest> digests);
  absl::StatusOr<OpenBlob> openFile(const Digest &digest, bool use, bool *isVerified);
  absl::StatusOr<OpenBlob> verify(const Digest &digest, OpenBlob blob);

  std::unique_ptr<BlobUpload> newUpload(const BlobInfo &info);
  absl::Status createFile(BlobUpload &upload);
  absl::Status resume(BlobUpload &upload, uint64_t offset);
  void becomeResumable(BlobUpload &upload);
  absl::Status copyFrom(const BlobSource &source, BlobUpload &upload);
  void ended(BlobUpload &upload);
  void removeFile(const std::string &path);
  void touch(std::span<const Digest> digests);

  DiskStore &disk_;
  const BlobStoreOptions options_;
  Metrics &metrics_;
  std::function<void(const Digest &)> listener_; // set before the store is shared

  mutable std::mutex mutex_; // guards all below
  Blobs blobs_;
  std::list<Digest> order_; // least recently used first
  std::map<Digest, Partial> partials_;
  uint64_t bytes_ = 0;   // blobs and what uploads have reserved
  uint32_t uploads_ = 0; // that are not finished
  Digest scrubbed_;      // the last one
};

} // namespace linalgd
