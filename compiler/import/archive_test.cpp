#include "compiler/import/archive.h"
#include "compiler/import/test_models.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace linalgd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::makeZip;
using ::testing::Pair;
using testing::ZipEntry;

std::string errorOf(const std::string &bytes) {
  auto entries = readArchive(bytes);
  EXPECT_FALSE(entries.ok());
  return std::string(entries.status().message());
}

std::vector<std::pair<std::string, std::string>> contentsOf(const std::string &bytes) {
  auto entries = readArchive(bytes);
  EXPECT_TRUE(entries.ok()) << entries.status();
  std::vector<std::pair<std::string, std::string>> contents;
  for (const ArchiveEntry &entry : *entries)
    contents.emplace_back(entry.name, bytes.substr(entry.offset, entry.size));
  return contents;
}

TEST(Archive, ReadsStoredEntries) {
  std::vector<ZipEntry> entries = {{"a/", ""}, {"a/x", "12345"}, {"a/empty", ""}};
  EXPECT_THAT(contentsOf(makeZip(entries)), ElementsAre(Pair("a/x", "12345"), Pair("a/empty", "")));
  EXPECT_EQ(contentsOf(makeZip(entries, /*zip64=*/true)), contentsOf(makeZip(entries)));
}

TEST(Archive, RejectsOtherFiles) {
  EXPECT_THAT(errorOf(""), HasSubstr("no end record"));
  EXPECT_THAT(errorOf("PK\3\4 but not much more than that, sadly"), HasSubstr("no end record"));
}

TEST(Archive, RejectsEveryTruncation) {
  for (bool zip64 : {false, true}) {
    std::string zip = makeZip({{"a/x", "12345"}, {"a/y", "67890"}}, zip64);
    for (size_t size = 0; size < zip.size(); ++size)
      EXPECT_FALSE(readArchive(zip.substr(0, size)).ok()) << size;
  }
}

// A reader of bytes from outside must survive any of them; whatever it accepts lies inside the
// file.
TEST(Archive, SurvivesEveryChangedByte) {
  for (bool zip64 : {false, true}) {
    const std::string zip = makeZip({{"a/x", "12345"}, {"a/y", "67890"}}, zip64);
    for (size_t i = 0; i < zip.size(); ++i)
      for (int value : {0x00, 0x01, 0x7f, 0xff}) {
        std::string changed = zip;
        changed[i] = static_cast<char>(value);
        if (auto entries = readArchive(changed); entries.ok())
          for (const ArchiveEntry &entry : *entries)
            ASSERT_LE(entry.offset + entry.size, zip.size());
      }
  }
}

TEST(Archive, RejectsNamesThatLeaveTheArchive) {
  for (const char *name : {"../x", "a/../../x", "/etc/passwd", "a\\x", "a//x", "./x", "a/./x", ""})
    EXPECT_FALSE(readArchive(makeZip({{name, "1"}})).ok()) << name;
  EXPECT_THAT(errorOf(makeZip({{"a/../x", "1"}})), HasSubstr("'a/../x'"));
  EXPECT_THAT(errorOf(makeZip({{std::string("a\0x", 3), "1"}})), HasSubstr("control character"));
}

TEST(Archive, RejectsWhatPyTorchNeverWrites) {
  EXPECT_THAT(errorOf(makeZip({{"a/x", "12345", 0, 1}})), HasSubstr("encrypted"));
  EXPECT_THAT(errorOf(makeZip({{"a/x", "12345", 0, 0, "a/y"}})), HasSubstr("another name"));
}

TEST(Archive, BoundsWhatCompressedEntriesHold) {
  std::string zip = makeZip({{"a/x", "12345", 8}, {"a/y", "12345", 8}});
  EXPECT_TRUE(readArchive(zip).ok());
  for (size_t at = 0; (at = zip.find("PK\1\2", at)) != std::string::npos; ++at)
    zip.replace(at + 24, 4, std::string("\0\0\0\x0f", 4)); // 240 MiB each
  EXPECT_THAT(errorOf(zip), HasSubstr("hold more than"));
}

TEST(Archive, RejectsExpansionBeyondDeflate) {
  std::string zip = makeZip({{"a/x", "12345", 8}});
  zip.replace(zip.find("PK\1\2") + 24, 4, std::string("\0\0\x0f\0", 4)); // 960 KiB
  EXPECT_THAT(errorOf(zip), HasSubstr("entry 'a/x' of 5 bytes cannot hold 983040"));
}

TEST(ModelFiles, HaveNoBytesOfCompressedEntries) {
  auto files = ModelFiles::open(testing::modelOf(makeZip({{"a/x", "12345", 8}, {"a/y", "1"}})));
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ(files->find("x"), nullptr);
  EXPECT_THAT(std::string(files->get("x").status().message()), HasSubstr("'x' is compressed"));
  EXPECT_TRUE(files->find("y"));
}

TEST(Archive, RejectsEntriesThatShareBytes) {
  // Two directory entries for one local entry: what ZIP bombs are made of.
  std::string zip = makeZip({{"a/x", "12345"}, {"a/x", "12345"}});
  size_t second = zip.find("PK\1\2", zip.find("PK\1\2") + 1);
  zip.replace(second + 42, 4, std::string(4, '\0'));
  EXPECT_THAT(errorOf(zip), HasSubstr("overlap"));
}

TEST(Archive, RejectsAbsurdCounts) {
  std::string zip = makeZip({{"a/x", "1"}}, /*zip64=*/true);
  size_t end = zip.find("PK\6\6");
  zip.replace(end + 32, 8, "\xff\xff\xff\xff\xff\xff\xff\x7f");
  EXPECT_THAT(errorOf(zip), HasSubstr("9223372036854775807 entries"));
}

TEST(ModelFiles, AreTheSameAsArchiveAndAsManifest) {
  testing::Files files = {{"archive_format", "pt2"}, {"data/weights/weight_0", "1234"}};
  auto archive = ModelFiles::open(testing::modelOf(testing::archiveOf(files)));
  auto manifest = ModelFiles::open(testing::manifestOf(files));
  testing::Files rooted;
  for (const auto &[path, data] : files)
    rooted["model/" + path] = data;
  auto rootedManifest = ModelFiles::open(testing::manifestOf(rooted));
  for (const auto *opened : {&archive, &manifest, &rootedManifest}) {
    ASSERT_TRUE(opened->ok()) << opened->status();
    for (const auto &[path, data] : files) {
      const ModelFile *file = (*opened)->find(path);
      ASSERT_TRUE(file) << path;
      EXPECT_EQ(file->bytes, data);
      EXPECT_EQ((*opened)->mapping(file->blob)->bytes().substr(file->offset, data.size()), data);
    }
  }
}

TEST(ModelFiles, RejectsTwoFilesOfOneName) {
  auto files = ModelFiles::open(testing::modelOf(makeZip({{"a/x", "1"}, {"a/x", "2"}})));
  EXPECT_THAT(std::string(files.status().message()), HasSubstr("two files named 'a/x'"));
}

TEST(ModelFiles, RejectsABlobShorterThanItSays) {
  Model model = testing::modelOf(makeZip({{"a/x", "1"}}));
  model.blobs[0].size += 1;
  EXPECT_TRUE(absl::IsInternal(ModelFiles::open(model).status()));
}

} // namespace
} // namespace linalgd
