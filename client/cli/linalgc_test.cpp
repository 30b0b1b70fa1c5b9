// linalgc as its users see it: the built program against a server in this process.
#include "client/cli/compare_keys.h"
#include "client/cli/compiling.h"
#include "client/cli/format.h"

#include "client/cpp/testing/fake_server.h"
#include "client/cpp/testing/temp_dir.h"
#include "client/cpp/testing/zip_writer.h"
#include "linalgd/tensor.h"

#include <gmock/gmock.h>

#include <sys/wait.h>

namespace linalgd::cli {
namespace {

using client::FakeServer;
using client::TempDir;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

struct Result {
  int code = 0;
  std::string out;
  std::string err;

  Json json() const { return Json::parse(out, nullptr, false); }
};

class LinalgcTest : public testing::Test {
protected:
  LinalgcTest()
      : model(dir.write("net.pt2", client::makeZip({{"m/models/model.json", "{}"},
                                                    {"m/data/weights/weight_0", "12345678"},
                                                    {"m/archive_format", "pt2"}}))) {
    server.submitted.set_state(v1::JOB_STATE_QUEUED);
  }

  // In the folder of the test, without a terminal.
  Result run(const std::string &arguments) {
    std::string command = "cd '" + dir.file("") + "' && LINALGD_ADDRESS=" + server.address() +
                          " '" LINALGC "' " + arguments + " >stdout 2>stderr </dev/null";
    // A shell, as users have. NOLINTNEXTLINE(bugprone-command-processor)
    int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, dir.read("stdout"), dir.read("stderr")};
  }

  // The job of the next submit ends well, with these bytes as its file.
  v1::Job &succeed(const std::string &name, const std::string &bytes) {
    server.addEvent().mutable_state()->set_state(v1::JOB_STATE_RUNNING);
    v1::StageTiming *timing = server.addEvent().mutable_stage_finished();
    timing->set_stage("torch");
    timing->mutable_elapsed()->set_nanos(310'000'000);
    v1::Job &job = *server.addEvent().mutable_state();
    job.set_job_id("j");
    job.set_state(v1::JOB_STATE_SUCCEEDED);
    *job.add_timings() = *timing;
    v1::Artifact &artifact = *job.mutable_artifact();
    artifact.set_key("abc");
    artifact.set_stage("linalg");
    artifact.set_signature_json("{}");
    v1::ArtifactFile &file = *artifact.add_files();
    file.set_name(name);
    file.set_digest(server.addBlob(bytes));
    file.set_size(bytes.size());
    return job;
  }

  v1::Job &fail(const std::string &code) {
    v1::Job &job = *server.addEvent().mutable_state();
    job.set_state(v1::JOB_STATE_FAILED);
    job.mutable_failure()->set_code(code);
    job.mutable_failure()->set_message("1 op is not supported");
    v1::Diagnostic &diagnostic = *job.mutable_failure()->add_diagnostics();
    diagnostic.set_severity(v1::SEVERITY_ERROR);
    diagnostic.set_code("unsupported-op");
    diagnostic.set_message("torch.aten.foo is not supported");
    diagnostic.set_hint("decompose it");
    diagnostic.mutable_location()->set_file("net.py");
    diagnostic.mutable_location()->set_line(12);
    diagnostic.mutable_location()->set_module("layer1");
    return job;
  }

