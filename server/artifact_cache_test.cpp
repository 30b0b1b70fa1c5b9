#include "server/artifact_cache.h"

#include "server/faulty_disk.h"
#include "server/metrics.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <sys/mman.h>

#include <fstream>

namespace linalgd {
namespace {

using std::chrono::seconds;
using testing::IsEmpty;
using testing::SizeIs;

class ArtifactCacheTest : public testing::Test {
protected:
  void SetUp() override {
    blobOptions_.limitBytes = 1000;
    blobOptions_.highWaterBytes = 800;
    blobOptions_.lease = seconds(10);
    blobOptions_.clock = cacheOptions_.clock = [this] { return now_; };
    start();
  }

  void start() {
    cache_.reset();
    blobs_.reset();
    disk_.reset();
    disk_ = std::make_unique<FaultyDisk>(*openLocalDisk(directory_.path().string()));
    blobs_ = *BlobStore::open(*disk_, blobOptions_, metrics_);
    auto cache = ArtifactCache::open(*disk_, *blobs_, cacheOptions_, metrics_);
    ASSERT_TRUE(cache.ok()) << cache.status();
    cache_ = *std::move(cache);
  }

  static ArtifactFile file(const std::string &name, const std::string &content) {
    UniqueFd fd(::memfd_create("test", MFD_CLOEXEC));
    EXPECT_EQ(::write(fd.get(), content.data(), content.size()),
              static_cast<ssize_t>(content.size()));
    return {name, "text/x-mlir", content.size(), std::move(fd)};
  }

  absl::StatusOr<CachedArtifact> put(const Digest &key, const std::string &content) {
    Artifact artifact;
    artifact.files.push_back(file("model.mlir", content));
    artifact.files.push_back(file("notes.json", "{}"));
    return cache_->put(key, Stage::Linalg, artifact);
  }

  std::filesystem::path entryOf(const Digest &key) {
    return directory_.path() / "artifacts" / key.hex();
  }

  TemporaryDirectory directory_;
  Metrics metrics_;
  TimePoint now_ = std::chrono::steady_clock::now();
  BlobStoreOptions blobOptions_;
  ArtifactCacheOptions cacheOptions_;
  std::unique_ptr<FaultyDisk> disk_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<ArtifactCache> cache_;
  const Digest key_ = sha256("key");
};

TEST_F(ArtifactCacheTest, FindsWhatWasPut) {
  EXPECT_FALSE(cache_->find(key_));
  absl::StatusOr<CachedArtifact> stored = put(key_, "module {}");
  ASSERT_TRUE(stored.ok()) << stored.status();
  std::optional<CachedArtifact> found = cache_->find(key_);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->stage, Stage::Linalg);
  ASSERT_THAT(found->files, SizeIs(2));
  EXPECT_EQ(found->files[0].name, "model.mlir");
  EXPECT_EQ(found->files[0].mediaType, "text/x-mlir");
  EXPECT_EQ(found->files[0].digest, sha256("module {}"));
  EXPECT_EQ(found->files[0].size, 9u);
  EXPECT_EQ(metrics_.artifacts.Value(), 1);
}

TEST_F(ArtifactCacheTest, SurvivesARestart) {
  ASSERT_TRUE(put(key_, "module {}").ok());
  start();
  std::optional<CachedArtifact> found = cache_->find(key_);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->key, key_);
  EXPECT_EQ(found->files[0].digest, sha256("module {}"));
}

TEST_F(ArtifactCacheTest, EntriesShareBlobs) {
  ASSERT_TRUE(put(key_, "module {}").ok());
  ASSERT_TRUE(put(sha256("other"), "module {}").ok());
  EXPECT_EQ(blobs_->usage().blobs, 2u);
  blobs_->remove(sha256("module {}"));
  EXPECT_EQ(cache_->size(), 0u);
}

TEST_F(ArtifactCacheTest, AnEntryGoesWithABlob) {
  ASSERT_TRUE(put(key_, "module {}").ok());
  blobs_->remove(sha256("{}"));
  EXPECT_EQ(cache_->size(), 0u);
  EXPECT_FALSE(cache_->find(key_));
  EXPECT_FALSE(std::filesystem::exists(entryOf(key_)));
  EXPECT_EQ(metrics_.artifacts.Value(), 0);
}

TEST_F(ArtifactCacheTest, AnEntryGoesWithAnEvictedBlob) {
  ASSERT_TRUE(put(key_, std::string(500, 'a')).ok());
  now_ += seconds(11);
  ASSERT_TRUE(put(sha256("other"), std::string(600, 'b')).ok());
  EXPECT_FALSE(cache_->find(key_));
  EXPECT_TRUE(cache_->find(sha256("other")));
}

TEST_F(ArtifactCacheTest, AHitLeasesItsBlobs) {
  ASSERT_TRUE(put(key_, std::string(500, 'a')).ok());
  now_ += seconds(11);
  ASSERT_TRUE(cache_->find(key_));
  EXPECT_FALSE(put(sha256("other"), std::string(600, 'b')).ok());
  EXPECT_TRUE(cache_->find(key_));
}

