#include "compiler/api/compiler.h"
#include "compiler/import/test_models.h"
#include "compiler/pipeline/stages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <unistd.h>

namespace linalgd {
namespace {

using nlohmann::json;
using testing::archiveOf;
using ::testing::ElementsAre;
using testing::Files;
using testing::fixture;
using ::testing::HasSubstr;
using ::testing::Not;

std::string contentsOf(const ArtifactFile &file) {
  std::string bytes(file.size, '\0');
  EXPECT_EQ(pread(file.fd.get(), bytes.data(), bytes.size(), 0),
            static_cast<ssize_t>(bytes.size()));
  return bytes;
}

// Keeps the artifacts of the stages on the way.
class StageKeeper : public testing::CollectingSink {
public:
  void stageArtifact(Stage stage, Artifact artifact) override {
    artifacts[stage] = std::move(artifact);
  }
  void stageFinished(Stage stage, std::chrono::microseconds) override { finished.push_back(stage); }
  std::map<Stage, Artifact> artifacts;
  std::vector<Stage> finished;
};

struct Outcome {
  absl::Status status;
  std::string text;
  StageKeeper sink;
};

Outcome compileFiles(const Files &files, const Options &options) {
  Outcome outcome;
  Model model = testing::modelOf(archiveOf(files));
  auto artifact = createCompiler()->compile(model, options, std::nullopt, outcome.sink);
  outcome.status = artifact.status();
  if (artifact.ok())
    outcome.text = contentsOf(artifact->files.front());
  return outcome;
}

Outcome compileFixture(const std::string &name, const Options &options) {
  return compileFiles(fixture(name), options);
}

Inspection inspectFixture(const std::string &name, const Options &options = {}) {
  testing::CollectingSink sink;
  auto inspection =
      createCompiler()->inspect(testing::modelOf(archiveOf(fixture(name))), options, sink);
  EXPECT_TRUE(inspection.ok()) << inspection.status();
  return *std::move(inspection);
}

Options emitting(Stage stage) {
  Options options;
  options.emit = stage;
  return options;
}

TEST(Pipeline, ImportsAsWritten) {
  Outcome outcome = compileFixture("mlp", emitting(Stage::TorchRaw));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_THAT(outcome.text, HasSubstr("func.func @main(%arg0: !torch.tensor<[?,4],f32>"));
  EXPECT_THAT(outcome.text, HasSubstr("torch.aten.relu_"));
  EXPECT_THAT(outcome.text, HasSubstr("torch.symbolic_int \"s0\""));
  EXPECT_THAT(outcome.text, HasSubstr("dense_resource<first.weight> : tensor<8x4xf32>"));
  EXPECT_THAT(outcome.text, Not(HasSubstr("dialect_resources")));
  EXPECT_THAT(outcome.text, HasSubstr("loc(\"n1\")"));
}

TEST(Pipeline, WritesNumbersAsScalarOverloads) {
  Outcome outcome = compileFixture("odd", emitting(Stage::TorchRaw));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_THAT(outcome.text, HasSubstr("torch.aten.add_.Scalar %count, %int1"));
  EXPECT_THAT(outcome.text, HasSubstr("dense<[1, 2, 3, 4]> : tensor<4xsi64>"));
  EXPECT_THAT(outcome.text, HasSubstr("torch.state = [0, \"count\"]"));
}

TEST(Pipeline, ReturnsWhatIsWritten) {
  // The function returns its outputs, the mutated input and the written buffer, as the signature
  // says.
  Outcome outcome = compileFixture("odd", emitting(Stage::Torch));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  json signature = json::parse(inspectFixture("odd").signature);
  ASSERT_EQ(signature["state"].size(), 2u);
  EXPECT_EQ(signature["state"][0]["input"], 0);
  EXPECT_EQ(signature["state"][1]["slot"], "count");
  EXPECT_THAT(outcome.text, HasSubstr("torch.state_input = 0"));
  EXPECT_THAT(outcome.text, HasSubstr("torch.state_slot = \"count\""));

  json functional = json::parse(inspectFixture("norm_functional").signature);
  std::vector<std::string> slots;
  for (const json &entry : functional["state"])
    slots.push_back(entry["slot"]);
  EXPECT_THAT(slots, ElementsAre("num_batches_tracked", "running_mean", "running_var"));
}

TEST(Pipeline, DescribesInputsAndOutputs) {
  json signature = json::parse(inspectFixture("odd").signature);
  EXPECT_EQ(signature["inputs"][1],
            (json{{"name", "flag"}, {"kind", "constant"}, {"value", false}}));
  EXPECT_EQ(signature["outputs"][2], (json{{"kind", "constant"}, {"value", 5}}));
  EXPECT_EQ(signature["outputs"][0]["shape"], json({4, 4}));
  json mlp = json::parse(inspectFixture("mlp").signature);
  EXPECT_EQ(mlp["inputs"][0]["shape"], json({"s0", 4}));
  EXPECT_TRUE(mlp["symbols"].contains("s0"));
  EXPECT_EQ(mlp["slots"][0]["slot"], "first.weight");
}

TEST(Pipeline, BindsWeightsToTheirBytes) {
  Inspection inspection = inspectFixture("odd");
  std::map<std::string, WeightBinding> weights;
  for (const WeightBinding &weight : inspection.weights)
    weights[weight.slot] = weight;
  EXPECT_EQ(weights.count("weight"), 0u); // the graph uses it by its other name
  EXPECT_EQ(weights.at("tied").size, 64u);
  EXPECT_TRUE(weights.at("tied").strides.empty());
  EXPECT_THAT(weights.at("view").strides, ElementsAre(1, 4));
  EXPECT_EQ(weights.count("lifted_tensor_0"), 0u);
  for (const WeightBinding &weight : inspectFixture("meta").weights)
    EXPECT_FALSE(weight.bound);
}

TEST(Pipeline, RendersWeights) {
  Options options = emitting(Stage::TorchRaw);
  options.weights = WeightsMode::Inline;
  Outcome inlined = compileFixture("odd", options);
  // The bytes of `view`, row-major: 8, 12, 16, 20, 9, ….
  EXPECT_THAT(inlined.text, HasSubstr("view: \"0x0400000000000041000040410000804100"));
  options.weights = WeightsMode::Params;
  Outcome params = compileFixture("mlp", options);
  EXPECT_THAT(params.text, HasSubstr("#flow.parameter.named<\"model\"::\"first.weight\">"));
  EXPECT_THAT(params.text, HasSubstr("util.global.load"));
  EXPECT_THAT(params.text, Not(HasSubstr("dense_resource")));
}

TEST(Pipeline, PointsToPythonLines) {
  Options options = emitting(Stage::TorchRaw);
  options.locations = LocationsMode::Python;
  Outcome outcome = compileFixture("mlp", options);
  EXPECT_THAT(outcome.text, HasSubstr("/models/mlp_module.py\":10:0"));
  EXPECT_THAT(outcome.text, HasSubstr("loc(\"n1\"("));
  EXPECT_EQ(inspectFixture("mlp").sourceMap.at("n1").line, 10u);
}

TEST(Pipeline, GoesOnFromAnEarlierStage) {
  Outcome whole = compileFixture("odd", emitting(Stage::Torch));
  ASSERT_EQ(whole.sink.artifacts.size(), 1u);
  ArtifactFile &raw = whole.sink.artifacts.at(Stage::TorchRaw).files.front();
  ResumePoint resume{Stage::TorchRaw, std::move(raw.fd), raw.size};
  StageKeeper sink;
  auto artifact = createCompiler()->compile(testing::modelOf(archiveOf(fixture("odd"))),
                                            emitting(Stage::Torch), std::move(resume), sink);
  ASSERT_TRUE(artifact.ok()) << artifact.status();
  EXPECT_EQ(contentsOf(artifact->files.front()), whole.text);
  EXPECT_THAT(sink.finished, ElementsAre(Stage::Torch));
}

TEST(Pipeline, GoesOnFromWhatItSays) {
  for (const StageDefinition &stage : stages())
    EXPECT_EQ(stage.isModule, stage.stage <= kLastResumableStage) << stageName(stage.stage);
}

TEST(Pipeline, ReportsAllUnsupportedOps) {
  Files files = fixture("mlp");
  testing::editJson(files, "models/model.json", [](json &document) {
    json &nodes = document["graph_module"]["graph"]["nodes"];
    nodes[0]["target"] = "torch.ops.aten.nobody.default";
    nodes[2]["target"] = "torch.ops.mylib.knows.this";
  });
  Outcome outcome = compileFiles(files, emitting(Stage::Linalg));
  EXPECT_TRUE(absl::IsUnimplemented(outcome.status)) << outcome.status;
  EXPECT_THAT(std::string(outcome.status.message()),
              HasSubstr("2 ops of the model are not supported: torch.aten.nobody, "
                        "torch.mylib.knows.this"));
  std::vector<std::pair<std::string, std::string>> found;
  for (const Diagnostic &diagnostic : outcome.sink.diagnostics)
    if (diagnostic.code == "unsupported-op")
      found.emplace_back(diagnostic.op, diagnostic.node);
  EXPECT_THAT(found, ElementsAre(std::pair("torch.aten.nobody", "n0"),
                                 std::pair("torch.mylib.knows.this", "n2")));
}

TEST(Pipeline, KeepsOps) {
  Options options = emitting(Stage::Linalg);
  options.keepOps = {"torch.aten.linear"};
  Outcome outcome = compileFixture("mlp", options);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_THAT(outcome.text, HasSubstr("torch.aten.linear"));
  options.keepOps = {"aten.linear"};
  Digest key = inspectFixture("mlp", options).keys.back().key;
  options.keepOps = {"torch.aten.linear", "aten.linear.default"};
  EXPECT_EQ(inspectFixture("mlp", options).keys.back().key, key);
  // Without an overload, all are meant.
  options.keepOps = {"aten.threshold", "aten.mul"};
  Outcome odd = compileFixture("odd", options);
  ASSERT_TRUE(odd.status.ok()) << odd.status;
  EXPECT_THAT(odd.text, HasSubstr("torch.aten.mul.Scalar"));
}

TEST(Pipeline, RejectsOptionsThatContradict) {
  auto errorOf = [](const Options &options) {
    Outcome outcome = compileFixture("mlp", options);
    EXPECT_TRUE(absl::IsInvalidArgument(outcome.status)) << outcome.status;
    EXPECT_EQ(outcome.sink.diagnostics.size(), 1u);
    return std::string(outcome.status.message());
  };
  Options entry;
  entry.entry = "not a name";
  EXPECT_THAT(errorOf(entry), HasSubstr("'not a name'"));
  Options weights = emitting(Stage::Executable);
  weights.weights = WeightsMode::Inline;
  EXPECT_THAT(errorOf(weights), HasSubstr("weights=inline"));
  Options keep;
  keep.keepOps = {"aten.linaer"};
  EXPECT_THAT(errorOf(keep), HasSubstr("'aten.linaer' is neither"));
  EXPECT_THAT(errorOf(keep), HasSubstr("is it 'aten.linear'?"));
  Options target = emitting(Stage::Executable);
  target.target = "native";
  EXPECT_THAT(errorOf(target), HasSubstr("native"));
}

TEST(Pipeline, RejectsModelsThatContradictTheirOps) {
  Files files = fixture("mlp");
  testing::editJson(files, "models/model.json", [](json &document) {
    document["graph_module"]["graph"]["nodes"][1]["inputs"].clear();
  });
  Outcome outcome = compileFiles(files, emitting(Stage::TorchRaw));
  EXPECT_TRUE(absl::IsInvalidArgument(outcome.status)) << outcome.status;
  ASSERT_FALSE(outcome.sink.diagnostics.empty());
  EXPECT_EQ(outcome.sink.diagnostics[0].node, "n1");
}

TEST(Pipeline, SaysWhatItIs) {
  CompilerInfo info = createCompiler()->info();
  EXPECT_EQ(info.stages.size(), static_cast<size_t>(kNumStages));
  EXPECT_THAT(info.buildId, HasSubstr("libMLIR"));
  EXPECT_FALSE(info.targets.empty());
}

} // namespace
} // namespace linalgd
