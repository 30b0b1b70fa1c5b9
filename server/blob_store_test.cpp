#include "server/blob_store.h"

#include "server/faulty_disk.h"
#include "server/metrics.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <sys/mman.h>

#include <fstream>
#include <thread>

namespace linalgd {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

UniqueFd memoryFile(std::string_view content) {
  UniqueFd fd(::memfd_create("test", MFD_CLOEXEC));
  EXPECT_EQ(::pwrite(fd.get(), content.data(), content.size(), 0),
            static_cast<ssize_t>(content.size()));
  return fd;
}

class BlobStoreTest : public testing::Test {
protected:
  void SetUp() override {
    options_.limitBytes = 1000;
    options_.highWaterBytes = 800;
    options_.lease = seconds(10);
    options_.uploadTtl = seconds(60);
    options_.clock = [this] { return now_; };
    start();
  }

  // As a start of the daemon on the same directory.
  void start() {
    store_.reset();
    disk_.reset();
    absl::StatusOr<std::unique_ptr<DiskStore>> local = openLocalDisk(directory_.path().string());
    ASSERT_TRUE(local.ok()) << local.status();
    disk_ = std::make_unique<FaultyDisk>(*std::move(local));
    auto store = BlobStore::open(*disk_, options_, metrics_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  absl::StatusOr<Digest> put(std::string_view content) {
    UniqueFd fd = memoryFile(content);
    const BlobSource source{fd.get(), content.size()};
    absl::StatusOr<std::vector<BlobInfo>> infos = store_->put({&source, 1});
    if (!infos.ok())
      return infos.status();
    EXPECT_EQ(infos->front().digest, sha256(content));
    return infos->front().digest;
  }

  absl::Status upload(std::string_view content, uint64_t offset = 0) {
    auto upload = store_->beginUpload({sha256(content), content.size()}, offset);
    if (!upload.ok())
      return upload.status();
    if (absl::Status status = (*upload)->append(content.substr(offset)); !status.ok())
      return status;
    if (absl::Status status = (*upload)->finish(); !status.ok())
      return status;
    return store_->commit({&*upload, 1});
  }

  // An upload whose stream breaks after `sent`.
  void interruptUpload(std::string_view content, std::string_view sent) {
    auto upload = store_->beginUpload({sha256(content), content.size()}, 0);
    ASSERT_TRUE(upload.ok()) << upload.status();
    ASSERT_TRUE((*upload)->append(sent).ok());
  }

  std::optional<std::string> read(const Digest &digest) {
    absl::StatusOr<OpenBlob> blob = store_->open(digest);
    if (!blob.ok())
      return std::nullopt;
    std::string content(blob->size, '\0');
    EXPECT_EQ(*readAt(blob->fd.get(), content.data(), content.size(), 0), content.size());
    return content;
  }

  bool has(const Digest &digest) { return store_->sizeOf(digest).has_value(); }

  std::vector<std::string> files(const char *directory) {
    std::vector<std::string> names;
    const std::vector<DiskEntry> entries = *disk_->list(directory);
    names.reserve(entries.size());
    for (const DiskEntry &entry : entries)
      names.push_back(entry.name);
    return names;
  }

  void damage(const Digest &digest) {
    std::fstream file(directory_.path() / "blobs" / digest.hex());
    file.put('~');
  }

  void setTime(const Digest &digest, int ageSeconds) {
    std::filesystem::last_write_time(directory_.path() / "blobs" / digest.hex(),
                                     std::filesystem::file_time_type::clock::now() -
                                         seconds(ageSeconds));
  }

  TemporaryDirectory directory_;
  Metrics metrics_;
  BlobStoreOptions options_;
  TimePoint now_ = std::chrono::steady_clock::now();
  std::unique_ptr<FaultyDisk> disk_;
  std::unique_ptr<BlobStore> store_;
};

TEST_F(BlobStoreTest, StoresAndOpens) {
  absl::StatusOr<Digest> digest = put("hello");
  ASSERT_TRUE(digest.ok()) << digest.status();
  EXPECT_EQ(store_->sizeOf(*digest), 5u);
  EXPECT_EQ(read(*digest), "hello");
  EXPECT_EQ(store_->usage().bytes, 5u);
  EXPECT_THAT(files("temporary"), IsEmpty());
  EXPECT_TRUE(absl::IsNotFound(store_->open(sha256("other")).status()));
}

TEST_F(BlobStoreTest, TakesTheEmptyBlob) {
  ASSERT_TRUE(upload("").ok());
  EXPECT_EQ(read(sha256("")), "");
}

TEST_F(BlobStoreTest, StoresEqualBytesOnce) {
  UniqueFd fd = memoryFile("same");
  const BlobSource sources[] = {{fd.get(), 4}, {fd.get(), 4}};
  ASSERT_TRUE(store_->put(sources).ok());
  ASSERT_TRUE(put("same").ok());
  ASSERT_TRUE(upload("same").ok());
  EXPECT_EQ(store_->usage().blobs, 1u);
  EXPECT_EQ(store_->usage().bytes, 4u);
  EXPECT_THAT(files("temporary"), IsEmpty());
}

TEST_F(BlobStoreTest, RefusesADescriptorThatEndsEarly) {
  UniqueFd fd = memoryFile("short");
  const BlobSource source{fd.get(), 100};
  EXPECT_TRUE(absl::IsInvalidArgument(store_->put({&source, 1}).status()));
  EXPECT_EQ(store_->usage().bytes, 0u);
  EXPECT_THAT(files("temporary"), IsEmpty());
}

TEST_F(BlobStoreTest, SurvivesARestart) {
  Digest a = *put("one");
  Digest b = *put("two");
  start();
  EXPECT_EQ(read(a), "one");
  EXPECT_EQ(read(b), "two");
  EXPECT_EQ(store_->usage().bytes, 6u);
}

TEST_F(BlobStoreTest, OneDaemonToADirectory) {
  absl::Status second = openLocalDisk(directory_.path().string()).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(second));
  EXPECT_THAT(second.ToString(), HasSubstr("in use by another linalgd"));
}

TEST_F(BlobStoreTest, RefusesADirectoryOfAnotherVersion) {
  store_.reset();
  disk_.reset();
  std::ofstream(directory_.path() / "format") << "linalgd store 99\n";
  EXPECT_TRUE(absl::IsFailedPrecondition(openLocalDisk(directory_.path().string()).status()));
}

// --- Damage ---

TEST_F(BlobStoreTest, VerifiesOnFirstUseAfterAStart) {
  Digest digest = *put("precious");
  start();
  damage(digest);
  std::vector<Digest> removed;
  store_->onRemoved([&](const Digest &gone) { removed.push_back(gone); });
  EXPECT_TRUE(absl::IsDataLoss(store_->open(digest).status()));
  EXPECT_TRUE(absl::IsNotFound(store_->open(digest).status()));
  EXPECT_THAT(removed, ElementsAre(digest));
  EXPECT_THAT(files("blobs"), IsEmpty());
  EXPECT_EQ(metrics_.blobsCorrupt.Value(), 1);
  EXPECT_EQ(store_->usage().bytes, 0u);
  // It can come again.
  ASSERT_TRUE(upload("precious").ok());
  EXPECT_EQ(read(digest), "precious");
}

TEST_F(BlobStoreTest, NoticesATruncatedFile) {
  Digest digest = *put("precious");
  start();
  std::filesystem::resize_file(directory_.path() / "blobs" / digest.hex(), 3);
  EXPECT_TRUE(absl::IsDataLoss(store_->open(digest).status()));
}

TEST_F(BlobStoreTest, NoticesAFileThatWent) {
  Digest digest = *put("precious");
  std::filesystem::remove(directory_.path() / "blobs" / digest.hex());
  EXPECT_TRUE(absl::IsNotFound(store_->open(digest).status()));
  EXPECT_FALSE(has(digest));
}

TEST_F(BlobStoreTest, ScrubsAllInTurn) {
  EXPECT_EQ(store_->scrubNext(), std::nullopt);
  Digest a = *put("one");
  Digest b = *put("three");
  damage(b);
  // Verified when they were put, b is not looked at again on open.
  EXPECT_TRUE(has(b));
  uint64_t sizes = *store_->scrubNext() + *store_->scrubNext();
  EXPECT_EQ(sizes, 8u);
  EXPECT_TRUE(has(a));
  EXPECT_FALSE(has(b));
  EXPECT_EQ(metrics_.blobsCorrupt.Value(), 1);
}

TEST_F(BlobStoreTest, AnOpenDescriptorOutlivesItsBlob) {
  Digest digest = *put("here");
  absl::StatusOr<OpenBlob> blob = store_->open(digest);
  store_->remove(digest);
  EXPECT_FALSE(has(digest));
  std::string content(4, '\0');
  EXPECT_EQ(*readAt(blob->fd.get(), content.data(), 4, 0), 4u);
  EXPECT_EQ(content, "here");
}

// --- Room ---

std::string filler(char c, size_t size) { return std::string(size, c); }

TEST_F(BlobStoreTest, EvictsTheLeastRecentlyUsed) {
  Digest a = *put(filler('a', 300));
  Digest b = *put(filler('b', 300));
  now_ += seconds(11); // beyond the leases
  ASSERT_TRUE(store_->open(a).ok());
  Digest c = *put(filler('c', 300));
  EXPECT_TRUE(has(a));
  EXPECT_FALSE(has(b));
  EXPECT_TRUE(has(c));
  EXPECT_EQ(store_->usage().bytes, 600u);
  EXPECT_EQ(metrics_.blobsEvicted.Value(), 1);
  EXPECT_THAT(files("temporary"), IsEmpty());
}

TEST_F(BlobStoreTest, TheOrderSurvivesARestart) {
  Digest a = *put(filler('a', 300));
  Digest b = *put(filler('b', 300));
  setTime(a, 100);
  setTime(b, 200);
  start();
  Digest c = *put(filler('c', 300));
  EXPECT_TRUE(has(a));
  EXPECT_FALSE(has(b));
  EXPECT_TRUE(has(c));
}

TEST_F(BlobStoreTest, UseIsNotedOnDisk) {
  Digest a = *put(filler('a', 300));
  Digest b = *put(filler('b', 300));
  setTime(a, 200);
  setTime(b, 100);
  start();
  EXPECT_THAT(store_->findMissing({&a, 1}), IsEmpty());
  now_ += seconds(11);
  start();
  ASSERT_TRUE(put(filler('c', 300)).ok());
  EXPECT_TRUE(has(a));
  EXPECT_FALSE(has(b));
}

TEST_F(BlobStoreTest, LeasedBlobsStay) {
  Digest a = *put(filler('a', 500));
  now_ += seconds(11);
  const Digest asked[] = {a, sha256("other")};
  std::vector<MissingBlob> missing = store_->findMissing(asked);
  ASSERT_EQ(missing.size(), 1u);
  EXPECT_EQ(missing[0].digest, asked[1]);
  now_ += seconds(9);
  absl::Status status = put(filler('b', 600)).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_THAT(status.ToString(), HasSubstr("--store-size"));
  EXPECT_TRUE(has(a));
  now_ += seconds(2);
  EXPECT_TRUE(put(filler('b', 600)).ok());
  EXPECT_FALSE(has(a));
}

TEST_F(BlobStoreTest, PinnedBlobsStay) {
  Digest a = *put(filler('a', 500));
  std::vector<Digest> missing;
  const Digest wanted[] = {a, sha256("other")};
  {
    BlobPins pins = store_->pin(wanted, &missing);
    EXPECT_THAT(missing, ElementsAre(wanted[1]));
    now_ += seconds(11);
    EXPECT_FALSE(put(filler('b', 600)).ok());
    BlobPins moved = std::move(pins);
    EXPECT_FALSE(put(filler('b', 600)).ok());
  }
  EXPECT_TRUE(put(filler('b', 600)).ok());
  EXPECT_FALSE(has(a));
}

TEST_F(BlobStoreTest, AFailedPutEvictsNothing) {
  Digest a = *put(filler('a', 300));
  Digest b = *put(filler('b', 300));
  std::vector<Digest> missing;
  now_ += seconds(11);
  BlobPins pins = store_->pin({&a, 1}, &missing);
  EXPECT_TRUE(absl::IsResourceExhausted(put(filler('c', 900)).status()));
  EXPECT_TRUE(has(b));
}

TEST_F(BlobStoreTest, ALoweredLimitIsKeptAtStart) {
  Digest a = *put(filler('a', 300));
  Digest b = *put(filler('b', 300));
  setTime(a, 200);
  setTime(b, 100);
  options_.limitBytes = 400;
  options_.highWaterBytes = 350;
  start();
  EXPECT_FALSE(has(a));
  EXPECT_TRUE(has(b));
  EXPECT_EQ(store_->usage().bytes, 300u);
}

// --- Uploads ---

TEST_F(BlobStoreTest, UploadsInChunks) {
  auto upload = store_->beginUpload({sha256("abcdef"), 6}, 0);
  ASSERT_TRUE(upload.ok());
  ASSERT_TRUE((*upload)->append("abc").ok());
  ASSERT_TRUE((*upload)->append("def").ok());
  ASSERT_TRUE((*upload)->finish().ok());
  EXPECT_FALSE(has(sha256("abcdef")));
  ASSERT_TRUE(store_->commit({&*upload, 1}).ok());
  EXPECT_EQ(read(sha256("abcdef")), "abcdef");
  EXPECT_EQ(metrics_.blobBytesIn.Value(), 6);
}

TEST_F(BlobStoreTest, AWrongDigestLeavesNothing) {
  {
    auto upload = store_->beginUpload({sha256("right"), 5}, 0);
    ASSERT_TRUE((*upload)->append("wrong").ok());
    absl::Status status = (*upload)->finish();
    EXPECT_TRUE(absl::IsInvalidArgument(status));
    EXPECT_THAT(status.ToString(), HasSubstr(sha256("wrong").hex()));
    EXPECT_THAT(files("temporary"), IsEmpty());
  }
  EXPECT_EQ(store_->usage().bytes, 0u);
  EXPECT_EQ(store_->findMissing(std::vector{sha256("right")})[0].uploadedBytes, 0u);
}

TEST_F(BlobStoreTest, AWrongSizeLeavesNothing) {
  {
    auto upload = store_->beginUpload({sha256("right"), 5}, 0);
    EXPECT_TRUE(absl::IsInvalidArgument((*upload)->append("right!")));
    EXPECT_TRUE(absl::IsInvalidArgument((*upload)->finish()));
  }
  {
    auto upload = store_->beginUpload({sha256("right"), 5}, 0);
    ASSERT_TRUE((*upload)->append("righ").ok());
    EXPECT_TRUE(absl::IsInvalidArgument((*upload)->finish()));
  }
  EXPECT_THAT(files("temporary"), IsEmpty());
  EXPECT_EQ(store_->usage().bytes, 0u);
}

TEST_F(BlobStoreTest, ResumesWhereItStopped) {
  const std::string content = "interrupted upload";
  interruptUpload(content, content.substr(0, 7));
  EXPECT_EQ(store_->findMissing(std::vector{sha256(content)})[0].uploadedBytes, 7u);
  EXPECT_EQ(store_->usage().bytes, 7u);
  ASSERT_TRUE(upload(content, 7).ok());
  EXPECT_EQ(read(sha256(content)), content);
  EXPECT_THAT(files("temporary"), IsEmpty());
  EXPECT_EQ(store_->usage().bytes, content.size());
}

TEST_F(BlobStoreTest, ResumesAtAnEarlierOffsetToo) {
  const std::string content = "interrupted upload";
  interruptUpload(content, content.substr(0, 7));
  ASSERT_TRUE(upload(content, 3).ok());
  EXPECT_EQ(read(sha256(content)), content);
}

TEST_F(BlobStoreTest, RefusesOffsetsThatItCannotGoOnFrom) {
  const std::string content = "interrupted upload";
  EXPECT_TRUE(absl::IsOutOfRange(upload(content, 3)));
  interruptUpload(content, content.substr(0, 7));
  EXPECT_TRUE(absl::IsOutOfRange(upload(content, 8)));
  EXPECT_TRUE(absl::IsOutOfRange(store_->beginUpload({sha256(content), 5}, 3).status()));
  EXPECT_TRUE(absl::IsOutOfRange(store_->beginUpload({sha256(content), 5}, 6).status()));
}

TEST_F(BlobStoreTest, BeginsAnewOverAnInterruptedUpload) {
  const std::string content = "interrupted upload";
  interruptUpload(content, content.substr(0, 7));
  ASSERT_TRUE(upload(content).ok());
  EXPECT_EQ(read(sha256(content)), content);
  EXPECT_THAT(files("temporary"), IsEmpty());
  EXPECT_EQ(store_->usage().bytes, content.size());
}

TEST_F(BlobStoreTest, InterruptedUploadsExpire) {
  const std::string content = "interrupted upload";
  interruptUpload(content, content.substr(0, 7));
  now_ += seconds(59);
  store_->expire();
  EXPECT_EQ(store_->findMissing(std::vector{sha256(content)})[0].uploadedBytes, 7u);
  now_ += seconds(2);
  store_->expire();
  EXPECT_EQ(store_->findMissing(std::vector{sha256(content)})[0].uploadedBytes, 0u);
  EXPECT_THAT(files("temporary"), IsEmpty());
  EXPECT_EQ(store_->usage().bytes, 0u);
}

TEST_F(BlobStoreTest, ASecondUploadOfTheSameBlobJoins) {
  const std::string content = "popular";
  const BlobInfo info{sha256(content), content.size()};
  auto first = store_->beginUpload(info, 0);
  auto second = store_->beginUpload(info, 0);
  ASSERT_TRUE(first.ok() && second.ok());
  ASSERT_TRUE((*first)->append("pop").ok());
  EXPECT_TRUE(absl::IsAborted(store_->beginUpload(info, 3).status()));
  ASSERT_TRUE((*second)->append("popu").ok());
  ASSERT_TRUE((*second)->append("lar").ok());
  ASSERT_TRUE((*second)->finish().ok());
  ASSERT_TRUE(store_->commit({&*second, 1}).ok());
  EXPECT_EQ(read(info.digest), content);
  // The first one now sends for nothing, and succeeds.
  ASSERT_TRUE((*first)->append("ular").ok());
  ASSERT_TRUE((*first)->finish().ok());
  ASSERT_TRUE(store_->commit({&*first, 1}).ok());
  EXPECT_EQ(store_->usage().bytes, content.size());
  EXPECT_THAT(files("temporary"), IsEmpty());
}

TEST_F(BlobStoreTest, AHeaderTakesNoRoomFromOthers) {
  Digest a = *put(filler('a', 700));
  now_ += seconds(11);
  auto upload = store_->beginUpload({sha256("x"), 1000}, 0);
  ASSERT_TRUE(upload.ok());
  EXPECT_TRUE(has(a));
  EXPECT_TRUE(absl::IsResourceExhausted(store_->beginUpload({sha256("y"), 1001}, 0).status()));
}

TEST_F(BlobStoreTest, LimitsUploadsAtATime) {
  options_.maxUploads = 2;
  start();
  auto a = store_->beginUpload({sha256("a"), 1}, 0);
  auto b = store_->beginUpload({sha256("b"), 1}, 0);
  EXPECT_TRUE(absl::IsResourceExhausted(store_->beginUpload({sha256("c"), 1}, 0).status()));
  a->reset();
  EXPECT_TRUE(store_->beginUpload({sha256("c"), 1}, 0).ok());
}

// --- Faults ---

TEST_F(BlobStoreTest, AFullDiskLeavesNothing) {
  for (const char *operation : {"create", "write", "sync", "rename", "syncDirectory"}) {
    SCOPED_TRACE(operation);
    disk_->fault = [&](std::string_view asked, const std::string &path) {
      // Taking back what was done, by renaming it to a temporary file, needs no room.
      const bool back = asked == "rename" && path.starts_with("temporary/");
      return asked == operation && !back ? absl::ResourceExhaustedError("No space left on device")
                                         : absl::OkStatus();
    };
    EXPECT_TRUE(absl::IsResourceExhausted(put("some bytes").status()));
    EXPECT_TRUE(absl::IsResourceExhausted(upload("some bytes")));
    EXPECT_FALSE(has(sha256("some bytes")));
    EXPECT_EQ(store_->usage().bytes, 0u);
    EXPECT_EQ(store_->usage().blobs, 0u);
    EXPECT_THAT(files("temporary"), IsEmpty());
    EXPECT_THAT(files("blobs"), IsEmpty());
  }
  disk_->fault = nullptr;
  EXPECT_TRUE(upload("some bytes").ok());
}

TEST_F(BlobStoreTest, ACrashBeforeTheRenameLeavesNothingBehindAStart) {
  disk_->fault = [&](std::string_view asked, const std::string &) {
    // From the rename on nothing reaches the disk.
    const bool after = asked == "rename" || asked == "remove" || asked == "syncDirectory";
    return after ? absl::InternalError("crashed") : absl::OkStatus();
  };
  EXPECT_FALSE(put("some bytes").ok());
  EXPECT_THAT(files("temporary"), testing::SizeIs(1));
  start();
  EXPECT_THAT(files("temporary"), IsEmpty());
  EXPECT_THAT(files("blobs"), IsEmpty());
  EXPECT_EQ(store_->usage().bytes, 0u);
}

TEST_F(BlobStoreTest, ABrokenUploadDoesNotOutliveARestart) {
  interruptUpload("interrupted upload", "inter");
  start();
  EXPECT_THAT(files("temporary"), IsEmpty());
  EXPECT_EQ(store_->usage().bytes, 0u);
}

TEST_F(BlobStoreTest, ThreadsShareIt) {
  options_.limitBytes = 4000;
  options_.highWaterBytes = 2000;
  options_.lease = seconds(0);
  options_.clock = steadyClock();
  start();
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([this, t] {
      for (int i = 0; i < 50; ++i) {
        const std::string content = absl::StrCat(filler('x', 100), (t + i) % 30);
        EXPECT_TRUE(upload(content).ok());
        absl::StatusOr<OpenBlob> blob = store_->open(sha256(content));
        EXPECT_TRUE(blob.ok() || absl::IsNotFound(blob.status())) << blob.status();
        std::vector<Digest> missing;
        BlobPins pins = store_->pin(std::vector{sha256(content)}, &missing);
        store_->findMissing(std::vector{sha256(content)});
        store_->scrubNext();
        store_->expire();
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(metrics_.blobsCorrupt.Value(), 0);
  EXPECT_LE(store_->usage().bytes, 4000u);
  EXPECT_EQ(store_->usage().blobs, files("blobs").size());
  EXPECT_THAT(files("temporary"), IsEmpty());
}

} // namespace
} // namespace linalgd
