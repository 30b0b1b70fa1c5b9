#include "linalgd/executable.h"

#include "client/cpp/src/safetensors.h"
#include "client/cpp/testing/temp_dir.h"

#include <gmock/gmock.h>

namespace linalgd::client {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string text(const absl::Status &status) { return status.ToString(); }

template <typename T>
Tensor tensorOf(std::string_view dtype, std::vector<int64_t> shape,
                std::initializer_list<T> values) {
  Tensor tensor = *Tensor::zeros(dtype, std::move(shape));
  std::copy(values.begin(), values.end(), tensor.dataAs<T>());
  return tensor;
}

std::string scaleFile(const TempDir &dir, const std::string &name) {
  float values[] = {10, 100};
  std::string bytes(reinterpret_cast<const char *>(values), sizeof values);
  return dir.write(name, *safetensorsHeader({{"scale", "float32", {2}, 8}}) + bytes);
}

TEST(Executable, RunsWithTheWeightsBesideIt) {
  TempDir dir;
  std::filesystem::copy(FAKE_EXECUTABLE, dir.file("m.so"));
  scaleFile(dir, "m.safetensors");
  std::vector<Tensor> outputs;
  {
    absl::StatusOr<Executable> executable = Executable::load(dir.file("m.so"));
    ASSERT_TRUE(executable.ok()) << executable.status();
    EXPECT_THAT(executable->unboundSlots(), ElementsAre());
    std::vector<Tensor> inputs;
    inputs.push_back(tensorOf<float>("float32", {2, 2}, {1, 2, 3, 4}));
    outputs = *executable->call(inputs);
  }
  // The output outlives its executable.
  ASSERT_EQ(outputs.size(), 1u);
  EXPECT_THAT(outputs[0].shape(), ElementsAre(2, 2));
  EXPECT_THAT(std::vector<float>(outputs[0].dataAs<float>(), outputs[0].dataAs<float>() + 4),
              ElementsAre(10, 200, 30, 400));
}

TEST(Executable, ReportsWhatIsWrong) {
  TempDir dir;
  EXPECT_EQ(Executable::load(dir.file("none.so")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(text(Executable::load(dir.write("text.so", "hello")).status()), HasSubstr("text.so"));
  EXPECT_THAT(text(Executable::load("/lib/x86_64-linux-gnu/libm.so.6").status()),
              HasSubstr("not an executable of linalgd"));
  EXPECT_THAT(text(Executable::load(FAKE_EXECUTABLE, dir.write("w", "12345678")).status()),
              HasSubstr("safetensors"));

  Executable executable = *Executable::load(FAKE_EXECUTABLE);
  std::vector<Tensor> inputs;
  EXPECT_THAT(text(executable.call(inputs).status()), HasSubstr("takes 1 inputs"));
  inputs.push_back(*Tensor::zeros("float32", {7, 2}));
  EXPECT_THAT(text(executable.call(inputs).status()), HasSubstr("scale"));
  EXPECT_THAT(text(executable.bind("scale", *Tensor::zeros("float32", {3}))), HasSubstr("[2]"));
  EXPECT_THAT(text(executable.bind("other", *Tensor::zeros("float32", {3}))), HasSubstr("slot"));
  EXPECT_TRUE(executable.bind("scale", *Tensor::zeros("float32", {2})).ok());
  EXPECT_EQ(executable.call(inputs).status().code(), absl::StatusCode::kInternal);
}

TEST(Executable, ReadsItsManifest) {
  Executable executable = *Executable::load(FAKE_EXECUTABLE);
  const Manifest &manifest = executable.manifest();
  EXPECT_EQ(manifest.producer, "test");
  EXPECT_EQ(manifest.signature.inputs[1].kind, ValueKind::Constant);
  EXPECT_EQ(manifest.signature.inputs[1].constant, "null");
  EXPECT_EQ(toString(manifest.signature.inputs[0].shape), "[s0, 2]");
  EXPECT_THAT(executable.unboundSlots(), ElementsAre("scale"));
}

TEST(Signature, RefusesWhatItCannotRead) {
  EXPECT_THAT(text(Signature::parse("[]").status()), HasSubstr("not a JSON object"));
  EXPECT_THAT(text(Signature::parse(R"({"inputs": [{"kind": "tensor", "shape": []}]})").status()),
              HasSubstr("inputs[0].dtype is missing"));
  EXPECT_THAT(text(Signature::parse(R"({"outputs": [{"kind": "sparse"}]})").status()),
              HasSubstr("outputs[0].kind"));
  EXPECT_THAT(text(Signature::parse(R"({"inputs": {}})").status()), HasSubstr("not a list"));
}

TEST(Signature, ResolvesShapes) {
  std::map<std::string, int64_t, std::less<>> symbols = {{"s0", 5}, {"s1", 2}};
  auto resolve = [&](const char *expression) {
    auto shape = resolveShape({{3, ""}, {-1, expression}}, symbols);
    return shape.ok() ? shape->at(1) : -1;
  };
  EXPECT_EQ(resolve("s0"), 5);
  EXPECT_EQ(resolve("2*s0 + 1"), 11);
  EXPECT_EQ(resolve("(s0 + s1) // 2 * 3"), 9);
  EXPECT_EQ(resolve("s0 - -s1"), 7);
  for (const char *bad : {"", "s9", "s0 +", "s0 // 0", "(s0", "s1 - s0", "Max(s0, s1)", "s0 s1",
                          "9999999999999 * 9999999999999"})
    EXPECT_EQ(resolve(bad), -1) << bad;
  EXPECT_EQ(resolve(std::string(100000, '(').c_str()), -1);
}

TEST(Npy, RoundTrips) {
  TempDir dir;
  std::string path = dir.file("t.npy");
  for (const char *dtype : {"float32", "float64", "float16", "bfloat16", "int8", "int64", "uint8",
                            "bool", "complex64", "complex128"}) {
    for (const std::vector<int64_t> &shape : {std::vector<int64_t>{}, {4}, {2, 3}, {0, 3}}) {
      Tensor tensor = *Tensor::zeros(dtype, shape);
      if (tensor.numBytes())
        *tensor.dataAs<uint8_t>() = 1;
      ASSERT_TRUE(writeNpy(path, tensor).ok());
      EXPECT_EQ(dir.read("t.npy").find('\n') % 64, 63u);
      absl::StatusOr<Tensor> read = readNpy(path);
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_EQ(read->dtype(), dtype);
      EXPECT_EQ(read->shape(), shape);
      EXPECT_EQ(std::string(read->dataAs<char>(), read->numBytes()),
                std::string(tensor.dataAs<char>(), tensor.numBytes()));
    }
  }
}

TEST(Npy, RefusesWhatItCannotRead) {
  TempDir dir;
  auto reading = [&](const std::string &header, const std::string &data) {
    std::string bytes("\x93NUMPY\x01\x00", 8);
    bytes += static_cast<char>(header.size());
    bytes += '\0';
    return text(readNpy(dir.write("x.npy", bytes + header + data)).status());
  };
  std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n";
  EXPECT_EQ(reading(good, "12345678"), "OK");
  EXPECT_THAT(reading(good, "1234567"), HasSubstr("needs 8 bytes"));
  EXPECT_THAT(reading("{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }\n", ""),
              HasSubstr("element type"));
  EXPECT_THAT(reading("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }\n", ""),
              HasSubstr("Fortran"));
  EXPECT_THAT(
      reading("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999, 9)}", ""),
      HasSubstr("x.npy"));
  EXPECT_THAT(reading("{}", ""), HasSubstr("lacks"));
  EXPECT_THAT(text(readNpy(dir.write("y.npy", "hello")).status()), HasSubstr("y.npy"));
}

TEST(Safetensors, RefusesDamage) {
  TempDir dir;
  std::string good = dir.read(std::filesystem::path(scaleFile(dir, "s")).filename());
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(readSafetensors(dir.write("t", good.substr(0, size))).ok()) << size;
  for (size_t at = 0; at < good.size(); ++at) {
    std::string damaged = good;
    damaged[at] = '\xff';
    readSafetensors(dir.write("t", damaged)).status().IgnoreError();
  }
  EXPECT_EQ(readSafetensors(dir.write("t", good))->tensors.at("scale").shape.at(0), 2);
}

} // namespace
} // namespace linalgd::client
