// Storing blobs: from clients, chunk by chunk, and from workers' descriptors.
#include "server/blob_store.h"

#include "server/logging.h"
#include "server/metrics.h"

#include "absl/strings/str_cat.h"

#include <algorithm>

namespace linalgd {
namespace {

constexpr size_t kCopyBytes = 1 << 20;
// Room is reserved in steps, as bytes arrive: a header that promises much takes nothing from
// others.
constexpr uint64_t kReserveBytes = 16 << 20;

} // namespace

// --- One upload ---

BlobUpload::~BlobUpload() { store_.ended(*this); }

absl::Status BlobUpload::append(std::string_view data) {
  if (!status_.ok())
    return status_;
  if (data.size() > info_.size - received_)
    return fail(absl::InvalidArgumentError(absl::StrCat(
        "blob ", info_.digest.hex(), " was announced with ", info_.size, " bytes, and more came")));
  if (fd_ && store_.sizeOf(info_.digest))
    discard(); // another stream was faster
  received_ += data.size();
  store_.metrics_.blobBytesIn.Increment(static_cast<double>(data.size()));
  if (!fd_)
    return absl::OkStatus();
  if (received_ > reserved_) {
    const uint64_t more =
        std::min(info_.size, std::max(received_, reserved_ + kReserveBytes)) - reserved_;
    if (absl::Status status = store_.reserve(more); !status.ok())
      return fail(std::move(status));
    reserved_ += more;
  }
  hasher_.update(data);
  if (absl::Status status = store_.disk_.write(fd_.get(), data, received_ - data.size());
      !status.ok())
    return fail(std::move(status));
  return absl::OkStatus();
}

absl::Status BlobUpload::finish() {
  if (!status_.ok())
    return status_;
  if (received_ != info_.size)
    return fail(
        absl::InvalidArgumentError(absl::StrCat("blob ", info_.digest.hex(), " was announced with ",
                                                info_.size, " bytes, and ", received_, " came")));
  if (fd_) {
    if (Digest actual = hasher_.finish(); actual != info_.digest)
      return fail(absl::InvalidArgumentError(absl::StrCat("the bytes sent as blob ",
                                                          info_.digest.hex(), " have the SHA-256 ",
                                                          actual.hex(), "; they are dropped")));
  }
  finished_ = true;
  std::lock_guard lock(store_.mutex_);
  --store_.uploads_;
  return absl::OkStatus();
}

absl::Status BlobUpload::fail(absl::Status status) {
  discard();
  return status_ = std::move(status);
}

void BlobUpload::discard() {
  if (!fd_)
    return;
  fd_.reset();
  store_.removeFile(path_);
  store_.release(std::exchange(reserved_, 0));
  if (std::exchange(resumable_, false)) {
    std::lock_guard lock(store_.mutex_);
    store_.partials_.erase(info_.digest);
  }
}

// --- The store's side ---

std::unique_ptr<BlobUpload> BlobStore::newUpload(const BlobInfo &info) {
  std::lock_guard lock(mutex_);
  ++uploads_;
  return std::unique_ptr<BlobUpload>(new BlobUpload(*this, info));
}

absl::Status BlobStore::createFile(BlobUpload &upload) {
  upload.path_ = disk_.temporaryPath();
  absl::StatusOr<UniqueFd> fd = disk_.create(upload.path_);
  if (!fd.ok())
    return fd.status();
  upload.fd_ = *std::move(fd);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<BlobUpload>> BlobStore::beginUpload(const BlobInfo &info,
                                                                   uint64_t offset) {
  if (info.size > options_.limitBytes)
    return absl::ResourceExhaustedError(
        absl::StrCat("blob ", info.digest.hex(), " has ", info.size, " bytes, more than the ",
                     options_.limitBytes, " of the whole store; raise the server's --store-size"));
  if (offset > info.size)
    return absl::OutOfRangeError(absl::StrCat("the offset ", offset, " is beyond the ", info.size,
                                              " bytes of blob ", info.digest.hex()));
  std::unique_ptr<BlobUpload> upload = newUpload(info);
  std::optional<uint64_t> present;
  {
    std::lock_guard lock(mutex_);
    if (uploads_ > options_.maxUploads)
      return absl::ResourceExhaustedError(absl::StrCat("the server takes ", options_.maxUploads,
                                                       " uploads at a time; try again later"));
    if (auto blob = findLocked(info.digest); blob != blobs_.end()) {
      present = blob->second.size;
      blob->second.leasedUntil =
          std::max(blob->second.leasedUntil, options_.clock() + options_.lease);
    }
  }
  if (present) {
    if (*present != info.size)
      return absl::InvalidArgumentError(
          absl::StrCat("blob ", info.digest.hex(), " has ", *present, " bytes, not ", info.size));
    upload->received_ = offset;
    return upload;
  }
  if (absl::Status status = offset > 0 ? resume(*upload, offset) : createFile(*upload);
      !status.ok())
    return status;
  if (offset == 0)
    becomeResumable(*upload);
  return upload;
}

// Makes the upload the one of its blob that can be resumed, unless another one is at it. What an
// earlier one left is no longer of use.
void BlobStore::becomeResumable(BlobUpload &upload) {
  std::string left;
  {
    std::lock_guard lock(mutex_);
    Partial &partial = partials_[upload.info_.digest];
    if (upload.resumable_ = partial.path.empty() || !partial.active; !upload.resumable_)
      return;
    if (!partial.active)
      bytes_ -= partial.received;
    left = std::exchange(partial.path, upload.path_);
    partial.fd.reset();
    partial.active = true;
    publishLocked();
  }
  if (!left.empty())
    removeFile(left);
}

absl::Status BlobStore::resume(BlobUpload &upload, uint64_t offset) {
  const BlobInfo &info = upload.info_;
  {
    std::lock_guard lock(mutex_);
    auto found = partials_.find(info.digest);
    if (found != partials_.end() && found->second.active)
      return absl::AbortedError(
          absl::StrCat("blob ", info.digest.hex(),
                       " is being uploaded by another stream; ask FindMissing, "
                       "or begin at offset 0"));
    if (found == partials_.end() || found->second.size != info.size ||
        found->second.received < offset)
      return absl::OutOfRangeError(absl::StrCat("no interrupted upload of blob ", info.digest.hex(),
                                                " of ", info.size, " bytes reaches offset ", offset,
                                                "; FindMissing says where to go on"));
    Partial &partial = found->second;
    partial.active = true;
    upload.fd_ = std::move(partial.fd);
    upload.path_ = partial.path;
    upload.reserved_ = partial.received;
    upload.resumable_ = true;
  }
  std::string buffer(kCopyBytes, '\0');
  while (upload.received_ < offset) {
    const size_t wanted = std::min<uint64_t>(buffer.size(), offset - upload.received_);
    absl::StatusOr<size_t> read = readAt(upload.fd_.get(), buffer.data(), wanted, upload.received_);
    if (!read.ok() || *read < wanted)
      return upload.fail(
          absl::OutOfRangeError(absl::StrCat("the interrupted upload of blob ", info.digest.hex(),
                                             " cannot be read; begin at offset 0")));
    upload.hasher_.update(std::string_view(buffer).substr(0, wanted));
    upload.received_ += wanted;
  }
  return absl::OkStatus();
}

// An upload's object goes: its file stays for a while where the upload can be resumed.
void BlobStore::ended(BlobUpload &upload) {
  bool keep = upload.resumable_ && !upload.finished_ && upload.received_ > 0;
  {
    std::lock_guard lock(mutex_);
    if (!upload.finished_)
      --uploads_;
    keep = keep && partials_.size() <= options_.maxUploads;
  }
  if (!keep)
    upload.discard();
  if (!upload.fd_)
    return;
  std::lock_guard lock(mutex_);
  Partial &partial = partials_[upload.info_.digest];
  partial.active = false;
  partial.fd = std::move(upload.fd_);
  partial.size = upload.info_.size;
  partial.received = upload.received_;
  partial.expires = options_.clock() + options_.uploadTtl;
  bytes_ -= upload.reserved_ - upload.received_;
  publishLocked();
}

absl::Status BlobStore::copyFrom(const BlobSource &source, BlobUpload &upload) {
  if (absl::Status status = createFile(upload); !status.ok())
    return status;
  if (absl::Status status = reserve(source.size); !status.ok())
    return upload.fail(std::move(status));
  upload.reserved_ = source.size;
  std::string buffer(std::min<uint64_t>(kCopyBytes, source.size), '\0');
  while (upload.received_ < source.size) {
    const size_t wanted = std::min<uint64_t>(buffer.size(), source.size - upload.received_);
    absl::StatusOr<size_t> read = readAt(source.fd, buffer.data(), wanted, upload.received_);
    if (!read.ok())
      return upload.fail(read.status());
    if (*read < wanted)
      return upload.fail(absl::InvalidArgumentError(
          absl::StrCat("a file of ", source.size, " bytes ends after ", upload.received_ + *read)));
    const std::string_view data = std::string_view(buffer).substr(0, wanted);
    upload.hasher_.update(data);
    if (absl::Status status = disk_.write(upload.fd_.get(), data, upload.received_); !status.ok())
      return upload.fail(std::move(status));
    upload.received_ += wanted;
  }
  upload.info_.digest = upload.hasher_.finish();
  upload.finished_ = true;
  std::lock_guard lock(mutex_);
  --uploads_;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<BlobInfo>> BlobStore::put(std::span<const BlobSource> sources) {
  std::vector<std::unique_ptr<BlobUpload>> uploads;
  std::vector<BlobInfo> infos;
  for (const BlobSource &source : sources) {
    uploads.push_back(newUpload({Digest{}, source.size}));
    if (absl::Status status = copyFrom(source, *uploads.back()); !status.ok())
      return status;
    infos.push_back(uploads.back()->info());
  }
  if (absl::Status status = commit(uploads); !status.ok())
    return status;
  return infos;
}

absl::Status BlobStore::commit(std::span<const std::unique_ptr<BlobUpload>> uploads) {
  std::vector<int> fds;
  for (const auto &upload : uploads)
    if (upload->fd_)
      fds.push_back(upload->fd_.get());
  absl::Status status = disk_.sync(fds);
  std::vector<Digest> moved;
  if (status.ok()) {
    std::lock_guard lock(mutex_);
    for (const auto &upload : uploads)
      if (status = moveIntoPlaceLocked(*upload, moved); !status.ok())
        break;
  }
  if (status.ok() && !fds.empty())
    status = disk_.syncDirectory("blobs");

  std::vector<Removal> removals;
  {
    std::lock_guard lock(mutex_);
    const TimePoint leasedUntil = options_.clock() + options_.lease;
    for (const Digest &digest : moved)
      if (auto blob = blobs_.find(digest); blob != blobs_.end())
        --blob->second.pins;
    for (const auto &upload : uploads) {
      auto blob = blobs_.find(upload->info_.digest);
      if (blob == blobs_.end())
        continue;
      if (status.ok()) {
        blob->second.durable = true;
        blob->second.leasedUntil = std::max(blob->second.leasedUntil, leasedUntil);
      } else if (!blob->second.durable && blob->second.pins == 0) {
        takeAwayLocked(blob, removals);
      }
    }
    publishLocked();
  }
  finishRemovals(removals);
  // Where another stream was faster, there is a file left over.
  for (const auto &upload : uploads)
    if (status.ok())
      upload->discard();
  return status;
}

// Renames the upload's file to the blob's, in the index but not yet to be seen, and pinned.
absl::Status BlobStore::moveIntoPlaceLocked(BlobUpload &upload, std::vector<Digest> &moved) {
  const BlobInfo &info = upload.info_;
  if (blobs_.contains(info.digest))
    return absl::OkStatus();
  if (!upload.fd_)
    return absl::AbortedError(absl::StrCat("blob ", info.digest.hex(),
                                           " was dropped while it was uploaded; upload it again"));
  if (absl::Status status = disk_.rename(upload.path_, absl::StrCat("blobs/", info.digest.hex()));
      !status.ok())
    return status;
  bytes_ -= std::exchange(upload.reserved_, 0);
  Blob blob;
  blob.pins = 1;
  blob.durable = false;
  blob.verified = true;
  blob.touched = options_.clock();
  insertLocked(info, blob);
  moved.push_back(info.digest);
  upload.fd_.reset();
  if (std::exchange(upload.resumable_, false))
    partials_.erase(info.digest);
  return absl::OkStatus();
}

} // namespace linalgd
