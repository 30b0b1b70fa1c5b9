// Code generation by what its executables compute: linalg text in, a loaded library out.
#include "compiler/codegen/codegen.h"
#include "compiler/runtime/executable.h"

#include "mlir/Parser/Parser.h"
#include "nlohmann/json.hpp"
#include "llvm/TargetParser/Host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <dlfcn.h>

namespace linalgd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Tensor {
  std::vector<int64_t> shape;
  std::vector<float> values;
};

Tensor counting(std::vector<int64_t> shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  Tensor tensor{std::move(shape), std::vector<float>(count)};
  for (int64_t i = 0; i < count; ++i)
    tensor.values[i] = static_cast<float>(i % 7 - 3);
  return tensor;
}

DLManagedTensorVersioned borrowed(Tensor &tensor) {
  DLManagedTensorVersioned managed;
  managed.version = {1, 0};
  managed.manager_ctx = nullptr;
  managed.deleter = nullptr;
  managed.flags = 0;
  managed.dl_tensor = {tensor.values.data(),
                       {kDLCPU, 0},
                       static_cast<int32_t>(tensor.shape.size()),
                       {kDLFloat, 32, 1},
                       tensor.shape.data(),
                       nullptr,
                       0};
  return managed;
}

// A library and a handle of it, until the end of the test.
class Program {
public:
  explicit Program(UniqueFd library) : library_(std::move(library)) {
    std::string path = "/proc/self/fd/" + std::to_string(library_.get());
    module_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    EXPECT_NE(module_, nullptr) << dlerror();
    EXPECT_EQ(symbol<decltype(linalgd_open)>("linalgd_open")(&handle_), LINALGD_OK) << lastError();
  }
  ~Program() {
    symbol<decltype(linalgd_close)>("linalgd_close")(handle_);
    dlclose(module_);
  }
  Program(const Program &) = delete;

  template <typename F> F *symbol(const char *name) {
    return reinterpret_cast<F *>(dlsym(module_, name));
  }
  std::string lastError() { return symbol<decltype(linalgd_last_error)>("linalgd_last_error")(); }
  nlohmann::json manifest() {
    return nlohmann::json::parse(symbol<decltype(linalgd_manifest)>("linalgd_manifest")());
  }

  // Float tensors in, the one float tensor out; `code` is what the call must return.
  Tensor call(std::vector<Tensor> inputs, int code = LINALGD_OK) {
    std::vector<DLManagedTensorVersioned> managed(inputs.size());
    llvm::transform(inputs, managed.begin(), borrowed);
    std::vector<const DLManagedTensorVersioned *> pointers(inputs.size());
    llvm::transform(managed, pointers.begin(), [](const auto &tensor) { return &tensor; });
    DLManagedTensorVersioned *output = nullptr;
    auto *run = symbol<decltype(linalgd_call)>("linalgd_call");
    EXPECT_EQ(run(handle_, pointers.data(), static_cast<int32_t>(pointers.size()), &output, 1),
              code)
        << lastError();
    Tensor result;
    if (!output)
      return result;
    const DLTensor &tensor = output->dl_tensor;
    result.shape.assign(tensor.shape, tensor.shape + tensor.ndim);
    int64_t count = 1;
    for (int64_t size : result.shape)
      count *= size;
    const auto *data = static_cast<const float *>(tensor.data);
    result.values.assign(data, data + count);
    output->deleter(output);
    return result;
  }

  // The first number of a buffer that the model writes, where that is.
  float *state(const char *slot) {
    DLManagedTensorVersioned *tensor = nullptr;
    EXPECT_EQ(symbol<decltype(linalgd_state)>("linalgd_state")(handle_, slot, &tensor), LINALGD_OK)
        << lastError();
    auto *data = tensor ? static_cast<float *>(tensor->dl_tensor.data) : nullptr;
    if (tensor && tensor->deleter)
      tensor->deleter(tensor);
    return data;
  }
  void reset() { symbol<decltype(linalgd_reset)>("linalgd_reset")(handle_); }

private:
  UniqueFd library_;
  void *module_ = nullptr;
  linalgd_handle *handle_ = nullptr;
};

