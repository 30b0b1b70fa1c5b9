// Every kind of argument, input and output that the schema of torch.export names, in archives that
// are edited by hand.
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

// The fixture "mlp" with the arguments given for its second node's op, of another name.
absl::StatusOr<ImportedModel> readWith(const json &argument) {
  Files files = fixture("mlp");
  editJson(files, kModel, [&](json &document) {
    json &node = graphOf(document)["nodes"][1];
    node["target"] = "torch.ops.some.op.default";
    json input = {{"name", "a"}, {"arg", argument}, {"kind", 1}};
    node["inputs"].push_back(input);
  });
  return readFiles(files);
}

Argument argumentOf(const ImportedModel &model) {
  return model.graph.body().nodes[1].inputs.back().argument;
}

struct Kind {
  const char *name;
  const char *json;
  std::string (*check)(const Argument &); // what is wrong
};

template <typename T> std::string isList(const Argument &argument, std::vector<T> wanted) {
  const auto *list = std::get_if<ArgumentList>(&argument.value);
  if (!list || list->items.size() != wanted.size())
    return "no list, or of another length";
  for (size_t i = 0; i < wanted.size(); ++i)
    if (const T *item = std::get_if<T>(&list->items[i].value); !item || *item != wanted[i])
      return concat("item ", i, " differs");
  return "";
}

template <typename T> std::string is(const Argument &argument, const T &wanted) {
  const T *value = std::get_if<T>(&argument.value);
  return value && *value == wanted ? "" : "differs";
}

std::string hasValues(const Argument &argument, size_t count) {
  std::vector<ValueId> values;
  collectValues(argument, values);
  return values.size() == count ? "" : concat(values.size(), " values");
}

class ArgumentKinds : public ::testing::TestWithParam<Kind> {};

TEST_P(ArgumentKinds, AreRead) {
  auto model = readWith(json::parse(GetParam().json));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(GetParam().check(argumentOf(*model)), "");
}

