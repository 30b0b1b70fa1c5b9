// Archives of older versions of PyTorch: their layout, their pickles, their expressions.
#include "compiler/import/pickle.h"
#include "compiler/import/test_models.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace linalgd {
namespace {

using ::testing::ElementsAre;
using ::testing::Key;
using testing::readFixture;

class OldPt2 : public ::testing::TestWithParam<const char *> {};

TEST_P(OldPt2, IsRead) {
  auto model = readFixture(GetParam());
  ASSERT_TRUE(model.ok()) << model.status();
  const Graph &graph = model->graph;
  std::map<std::string, Weight, std::less<>> weights = graph.weights;
  // From 2.8 on, a tied weight has both of its names.
  if (auto tied = weights.extract("tied"))
    EXPECT_EQ(tied.mapped().offset + tied.mapped().storageOffset,
              weights.at("linear.weight").offset + weights.at("linear.weight").storageOffset);
  EXPECT_THAT(weights, ElementsAre(Key("hidden"), Key("lifted_tensor_0"), Key("linear.bias"),
                                   Key("linear.weight"), Key("low"), Key("mean")));
  const Weight &low = graph.weights.at("low");
  EXPECT_EQ(low.dtype, DType::BFloat16);
  EXPECT_THAT(low.shape, ElementsAre(2, 4));
  EXPECT_THAT(low.strides, ElementsAre(1, 2));
  std::string hidden = contiguousBytes(*model, graph.weights.at("hidden"));
  EXPECT_THAT(std::vector<float>(reinterpret_cast<const float *>(hidden.data()),
                                 reinterpret_cast<const float *>(hidden.data()) + 4),
              ElementsAre(0, 1, 2, 3));
  ASSERT_EQ(graph.symbols.size(), 1u);
  EXPECT_EQ(graph.symbols[0].min, 2);
  EXPECT_EQ(graph.symbols[0].max, 64);
  const GraphInput &flag = graph.inputs.back();
  EXPECT_EQ(flag.kind, GraphInput::Kind::Constant);
  EXPECT_EQ(std::get<bool>(flag.constant.value), false);
}

INSTANTIATE_TEST_SUITE_P(All, OldPt2,
                         ::testing::Values("old_2_5", "old_2_7", "old_2_8", "old_2_9", "old_2_12"));

// {"w": tensor} as torch.save pickles it, in protocol 2.
std::string pickleOfTensor() {
  std::string text("\x80\x02}X\x01\0\0\0w", 9);
  text += "ctorch._utils\n_rebuild_tensor_v2\n((X";
  text += std::string("\x07\0\0\0storage", 11) + "ctorch\nFloatStorage\n";
  text += std::string("X\x01\0\0\0"
                      "0X\x03\0\0\0cpuK\x06tQK\x02K\x02K\x02\x86K\x01K\x02\x86tRs.",
                      34);
  return text;
}

TEST(Pickle, ReadsTensors) {
  auto tensors = readPickledTensors(pickleOfTensor());
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  const PickledTensor &tensor = tensors->at("w");
  EXPECT_EQ(tensor.dtype, DType::Float32);
  EXPECT_EQ(tensor.storage, "0");
  EXPECT_EQ(tensor.storageOffset, 2);
  EXPECT_THAT(tensor.sizes, ElementsAre(2, 2));
  EXPECT_THAT(tensor.strides, ElementsAre(1, 2));
}

TEST(Pickle, IsCheckedForOtherReaders) {
  auto check = [](const std::string &text, uint64_t bytes) {
    return std::string(checkPickle(text, [&](std::string_view key) {
                         return key == "0" ? std::optional(bytes) : std::nullopt;
                       }).message());
  };
  std::string good = pickleOfTensor();
  EXPECT_EQ(check(good, 24), "");
  EXPECT_EQ(check(good, 20), "storage '0' has 20 bytes, and not 6 elements of 4");
  std::string other = good;
  other[good.find("FloatStorage")] = 'X';
  EXPECT_EQ(check(other, 24), "a tensor's storage is a torch\\x0aXloatStorage");
  other = good;
  other[good.find("0X\x03")] = '1';
  EXPECT_EQ(check(other, 24), "there is no storage '1'");
  EXPECT_EQ(check("X\xff\xff\xff\x7f.", 0), "the pickle cannot be read: it is truncated at byte 5");
}

// ("FORMAT_WITH_STRING_TABLE", ("text", "file"), ((0, (([0], NAME, 1), 0, 4)),)) as TorchScript has
// it.
std::string sourceRanges(char text, char name) {
  auto string = [](const std::string &content) {
    return std::string("X") + static_cast<char>(content.size()) + std::string(3, '\0') + content;
  };
  auto number = [](char value) { return std::string("K") + value; };
  std::string list = "ctorch.jit._pickle\nbuild_intlist\n](" + number(text) + "e\x85R";
  std::string source = list + number(name) + number(1) + "\x87";
  std::string line = number(0) + source + number(0) + number(4) + "\x87\x86";
  return "\x80\x02" + string("FORMAT_WITH_STRING_TABLE") + string("text") + string("file") +
         "\x86" + line + "\x85\x87.";
}

TEST(Pickle, IsCheckedForSourceRanges) {
  EXPECT_TRUE(checkSourceRanges(sourceRanges(0, 1)).ok()) << checkSourceRanges(sourceRanges(0, 1));
  EXPECT_TRUE(checkSourceRanges(sourceRanges(1, 0)).ok());
  for (const std::string &bad :
       {sourceRanges(2, 1), sourceRanges(0, 2), std::string(")."), std::string("K\1\x85."),
        std::string("K\1\x85\x85."), pickleOfTensor()})
    EXPECT_FALSE(checkSourceRanges(bad).ok()) << bad;
}

TEST(Pickle, CallsNothing) {
  // {"w": os.system("x")}: an opaque value, no tensor.
  std::string text("\x80\x02}X\x01\0\0\0wcos\nsystem\nX\x01\0\0\0x\x85Rs.", 32);
  auto tensors = readPickledTensors(text);
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  EXPECT_TRUE(tensors->empty());
}

TEST(Pickle, RefusesWhatIsBroken) {
  const std::string good = pickleOfTensor();
  for (size_t length = 0; length < good.size(); ++length)
    EXPECT_FALSE(readPickledTensors(good.substr(0, length)).ok()) << length;
  using namespace std::string_literals;
  for (const std::string &bad :
       {"."s, "R."s, "N."s, "}u."s, "}(Nu."s, "h\0."s, "j\xff\xff\xff\xff."s, "s."s,
        "}r\xff\xff\xff\xff."s, "X\xff\xff\xff\xff."s, "(((t."s, "\x87."s, "Q."s, "i."s, "cos\n"s})
    EXPECT_FALSE(readPickledTensors(bad).ok()) << bad;
}

} // namespace
} // namespace linalgd