class Codegen : public ::testing::Test {
protected:
  Codegen() {
    mlir::DialectRegistry registry;
    registerCodegenDialects(registry);
    context_.appendDialectRegistry(registry);
    context_.loadAllAvailableDialects();
    context_.getDiagEngine().registerHandler(
        [this](mlir::Diagnostic &diagnostic) { messages_ += diagnostic.str() + "\n"; });
  }

  absl::StatusOr<UniqueFd> compile(const std::string &text, const std::string &target,
                                   const std::vector<WeightSource> &weights = {},
                                   const std::string &signature = "") {
    CodegenOptions options;
    options.signature = signature;
    options.target = *resolveTarget(target);
    options.producer = "test";
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context_);
    mlir::PassManager pm(&context_);
    buildLlvmPipeline(pm, options);
    if (!module || mlir::failed(pm.run(*module)))
      return absl::InvalidArgumentError(messages_);
    return generateExecutable(*module, options, weights);
  }

  std::unique_ptr<Program> load(const std::string &text, const std::string &target = "",
                                const std::vector<WeightSource> &weights = {},
                                const std::string &signature = "") {
    absl::StatusOr<UniqueFd> library = compile(text, target, weights, signature);
    EXPECT_TRUE(library.ok()) << library.status();
    return library.ok() ? std::make_unique<Program>(*std::move(library)) : nullptr;
  }

  mlir::MLIRContext context_;
  std::string messages_;
};

// C = A · Bᵀ of any sizes.
constexpr const char *kMatmul = R"(
  #a = affine_map<(m, n, k) -> (m, k)>
  #b = affine_map<(m, n, k) -> (n, k)>
  #c = affine_map<(m, n, k) -> (m, n)>
  func.func @main(%a: tensor<?x?xf32>, %b: tensor<?x?xf32>) -> tensor<?x?xf32> {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %m = tensor.dim %a, %c0 : tensor<?x?xf32>
    %n = tensor.dim %b, %c0 : tensor<?x?xf32>
    %empty = tensor.empty(%m, %n) : tensor<?x?xf32>
    %c = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x?xf32>) -> tensor<?x?xf32>
    %r = linalg.matmul indexing_maps = [#a, #b, #c]
      ins(%a, %b : tensor<?x?xf32>, tensor<?x?xf32>) outs(%c : tensor<?x?xf32>) -> tensor<?x?xf32>
    return %r : tensor<?x?xf32>
  })";

class CodegenTarget : public Codegen, public ::testing::WithParamInterface<const char *> {};

TEST_P(CodegenTarget, MultipliesMatrices) {
  if (std::string_view(GetParam()) == "x86-64-v4" && !llvm::sys::getHostCPUFeatures()["avx512f"])
    GTEST_SKIP() << "the processor lacks AVX-512";
  auto program = load(kMatmul, GetParam());
  ASSERT_TRUE(program);
  for (auto [m, n, k] : {std::array<int64_t, 3>{1, 1, 1}, {1, 40, 33}, {17, 35, 130}, {0, 3, 2}}) {
    Tensor a = counting({m, k}), b = counting({n, k}), want{{m, n}, std::vector<float>(m * n)};
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j)
        for (int64_t l = 0; l < k; ++l)
          want.values[i * n + j] += a.values[i * k + l] * b.values[j * k + l];
    Tensor found = program->call({a, b});
    EXPECT_EQ(found.shape, want.shape);
    EXPECT_EQ(found.values, want.values) << m << "x" << n << "x" << k;
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, CodegenTarget,
                         ::testing::Values("x86-64-v2", "x86-64-v3", "x86-64-v4"));