using A = const Argument &;
INSTANTIATE_TEST_SUITE_P(
    All, ArgumentKinds,
    ::testing::Values(
        Kind{"None", R"({"as_none": true})",
             [](A a) -> std::string { return is(a, std::monostate()); }},
        Kind{"Tensor", R"({"as_tensor": {"name": "x"}})",
             [](A a) -> std::string { return hasValues(a, 1); }},
        Kind{"Tensors", R"({"as_tensors": [{"name": "x"}, {"name": "x"}]})",
             [](A a) -> std::string { return hasValues(a, 2); }},
        Kind{"Int", R"({"as_int": -3})", [](A a) -> std::string { return is<int64_t>(a, -3); }},
        Kind{"Ints", R"({"as_ints": [1, 2]})",
             [](A a) -> std::string { return isList<int64_t>(a, {1, 2}); }},
        Kind{"Float", R"({"as_float": "-Infinity"})",
             [](A a) -> std::string { return is(a, -std::numeric_limits<double>::infinity()); }},
        Kind{"Floats", R"({"as_floats": [1.5, 2.0]})",
             [](A a) -> std::string { return isList<double>(a, {1.5, 2}); }},
        Kind{"String", R"({"as_string": "s"})",
             [](A a) -> std::string { return is<std::string>(a, "s"); }},
        Kind{"Strings", R"({"as_strings": ["s", "t"]})",
             [](A a) -> std::string { return isList<std::string>(a, {"s", "t"}); }},
        Kind{"SymInt", R"({"as_sym_int": {"as_int": 4}})",
             [](A a) -> std::string { return is<int64_t>(a, 4); }},
        Kind{"SymInts", R"({"as_sym_ints": [{"as_int": 4}, {"as_int": 5}]})",
             [](A a) -> std::string { return isList<int64_t>(a, {4, 5}); }},
        Kind{"SymFloat", R"({"as_sym_float": {"as_float": 0.5}})",
             [](A a) -> std::string { return is(a, 0.5); }},
        Kind{"SymFloats", R"({"as_sym_floats": [{"as_float": 0.5}]})",
             [](A a) -> std::string { return isList<double>(a, {0.5}); }},
        Kind{"SymBool", R"({"as_sym_bool": {"as_bool": true}})",
             [](A a) -> std::string { return is(a, true); }},
        Kind{"SymBools", R"({"as_sym_bools": [{"as_bool": true}, {"as_bool": false}]})",
             [](A a) -> std::string { return isList<bool>(a, {true, false}); }},
        Kind{"ScalarType", R"({"as_scalar_type": 13})",
             [](A a) -> std::string { return is(a, DType::BFloat16); }},
        Kind{"Float8", R"({"as_scalar_type": 33})",
             [](A a) -> std::string { return std::get_if<DType>(&a.value) ? "" : "no dtype"; }},
        Kind{"MemoryFormat", R"({"as_memory_format": 2})",
             [](A a) -> std::string { return is(a, MemoryFormat::ChannelsLast); }},
        Kind{"Layout", R"({"as_layout": 7})",
             [](A a) -> std::string { return is(a, Layout::Strided); }},
        Kind{"Device", R"({"as_device": {"type": "cuda", "index": 1}})",
             [](A a) -> std::string {
               const auto *device = std::get_if<DeviceName>(&a.value);
               return device && device->name == "cpu" ? "" : "no device";
             }},
        Kind{"Bool", R"({"as_bool": false})", [](A a) -> std::string { return is(a, false); }},
        Kind{"Bools", R"({"as_bools": [false, true]})",
             [](A a) -> std::string { return isList<bool>(a, {false, true}); }},
        Kind{"OptionalTensors",
             R"({"as_optional_tensors": [{"as_tensor": {"name": "x"}}, {"as_none": true}]})",
             [](A a) -> std::string {
               const auto *list = std::get_if<ArgumentList>(&a.value);
               return list && list->items.size() == 2 && list->items[1].isNone() ? ""
                                                                                 : "other items";
             }},
        Kind{"Operator", R"({"as_operator": "torch.ops.aten.add.Tensor"})",
             [](A a)
                 -> std::
                     string {
                       const auto *op = std::get_if<OperatorName>(&a.value);
                       return op && op->name == "torch.ops.aten.add.Tensor" ? "" : "no operator";
                     }},
        Kind{"OptionalTensor", R"({"as_optional_tensor": {"as_tensor": {"name": "x"}}})",
             [](A a) -> std::string { return hasValues(a, 1); }},
        Kind{"NoTensor", R"({"as_optional_tensor": {"as_none": true}})",
             [](A a) -> std::string { return is(a, std::monostate()); }},
        Kind{"Complex", R"({"as_complex": {"real": 1, "imag": -2}})",
             [](A a) -> std::string { return is(a, std::complex<double>(1, -2)); }},
        Kind{"NestedTensors", R"({"as_nested_tensors": [[{"name": "x"}], [], [{"name": "x"}]]})",
             [](A a) -> std::string { return hasValues(a, 2); }},
        Kind{"IntLists", R"({"as_int_lists": [[1, 2], [3]]})",
             [](A a)
                 -> std::
                     string {
                       const auto *lists = std::get_if<ArgumentList>(&a.value);
                       return lists && lists->items.size() == 2
                                  ? isList<int64_t>(lists->items[0], {1, 2})
                                  : "no lists";
                     }},
        Kind{"FloatLists", R"({"as_float_lists": [[1.5], [2.5]]})",
             [](A a)
                 -> std::
                     string {
                       const auto *lists = std::get_if<ArgumentList>(&a.value);
                       return lists && lists->items.size() == 2
                                  ? isList<double>(lists->items[1], {2.5})
                                  : "no lists";
                     }},
        Kind{"Dict", R"({"as_string_to_argument": {"k": {"as_int": 1}, "l": {"as_none": true}}})",
             [](A a) -> std::string {
               const auto *dict = std::get_if<ArgumentDict>(&a.value);
               return dict && dict->keys.size() == 2 && is<std::string>(dict->keys[1], "l").empty()
                          ? is<int64_t>(dict->items[0], 1)
                          : "no dict";
             }}),
    [](const ::testing::TestParamInfo<Kind> &info) { return info.param.name; });

TEST(Pt2Kinds, NamesWhatItCannotRead) {
  auto custom =
      readWith(json::parse(R"({"as_custom_obj": {"name": "queue", "class_fqn": "my.lib.Queue"}})"));
  EXPECT_THAT(custom.status().message(), HasSubstr("'queue' is an object of my.lib.Queue"));
  EXPECT_TRUE(absl::IsUnimplemented(custom.status()));
  auto unknown = readWith(json::parse(R"({"as_tensor_subclass": {}})"));
  EXPECT_THAT(unknown.status().message(), HasSubstr("written by a newer PyTorch?"));
  auto layout = readWith(json::parse(R"({"as_layout": 70})"));
  EXPECT_THAT(layout.status().message(), HasSubstr("unknown number 70"));
}

absl::StatusOr<ImportedModel> edited(const std::string &name,
                                     const std::function<void(json &)> &edit) {
  Files files = fixture(name);
  editJson(files, kModel, edit);
  return readFiles(files);
}

