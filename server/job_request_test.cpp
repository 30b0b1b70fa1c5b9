#include "server/job_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace linalgd {
namespace {

using testing::HasSubstr;

RequestLimits limits() { return {std::chrono::minutes(10), "x86-64-v3"}; }

v1::SubmitRequest valid() {
  v1::SubmitRequest request;
  request.set_job_id("job-1");
  for (const char *name : {"b", "a"}) {
    v1::NamedBlob *blob = request.mutable_model()->add_blobs();
    blob->set_name(name);
    blob->set_digest(sha256(name).hex());
  }
  request.mutable_options()->add_keep_ops("aten.gelu");
  return request;
}

TEST(JobRequest, FillsInDefaults) {
  absl::StatusOr<JobRequest> request = parseRequest(valid(), limits());
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->options.emit, Stage::Linalg);
  EXPECT_EQ(request->options.entry, "main");
  EXPECT_EQ(request->options.target, "x86-64-v3");
  EXPECT_EQ(request->timeout, limits().timeout);
  EXPECT_EQ(request->model.blobs[0].name, "a");
}

TEST(JobRequest, DigestsSeeTheMeaning) {
  JobRequest base = *parseRequest(valid(), limits());
  v1::SubmitRequest same = valid();
  same.set_job_id("another");
  same.mutable_model()->mutable_blobs()->SwapElements(0, 1);
  same.mutable_options()->set_emit("linalg");
  same.mutable_options()->add_keep_ops("aten.gelu");
  EXPECT_EQ(parseRequest(same, limits())->digest(), base.digest());

  auto changed = [&](auto change) {
    v1::SubmitRequest request = valid();
    change(request);
    absl::StatusOr<JobRequest> parsed = parseRequest(request, limits());
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    return parsed->inspectionDigest();
  };
  std::set<Digest> digests = {
      base.inspectionDigest(),
      changed([](auto &r) { r.mutable_options()->set_emit("torch"); }),
      changed([](auto &r) { r.mutable_options()->set_target("x86-64-v4"); }),
      changed([](auto &r) { r.mutable_options()->set_weights(v1::WEIGHTS_MODE_INLINE); }),
      changed([](auto &r) { r.mutable_options()->set_locations(v1::LOCATIONS_MODE_PYTHON); }),
      changed([](auto &r) { r.mutable_options()->add_keep_ops("aten.relu"); }),
      changed([](auto &r) { r.mutable_options()->set_entry("forward"); }),
      changed([](auto &r) { r.mutable_options()->set_model_name("decoder"); }),
      changed([](auto &r) { r.mutable_options()->add_inputs()->add_shape(-1); }),
      changed([](auto &r) { r.mutable_model()->set_format(v1::MODEL_FORMAT_PT2); }),
      changed([](auto &r) { r.mutable_model()->mutable_blobs(0)->set_name("c"); }),
      changed([](auto &r) { r.mutable_model()->mutable_blobs(0)->set_digest(sha256("c").hex()); })};
  EXPECT_EQ(digests.size(), 12u);

  v1::SubmitRequest labelled = valid();
  labelled.set_label("nightly");
  EXPECT_EQ(parseRequest(labelled, limits())->inspectionDigest(), base.inspectionDigest());
  EXPECT_NE(parseRequest(labelled, limits())->digest(), base.digest());
}

struct Case {
  std::function<void(v1::SubmitRequest &)> change;
  std::string message;
};

TEST(JobRequest, NamesTheFieldAtFault) {
  const Case cases[] = {
      {[](auto &r) { r.set_job_id(""); }, "job_id"},
      {[](auto &r) { r.set_job_id("a/b"); }, "'a/b'"},
      {[](auto &r) { r.set_job_id(std::string(129, 'a')); }, "1 to 128"},
      {[](auto &r) { r.set_label(std::string(1000, 'a')); }, "label"},
      {[](auto &r) { r.mutable_model()->clear_blobs(); }, "model.blobs is empty"},
      {[](auto &r) { r.mutable_model()->mutable_blobs(0)->set_name("a"); }, "'a' occurs twice"},
      {[](auto &r) { r.mutable_model()->mutable_blobs(0)->set_name(""); }, "leave its name out"},
      {[](auto &r) { r.mutable_model()->mutable_blobs(0)->set_digest("xyz"); }, "not a digest"},
      {[](auto &r) { r.mutable_model()->set_format(static_cast<v1::ModelFormat>(99)); }, "99"},
      {[](auto &r) { r.mutable_options()->set_emit("tosa"); }, "'tosa'"},
      {[](auto &r) { r.mutable_options()->set_weights(static_cast<v1::WeightsMode>(9)); }, "9"},
      {[](auto &r) { r.mutable_options()->add_keep_ops("a b"); }, "keep_ops: 'a b'"},
      {[](auto &r) { r.mutable_options()->set_entry("2nd"); }, "entry: '2nd'"},
      {[](auto &r) { r.mutable_options()->set_model_name(std::string(257, 'x')); }, "model_name"},
      {[](auto &r) { r.mutable_options()->set_target(std::string(5000, 'x')); }, "target"},
      {[](auto &r) { r.mutable_options()->add_inputs()->add_shape(-2); }, "a dimension"},
      {[](auto &r) { r.mutable_timeout()->set_seconds(-1); }, "timeout"},
      {[](auto &r) { r.mutable_timeout(); }, "timeout"},
  };
  for (const Case &test : cases) {
    v1::SubmitRequest request = valid();
    test.change(request);
    absl::Status status = parseRequest(request, limits()).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << test.message;
    EXPECT_THAT(std::string(status.message()), HasSubstr(test.message));
  }
}

TEST(JobRequest, TimeoutsAreCappedAtTheServers) {
  v1::SubmitRequest request = valid();
  request.mutable_timeout()->set_seconds(INT64_MAX);
  EXPECT_EQ(parseRequest(request, limits())->timeout, limits().timeout);
  request.mutable_timeout()->set_seconds(3);
  EXPECT_EQ(parseRequest(request, limits())->timeout, std::chrono::seconds(3));
}

} // namespace
} // namespace linalgd
