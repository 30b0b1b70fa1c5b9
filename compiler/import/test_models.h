// What the tests of compiler/import share: fixtures, ZIP archives made to measure, models of them.
#pragma once

#include "compiler/import/model.h"

#include <nlohmann/json.hpp>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace linalgd::testing {

struct ZipEntry {
  std::string name;
  std::string data;
  uint16_t method = 0;
  uint16_t flags = 0;
  std::string localName = ""; // where it differs from `name`
};
std::string makeZip(const std::vector<ZipEntry> &entries, bool zip64 = false);

// The files of testdata/NAME.pt2 without their root folder.
using Files = std::map<std::string, std::string>;
Files fixture(const std::string &name);
std::string archiveOf(const Files &files);
inline constexpr const char *kModel = "models/model.json";
// The graph of the document `kModel`.
nlohmann::json &graphOf(nlohmann::json &document);
// Edits `kModel` or another JSON file.
void editJson(Files &files, const std::string &path,
              const std::function<void(nlohmann::json &)> &edit);

Blob blobOf(const std::string &bytes, const std::string &name = "");
Model modelOf(const std::string &archive);
Model manifestOf(const Files &files);

class CollectingSink : public StageSink {
public:
  void stageStarted(Stage) override {}
  void stageFinished(Stage, std::chrono::microseconds) override {}
  void stageArtifact(Stage, Artifact) override {}
  void reproducer(ArtifactFile) override {}
  void diagnostic(Diagnostic diagnostic) override { diagnostics.push_back(std::move(diagnostic)); }
  std::vector<Diagnostic> diagnostics;
};

absl::StatusOr<ImportedModel> readFiles(const Files &files);
absl::StatusOr<ImportedModel> readFixture(const std::string &name);

} // namespace linalgd::testing
