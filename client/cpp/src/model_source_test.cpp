#include "linalgd/model_source.h"

#include "client/cpp/src/zip_directory.h"
#include "client/cpp/testing/temp_dir.h"
#include "client/cpp/testing/zip_writer.h"

#include <gmock/gmock.h>

namespace linalgd::client {
namespace {

using testing::ElementsAre;
using Entries = std::vector<std::pair<std::string, std::string>>;

Entries pt2() {
  return {{"m/data/weights/weight_0", "wwww"},
          {"m/models/model.json", "{}"},
          {"m/data/sample_inputs/model.pt", "pickle"},
          {"m/archive_format", "pt2"},
          {"m/byteorder", "little"},
          {"m/.data/serialization_id", "123"}};
}

std::vector<std::string> partNames(const ModelSource &model) {
  std::vector<std::string> names;
  for (const ModelSource::Part &part : model.parts())
    names.push_back(part.name);
  return names;
}

std::vector<std::string> partNames(const Entries &entries, bool zip64 = false,
                                   uint16_t method = 0) {
  return partNames(*ModelSource::fromBytes(makeZip(entries, zip64, method)));
}

TEST(ModelSource, SplitsPt2AndLeavesOutWhatNobodyReads) {
  for (bool zip64 : {false, true}) {
    ModelSource model = *ModelSource::fromBytes(makeZip(pt2(), zip64));
    EXPECT_THAT(partNames(model), ElementsAre("data/weights/weight_0", "models/model.json",
                                              "archive_format", "byteorder"));
    EXPECT_EQ(model.parts()[0].bytes, "wwww");
    EXPECT_EQ(model.parts()[0].digest, sha256("wwww"));
    EXPECT_EQ(model.find(sha256("{}")), &model.parts()[1]);
    EXPECT_EQ(model.find(sha256("other")), nullptr);
  }
}

TEST(ModelSource, SendsOtherFilesWhole) {
  EXPECT_THAT(partNames(*ModelSource::fromBytes("module {}")), ElementsAre(""));
  EXPECT_THAT(partNames(Entries{{"m/code/x.py", "x"}, {"m/data.pkl", "y"}}), ElementsAre(""));
  EXPECT_THAT(partNames(pt2(), false, /*deflated*/ 8), ElementsAre(""));
}

TEST(ModelSource, SendsSuspiciousArchivesWhole) {
  for (const char *name : {"m/../etc/passwd", "m//x", "other/x", "m/a\\b", "m/models/model.json"}) {
    Entries entries = pt2();
    entries.push_back({name, "x"});
    EXPECT_THAT(partNames(entries), ElementsAre("")) << name;
  }
}

TEST(ModelSource, TakesExplicitFormatAtItsWord) {
  ModelSource model = *ModelSource::fromBytes(makeZip(pt2()), ModelFormat::TorchScript);
  EXPECT_THAT(partNames(model), ElementsAre(""));
  EXPECT_EQ(model.format(), ModelFormat::TorchScript);
}

TEST(ModelSource, NamesTheFileInErrors) {
  TempDir dir;
  EXPECT_EQ(ModelSource::fromFile(dir.file("none.pt2")).status().code(),
            absl::StatusCode::kNotFound);
  auto empty = ModelSource::fromFile(dir.write("empty.pt2", ""));
  EXPECT_EQ(empty.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(empty.status().message()), testing::HasSubstr("empty.pt2"));
  EXPECT_FALSE(ModelSource::fromFile(dir.file("")).ok());
}

TEST(ModelSource, NoticesFilesThatChange) {
  TempDir dir;
  std::string path = dir.write("m.pt2", makeZip(pt2()));
  ModelSource model = *ModelSource::fromFile(path);
  EXPECT_TRUE(model.checkUnchanged().ok());
  Entries other = pt2();
  other[0].second = "vvvv!";
  dir.write("m.pt2", makeZip(other));
  EXPECT_FALSE(model.checkUnchanged().ok());
  ModelSource again = *ModelSource::fromFile(path);
  EXPECT_EQ(again.parts()[0].digest, sha256("vvvv!"));
}

TEST(ZipDirectory, SurvivesDamage) {
  for (bool zip64 : {false, true}) {
    std::string zip = makeZip(pt2(), zip64);
    ASSERT_TRUE(readZipDirectory(zip));
    for (size_t size = 0; size < zip.size(); ++size)
      EXPECT_FALSE(readZipDirectory(std::string_view(zip).substr(0, size))) << size;
    for (size_t at = 0; at < zip.size(); ++at) {
      std::string damaged = zip;
      damaged[at] = '\xff';
      readZipDirectory(damaged); // under ASan: no access out of bounds
    }
  }
}

} // namespace
} // namespace linalgd::client