TEST_F(Codegen, ConvolvesWithStridesAndDynamicBatch) {
  auto program = load(R"(
    func.func @main(%x: tensor<?x2x5x6xf32>, %w: tensor<3x2x3x2xf32>) -> tensor<?x3x2x5xf32> {
      %c0 = arith.constant 0 : index
      %one = arith.constant 1.0 : f32
      %n = tensor.dim %x, %c0 : tensor<?x2x5x6xf32>
      %empty = tensor.empty(%n) : tensor<?x3x2x5xf32>
      %b = linalg.fill ins(%one : f32) outs(%empty : tensor<?x3x2x5xf32>) -> tensor<?x3x2x5xf32>
      %r = linalg.conv_2d_nchw_fchw {strides = dense<[2, 1]> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
        ins(%x, %w : tensor<?x2x5x6xf32>, tensor<3x2x3x2xf32>) outs(%b : tensor<?x3x2x5xf32>) -> tensor<?x3x2x5xf32>
      return %r : tensor<?x3x2x5xf32>
    })");
  ASSERT_TRUE(program);
  Tensor x = counting({2, 2, 5, 6}), w = counting({3, 2, 3, 2});
  Tensor found = program->call({x, w});
  ASSERT_THAT(found.shape, ElementsAre(2, 3, 2, 5));
  for (int64_t i = 0; i < 60; ++i) {
    int64_t column = i % 5, row = i / 5 % 2, filter = i / 10 % 3, image = i / 30;
    float want = 1;
    for (int64_t c = 0; c < 2; ++c)
      for (int64_t kr = 0; kr < 3; ++kr)
        for (int64_t kc = 0; kc < 2; ++kc)
          want += w.values[((filter * 2 + c) * 3 + kr) * 2 + kc] *
                  x.values[((image * 2 + c) * 5 + row * 2 + kr) * 6 + column + kc];
    EXPECT_EQ(found.values[i], want) << "element " << i;
  }
}

// A sum over rows of what is computed on the way, and its broadcast: fusion must keep each value.
TEST_F(Codegen, FusesElementwiseOpsAndReductions) {
  auto program = load(R"(
    #ij = affine_map<(i, j) -> (i, j)>
    #i = affine_map<(i, j) -> (i)>
    func.func @main(%x: tensor<?x5xf32>) -> tensor<?x5xf32> {
      %c0 = arith.constant 0 : index
      %zero = arith.constant 0.0 : f32
      %n = tensor.dim %x, %c0 : tensor<?x5xf32>
      %e2 = tensor.empty(%n) : tensor<?x5xf32>
      %e1 = tensor.empty(%n) : tensor<?xf32>
      %square = linalg.generic {indexing_maps = [#ij, #ij], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<?x5xf32>) outs(%e2 : tensor<?x5xf32>) {
        ^bb0(%a: f32, %o: f32):
          %r = arith.mulf %a, %a : f32
          linalg.yield %r : f32
        } -> tensor<?x5xf32>
      %fill = linalg.fill ins(%zero : f32) outs(%e1 : tensor<?xf32>) -> tensor<?xf32>
      %sum = linalg.generic {indexing_maps = [#ij, #i], iterator_types = ["parallel", "reduction"]}
        ins(%square : tensor<?x5xf32>) outs(%fill : tensor<?xf32>) {
        ^bb0(%a: f32, %o: f32):
          %r = arith.addf %a, %o : f32
          linalg.yield %r : f32
        } -> tensor<?xf32>
      %out = linalg.generic {indexing_maps = [#ij, #i, #ij], iterator_types = ["parallel", "parallel"]}
        ins(%square, %sum : tensor<?x5xf32>, tensor<?xf32>) outs(%e2 : tensor<?x5xf32>) {
        ^bb0(%a: f32, %b: f32, %o: f32):
          %r = arith.subf %a, %b : f32
          linalg.yield %r : f32
        } -> tensor<?x5xf32>
      return %out : tensor<?x5xf32>
    })");
  ASSERT_TRUE(program);
  Tensor x = counting({3, 5}), found = program->call({x});
  for (int64_t i = 0; i < 15; ++i) {
    float sum = 0;
    for (int64_t j = 0; j < 5; ++j)
      sum += x.values[i / 5 * 5 + j] * x.values[i / 5 * 5 + j];
    EXPECT_EQ(found.values[i], x.values[i] * x.values[i] - sum);
  }
}

// Rows of a matrix, every second column, as a grid whose sizes are both unknown.
TEST_F(Codegen, ExpandsToSeveralUnknownSizes) {
  auto program = load(R"(
    func.func @main(%x: tensor<?x6xf32>, %like: tensor<?x?xf32>) -> tensor<?x?x3xf32> {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %n = tensor.dim %x, %c0 : tensor<?x6xf32>
      %i = tensor.dim %like, %c0 : tensor<?x?xf32>
      %j = tensor.dim %like, %c1 : tensor<?x?xf32>
      %s = tensor.extract_slice %x[0, 0] [%n, 3] [1, 2] : tensor<?x6xf32> to tensor<?x3xf32>
      %r = tensor.expand_shape %s [[0, 1], [2]] output_shape [%i, %j, 3] : tensor<?x3xf32> into tensor<?x?x3xf32>
      return %r : tensor<?x?x3xf32>
    })");
  ASSERT_TRUE(program);
  Tensor x = counting({6, 6}), found = program->call({x, counting({2, 3})});
  ASSERT_THAT(found.shape, ElementsAre(2, 3, 3));
  for (int64_t i = 0; i < 18; ++i)
    EXPECT_EQ(found.values[i], x.values[i / 3 * 6 + i % 3 * 2]);
}

// Inputs are only read, and an output shares no memory with them.
TEST_F(Codegen, ReturnsACopyOfAnInput) {
  auto program = load("func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {\n"
                      "  return %x : tensor<4xf32>\n}");
  ASSERT_TRUE(program);
  Tensor x = counting({4});
  EXPECT_EQ(program->call({x}).values, x.values);
}

constexpr const char *kWithSlot = R"(
  func.func @main(%x: tensor<3xf32>) -> tensor<3xf32> {
    %w = arith.constant dense_resource<layer.weight> : tensor<3xf32>
    %e = tensor.empty() : tensor<3xf32>
    %r = linalg.add ins(%x, %w : tensor<3xf32>, tensor<3xf32>) outs(%e : tensor<3xf32>) -> tensor<3xf32>
    return %r : tensor<3xf32>
  })";

TEST_F(Codegen, EmbedsWeights) {
  const float data[] = {10, 20, 30};
  WeightSource weight{
      .slot = "layer.weight", .size = sizeof data, .data = reinterpret_cast<const char *>(data)};
  auto program = load(kWithSlot, "", {weight});
  ASSERT_TRUE(program);
  EXPECT_THAT(program->call({{{3}, {1, 2, 3}}}).values, ElementsAre(11, 22, 33));
  EXPECT_EQ(program->manifest()["slots"][0]["slot"], "layer.weight");
  EXPECT_EQ(program->manifest()["slots"][0]["embedded"], true);
}

TEST_F(Codegen, AsksForWeightsWithoutData) {
  auto program = load(kWithSlot, "", {{.slot = "layer.weight", .size = 12}});
  ASSERT_TRUE(program);
  program->call({counting({3})}, LINALGD_UNBOUND_WEIGHT);
  EXPECT_THAT(program->lastError(), HasSubstr("layer.weight"));
}

TEST_F(Codegen, RefusesWeightsOfAnotherSize) {
  absl::StatusOr<UniqueFd> library = compile(kWithSlot, "", {{.slot = "layer.weight", .size = 8}});
  EXPECT_THAT(std::string(library.status().message()), HasSubstr("needs 12 bytes"));
}

TEST_F(Codegen, RefusesInputsThatDoNotFit) {
  auto program = load(kMatmul);
  ASSERT_TRUE(program);
  program->call({counting({2, 3})}, LINALGD_INVALID_ARGUMENT);
  program->call({counting({2, 3}), counting({3})}, LINALGD_INVALID_ARGUMENT);
  auto fixed = load("func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {\n"
                    "  return %x : tensor<4xf32>\n}");
  ASSERT_TRUE(fixed);
  fixed->call({counting({5})}, LINALGD_INVALID_ARGUMENT);
  EXPECT_THAT(fixed->lastError(), HasSubstr("5"));
}

// total += x, and the new total.
constexpr const char *kAccumulator = R"(
  func.func @main(%x: tensor<1xf32>) -> (tensor<1xf32>, tensor<1xf32>) {
    %total = arith.constant dense_resource<total> : tensor<1xf32>
    %sum = arith.addf %total, %x : tensor<1xf32>
    return %sum, %sum : tensor<1xf32>, tensor<1xf32>
  })";

TEST_F(Codegen, KeepsState) {
  const float data[] = {10};
  WeightSource weight{
      .slot = "total", .size = sizeof data, .data = reinterpret_cast<const char *>(data)};
  auto program = load(kAccumulator, "", {weight}, R"({"entry": "main",
    "inputs": [{"name": "x", "kind": "tensor", "dtype": "float32", "shape": [1]}],
    "outputs": [{"kind": "tensor", "dtype": "float32", "shape": [1]}],
    "state": [{"slot": "total", "input": null, "dtype": "float32", "shape": [1]}],
    "slots": [{"slot": "total", "dtype": "float32", "shape": [1]}]})");
  ASSERT_TRUE(program);
  EXPECT_THAT(program->call({{{1}, {1}}}).values, ElementsAre(11));
  EXPECT_THAT(program->call({{{1}, {2}}}).values, ElementsAre(13));
  float *total = program->state("total");
  ASSERT_NE(total, nullptr);
  EXPECT_EQ(*total, 13);
  *total = 100; // in place
  EXPECT_THAT(program->call({{{1}, {1}}}).values, ElementsAre(101));
  EXPECT_EQ(*total, 101);
  program->reset();
  EXPECT_THAT(program->call({{{1}, {1}}}).values, ElementsAre(11));
}

constexpr const char *kCopy = R"(
  func.func @main(%x: tensor<?xf32>, %y: tensor<?xf32>) -> tensor<?xf32> {
    return %x : tensor<?xf32>
  })";

std::string signatureOfCopy(const std::string &sizeOfY, const std::vector<std::string> &guards) {
  nlohmann::json list = nlohmann::json::array();
  for (const std::string &guard : guards)
    list.push_back({{"text", guard}, {"expression", guard}});
  nlohmann::json tensor = {{"kind", "tensor"}, {"dtype", "float32"}, {"shape", {"s0"}}};
  nlohmann::json x = tensor, y = tensor;
  x["name"] = "x";
  y["name"] = "y";
  y["shape"] = {sizeOfY};
  return nlohmann::json({{"entry", "main"},
                         {"inputs", {x, y}},
                         {"outputs", {tensor}},
                         {"symbols", {{"s0", {{"min", 2}, {"max", 9}}}, {"s1", {{"min", 2}}}}},
                         {"guards", list}})
      .dump();
}

// Of sizes 6 and 4, with Python's meaning.
TEST_F(Codegen, ChecksConditions) {
  const std::vector<std::string> conditions = {
      "s0 + 1 == 7",
      "2*s0 - s1 == 8",
      "s0 % 4 == 2",
      "-s0 % 4 == 2",
      "-s0//4 == -2",
      "s0**2 == 36",
      "s0**-1 < 0.2",
      "s0/s1 == 1.5",
      "s0/4*2 == 3",
      "Max(s0, s1, 5) == 6",
      "min(s0, s1, 5) == 4",
      "s0 == 5 or s1 == 4",
      "not (s0 == 6 and s1 == 5)",
      "s0 & 3 == 2",
      "s0 | 1 == 7",
      "s0 ^ 5 == 3",
      "s0 << 2 == 24",
      "s0 >> 1 == 3",
      "math.trunc(s0 / 4) == 1",
      "math.ceil(s0 / 4) == 2",
      "math.floor(-s0 / 4) == -2",
      "round(s0 / 4) == 2",
      "abs(s1 - s0) == 2",
      "torch._sym_sqrt(torch.sym_float(s1)) == 2.0",
      "(s0 if s0 > s1 else s1) == 6",
      "s0 < math.inf",
      "s0 != s1",
  };
  auto program = load(kCopy, "", {}, signatureOfCopy("s1", conditions));
  ASSERT_TRUE(program);
  EXPECT_EQ(program->call({counting({6}), counting({4})}).values.size(), 6u);
  program->call({counting({6}), counting({6})}, LINALGD_INVALID_ARGUMENT);
  EXPECT_THAT(program->lastError(), HasSubstr("do not satisfy 2*s0 - s1 == 8"));
  for (const char *condition : {"s0 // (s1 - 4) == 0", "s0**s0**s0 > 0"}) {
    auto undefined = load(kCopy, "", {}, signatureOfCopy("s1", {condition}));
    ASSERT_TRUE(undefined);
    undefined->call({counting({6}), counting({4})}, LINALGD_INVALID_ARGUMENT);
    EXPECT_THAT(undefined->lastError(), HasSubstr("do not satisfy"));
  }
  absl::StatusOr<UniqueFd> unknown =
      compile(kCopy, "", {}, signatureOfCopy("s1", {"OpaqueUnaryFn_sin(s0) > 0"}));
  EXPECT_THAT(std::string(unknown.status().message()), HasSubstr("cannot check that"));
}

TEST_F(Codegen, SolvesForSymbols) {
  auto program = load(kCopy, "", {}, signatureOfCopy("3*s1 + 1", {"s1 < 5"}));
  ASSERT_TRUE(program);
  program->call({counting({6}), counting({7})});
  program->call({counting({6}), counting({8})}, LINALGD_INVALID_ARGUMENT);
  EXPECT_THAT(program->lastError(),
              HasSubstr("dimension 0 of input 'y' must be 3*s1 + 1 = 7, not 8"));
  program->call({counting({6}), counting({4})}, LINALGD_INVALID_ARGUMENT);
  EXPECT_THAT(program->lastError(), HasSubstr("dimension 0 of input 'y' is 3*s1 + 1, where s1 must "
                                              "be at least 2, not 1"));
  program->call({counting({6}), counting({16})}, LINALGD_INVALID_ARGUMENT);
  EXPECT_THAT(program->lastError(), HasSubstr("do not satisfy s1 < 5"));
  program->call({counting({10}), counting({7})}, LINALGD_INVALID_ARGUMENT);
  EXPECT_THAT(program->lastError(),
              HasSubstr("dimension 0 of input 'x' (s0) must be at most 9, not 10"));
}

TEST_F(Codegen, NamesTheFunctionThatIsMissing) {
  absl::StatusOr<UniqueFd> library = compile("func.func @other() { return }", "");
  EXPECT_THAT(std::string(library.status().message()), HasSubstr("no function @main"));
}

TEST(Target, ResolvesNames) {
  EXPECT_EQ(resolveTarget("")->str(), resolveTarget("x86-64-v3")->str());
  EXPECT_TRUE(resolveTarget("x86-64-v4")->has("avx512f"));
  EXPECT_FALSE(resolveTarget("x86-64-v2")->has("avx2"));
  for (const char *bad : {"pdp-11", "native", "::", "x86_64-unknown-linux-gnu:nosuch:"})
    EXPECT_TRUE(absl::IsInvalidArgument(resolveTarget(bad).status())) << bad;
}

} // namespace
} // namespace linalgd
