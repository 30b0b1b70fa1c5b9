#include "compiler/api/compiler.h"
#include "compiler/api/readable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace linalgd {
namespace {

TEST(Digest, KnownAnswer) {
  // FIPS 180-4's example: SHA-256("abc").
  Digest digest = sha256("abc");
  EXPECT_EQ(digest.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(*Digest::fromHex(digest.hex()), digest);
}

TEST(Digest, RejectsOtherSpellings) {
  std::string hex = sha256("abc").hex();
  EXPECT_FALSE(Digest::fromHex("").ok());
  EXPECT_FALSE(Digest::fromHex(hex.substr(1)).ok());
  std::string upper = hex;
  upper[0] = 'B';
  EXPECT_FALSE(Digest::fromHex(upper).ok());
  EXPECT_THAT(Digest::fromHex("\n").status().message(), testing::HasSubstr("\\n"));
}

TEST(Hasher, FieldsAreSeparated) {
  EXPECT_NE(Hasher().field("ab").field("c").finish(), Hasher().field("a").field("bc").finish());
}

TEST(Hasher, StartsAgainAfterFinish) {
  Hasher hasher;
  Digest first = hasher.update("abc").finish();
  EXPECT_EQ(hasher.update("abc").finish(), first);
}

TEST(Readable, EscapesWhatTerminalsAndProtobufDoNotTake) {
  EXPECT_EQ(readable("größe 4\n\t…"), "größe 4\n\t…");
  EXPECT_EQ(readable("a\nb", false), "a\\x0ab");
  EXPECT_EQ(readable("\x1b[31m\x7f"), "\\x1b[31m\\x7f");
  EXPECT_EQ(readable(std::string_view("\0", 1)), "\\x00");
  // A C1 control, a lone continuation, overlong, a surrogate, too large, cut off.
  EXPECT_EQ(readable("\xc2\x9b"), "\\xc2\\x9b");
  EXPECT_EQ(readable("\x80"), "\\x80");
  EXPECT_EQ(readable("\xc0\x80"), "\\xc0\\x80");
  EXPECT_EQ(readable("\xe0\x80\x80"), "\\xe0\\x80\\x80");
  EXPECT_EQ(readable("\xed\xa0\x80"), "\\xed\\xa0\\x80");
  EXPECT_EQ(readable("\xf5\x80\x80\x80"), "\\xf5\\x80\\x80\\x80");
  EXPECT_EQ(readable("\xe2\x80"), "\\xe2\\x80");
}

TEST(Names, RoundTrip) {
  for (int i = 0; i < kNumStages; ++i)
    EXPECT_EQ(parseStage(stageName(static_cast<Stage>(i))), static_cast<Stage>(i));
  EXPECT_EQ(parseStage("Linalg"), std::nullopt);
  EXPECT_EQ(parseWeightsMode("params"), WeightsMode::Params);
  EXPECT_EQ(parseLocationsMode("python"), LocationsMode::Python);
  EXPECT_EQ(parseModelFormat(modelFormatName(ModelFormat::TorchScript)), ModelFormat::TorchScript);
}

} // namespace
} // namespace linalgd