TEST(Pt2Kinds, NamesCustomObjects) {
  auto model = edited("mlp", [](json &document) {
    document["graph_module"]["signature"]["input_specs"][0] = json::parse(
        R"({"custom_obj": {"arg": {"name": "o", "class_fqn": "my.Table"}, "custom_obj_name": "t"}})");
  });
  EXPECT_THAT(model.status().message(), HasSubstr("holds 't', an object of my.Table"));
}

TEST(Pt2Kinds, ReadsGradients) {
  auto model = edited("mlp", [](json &document) {
    json &outputs = graphOf(document)["outputs"];
    json &specs = document["graph_module"]["signature"]["output_specs"];
    json loss = outputs[0]["as_tensor"];
    outputs.push_back(outputs[0]);
    outputs.push_back(outputs[0]);
    specs = json::array();
    specs.push_back({{"loss_output", {{"arg", loss}}}});
    specs.push_back({{"gradient_to_parameter", {{"arg", loss}, {"parameter_name", "w"}}}});
    specs.push_back({{"gradient_to_user_input", {{"arg", loss}, {"user_input_name", "x"}}}});
  });
  ASSERT_TRUE(model.ok()) << model.status();
  std::vector<std::string> targets;
  for (const GraphOutput &output : model->graph.outputs) {
    EXPECT_EQ(output.kind, GraphOutput::Kind::User);
    targets.push_back(output.target);
  }
  EXPECT_THAT(targets, ElementsAre("", "w", "x"));
  EXPECT_EQ(model->graph.outSpec, "");
}

TEST(Pt2Kinds, ReadsWhatIsWritten) {
  auto model = edited("mlp", [](json &document) {
    json &outputs = graphOf(document)["outputs"];
    json &specs = document["graph_module"]["signature"]["output_specs"];
    json value = outputs[0]["as_tensor"];
    auto add = [&](const char *kind, json fields) {
      outputs.push_back(outputs[0]);
      fields["arg"] = value;
      specs.push_back({{kind, fields}});
    };
    add("buffer_mutation", {{"buffer_name", "first.bias"}});
    add("parameter_mutation", {{"parameter_name", "second.bias"}});
    add("user_input_mutation", {{"user_input_name", "x"}});
    outputs.push_back(outputs[0]);
    specs.push_back({{"token", {{"arg", {{"name", "token"}}}}}});
  });
  ASSERT_TRUE(model.ok()) << model.status();
  using Output = GraphOutput::Kind;
  std::vector<std::pair<Output, std::string>> written;
  for (const GraphOutput &output : model->graph.outputs)
    written.emplace_back(output.kind, output.target);
  EXPECT_THAT(written, ElementsAre(std::pair(Output::User, ""),
                                   std::pair(Output::BufferMutation, "first.bias"),
                                   std::pair(Output::BufferMutation, "second.bias"),
                                   std::pair(Output::InputMutation, "x")));
}

TEST(Pt2Kinds, ReadsGuards) {
  auto model = edited("mlp", [](json &document) {
    document["guards_code"] = {
        "(L['x'].size()[0] % 2) == 0",
        "(5*L['x'].size()[0]) != (1 + L['x'].size()[1])",
        "L['x'].size()[0] == L['x'].size()[0]",
        "L['x'].size()[0] >= 0",
        "L['x'].stride()[0] == 4",
        "not L['x'].size()[0]",
        "L['x'].size()[0] % 4 == 1 or L['x'].size()[0] > 8 and L['x'].size()[1] == 4",
        "math.trunc(L['x'].size()[0] / 3) == 2",
        "L['x'].size()[0] >= 0 and L['x'].size()[0] >= 0",
        "L['x'].data.size()[0] == 1",
    };
  });
  ASSERT_TRUE(model.ok()) << model.status();
  std::vector<std::string> guards;
  for (const GraphGuard &guard : model->graph.guards)
    guards.push_back(
        concat(guard.text, " | ",
               guard.expression ? printExpression(*guard.expression, model->graph.symbols) : "?"));
  EXPECT_THAT(guards, ElementsAre("(x.shape[0] % 2) == 0 | s0%2 == 0",
                                  "(5*x.shape[0]) != (1 + x.shape[1]) | 5*s0 != 1 + 4",
                                  "L['x'].stride()[0] == 4 | ?", "not x.shape[0] | Not(s0)",
                                  "x.shape[0] % 4 == 1 or x.shape[0] > 8 and x.shape[1] == 4 | "
                                  "s0%4 == 1 or s0 > 8 and 4 == 4",
                                  "math.trunc(x.shape[0] / 3) == 2 | TruncToInt(s0/3) == 2",
                                  "L['x'].data.size()[0] == 1 | ?"));
}

} // namespace
} // namespace linalgd