TEST_F(ArtifactCacheTest, ADamagedBlobIsAMiss) {
  ASSERT_TRUE(put(key_, "module {}").ok());
  start();
  std::fstream(directory_.path() / "blobs" / sha256("module {}").hex()).put('~');
  EXPECT_FALSE(cache_->find(key_));
  EXPECT_EQ(cache_->size(), 0u);
  EXPECT_EQ(metrics_.blobsCorrupt.Value(), 1);
}

TEST_F(ArtifactCacheTest, ADamagedOrIncompleteEntryIsDroppedAtStart) {
  ASSERT_TRUE(put(key_, "module {}").ok());
  ASSERT_TRUE(put(sha256("short"), "module {}").ok());
  ASSERT_TRUE(put(sha256("gone"), "others").ok());
  ASSERT_TRUE(put(sha256("fine"), "module {}").ok());
  {
    std::fstream entry(entryOf(key_));
    entry.seekp(120);
    entry.put('~');
  }
  std::filesystem::resize_file(entryOf(sha256("short")), 10);
  std::filesystem::remove(directory_.path() / "blobs" / sha256("others").hex());
  start();
  EXPECT_FALSE(cache_->find(key_));
  EXPECT_FALSE(cache_->find(sha256("short")));
  EXPECT_FALSE(cache_->find(sha256("gone")));
  EXPECT_TRUE(cache_->find(sha256("fine")));
  EXPECT_FALSE(std::filesystem::exists(entryOf(key_)));
  EXPECT_FALSE(std::filesystem::exists(entryOf(sha256("gone"))));
}

TEST_F(ArtifactCacheTest, AFullDiskMakesNoEntry) {
  disk_->fault = [](std::string_view asked, const std::string &path) {
    return asked == "rename" && path.starts_with("artifacts")
               ? absl::ResourceExhaustedError("No space left on device")
               : absl::OkStatus();
  };
  EXPECT_TRUE(absl::IsResourceExhausted(put(key_, "module {}").status()));
  EXPECT_FALSE(cache_->find(key_));
  EXPECT_THAT(*disk_->list("temporary"), IsEmpty());
}

TEST_F(ArtifactCacheTest, RemembersFailuresForAWhile) {
  Diagnostic diagnostic;
  diagnostic.node = "n12";
  cache_->putFailure(key_, {absl::UnimplementedError("no"), {diagnostic}}, seconds(5));
  now_ += seconds(4);
  std::optional<CachedFailure> failure = cache_->findFailure(key_);
  ASSERT_TRUE(failure);
  EXPECT_TRUE(absl::IsUnimplemented(failure->status));
  EXPECT_EQ(failure->diagnostics[0].node, "n12");
  now_ += seconds(1);
  EXPECT_FALSE(cache_->findFailure(key_));
}

TEST_F(ArtifactCacheTest, RemembersAFewFailuresOnly) {
  cacheOptions_.maxFailures = 2;
  start();
  const CachedFailure failure{absl::UnimplementedError("no"), {}};
  cache_->putFailure(sha256("a"), failure, seconds(5));
  cache_->putFailure(sha256("b"), failure, seconds(4));
  cache_->putFailure(sha256("c"), failure, seconds(6));
  EXPECT_TRUE(cache_->findFailure(sha256("a")));
  EXPECT_FALSE(cache_->findFailure(sha256("b")));
  EXPECT_TRUE(cache_->findFailure(sha256("c")));
}

TEST_F(ArtifactCacheTest, RemembersRecentRequests) {
  cacheOptions_.maxInspections = 2;
  start();
  auto inspection = [](const char *target) {
    auto made = std::make_shared<Inspection>();
    made->target = target;
    return made;
  };
  cache_->putInspection(sha256("a"), inspection("a"));
  cache_->putInspection(sha256("b"), inspection("b"));
  EXPECT_EQ(cache_->findInspection(sha256("a"))->target, "a");
  cache_->putInspection(sha256("c"), inspection("c"));
  EXPECT_TRUE(cache_->findInspection(sha256("a")));
  EXPECT_FALSE(cache_->findInspection(sha256("b")));
  EXPECT_TRUE(cache_->findInspection(sha256("c")));
}

TEST_F(ArtifactCacheTest, RequestsAreBoundedInMemory) {
  cacheOptions_.maxInspectionBytes = 10000;
  start();
  for (int i = 0; i < 10; ++i) {
    auto inspection = std::make_shared<Inspection>();
    inspection->signature = std::string(4000, 'x');
    cache_->putInspection(sha256(std::to_string(i)), inspection);
  }
  EXPECT_FALSE(cache_->findInspection(sha256("7")));
  EXPECT_TRUE(cache_->findInspection(sha256("8")));
  EXPECT_TRUE(cache_->findInspection(sha256("9")));
  auto huge = std::make_shared<Inspection>();
  huge->signature = std::string(20000, 'x');
  cache_->putInspection(sha256("huge"), huge);
  EXPECT_FALSE(cache_->findInspection(sha256("huge")));
  EXPECT_TRUE(cache_->findInspection(sha256("9")));
}

} // namespace
} // namespace linalgd
