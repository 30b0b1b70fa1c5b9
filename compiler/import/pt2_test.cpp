#include "compiler/import/canonical.h"
#include "compiler/import/key.h"
#include "compiler/import/source_map.h"
#include "compiler/import/test_models.h"
#include "compiler/import/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace linalgd {
namespace {

using nlohmann::json;
using testing::editJson;
using ::testing::ElementsAre;
using testing::Files;
using testing::fixture;
using testing::graphOf;
using ::testing::HasSubstr;
using testing::kModel;
using testing::readFiles;
using testing::readFixture;

constexpr const char *kWeights = "data/weights/model_weights_config.json";

std::vector<std::string> targetsOf(const Graph &graph) {
  std::vector<std::string> targets;
  forEachNode(graph, [&](const Node &node, size_t) { targets.push_back(node.target); });
  return targets;
}

// The error of a fixture after an edit of its model.json.
absl::Status errorAfter(const std::string &name, const std::function<void(json &)> &edit,
                        const std::string &path = kModel) {
  Files files = fixture(name);
  editJson(files, path, edit);
  return readFiles(files).status();
}

TEST(Pt2, ReadsAnMlp) {
  auto model = readFixture("mlp");
  ASSERT_TRUE(model.ok()) << model.status();
  const Graph &graph = model->graph;
  EXPECT_THAT(targetsOf(graph), ElementsAre("aten.linear", "aten.relu_", "aten.linear"));
  ASSERT_EQ(graph.inputs.size(), 5u);
  EXPECT_EQ(graph.inputs[4].name, "x");
  const TensorType &x = graph.typeOf(*graph.inputs[4].value).tensor;
  EXPECT_EQ(printExpression(*std::get<ExpressionPtr>(x.sizes[0]), graph.symbols), "s0");
  EXPECT_EQ(std::get<int64_t>(x.sizes[1]), 4);
  EXPECT_THAT(graph.weights.at("first.weight").shape, ElementsAre(8, 4));
  EXPECT_THAT(graph.inSpec, HasSubstr("builtins.tuple"));
}

TEST(Pt2, ReadsEveryKindOfInputAndOutput) {
  auto model = readFixture("odd");
  ASSERT_TRUE(model.ok()) << model.status();
  const Graph &graph = model->graph;
  using Kind = GraphInput::Kind;
  std::vector<std::pair<Kind, std::string>> inputs;
  inputs.reserve(graph.inputs.size());
  for (const GraphInput &input : graph.inputs)
    inputs.emplace_back(input.kind, input.name);
  EXPECT_THAT(inputs,
              ElementsAre(std::pair(Kind::Parameter, "weight"), std::pair(Kind::Parameter, "tied"),
                          std::pair(Kind::Buffer, "count"), std::pair(Kind::Buffer, "view"),
                          std::pair(Kind::Buffer, "hidden"),
                          std::pair(Kind::TensorConstant, "lifted_tensor_0"),
                          std::pair(Kind::User, "x"), std::pair(Kind::Constant, "flag"),
                          std::pair(Kind::Constant, "scale"), std::pair(Kind::User, "extra_e")));
  EXPECT_EQ(std::get<bool>(graph.inputs[7].constant.value), false);
  const Weight &weight = graph.weights.at("weight"), &tied = graph.weights.at("tied");
  EXPECT_EQ(weight.offset, tied.offset);
  EXPECT_TRUE(graph.weights.at("lifted_tensor_0").inlined);
  ASSERT_EQ(graph.outputs.size(), 7u);
  EXPECT_EQ(std::get<int64_t>(graph.outputs[2].value.value), 5);
  EXPECT_TRUE(graph.outputs[3].value.isNone());
  EXPECT_EQ(std::get<std::string>(graph.outputs[4].value.value), "t");
}

TEST(Pt2, MaterialisesViews) {
  auto model = readFixture("odd");
  const Weight &view = model->graph.weights.at("view");
  EXPECT_FALSE(view.contiguous());
  std::string bytes = contiguousBytes(*model, view);
  ASSERT_EQ(bytes.size(), 64u);
  // arange(24).reshape(6, 4)[2:].t(): the first row is its first column.
  EXPECT_THAT(std::vector<float>(reinterpret_cast<const float *>(bytes.data()),
                                 reinterpret_cast<const float *>(bytes.data()) + 5),
              ElementsAre(8, 12, 16, 20, 9));
}

TEST(Pt2, ReadsNonFiniteNumbers) {
  auto model = readFixture("odd");
  for (const Node &node : model->graph.body().nodes)
    if (node.target == "aten.threshold") {
      EXPECT_EQ(std::get<double>(node.inputs[2].argument.value),
                -std::numeric_limits<double>::infinity());
      return;
    }
  FAIL() << "no threshold";
}

TEST(Pt2, ReadsSubgraphs) {
  auto model = readFixture("branch");
  ASSERT_TRUE(model.ok()) << model.status();
  const Graph &graph = model->graph;
  EXPECT_THAT(targetsOf(graph), ElementsAre("aten.sum", "aten.gt.Scalar", "aten.Bool.Tensor",
                                            "prim.If", "aten.cos", "aten.sin"));
  // A branch uses what the model was given.
  EXPECT_EQ(*graph.block(BlockId(1)).nodes[0].inputs[0].argument.asValue(), *graph.inputs[0].value);
}

TEST(Pt2, ReadsLoops) {
  auto model = readFixture("loops");
  ASSERT_TRUE(model.ok()) << model.status();
  const Graph &graph = model->graph;
  ASSERT_EQ(graph.blocks.size(), 4u);
  std::vector<std::string> loops;
  for (const Node &node : graph.body().nodes)
    if (node.target == "prim.Loop")
      loops.push_back(concat(node.inputs.size() - 3, " carried, ", node.outputs.size(), " given"));
  EXPECT_THAT(loops, ElementsAre("2 carried, 2 given", "1 carried, 1 given", "2 carried, 2 given"));
  // The round's number, what is carried; whether to go on, what is carried next.
  EXPECT_EQ(graph.block(BlockId(1)).inputs.size(), 3u);
  EXPECT_EQ(graph.block(BlockId(1)).outputs.size(), 3u);
  EXPECT_EQ(graph.block(BlockId(2)).nodes.front().target, "aten.select.int");
  EXPECT_EQ(graph.block(BlockId(2)).nodes.back().target, "aten.select_scatter");
}

TEST(Pt2, ReadsWhatRunsWithoutGradientsInPlace) {
  auto model = readFixture("no_gradients");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(targetsOf(model->graph),
              ElementsAre("aten.sin", "aten.mul.Tensor", "aten.add.Tensor", "aten.exp"));
  EXPECT_EQ(model->graph.blocks.size(), 1u);
  EXPECT_EQ(*model->graph.outputs[1].value.asValue(),
            *model->graph.body().nodes[2].outputs[0].asValue());
}

TEST(Pt2, CastsOperandsUnderAutocast) {
  auto model = readFixture("autocast");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(targetsOf(model->graph),
              ElementsAre("aten.to.dtype", "aten.to.dtype", "aten.to.dtype", "aten.linear",
                          "aten.matmul", "aten.add.Tensor"));
  const Node &cast = model->graph.body().nodes[0];
  EXPECT_EQ(model->graph.typeOf(*cast.outputs[0].asValue()).tensor.dtype, DType::BFloat16);
  EXPECT_EQ(cast.source.line, 9u);
}

TEST(Pt2, ReadsEffectsInTheirOrder) {
  auto model = readFixture("effects");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(targetsOf(model->graph), ElementsAre("aten._print", "aten.add.Tensor"));
  EXPECT_EQ(model->graph.inputs.size(), 1u);
  EXPECT_EQ(model->graph.outputs.size(), 1u);
}

TEST(Pt2, NamesWhatStrictExportGetsWrong) {
  absl::Status status = errorAfter("autocast", [](json &document) {
    for (json &node : graphOf(document)["nodes"])
      for (json &input : node["inputs"])
        if (input["arg"].contains("as_graph"))
          for (auto &[name, meta] : input["arg"]["as_graph"]["graph"]["tensor_values"].items())
            meta["dtype"] = 7;
  });
  EXPECT_TRUE(absl::IsUnimplemented(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("strict=False"));
}

TEST(Pt2, ReadsAssertionsWithoutNamesOfNodes) {
  auto model = readFixture("checked");
  ASSERT_TRUE(model.ok()) << model.status();
  std::vector<std::string> messages;
  for (const Node &node : model->graph.body().nodes)
    if (node.target == "aten._assert_scalar")
      messages.push_back(std::get<std::string>(node.inputs[1].argument.value));
  EXPECT_THAT(messages, ::testing::Contains("Runtime assertion failed for expression u0 <= 4"));
  std::vector<std::string> targets = targetsOf(model->graph);
  EXPECT_THAT(targets, ::testing::Contains("prim.If"));
  EXPECT_THAT(targets, ::testing::Not(::testing::Contains("torch.sym_ite")));
}

TEST(Pt2, ReadsDataDependentSizes) {
  auto model = readFixture("data_dependent");
  ASSERT_TRUE(model.ok()) << model.status();
  const Graph &graph = model->graph;
  std::vector<std::string> sizes;
  for (const GraphValue &value : graph.values)
    for (const Dimension &size : value.type.tensor.sizes)
      if (const auto *expression = std::get_if<ExpressionPtr>(&size))
        sizes.push_back(printExpression(**expression, graph.symbols));
  EXPECT_THAT(sizes, ElementsAre("s0", "u0", "4*s0"));
}

TEST(Pt2, PutsWhatIsWrittenAfterWhatIsReturned) {
  auto model = readFixture("norm_functional");
  ASSERT_TRUE(model.ok()) << model.status();
  const auto &outputs = model->graph.outputs;
  ASSERT_EQ(outputs.size(), 4u);
  EXPECT_EQ(outputs[0].kind, GraphOutput::Kind::User);
  EXPECT_EQ(outputs[1].target, "running_mean");
}

TEST(Pt2, WeightsOfTheMetaDeviceAreUnbound) {
  auto model = readFixture("meta");
  ASSERT_TRUE(model.ok()) << model.status();
  for (const auto &[slot, weight] : model->graph.weights)
    EXPECT_FALSE(weight.bound) << slot;
  EXPECT_EQ(canonicalDigest(*model), canonicalDigest(*readFixture("mlp")));
}

TEST(Pt2, MapsNodesToTheUsersLines) {
  SourceMap map = makeSourceMap(readFixture("branch")->graph);
  EXPECT_EQ(map.at("n3").file, "/models/branch_module.py");
  EXPECT_EQ(map.at("n3").line, 5u);
  EXPECT_EQ(map.at("n3").function, "forward");
  SourceMap mlp = makeSourceMap(readFixture("mlp")->graph);
  EXPECT_EQ(mlp.at("n2").module, "second");
  EXPECT_EQ(mlp.at("n2").line, 10u);
}

std::vector<StageKey> keysOf(const ImportedModel &model, const Options &options = {},
                             const std::string &target = "x86_64-linux:x86-64-v3:") {
  SourceMap sourceMap = makeSourceMap(model.graph);
  return KeyMaker(keyContent(model), options, sourceMap, target).make(options.emit);
}

TEST(Key, IsTheSameForASecondSave) {
  auto model = readFixture("mlp"), again = readFixture("mlp_again");
  EXPECT_EQ(keysOf(*model).back().key, keysOf(*again).back().key);
  auto manifest = fixture("mlp");
  testing::CollectingSink sink;
  auto split = readModel(testing::manifestOf(manifest), {}, sink);
  Options executable;
  executable.emit = Stage::Executable;
  EXPECT_EQ(keysOf(*model, executable).back().key, keysOf(*split, executable).back().key);
  // The other save has other weights, which an executable embeds.
  EXPECT_NE(keysOf(*model, executable).back().key, keysOf(*again, executable).back().key);
  executable.weights = WeightsMode::External;
  EXPECT_EQ(keysOf(*model, executable).back().key, keysOf(*again, executable).back().key);
}

TEST(Key, ChangesWithTheModel) {
  Digest key = keysOf(*readFixture("mlp")).back().key;
  EXPECT_NE(keysOf(*readFixture("mlp_static")).back().key, key);
  EXPECT_NE(keysOf(*readFixture("mlp_half")).back().key, key);
}

TEST(Key, ChangesWithEachPartOfTheGraph) {
  const Digest key = canonicalDigest(*readFixture("odd"));
  const std::vector<std::function<void(json &)>> edits = {
      [](json &d) { graphOf(d)["nodes"][1]["inputs"][1]["arg"]["as_int"] = 3; },
      [](json &d) { graphOf(d)["nodes"][1]["target"] = "torch.ops.aten.div_.Tensor"; },
      [](json &d) { std::swap(graphOf(d)["nodes"][0], graphOf(d)["nodes"][1]); },
      [](json &d) { graphOf(d)["tensor_values"]["matmul"]["sizes"][0]["as_int"] = 5; },
      [](json &d) { graphOf(d)["tensor_values"]["matmul"]["dtype"] = 8; },
      [](json &d) { d["graph_module"]["module_call_graph"][0]["signature"]["out_spec"] = ""; },
      [](json &d) {
        d["graph_module"]["signature"]["input_specs"][7]["constant_input"]["value"]["as_bool"] =
            true;
      },
  };
  for (size_t i = 0; i < edits.size(); ++i) {
    Files files = fixture("odd");
    editJson(files, kModel, edits[i]);
    auto model = readFiles(files);
    ASSERT_TRUE(model.ok()) << i << model.status();
    EXPECT_NE(canonicalDigest(*model), key) << i;
  }
  Files files = fixture("odd");
  files["data/constants/tensor_0"][0] ^= 1; // of the code's own constant
  files["data/constants/tensor_1"][0] ^= 1; // a buffer, or the other way round
  EXPECT_NE(canonicalDigest(*readFiles(files)), key);
}

TEST(Key, ChangesWithEachOption) {
  auto model = readFixture("mlp");
  Options options;
  auto base = keysOf(*model, options);
  ASSERT_EQ(base.size(), 3u);
  auto changed = [&](auto edit) {
    Options other = options;
    edit(other);
    return keysOf(*model, other);
  };
  auto kept = changed([](Options &o) { o.keepOps = {"aten.linear"}; });
  EXPECT_EQ(kept[0].key, base[0].key);
  EXPECT_NE(kept[1].key, base[1].key);
  auto entry = changed([](Options &o) { o.entry = "forward"; });
  EXPECT_NE(entry[0].key, base[0].key);
  auto named = changed([](Options &o) { o.modelName = "model"; }); // the graph stands for it
  for (size_t i = 0; i < base.size(); ++i)
    EXPECT_EQ(named[i].key, base[i].key) << i;
  auto python = changed([](Options &o) { o.locations = LocationsMode::Python; });
  EXPECT_NE(python[2].key, base[2].key);
  auto inlined = changed([](Options &o) { o.weights = WeightsMode::Inline; });
  EXPECT_EQ(inlined[1].key, base[1].key);
  EXPECT_NE(inlined[2].key, base[2].key);
  auto external = changed([](Options &o) { o.weights = WeightsMode::External; });
  EXPECT_EQ(external[2].key, base[2].key);
  options.emit = Stage::Executable;
  auto v3 = keysOf(*model, options, "v3"), v4 = keysOf(*model, options, "v4");
  EXPECT_EQ(v3[2].key, v4[2].key);
  EXPECT_NE(v3[3].key, v4[3].key);
}

struct Fault {
  const char *name;
  const char *expected; // in the message
  const char *path;     // the JSON file
  std::function<void(json &)> edit;
};

void PrintTo(const Fault &fault, std::ostream *os) { *os << fault.name; }

class Pt2Fault : public ::testing::TestWithParam<Fault> {};

TEST_P(Pt2Fault, IsNamedWithItsPlace) {
  const Fault &fault = GetParam();
  absl::Status status = errorAfter("mlp", fault.edit, fault.path);
  EXPECT_TRUE(absl::IsInvalidArgument(status) || absl::IsUnimplemented(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(fault.expected));
}

json &weight(json &document) { return document["config"]["first.weight"]["tensor_meta"]; }

INSTANTIATE_TEST_SUITE_P(
    All, Pt2Fault,
    ::testing::Values(
        Fault{"UnknownTag", "graph_module.graph.nodes[0].inputs[0].arg.as_surprise: unknown kind",
              kModel,
              [](json &d) { graphOf(d)["nodes"][0]["inputs"][0]["arg"] = {{"as_surprise", 1}}; }},
        Fault{"UnknownField", "graph_module.graph.nodes[0].extra: unknown field", kModel,
              [](json &d) { graphOf(d)["nodes"][0]["extra"] = 1; }},
        Fault{"MissingField", "graph_module.graph.nodes[1].target: the field is missing", kModel,
              [](json &d) { graphOf(d)["nodes"][1].erase("target"); }},
        Fault{"WrongKind", "graph_module.graph.nodes: expected an array, found object", kModel,
              [](json &d) { graphOf(d)["nodes"] = json::object(); }},
        Fault{"WrongDtype", "tensor_values.linear.dtype: unknown dtype 99", kModel,
              [](json &d) { graphOf(d)["tensor_values"]["linear"]["dtype"] = 99; }},
        Fault{"Undefined", "no value named 'nobody'", kModel,
              [](json &d) {
                graphOf(d)["nodes"][0]["inputs"][0]["arg"]["as_tensor"]["name"] = "nobody";
              }},
        Fault{
            "DefinedTwice", "two values named 'linear'", kModel,
            [](json &d) { graphOf(d)["nodes"][2]["outputs"][0]["as_tensor"]["name"] = "linear"; }},
        Fault{"NegativeSize", "a size cannot be -3", kModel,
              [](json &d) { graphOf(d)["tensor_values"]["linear"]["sizes"][1]["as_int"] = -3; }},
        Fault{"AbsurdSize", "absurd", kModel,
              [](json &d) {
                graphOf(d)["tensor_values"]["linear"]["sizes"][1]["as_int"] = INT64_MAX;
              }},
        Fault{"Expression", "unknown function 'system'", kModel,
              [](json &d) {
                graphOf(d)["tensor_values"]["linear"]["sizes"][0]["as_expr"]["expr_str"] =
                    "system('id')";
              }},
        Fault{"NegativeExpression", "a size cannot be -3", kModel,
              [](json &d) {
                graphOf(d)["tensor_values"]["linear"]["sizes"][0]["as_expr"]["expr_str"] =
                    "Integer(-3)";
              }},
        Fault{"DeepExpression", "levels of nesting", kModel,
              [](json &d) {
                std::string text;
                for (int i = 0; i < 100000; ++i)
                  text += "Add(";
                graphOf(d)["tensor_values"]["linear"]["sizes"][0]["as_expr"]["expr_str"] = text;
              }},
        Fault{"SchemaVersion", "schema_version.major: the export schema has version 9", kModel,
              [](json &d) { d["schema_version"]["major"] = 9; }},
        Fault{"InputCount", "the graph has 4 inputs, its signature 5", kModel,
              [](json &d) { graphOf(d)["inputs"].erase(0); }},
        Fault{"StorageTooShort", "config.first.weight.tensor_meta: the tensor needs 256 bytes",
              kWeights, [](json &d) { weight(d)["sizes"][0]["as_int"] = 16; }},
        Fault{"WeightDisagrees", "different dtypes or sizes", kWeights,
              [](json &d) { weight(d)["sizes"][0]["as_int"] = 4; }},
        Fault{"WeightDtype", "different dtypes or sizes", kWeights,
              [](json &d) { weight(d)["dtype"] = 4; }},
        Fault{"WeightAbsurd", "absurd", kWeights,
              [](json &d) { weight(d)["sizes"][0]["as_int"] = INT64_MAX; }},
        Fault{"WeightBomb", "repeats a storage", kWeights,
              [](json &d) {
                weight(d)["sizes"][0]["as_int"] = int64_t(1) << 40;
                weight(d)["strides"][0]["as_int"] = 0;
              }},
        Fault{"WeightMissing", "has no data for 'first.weight'", kWeights,
              [](json &d) { d["config"].erase("first.weight"); }},
        Fault{"PayloadMissing", "no file data/weights/weight_99", kWeights,
              [](json &d) { d["config"]["first.weight"]["path_name"] = "weight_99"; }},
        Fault{"Target", "target: 'aten.\\x1b[31m' is not the name of an op", kModel,
              [](json &d) { graphOf(d)["nodes"][0]["target"] = "torch.ops.aten.\x1b[31m"; }},
        Fault{"OutputCount", "the graph has 0 outputs, its signature 1", kModel,
              [](json &d) { graphOf(d)["outputs"].clear(); }},
        Fault{"Rank", "a tensor has at most 64 dimensions, not 65", kModel,
              [](json &d) {
                json &sizes = graphOf(d)["tensor_values"]["linear"]["sizes"];
                sizes = json::array();
                for (int i = 0; i < 65; ++i)
                  sizes.push_back({{"as_int", 1}});
              }},
        Fault{"TreeSpec", "signature.in_spec: the tree spec nests more than", kModel,
              [](json &d) {
                d["graph_module"]["module_call_graph"][0]["signature"]["in_spec"] =
                    std::string(100000, '[');
              }},
        Fault{"Pickled", "pickled", kWeights,
              [](json &d) { d["config"]["first.weight"]["use_pickle"] = true; }}),
    [](const auto &info) { return info.param.name; });

TEST(Pt2, RejectsBrokenJson) {
  Files files = fixture("mlp");
  files[kModel].pop_back();
  EXPECT_THAT(std::string(readFiles(files).status().message()), HasSubstr("is not valid JSON"));
  files[kModel] = "{\"linear\xff\"}";
  EXPECT_THAT(std::string(readFiles(files).status().message()), HasSubstr("linear\\xff"));
  files[kModel] = std::string(1000000, '[');
  EXPECT_THAT(std::string(readFiles(files).status().message()), HasSubstr("levels deep"));
}

TEST(Pt2, ReportsToTheSink) {
  testing::CollectingSink sink;
  EXPECT_FALSE(readModel(testing::modelOf("not a model"), {}, sink).ok());
  ASSERT_EQ(sink.diagnostics.size(), 1u);
  EXPECT_EQ(sink.diagnostics[0].code, "invalid-model");
}

TEST(SourceMap, ChoosesTheInnermostUserFrame) {
  SourceLocation location =
      userFrame("File \"/a/model.py\", line 3, in forward\n    x = f(\n"
                "  File \"/v/site-packages/torchvision/models/resnet.py\", line 93, in forward\n"
                "    out = self.bn1(out)\n"
                "  File \"/v/site-packages/torch/nn/functional.py\", line 2, in g\n"
                "  File \"<eval_with_key>.7\", line 1, in forward");
  EXPECT_EQ(location.file, "/v/site-packages/torchvision/models/resnet.py");
  EXPECT_EQ(location.line, 93u);
  EXPECT_EQ(userFrame("File \"torch/fx/x.py\", line 3, in f").file, "");
  EXPECT_EQ(modulePath("a,,m.A;b,layer1.0,m.B"), "layer1.0");
}

} // namespace
} // namespace linalgd
