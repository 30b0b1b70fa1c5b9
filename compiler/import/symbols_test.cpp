#include "compiler/import/symbols.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace linalgd {
namespace {

using ::testing::HasSubstr;

// What an expression prints as, or what is wrong with it.
std::string read(std::string_view text) {
  std::vector<GraphSymbol> symbols;
  auto resolve = [&](std::string_view name) -> std::optional<uint32_t> {
    if (name.size() != 2)
      return std::nullopt;
    for (uint32_t i = 0; i < symbols.size(); ++i)
      if (symbols[i].name == name)
        return i;
    symbols.push_back({std::string(name), 0, std::nullopt});
    return static_cast<uint32_t>(symbols.size() - 1);
  };
  auto parsed = parseExpression(text, resolve);
  return parsed.ok() ? printExpression(**parsed, symbols) : std::string(parsed.status().message());
}

TEST(Symbols, AreReadFromPythonsOwnForm) {
  EXPECT_EQ(read("2*s0 + s1"), "2*s0 + s1");
  EXPECT_EQ(read("2*(s0 + 1)"), "2*(s0 + 1)");
  EXPECT_EQ(read("(s0//2) + 1"), "s0//2 + 1");
  EXPECT_EQ(read("2*(s0//2)"), "2*(s0//2)");
  EXPECT_EQ(read("Max(1, u0 + 1)"), "Max(1, u0 + 1)");
  EXPECT_EQ(read("s0**2"), "s0**2");
  EXPECT_EQ(read("Mod(s0, 2)"), "s0%2");
  EXPECT_EQ(read("Eq(u0, 1)"), "u0 == 1");
  EXPECT_EQ(read("s0 - 1 <= 5"), "s0 + -1 <= 5");
  EXPECT_EQ(read("-s0//2"), "((-1)*s0)//2");
}

TEST(Symbols, AreReadFromConditions) {
  EXPECT_EQ(read("s0 % 2 == 0 or s1 > 5 and not (s0 == 3)"),
            "s0%2 == 0 or s1 > 5 and Not(s0 == 3)");
  EXPECT_EQ(read("(s0 > 3 or s1 > 2) and s0 < 9"), "(s0 > 3 or s1 > 2) and s0 < 9");
  EXPECT_EQ(read("s0 & 3 == 1"), "s0 & 3 == 1");
  EXPECT_EQ(read("(s0 << 1 | s1 >> 2) ^ 1"), "(s0 << 1 | s1 >> 2) ^ 1");
  EXPECT_EQ(read("math.trunc(s0 / 3) == 2"), "TruncToInt(s0/3) == 2");
  EXPECT_EQ(read("torch.sym_max(1, 1 + s1) == (1 + s1)"), "Max(1, 1 + s1) == 1 + s1");
  EXPECT_EQ(read("(s0 if s0 > 6 else 2*s0) >= 2"), "Where(s0 > 6, s0, 2*s0) >= 2");
  EXPECT_EQ(read("torch.sym_float(s0) ** 0.5 < 1e-05"), "ToFloat(s0)**0.5 < 1e-05");
  EXPECT_EQ(read("s0 < math.inf"), "s0 < math.inf");
}

TEST(Symbols, AreReadFromSrepr) {
  EXPECT_EQ(read("Piecewise(ExprCondPair(Symbol('s0', integer=True), "
                 "StrictGreaterThan(Symbol('s0', integer=True), Integer(6))), "
                 "ExprCondPair(Mul(Integer(2), Symbol('s0', integer=True)), true))"),
            "Piecewise(ExprCondPair(s0, s0 > 6), ExprCondPair(2*s0, True))");
  EXPECT_EQ(read("OpaqueUnaryFn_sqrt(ToFloat(Symbol('s0', integer=True)))"),
            "OpaqueUnaryFn_sqrt(ToFloat(s0))");
  EXPECT_EQ(read("Mul(Float('0.3333333333333333', precision=53), Symbol('s0'))"),
            "0.3333333333333333*s0");
}

// What is printed is what is read again.
TEST(Symbols, StayTheSame) {
  for (std::string_view text :
       {"s0%(s1//2)", "s0//(2*s1)", "2**s0**s1", "(2**s0)**s1", "s0 - (s1 - 2)", "(s0 == 1) == 0",
        "s0 if s1 else (2 if s0 else 3)", "-9223372036854775808", "s0/s1*2", "1.0", "2.5e+300"}) {
    std::string once = read(text);
    EXPECT_EQ(read(once), once) << text;
  }
}

TEST(Symbols, AreRefusedWithTheirPlace) {
  EXPECT_THAT(read("__import__('os')"), HasSubstr("unknown function"));
  EXPECT_THAT(read("rubbish"), HasSubstr("unknown name 'rubbish'"));
  EXPECT_THAT(read("Symbol('rubbish')"), HasSubstr("unknown symbol 'rubbish'"));
  EXPECT_THAT(read("s0 +"), HasSubstr("expected a name"));
  EXPECT_THAT(read("Mul()"), HasSubstr("'Mul' without arguments"));
  EXPECT_THAT(read("s0 if s1"), HasSubstr("expected 'else'"));
  EXPECT_THAT(read("1.5.2"), HasSubstr("expected a number"));
  EXPECT_THAT(read(std::string(5000, '(')), HasSubstr("levels of nesting"));
  std::string chain = "s0";
  for (int i = 0; i < 100000; ++i)
    chain += "+s0";
  EXPECT_THAT(read(chain), HasSubstr("more than 500 operators"));
  EXPECT_EQ(read("-Integer(-9223372036854775808)"), "(-1)*(-9223372036854775808)");
}

} // namespace
} // namespace linalgd