  FakeServer server;
  TempDir dir;
  std::string model;
};

TEST_F(LinalgcTest, CompilesAndSaysWhatItDid) {
  succeed("model.mlir", "module {}\n");
  Result result = run("compile net.pt2");
  EXPECT_EQ(result.code, kOk) << result.err;
  EXPECT_EQ(dir.read("net.mlir"), "module {}\n");
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_THAT(result.err, HasSubstr("  torch: 0.31 s\n"));
  EXPECT_THAT(result.err, HasSubstr("net.mlir: 10 B\n"));
  EXPECT_THAT(result.err, HasSubstr("linalg of net.pt2 in "));
  EXPECT_THAT(result.err, Not(HasSubstr("\033")));
}

TEST_F(LinalgcTest, SendsItsOptions) {
  succeed("model.mlir", "");
  Result result = run("compile net.pt2 -o - --emit torch --target x86-64-v4 --keep-op aten.gelu "
                      "--keep-op aten.silu --entry f --model n --locations python --timeout 1.5 "
                      "--input '[int64[], (int, none)]' --input 'x:float32[?, 3]'");
  EXPECT_EQ(result.code, kOk) << result.err;
  const v1::SubmitRequest &request = server.submits.back();
  EXPECT_EQ(request.label(), "net.pt2");
  EXPECT_EQ(request.timeout().seconds(), 1);
  const v1::CompileOptions &options = request.options();
  EXPECT_EQ(options.emit(), "torch");
  EXPECT_EQ(options.target(), "x86-64-v4");
  EXPECT_EQ(options.entry(), "f");
  EXPECT_EQ(options.model_name(), "n");
  EXPECT_THAT(options.keep_ops(), ElementsAre("aten.gelu", "aten.silu"));
  EXPECT_EQ(options.locations(), v1::LOCATIONS_MODE_PYTHON);
  EXPECT_EQ(options.inputs(0).kind(), v1::INPUT_KIND_LIST);
  EXPECT_EQ(options.inputs(0).items(0).dtype(), "int64");
  EXPECT_EQ(options.inputs(0).items(1).items(0).kind(), v1::INPUT_KIND_INT);
  EXPECT_EQ(options.inputs(0).items(1).items(1).value_case(), v1::InputSpec::VALUE_NOT_SET);
  EXPECT_EQ(options.inputs(1).name(), "x");
  EXPECT_THAT(options.inputs(1).shape(), ElementsAre(-1, 3));
}

TEST_F(LinalgcTest, WritesTextToStandardOutput) {
  succeed("model.mlir", "module {}\n");
  EXPECT_EQ(run("compile net.pt2 -o -").out, "module {}\n");
}

TEST_F(LinalgcTest, SavesExternalWeightsBesideTheOutput) {
  v1::Job &job = succeed("model.mlir", "module {}\n");
  job.mutable_options()->set_weights(v1::WEIGHTS_MODE_EXTERNAL);
  v1::WeightBinding &weight = *job.mutable_artifact()->add_weights();
  weight.set_slot("w");
  weight.set_dtype("float32");
  weight.add_shape(2);
  weight.set_bound(true);
  weight.set_digest(sha256("12345678").hex());
  weight.set_size(8);
  Result result = run("compile net.pt2 --weights external -o out.mlir");
  EXPECT_EQ(result.code, kOk) << result.err;
  EXPECT_TRUE(dir.read("out.safetensors").ends_with("12345678"));
  EXPECT_EQ(run("compile net.pt2 --weights external -o -").code, kUsage);
}

TEST_F(LinalgcTest, PrintsDiagnosticsAsCompilersDo) {
  fail("UNIMPLEMENTED");
  Result result = run("compile net.pt2");
  EXPECT_EQ(result.code, kFailed);
  EXPECT_EQ(result.err.substr(result.err.find("net.py")),
            "net.py:12: error: torch.aten.foo is not supported [unsupported-op]\n"
            "    in layer1\n"
            "    hint: decompose it\n"
            "linalgc: net.pt2: 1 op is not supported [UNIMPLEMENTED]\n");
}

TEST_F(LinalgcTest, ExitCodesTellFailuresApart) {
  EXPECT_EQ(run("--version").code, kOk);
  EXPECT_EQ(run("compile --help").code, kOk);
  EXPECT_EQ(run("").code, kUsage);
  EXPECT_EQ(run("compile net.pt2 --emit everything").code, kUsage);
  EXPECT_EQ(run("compile none.pt2").code, kUsage);
  EXPECT_EQ(run("compile net.pt2 --input nonsense").code, kUsage);
  EXPECT_EQ(run("jobs unknown").code, kUsage);
  EXPECT_EQ(run("--server 127.0.0.1:1 status").code, kUnavailable);
  fail("DEADLINE_EXCEEDED");
  EXPECT_EQ(run("compile net.pt2").code, kStopped);
  server.events.back().mutable_state()->set_state(v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(run("compile net.pt2").code, kStopped);
}

TEST_F(LinalgcTest, AnswersInJson) {
  succeed("model.mlir", "module {}\n");
  Json json = run("--json compile net.pt2 -o x.mlir").json();
  EXPECT_EQ(json["state"], "succeeded");
  EXPECT_EQ(json["key"], "abc");
  EXPECT_EQ(json["files"][0]["path"], "x.mlir");
  EXPECT_EQ(json["timings"]["torch"], 0.31);
  EXPECT_EQ(run("status --json").json()["state"], "draining");
  EXPECT_EQ(run("cache --json").json()["hits"], 7);
  EXPECT_EQ(run("jobs --json").json()["jobs"].size(), 2u); // one submit, repeated after the upload
  EXPECT_EQ(run("cancel a b --json").json()["jobs"][1]["state"], "cancelled");
  EXPECT_EQ(run("drain --grace 2 --json").json()["drained"], true);
  EXPECT_EQ(run("compile none.pt2 --json").json()["error"]["code"], "NOT_FOUND");
  server.events.clear();
  fail("UNIMPLEMENTED");
  EXPECT_EQ(run("compile net.pt2 --json").json()["diagnostics"][0]["location"]["line"], 12);
}

TEST_F(LinalgcTest, WritesForPeople) {
  EXPECT_THAT(run("status").out, HasSubstr(server.address() + ", draining"));
  EXPECT_THAT(run("cache").out, HasSubstr("hits"));
  EXPECT_THAT(run("jobs").out, HasSubstr("LABEL"));
  EXPECT_EQ(run("cancel a").out, "a: cancelled\n");
  EXPECT_THAT(run("drain --grace 1").err, HasSubstr("1 jobs had not ended"));
}

TEST_F(LinalgcTest, LeavesTheJobToFetch) {
  succeed("model.mlir", "module {}\n");
  Result submitted = run("compile net.pt2 --no-wait");
  EXPECT_EQ(submitted.out.size(), 37u);
  Result result = run("fetch " + submitted.out.substr(0, 36) + " -o later.mlir");
  EXPECT_EQ(result.code, kOk) << result.err;
  EXPECT_EQ(dir.read("later.mlir"), "module {}\n");
}

TEST_F(LinalgcTest, RunsExecutables) {
  std::filesystem::copy(FAKE_EXECUTABLE, dir.file("m.so"));
  float scale[] = {2, 3};
  std::string header = R"({"scale":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  std::string weights;
  client::appendNumber(weights, header.size(), 8);
  weights += header + std::string(reinterpret_cast<const char *>(scale), 8);
  EXPECT_EQ(run("run m.so").code, kUsage); // "scale" has no data
  dir.write("m.safetensors", weights);

  client::Tensor x = *client::Tensor::zeros("float32", {1, 2});
  x.dataAs<float>()[0] = 5;
  x.dataAs<float>()[1] = 7;
  ASSERT_TRUE(client::writeNpy(dir.file("x.npy"), x).ok());
  Result result = run("run m.so --input x=x.npy --output-dir out");
  EXPECT_EQ(result.code, kOk) << result.err;
  client::Tensor y = *client::readNpy(dir.file("out/output0.npy"));
  EXPECT_EQ(y.dataAs<float>()[0], 10);
  EXPECT_EQ(y.dataAs<float>()[1], 21);
  EXPECT_THAT(result.out, HasSubstr("output0  float32[1, 2]  10   21   15.5  out/output0.npy"));

  Json json = run("run m.so --dim s0=4 --json --repeat 3").json();
  EXPECT_EQ(json["outputs"][0]["shape"], Json({4, 2}));
  EXPECT_EQ(run("run m.so --dim s0=7").code, kFailed); // a check inside the model
  EXPECT_EQ(run("run m.so --dim s9=7").code, kUsage);
  EXPECT_EQ(run("run m.so --input x.npy --input x.npy").code, kUsage);

  // A model is compiled first; the executable finds its weights where they were saved.
  std::ostringstream library;
  library << std::ifstream(FAKE_EXECUTABLE, std::ios::binary).rdbuf();
  succeed("model.so", library.str());
  dir.write("w.safetensors", weights);
  result = run("run net.pt2 --input x.npy --weights-file w.safetensors");
  EXPECT_EQ(result.code, kOk) << result.err;
  EXPECT_EQ(server.submits.back().options().emit(), "executable");
}

TEST(CompareKeys, ShowsWhatDiffers) {
  using Parts = std::pair<std::string, std::string>;
  EXPECT_EQ(differingParts("add(%1, alpha=1)", "add(%1, alpha=2)"), Parts("alpha=1", "alpha=2"));
  EXPECT_EQ(differingParts("add(%1, 11)", "add(%1, 1)"), Parts("11", "1"));
  EXPECT_EQ(differingParts("relu(%1)", "gelu(%1)"), Parts("relu", "gelu"));
  EXPECT_EQ(differingParts("f(%1)", "f(%1, %2)"), Parts("%1", "%1, %2"));
  EXPECT_EQ(differingParts("same", ""), Parts("same", ""));
}

TEST(CompareKeys, FindsTheFirstLine) {
  auto explained = [](const char *key, const char *digest, Json lines) {
    return Json{{"artifacts", {{{"emit", "linalg"}, {"key", key}, {"components", {"graph"}}}}},
                {"components", {{{"name", "graph"}, {"digest", digest}, {"lines", lines}}}}};
  };
  Json source = {{"file", "net.py"}, {"line", 3}, {"function", "forward"}, {"module", "a.b"}};
  Json first = {{"text", "n0: relu(%0)"}, {"node", "n0"}, {"source", source}};
  Json one = explained("k1", "d1", {first, {{"text", "output %1"}}});
  Json other = explained("k2", "d2", {first});
  Json compared = *compareKeys(one, other, "linalg");
  EXPECT_FALSE(compared["equal"]);
  EXPECT_EQ(compared["differences"][0]["line"], 2);
  EXPECT_TRUE(compared["differences"][0]["lines"][1].is_null());
  std::string text = printComparison(compared, {"one.pt2", "other.pt2"});
  EXPECT_EQ(text, "The keys at linalg differ.\n\n"
                  "graph, line 2: output %1  vs  nothing\n"
                  "  one.pt2:   output %1\n"
                  "  other.pt2: ends before\n");
  compared = *compareKeys(one, explained("k2", "d2", {{{"text", "n0: gelu(%0)"}}}), "linalg");
  EXPECT_THAT(printComparison(compared, {"a", "b"}),
              testing::HasSubstr("net.py:3 in forward (a.b)"));
  EXPECT_FALSE(compareKeys(one, other, "llvm").ok());
}

TEST(Format, WritesQuantities) {
  EXPECT_EQ(formatBytes(999), "999 B");
  EXPECT_EQ(formatBytes(1000), "1.00 kB");
  EXPECT_EQ(formatBytes(44'700'000), "44.7 MB");
  EXPECT_EQ(formatBytes(999'900), "1.00 MB");
  EXPECT_EQ(formatDuration(std::chrono::microseconds(1500)), "1.5 ms");
  EXPECT_EQ(formatDuration(std::chrono::seconds(125)), "2 min 5 s");
  EXPECT_EQ(formatTable({{"A", "B"}, {"long", "x"}}), "A     B\nlong  x\n");
}

} // namespace
} // namespace linalgd::cli
