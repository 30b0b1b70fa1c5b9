#include "compiler/api/input_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace linalgd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(InputSpec, Tensors) {
  InputSpec input = *parseInputSpec("x:float32[1, ?, width]");
  EXPECT_EQ(input.name, "x");
  EXPECT_EQ(input.dtype, "float32");
  EXPECT_THAT(input.shape, ElementsAre(1, -1, -1));
  EXPECT_THAT(input.symbols, ElementsAre("", "", "width"));
  EXPECT_EQ(parseInputSpec("int64[ 4 ]")->dtype, "int64");
  EXPECT_THAT(parseInputSpec("int64[4]")->symbols, IsEmpty());
  EXPECT_THAT(parseInputSpec("bool[]")->shape, IsEmpty());
}

TEST(InputSpec, Values) {
  EXPECT_EQ(parseInputSpec("n:int")->kind, InputSpec::Kind::Int);
  EXPECT_EQ(parseInputSpec("bool")->kind, InputSpec::Kind::Bool);
  EXPECT_EQ(std::get<int64_t>(parseInputSpec("n:-3")->value), -3);
  EXPECT_EQ(std::get<double>(parseInputSpec("2.0")->value), 2.0);
  EXPECT_EQ(std::get<bool>(parseInputSpec("false")->value), false);
  EXPECT_EQ(std::get<std::string>(parseInputSpec("mode: 'a, b'")->value), "a, b");
  EXPECT_EQ(parseInputSpec("none")->value.index(), 0u);
  EXPECT_EQ(parseInputSpec("none")->kind, InputSpec::Kind::Constant);
}

TEST(InputSpec, ContainersPrintAsTheyAreWritten) {
  for (const char *text : {"[float32[3,?,w],float32[3,4,4]]", "(int,none,[])",
                           "{'image':float32[3],'a mask':none,'deep':{'x':(true,2,0.5,'t')}}"})
    EXPECT_EQ(toString(*parseInputSpec(text)), text);
  EXPECT_EQ(toString(*parseInputSpec("batch: {image: uint8[2], n: float}")),
            "{'image':uint8[2],'n':float}");
}

TEST(InputSpec, RefusesWhatItCannotRead) {
  for (const char *bad :
       {"", "x", "x:[1", ":float32[1]", "float32[1", "float32[1,,2]", "float32[-3]", "float32[1]]",
        "{3:int}", "'open", "float32[1] float32[2]", "x:y:int", "(int", "None"})
    EXPECT_FALSE(parseInputSpec(bad).ok()) << bad;
  EXPECT_FALSE(parseInputSpec(std::string(kMaxInputDepth + 1, '(')).ok());
  EXPECT_THAT(parseInputSpec("float32").status().message(),
              HasSubstr("'float32' describes no input"));
}

} // namespace
} // namespace linalgd
