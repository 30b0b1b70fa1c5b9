// The index, its upkeep, and reading. Writing is in blob_upload.cpp.
#include "server/blob_store.h"

#include "server/logging.h"
#include "server/metrics.h"

#include "absl/strings/str_cat.h"

#include <algorithm>

namespace linalgd {
namespace {

constexpr char kDirectory[] = "blobs";
constexpr size_t kReadBytes = 1 << 20;
// Use is written to disk, as the file's time, at most this often for each blob.
constexpr std::chrono::minutes kTouchInterval{10};

std::string pathOf(const Digest &digest) { return absl::StrCat(kDirectory, "/", digest.hex()); }

absl::Status notFound(const Digest &digest) {
  return absl::NotFoundError(
      absl::StrCat("there is no blob ", digest.hex(), "; it was evicted or never uploaded"));
}

} // namespace

BlobPins &BlobPins::operator=(BlobPins &&other) noexcept {
  if (this != &other) {
    if (store_ != nullptr)
      store_->unpin(digests_);
    store_ = std::exchange(other.store_, nullptr);
    digests_ = std::exchange(other.digests_, {});
  }
  return *this;
}

BlobPins::~BlobPins() {
  if (store_ != nullptr)
    store_->unpin(digests_);
}

absl::StatusOr<std::unique_ptr<BlobStore>>
BlobStore::open(DiskStore &disk, BlobStoreOptions options, Metrics &metrics) {
  std::unique_ptr<BlobStore> store(new BlobStore(disk, std::move(options), metrics));
  absl::Status status = store->recover();
  if (!status.ok())
    return status;
  return store;
}

BlobStore::~BlobStore() = default;

absl::Status BlobStore::recover() {
  absl::Status status = disk_.makeDirectory(kDirectory);
  if (!status.ok())
    return status;
  absl::StatusOr<std::vector<DiskEntry>> entries = disk_.list(kDirectory);
  if (!entries.ok())
    return entries.status();
  std::sort(entries->begin(), entries->end(),
            [](const DiskEntry &a, const DiskEntry &b) { return a.modified < b.modified; });
  std::vector<Removal> removals;
  {
    std::lock_guard lock(mutex_);
    for (const DiskEntry &entry : *entries) {
      absl::StatusOr<Digest> digest = Digest::fromHex(entry.name);
      if (!digest.ok()) {
        logWarning("a file in the store is not named as a blob and is left alone",
                   {{"file", absl::StrCat(kDirectory, "/", entry.name)}});
        continue;
      }
      insertLocked({*digest, entry.size}, Blob{});
    }
    // The limit may have been lowered.
    status = makeRoomLocked(0, removals);
    publishLocked();
  }
  finishRemovals(removals);
  return status;
}

// --- Looking up ---

BlobStore::Blobs::iterator BlobStore::findLocked(const Digest &digest) {
  auto blob = blobs_.find(digest);
  return blob != blobs_.end() && blob->second.durable ? blob : blobs_.end();
}

// Marks the blob as just used; true where the file's time is to be set too.
bool BlobStore::useLocked(Blobs::iterator blob) {
  order_.splice(order_.end(), order_, blob->second.position);
  const TimePoint now = options_.clock();
  if (blob->second.touched != TimePoint::min() && now - blob->second.touched < kTouchInterval)
    return false;
  blob->second.touched = now;
  return true;
}

std::optional<uint64_t> BlobStore::sizeOf(const Digest &digest) const {
  std::lock_guard lock(mutex_);
  auto blob = blobs_.find(digest);
  if (blob == blobs_.end() || !blob->second.durable)
    return std::nullopt;
  return blob->second.size;
}

std::vector<MissingBlob> BlobStore::findMissing(std::span<const Digest> digests) {
  std::vector<MissingBlob> missing;
  std::vector<Digest> touched;
  {
    std::lock_guard lock(mutex_);
    const TimePoint leasedUntil = options_.clock() + options_.lease;
    for (const Digest &digest : digests) {
      if (auto blob = findLocked(digest); blob != blobs_.end()) {
        blob->second.leasedUntil = std::max(blob->second.leasedUntil, leasedUntil);
        if (useLocked(blob))
          touched.push_back(digest);
        continue;
      }
      auto partial = partials_.find(digest);
      const bool idle = partial != partials_.end() && !partial->second.active;
      missing.push_back({digest, idle ? partial->second.received : 0});
    }
  }
  touch(touched);
  return missing;
}

BlobPins BlobStore::pin(std::span<const Digest> digests, std::vector<Digest> *missing) {
  BlobPins pins;
  pins.store_ = this;
  std::vector<Digest> touched;
  {
    std::lock_guard lock(mutex_);
    for (const Digest &digest : digests) {
      auto blob = findLocked(digest);
      if (blob == blobs_.end()) {
        missing->push_back(digest);
        continue;
      }
      ++blob->second.pins;
      pins.digests_.push_back(digest);
      if (useLocked(blob))
        touched.push_back(digest);
    }
  }
  touch(touched);
  return pins;
}

void BlobStore::unpin(std::span<const Digest> digests) {
  std::lock_guard lock(mutex_);
  for (const Digest &digest : digests)
    // A blob that was found corrupt went with its pins.
    if (auto blob = blobs_.find(digest); blob != blobs_.end() && blob->second.pins > 0)
      --blob->second.pins;
}

// Use is only noted: where that fails, eviction after the next start is a little less
// well-informed.
void BlobStore::touch(std::span<const Digest> digests) {
  for (const Digest &digest : digests)
    if (absl::Status status = disk_.touch(pathOf(digest));
        !status.ok() && !absl::IsNotFound(status))
      logWarning("cannot note the use of a blob", {{"error", status.ToString()}});
}

absl::StatusOr<OpenBlob> BlobStore::open(const Digest &digest) {
  bool isVerified = false;
  absl::StatusOr<OpenBlob> blob = openFile(digest, /*use=*/true, &isVerified);
  if (!blob.ok() || isVerified)
    return blob;
  return verify(digest, *std::move(blob));
}

absl::StatusOr<OpenBlob> BlobStore::openUnverified(const Digest &digest) {
  bool isVerified = false;
  return openFile(digest, /*use=*/true, &isVerified);
}

absl::StatusOr<OpenBlob> BlobStore::openFile(const Digest &digest, bool use, bool *isVerified) {
  OpenBlob result;
  bool touched = false;
  {
    std::lock_guard lock(mutex_);
    auto blob = findLocked(digest);
    if (blob == blobs_.end())
      return notFound(digest);
    result.size = blob->second.size;
    *isVerified = blob->second.verified;
    touched = use && useLocked(blob);
    ++blob->second.pins; // until it is open
  }
  absl::StatusOr<UniqueFd> fd = disk_.openForReading(pathOf(digest));
  unpin({&digest, 1});
  if (absl::IsNotFound(fd.status())) {
    logWarning("a blob's file has gone from the store", {{"blob", digest.hex()}});
    drop(digest);
    return notFound(digest);
  }
  if (!fd.ok())
    return fd.status();
  if (touched)
    touch({&digest, 1});
  result.fd = *std::move(fd);
  return result;
}

absl::StatusOr<OpenBlob> BlobStore::verify(const Digest &digest, OpenBlob blob) {
  Hasher hasher;
  std::string buffer(kReadBytes, '\0');
  uint64_t offset = 0;
  for (;;) {
    absl::StatusOr<size_t> read = readAt(blob.fd.get(), buffer.data(), buffer.size(), offset);
    if (!read.ok()) {
      logWarning("cannot read a blob",
                 {{"blob", digest.hex()}, {"error", read.status().ToString()}});
      break;
    }
    hasher.update(std::string_view(buffer).substr(0, *read));
    offset += *read;
    if (*read < buffer.size())
      break;
  }
  const bool good = offset == blob.size && hasher.finish() == digest;
  verified(digest, good);
  if (!good)
    return absl::DataLossError(
        absl::StrCat("blob ", digest.hex(),
                     " was damaged on the server's disk and is dropped; upload it again"));
  return blob;
}

void BlobStore::verified(const Digest &digest, bool good) {
  if (!good) {
    logError("a blob does not match its digest and is dropped", {{"blob", digest.hex()}});
    metrics_.blobsCorrupt.Increment();
    drop(digest);
    return;
  }
  std::lock_guard lock(mutex_);
  if (auto blob = findLocked(digest); blob != blobs_.end())
    blob->second.verified = true;
}

// --- Room ---

void BlobStore::insertLocked(const BlobInfo &info, Blob blob) {
  blob.size = info.size;
  blob.position = order_.insert(order_.end(), info.digest);
  bytes_ += info.size;
  blobs_.emplace(info.digest, blob);
}

// The file is renamed while the lock is held, so that it cannot hit a new file of the same name;
// what may take long, freeing its bytes, comes later.
void BlobStore::takeAwayLocked(Blobs::iterator blob, std::vector<Removal> &removals) {
  Removal removal{blob->first, disk_.temporaryPath()};
  if (absl::Status status = disk_.rename(pathOf(blob->first), removal.path); !status.ok()) {
    if (!absl::IsNotFound(status))
      logError("cannot remove a blob", {{"error", status.ToString()}});
    removal.path.clear();
  }
  bytes_ -= blob->second.size;
  order_.erase(blob->second.position);
  blobs_.erase(blob);
  removals.push_back(std::move(removal));
}

// Evicts what is needed for `bytes` more to stay below the high-water mark; nothing where even the
// limit cannot be kept.
absl::Status BlobStore::makeRoomLocked(uint64_t bytes, std::vector<Removal> &removals) {
  if (bytes_ + bytes <= options_.highWaterBytes)
    return absl::OkStatus();
  const TimePoint now = options_.clock();
  std::vector<Blobs::iterator> victims;
  uint64_t freed = 0;
  for (const Digest &digest : order_) {
    if (bytes_ + bytes - freed <= options_.highWaterBytes)
      break;
    auto blob = blobs_.find(digest);
    if (blob->second.pins > 0 || blob->second.leasedUntil > now)
      continue;
    victims.push_back(blob);
    freed += blob->second.size;
  }
  if (bytes > 0 && bytes_ + bytes - freed > options_.limitBytes)
    return absl::ResourceExhaustedError(
        absl::StrCat("the store is full: ", bytes_ - freed, " of its ", options_.limitBytes,
                     " bytes are in use by running jobs and recent uploads; try again in ",
                     options_.lease.count(), " s, or give the server a larger --store-size"));
  for (Blobs::iterator victim : victims)
    takeAwayLocked(victim, removals);
  metrics_.blobsEvicted.Increment(static_cast<double>(victims.size()));
  return absl::OkStatus();
}

absl::Status BlobStore::reserve(uint64_t bytes) {
  std::vector<Removal> removals;
  absl::Status status;
  {
    std::lock_guard lock(mutex_);
    status = makeRoomLocked(bytes, removals);
    if (status.ok())
      bytes_ += bytes;
    publishLocked();
  }
  finishRemovals(removals);
  return status;
}

void BlobStore::release(uint64_t bytes) {
  std::lock_guard lock(mutex_);
  bytes_ -= bytes;
  publishLocked();
}

void BlobStore::publishLocked() const {
  metrics_.storeBytes.Set(static_cast<double>(bytes_));
  metrics_.storeBlobs.Set(static_cast<double>(blobs_.size()));
}

void BlobStore::removeFile(const std::string &path) {
  if (absl::Status status = disk_.remove(path); !status.ok())
    logWarning("a temporary file stays until the next start", {{"error", status.ToString()}});
}

void BlobStore::finishRemovals(std::span<const Removal> removals) {
  for (const Removal &removal : removals) {
    if (!removal.path.empty())
      removeFile(removal.path);
    if (listener_)
      listener_(removal.digest);
  }
}

void BlobStore::drop(const Digest &digest) {
  std::vector<Removal> removals;
  {
    std::lock_guard lock(mutex_);
    if (auto blob = findLocked(digest); blob != blobs_.end())
      takeAwayLocked(blob, removals);
    publishLocked();
  }
  finishRemovals(removals);
}

// --- Upkeep ---

void BlobStore::remove(const Digest &digest) { drop(digest); }

void BlobStore::expire() {
  std::vector<std::string> paths;
  {
    std::lock_guard lock(mutex_);
    const TimePoint now = options_.clock();
    for (auto it = partials_.begin(); it != partials_.end();) {
      const Partial &partial = it->second;
      if (partial.active || partial.expires > now) {
        ++it;
        continue;
      }
      paths.push_back(partial.path);
      bytes_ -= partial.received;
      it = partials_.erase(it);
    }
    publishLocked();
  }
  for (const std::string &path : paths)
    removeFile(path);
}

std::optional<uint64_t> BlobStore::scrubNext() {
  Digest digest;
  {
    std::lock_guard lock(mutex_);
    auto blob = blobs_.upper_bound(scrubbed_);
    if (blob == blobs_.end())
      blob = blobs_.begin();
    if (blob == blobs_.end())
      return std::nullopt;
    digest = scrubbed_ = blob->first;
  }
  bool isVerified = false;
  absl::StatusOr<OpenBlob> blob = openFile(digest, /*use=*/false, &isVerified);
  if (!blob.ok())
    return 0; // it went since
  const uint64_t size = blob->size;
  verify(digest, *std::move(blob)).status().IgnoreError(); // it has told the log and the metrics
  return size;
}

void BlobStore::onRemoved(std::function<void(const Digest &)> listener) {
  listener_ = std::move(listener);
}

BlobStore::Usage BlobStore::usage() const {
  std::lock_guard lock(mutex_);
  return {blobs_.size(), bytes_};
}

} // namespace linalgd
