#include "server/config.h"

#include "server/faulty_disk.h"
#include "server/units.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <fstream>

namespace linalgd {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

class ConfigTest : public testing::Test {
protected:
  std::string file(const std::string &content) {
    const std::filesystem::path path = directory_.path() / "linalgd.yaml";
    std::ofstream(path) << content;
    return path.string();
  }

  // The error, or "".
  static std::string error(const std::vector<std::string> &arguments,
                           std::vector<std::string> environment = {}) {
    environment.push_back("HOME=/home/somebody");
    return std::string(parseCommandLine(arguments, environment).status().message());
  }

  static Config parse(const std::vector<std::string> &arguments,
                      std::vector<std::string> environment = {}) {
    environment.push_back("HOME=/home/somebody");
    absl::StatusOr<CommandLine> line = parseCommandLine(arguments, environment);
    EXPECT_TRUE(line.ok()) << line.status();
    return line.ok() ? line->config : Config{};
  }

  TemporaryDirectory directory_;
};

TEST_F(ConfigTest, Defaults) {
  const Config config = parse({});
  EXPECT_EQ(config.listen, "127.0.0.1:8470");
  EXPECT_EQ(config.metrics, "127.0.0.1:8471");
  EXPECT_EQ(config.store, "/home/somebody/.cache/linalgd");
  EXPECT_GE(config.workers, 1u);
  EXPECT_THAT(config.workerPath, testing::EndsWith("/linalgd-worker"));
  EXPECT_EQ(parse({}, {"XDG_CACHE_HOME=/cache"}).store, "/cache/linalgd");
}

TEST_F(ConfigTest, FlagBeforeEnvironmentBeforeFile) {
  const std::string path = file("store-size: 1GiB\nworkers: 3\ngrace: 7s\n");
  const std::vector<std::string> environment = {"LINALGD_STORE_SIZE=2GiB", "LINALGD_WORKERS=4",
                                                "LINALGD_LOG_LEVEL="};
  const Config config = parse({"--config", path, "--store-size=3GiB"}, environment);
  EXPECT_EQ(config.storeSize, uint64_t{3} << 30);
  EXPECT_EQ(config.workers, 4u);
  EXPECT_EQ(config.grace, milliseconds(7000));
  EXPECT_EQ(config.logLevel, "info");
  EXPECT_EQ(parse({}, {"LINALGD_CONFIG=" + path}).workers, 3u);
}

TEST_F(ConfigTest, AllSourcesKnowAllSettings) {
  const std::map<std::string, std::string> values = {
      {"listen", "0.0.0.0:1"},   {"metrics", "[::1]:0"},
      {"store", "/s"},           {"store-size", "100MiB"},
      {"workers", "2"},          {"worker-path", "/w"},
      {"worker-memory", "1GiB"}, {"job-timeout", "5s"},
      {"max-queue", "9"},        {"job-history", "8"},
      {"job-history-age", "1h"}, {"failure-ttl", "0"},
      {"upload-ttl", "30s"},     {"lease", "20s"},
      {"grace", "1500ms"},       {"default-target", "x86-64-v2"},
      {"log-level", "error"},    {"log-format", "json"}};
  std::vector<std::string> arguments, environment;
  std::string yaml;
  for (const auto &[name, value] : values) {
    arguments.insert(arguments.end(), {"--" + name, value});
    std::string variable = "LINALGD_" + name;
    for (char &c : variable)
      c = c == '-' ? '_' : static_cast<char>(std::toupper(c));
    environment.push_back(absl::StrCat(variable, "=", value));
    absl::StrAppend(&yaml, name, ": \"", value, "\"\n");
  }
  for (const Config &config :
       {parse(arguments), parse({}, environment), parse({"--config", file(yaml)})}) {
    EXPECT_EQ(config.listen, "0.0.0.0:1");
    EXPECT_EQ(config.metrics, "[::1]:0");
    EXPECT_EQ(config.store, "/s");
    EXPECT_EQ(config.storeSize, 100u << 20);
    EXPECT_EQ(config.workers, 2u);
    EXPECT_EQ(config.workerPath, "/w");
    EXPECT_EQ(config.workerMemory, 1u << 30);
    EXPECT_EQ(config.jobTimeout, milliseconds(5000));
    EXPECT_EQ(config.maxQueue, 9u);
    EXPECT_EQ(config.jobHistory, 8u);
    EXPECT_EQ(config.jobHistoryAge, milliseconds(3600000));
    EXPECT_EQ(config.failureTtl, milliseconds(0));
    EXPECT_EQ(config.uploadTtl, milliseconds(30000));
    EXPECT_EQ(config.lease, milliseconds(20000));
    EXPECT_EQ(config.grace, milliseconds(1500));
    EXPECT_EQ(config.defaultTarget, "x86-64-v2");
    EXPECT_EQ(config.logLevel, "error");
    EXPECT_EQ(config.logFormat, "json");
  }
}

TEST_F(ConfigTest, ErrorsNameTheSource) {
  EXPECT_THAT(error({"--store-size", "lots"}), HasSubstr("--store-size: 'lots' is not a size"));
  EXPECT_THAT(error({}, {"LINALGD_WORKERS=none"}), HasSubstr("LINALGD_WORKERS: 'none'"));
  EXPECT_THAT(error({"--config", file("grace: fast\n")}), HasSubstr("linalgd.yaml: grace: 'fast'"));
  EXPECT_THAT(error({"--config", file("workers: 1\ncolour: red\n")}),
              HasSubstr("linalgd.yaml:2: there is no setting 'colour'"));
  EXPECT_THAT(error({"--config", file("workers: [1]\n")}), HasSubstr("wants one value"));
  EXPECT_THAT(error({"--config", file("workers: 1\nworkers: 2\n")}), HasSubstr("twice"));
  EXPECT_THAT(error({"--config", file("just words\n")}), HasSubstr("name: value"));
  EXPECT_THAT(error({"--config", file("a: [\n")}), HasSubstr("linalgd.yaml"));
  EXPECT_THAT(error({"--config", "/nowhere/linalgd.yaml"}), HasSubstr("cannot read"));
  EXPECT_THAT(error({"--colour", "red"}), HasSubstr("--colour"));
  EXPECT_THAT(error({"stray"}), HasSubstr("stray"));
  EXPECT_THAT(error({"--listen", "8470"}), HasSubstr("HOST:PORT"));
  EXPECT_THAT(error({"--log-format", "xml"}), HasSubstr("none of text, json"));
  EXPECT_THAT(error({"--store-size", "1MiB"}), HasSubstr("at least 64MiB"));
  EXPECT_FALSE(parseCommandLine({}, {}).ok()); // no home, so no default for the store
}

TEST_F(ConfigTest, AnswersHelpAndVersion) {
  EXPECT_THAT(parseCommandLine({"--version"}, {})->answer, testing::StartsWith("linalgd "));
  const std::string help = parseCommandLine({"--help"}, {})->answer;
  EXPECT_THAT(help, HasSubstr("--store-size SIZE"));
  EXPECT_THAT(help, HasSubstr("LINALGD_STORE_SIZE"));
}

TEST(UnitsTest, Sizes) {
  EXPECT_EQ(*parseSize("0"), 0u);
  EXPECT_EQ(*parseSize("1234"), 1234u);
  EXPECT_EQ(*parseSize("4GiB"), uint64_t{4} << 30);
  EXPECT_EQ(*parseSize("1.5 KiB"), 1536u);
  EXPECT_EQ(*parseSize("10GB"), 10000000000u);
  for (const char *text : {"", "GiB", "4 gib", "-1", "1.2.3", "1e3", "4GiBs", "9999999TiB", "nan"})
    EXPECT_FALSE(parseSize(text).ok()) << text;
}

TEST(UnitsTest, Durations) {
  EXPECT_EQ(*parseDuration("250ms"), milliseconds(250));
  EXPECT_EQ(*parseDuration("1.5s"), milliseconds(1500));
  EXPECT_EQ(*parseDuration("2m"), milliseconds(120000));
  EXPECT_EQ(*parseDuration("1d"), milliseconds(86400000));
  EXPECT_EQ(*parseDuration("0"), milliseconds(0));
  for (const char *text : {"", "10", "s", "-1s", "1 week", "9999999d"})
    EXPECT_FALSE(parseDuration(text).ok()) << text;
}

TEST(UnitsTest, Addresses) {
  EXPECT_EQ(parseAddress("127.0.0.1:8470")->host, "127.0.0.1");
  EXPECT_EQ(parseAddress("localhost:0")->port, 0);
  EXPECT_EQ(parseAddress("[::1]:65535")->host, "::1");
  EXPECT_EQ(parseAddress("[::1]:65535")->text(), "[::1]:65535");
  for (const char *text : {"", ":1", "host", "host:", "host:65536", "::1:80", "host:-1", "host:8x"})
    EXPECT_FALSE(parseAddress(text).ok()) << text;
}

} // namespace
} // namespace linalgd
