#include "compiler/codegen/codegen.h"
#include "compiler/dialect/torch.h"
#include "compiler/import/mlir/bytecode_limits.h"
#include "compiler/import/mlir/mlir_model.h"
#include "compiler/import/mlir/text_limits.h"
#include "compiler/import/text.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <sys/mman.h>
#include <unistd.h>

namespace linalgd {
namespace {

using ::testing::HasSubstr;

class Sink : public StageSink {
public:
  void stageStarted(Stage) override {}
  void stageFinished(Stage, std::chrono::microseconds) override {}
  void stageArtifact(Stage, Artifact) override {}
  void diagnostic(Diagnostic diagnostic) override { diagnostics.push_back(std::move(diagnostic)); }
  void reproducer(ArtifactFile) override {}
  std::vector<Diagnostic> diagnostics;
};

struct Reading {
  explicit Reading(const std::string &text, const Options &options = {}) {
    mlir::DialectRegistry registry;
    registerCodegenDialects(registry);
    registry.insert<torch::TorchDialect>();
    context = std::make_unique<mlir::MLIRContext>(registry, mlir::MLIRContext::Threading::DISABLED);
    Model model;
    Blob blob;
    blob.fd.reset(memfd_create("model", MFD_CLOEXEC));
    EXPECT_EQ(write(blob.fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    blob.size = text.size();
    blob.digest = sha256(text);
    model.blobs.push_back(std::move(blob));
    absl::StatusOr<MlirModel> read = readMlir(model, options, sink, *context);
    status = read.status();
    if (read.ok())
      result = *std::move(read);
  }
  std::string message() const { return std::string(status.message()); }

  std::unique_ptr<mlir::MLIRContext> context;
  Sink sink;
  absl::Status status;
  std::optional<MlirModel> result;
};

std::string refusal(const std::string &text) {
  Reading reading(text);
  EXPECT_TRUE(absl::IsInvalidArgument(reading.status)) << reading.status;
  EXPECT_FALSE(reading.sink.diagnostics.empty());
  return reading.message();
}

std::string repeated(const std::string &text, size_t times) {
  std::string result;
  for (size_t i = 0; i < times; ++i)
    result += text;
  return result;
}

constexpr const char *kAdd = R"(
func.func @forward(%x: !torch.vtensor<[?,2],f32>) -> !torch.vtensor<[?,2],f32> {
  %one = torch.constant.int 1
  %w = torch.vtensor.literal(dense_resource<w> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  %y = torch.aten.add.Tensor %x, %w, %one : !torch.vtensor<[?,2],f32>, !torch.vtensor<[2],f32>, !torch.int -> !torch.vtensor<[?,2],f32>
  return %y : !torch.vtensor<[?,2],f32>
}
)";
constexpr const char *kData =
    "{-# dialect_resources: { builtin: { w: \"0x040000000000803F00000040\" } } #-}\n";

TEST(Read, NamesTheEntryAndFindsTheWeights) {
  Reading reading(std::string(kAdd) + kData);
  ASSERT_TRUE(reading.status.ok()) << reading.status;
  const MlirModel &model = *reading.result;
  EXPECT_EQ(model.stage, Stage::TorchRaw);
  EXPECT_TRUE(model.module.get().lookupSymbol("main"));
  ASSERT_EQ(model.weights.size(), 1u);
  EXPECT_EQ(model.weights[0].slot, "w");
  EXPECT_TRUE(model.weights[0].bound);
  EXPECT_EQ(extractedWeights(model), std::string("\0\0\x80\x3f\0\0\0\x40", 8));
  EXPECT_EQ(model.sourceMap.at("n2").line, 5u);
  EXPECT_EQ(model.sourceMap.at("n2").column, 8u);
}

TEST(Read, AWeightWithoutDataIsUnbound) {
  Reading reading(kAdd);
  ASSERT_TRUE(reading.status.ok()) << reading.status;
  EXPECT_FALSE(reading.result->weights.at(0).bound);
  EXPECT_FALSE(reading.result->extracted);
}

TEST(Read, LinalgIsItsOwnStage) {
  Reading reading(R"(
    func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
      %r = math.exp %x : tensor<2xf32>
      return %r : tensor<2xf32>
    })");
  ASSERT_TRUE(reading.status.ok()) << reading.status;
  EXPECT_EQ(reading.result->stage, Stage::Linalg);
}

TEST(Read, LargeLiteralsAreSlots) {
  std::string values = repeated("1.0, ", 99) + "2.0";
  Reading reading("func.func @main() -> tensor<100xf32> {\n"
                  "  %c = arith.constant dense<[" +
                  values +
                  "]> : tensor<100xf32>\n"
                  "  %small = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>\n"
                  "  return %c : tensor<100xf32>\n}");
  ASSERT_TRUE(reading.status.ok()) << reading.status;
  ASSERT_EQ(reading.result->weights.size(), 1u);
  EXPECT_EQ(reading.result->weights[0].slot, "literal_0");
  EXPECT_EQ(extractedWeights(*reading.result).size(), 400u);
}

TEST(Key, NamesLocationsAndBlanksDoNotMatter) {
  std::string text = kAdd, other = text;
  for (auto [from, to] : {std::pair("%x", "%input"),
                          {"%y", "%7"},
                          {"%one", "%int1"},
                          {"  return", "\n // a comment\n   return"},
                          {"@forward", "@other"}})
    for (size_t at = 0; (at = other.find(from, at)) != std::string::npos;
         at += std::string_view(to).size())
      other.replace(at, std::string_view(from).size(), to);
  Reading a(text), b(other), c(std::string(kAdd) + kData);
  ASSERT_TRUE(b.status.ok()) << b.status;
  EXPECT_EQ(digestOf(canonicalGraph(*a.result)).hex(), digestOf(canonicalGraph(*b.result)).hex());
  EXPECT_EQ(digestOf(canonicalGraph(*a.result)).hex(), digestOf(canonicalGraph(*c.result)).hex());
  EXPECT_NE(digestOf(canonicalWeights(*a.result)).hex(),
            digestOf(canonicalWeights(*c.result)).hex());
  other.replace(other.find("constant.int 1"), 14, "constant.int 2");
  EXPECT_NE(digestOf(canonicalGraph(*a.result)).hex(),
            digestOf(canonicalGraph(*Reading(other).result)).hex());
}

TEST(Entry, CallsAreInlined) {
  Reading reading(R"(
    func.func private @twice(%x: tensor<2xf32>) -> tensor<2xf32> {
      %r = arith.addf %x, %x : tensor<2xf32>
      return %r : tensor<2xf32>
    }
    func.func @four(%x: tensor<2xf32>) -> tensor<2xf32> {
      %a = call @twice(%x) : (tensor<2xf32>) -> tensor<2xf32>
      %b = call @twice(%a) : (tensor<2xf32>) -> tensor<2xf32>
      return %b : tensor<2xf32>
    })");
  ASSERT_TRUE(reading.status.ok()) << reading.status;
  mlir::Block &body = *reading.result->module.get().getBody();
  EXPECT_EQ(std::distance(body.begin(), body.end()), 1);
  EXPECT_EQ(body.front().getRegion(0).front().getOperations().size(), 3u);
}

TEST(Entry, TheOptionChooses) {
  std::string text = "func.func @a() { return }\nfunc.func @b() { return }\n";
  EXPECT_THAT(refusal(text), HasSubstr("2 public functions, none of them named @main: @a, @b"));
  Options options;
  options.entry = "b";
  EXPECT_TRUE(Reading(text, options).status.ok());
}

TEST(Hostile, SaysWhereTheTextIsWrong) {
  EXPECT_THAT(refusal("func.func @main() {\n  %0 = foo.bar\n  return\n}"),
              HasSubstr("model.mlir:2:8: Dialect `foo' not found"));
  EXPECT_THAT(refusal("func.func @main() {\n  return %x : tensor<2xf32>\n}"),
              HasSubstr("model.mlir:2:10: use of undeclared SSA value"));
  EXPECT_THAT(refusal("not mlir"), HasSubstr("model.mlir:1:1: "));
  EXPECT_THAT(refusal(""), HasSubstr("no public function"));
}

TEST(Hostile, Functions) {
  EXPECT_THAT(refusal("func.func @main() { call @main() : () -> ()\n return }"),
              HasSubstr("recursion cannot be compiled"));
  EXPECT_THAT(refusal("func.func @main() { call @none() : () -> ()\n return }"),
              HasSubstr("'none' does not reference a valid function"));
  EXPECT_THAT(
      refusal("func.func private @f()\nfunc.func @main() { call @f() : () -> ()\n return }"),
      HasSubstr("@f that is called has no body"));
  EXPECT_THAT(refusal("module { module { } }"), HasSubstr("'builtin.module'"));
  std::string chain = "func.func private @f0() {\n ub.poison : f32\n return }\n";
  for (int i = 1; i < 64; ++i) {
    std::string call = concat("call @f", i - 1, "() : () -> ()\n");
    chain += concat("func.func private @f", i, "() {\n", call, call, "return }\n");
  }
  EXPECT_THAT(refusal(chain + "func.func @main() { call @f63() : () -> ()\n return }"),
              HasSubstr("ops together"));
  EXPECT_THAT(refusal("func.func @main() { cf.br ^a\n^a: return }"), HasSubstr("cf.br"));
}

TEST(Hostile, OpsAndTypes) {
  EXPECT_THAT(
      refusal("func.func @main(%m: memref<2xf32>) -> f32 {\n %c = arith.constant 0 : index\n"
              " %v = memref.load %m[%c] : memref<2xf32>\n return %v : f32\n}"),
      HasSubstr("memref.load"));
  EXPECT_THAT(refusal("func.func @main(%t: tensor<9999999999x9999999999x9xf32>) { return }"),
              HasSubstr("more bytes than can be counted"));
  EXPECT_THAT(
      refusal("func.func @main(%t: !torch.vtensor<[9999999999,9999999999],f32>) { return }"),
      HasSubstr("more bytes than can be counted"));
  EXPECT_THAT(refusal("func.func @main() -> tensor<3xf32> {\n"
                      " %w = arith.constant dense_resource<w> : tensor<3xf32>\n"
                      " return %w : tensor<3xf32>\n}\n" +
                      std::string(kData)),
              HasSubstr("the resource 'w' has 8 bytes; 'tensor<3xf32>' takes 12"));
  EXPECT_THAT(refusal(std::string(kAdd).replace(1, 0,
                                                "func.func private @g() -> f32 {\n"
                                                " %c = arith.constant 1.0 : f32\n"
                                                " return %c : f32\n}\n")),
              HasSubstr("a module is of the torch dialect, or it is linalg on tensors"));
}

// MLIR reads them without a check.
TEST(Hostile, Dimensions) {
  auto broadcast = [](std::string_view dimensions) {
    return concat("func.func @main(%x: tensor<2xf32>, %dimensions: tensor<3x2xf32>) -> "
                  "tensor<3x2xf32> {\n  %0 = linalg.broadcast ins(%x : tensor<2xf32>) "
                  "outs(%dimensions : tensor<3x2xf32>) ",
                  dimensions, "\n  return %0 : tensor<3x2xf32>\n}");
  };
  for (std::string_view fine : {"dimensions = [0]", "dimensions=[ 0 ]"})
    EXPECT_TRUE(Reading(broadcast(fine)).status.ok()) << fine;
  for (std::string_view wrong : {"dimensions = >[0]", "dimensions = [>0]", "dimensions = [0,]",
                                 "dimensions = [0 1]", "dimensions = [99999999999999999999]",
                                 "dimensions = array<i64: 0>", "dimensions", "dimensions = ["})
    EXPECT_THAT(refusal(broadcast(wrong)), HasSubstr("'dimensions' takes integers")) << wrong;
}

TEST(Hostile, Nesting) {
  EXPECT_THAT(refusal("func.func @main() attributes {a = " + repeated("[", 100000)),
              HasSubstr("nested deeper than 256"));
  EXPECT_THAT(refusal("#a = affine_map<(d0) -> (" + repeated("d0 + ", 100000) + "d0)>"),
              HasSubstr("more than 1000 operators"));
  EXPECT_THAT(refusal("#a = affine_map<(d0) -> (" + repeated("-", 100000) + "d0)>"),
              HasSubstr("more than 1000 operators"));
  // Aliases nest without brackets, and double what is printed each time.
  std::string aliases = "!t0 = !torch.int\n";
  for (int i = 1; i < 100; ++i)
    aliases += concat("!t", i, " = !torch.tuple<!t", i - 1, ", !t", i - 1, ">\n");
  EXPECT_THAT(refusal(aliases + "func.func @main(%a: !t40) { return }"),
              HasSubstr("too large when written out"));
  EXPECT_THAT(refusal(aliases + "func.func @main(%a: !t99) { return }"),
              HasSubstr("nested deeper than 64"));
  std::string locations = "#l0 = loc(\"a\")\n";
  for (int i = 1; i < 20000; ++i)
    locations += concat("#l", i, " = loc(callsite(#l", i - 1, " at #l", i - 1, "))\n");
  EXPECT_TRUE(Reading(locations + "func.func @main() { return loc(#l19999) }").status.ok());
}

TEST(Detect, LooksAtTheFirstToken) {
  for (const char *text : {"module {}", "// a comment\n\n  func.func @f()", "#map = affine_map<>",
                           "\"builtin.module\"() ({})", "{-# #-}", "ML\xEFR...", "!t = i32"})
    EXPECT_TRUE(looksLikeMlir(text)) << text;
  for (const char *text : {"", "PK\3\4", "not a model", "{\"a\": 1}", "#!/bin/sh", "\x80\2."})
    EXPECT_FALSE(looksLikeMlir(text)) << text;
}

std::string bytecodeOf(const std::string &text) {
  Reading original(text);
  EXPECT_TRUE(original.status.ok()) << original.status;
  std::string bytes;
  llvm::raw_string_ostream os(bytes);
  EXPECT_TRUE(mlir::succeeded(mlir::writeBytecodeToFile(original.result->module.get(), os)));
  return bytes;
}

// Each kind of attribute, type and region that linalg has, and uses in an order of their own.
constexpr const char *kLinalg = R"(
#map = affine_map<(d0, d1) -> (d0, d1)>
func.func @main(%x: tensor<?x3xf32>, %n: index, %b: i1) -> (tensor<?x3xf32>, tensor<3x2xi1>, index) {
  %bits = arith.constant dense<[[true, false], [true, true], [false, true]]> : tensor<3x2xi1>
  %ones = arith.constant dense<true> : tensor<9xi1>
  %small = arith.constant dense<[-1, 2]> : tensor<2xi8>
  %pair = arith.constant dense<[(1.0, 2.0), (3.0, 4.0)]> : tensor<2xcomplex<f32>>
  %none = arith.constant dense<> : tensor<0xf32>
  %minus = arith.constant -1 : i32
  %half = arith.constant 1.5 : f16
  %zero = arith.constant 0.0 : f32
  %negative = arith.constant -1.0 : f64
  %c1 = arith.constant 1 : index
  %empty = tensor.empty(%n) : tensor<?x3xf32>
  %y = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<?x3xf32>) outs(%empty : tensor<?x3xf32>) {
  ^bb0(%in: f32, %out: f32):
    %s = arith.addf %in, %zero : f32
    linalg.yield %s : f32
  } -> tensor<?x3xf32>
  %t = linalg.transpose ins(%bits : tensor<3x2xi1>) outs(%bits : tensor<3x2xi1>) permutation = [0, 1]
  %r = scf.if %b -> index {
    %m = arith.addi %n, %c1 : index
    scf.yield %m : index
  } else {
    scf.yield %n : index
  }
  cf.assert %b, "a message"
  return %y, %t, %r : tensor<?x3xf32>, tensor<3x2xi1>, index
})";

TEST(Bytecode, SaysWhatTextSays) {
  for (const std::string &text : {std::string(kAdd) + kData, std::string(kLinalg)}) {
    std::string bytes = bytecodeOf(text);
    EXPECT_EQ(checkBytecode(bytes), std::nullopt);
    Reading again(bytes);
    ASSERT_TRUE(again.status.ok()) << again.status;
    EXPECT_EQ(digestOf(canonicalGraph(*again.result)).hex(),
              digestOf(canonicalGraph(*Reading(text).result)).hex());
  }
}

TEST(Bytecode, ReadsOrdersOfUses) {
  Reading original(kLinalg);
  ASSERT_TRUE(original.status.ok()) << original.status;
  size_t numShuffled = 0;
  original.result->module.get().walk([&](mlir::Operation *op) {
    for (mlir::Value value : op->getResults())
      if (!value.use_empty() && !value.hasOneUse()) {
        std::vector<unsigned> order(value.getNumUses());
        std::iota(order.rbegin(), order.rend(), 0u);
        value.shuffleUseList(order);
        ++numShuffled;
      }
  });
  ASSERT_GT(numShuffled, 0u);
  std::string bytes;
  llvm::raw_string_ostream os(bytes);
  ASSERT_TRUE(mlir::succeeded(mlir::writeBytecodeToFile(original.result->module.get(), os)));
  EXPECT_EQ(checkBytecode(bytes), std::nullopt);
  EXPECT_TRUE(Reading(bytes).status.ok());
}

// Whatever one byte is, MLIR is not given what ends the process.
TEST(Bytecode, AnyByteMayBeWrong) {
  for (const std::string &text : {std::string(kAdd) + kData, std::string(kLinalg)}) {
    std::string bytes = bytecodeOf(text);
    size_t numRefused = 0, numTried = 0;
    // Each byte in one of five ways: reading on takes milliseconds.
    for (size_t i = 4; i < bytes.size(); ++i) {
      const int values[] = {0x00, 0x01, 0xff, bytes[i] ^ 0x02, bytes[i] ^ 0x80};
      std::string broken = bytes;
      broken[i] = static_cast<char>(values[i % 5]);
      ++numTried;
      if (checkBytecode(broken))
        ++numRefused;
      else
        Reading reading(broken);
    }
    EXPECT_GT(numRefused, numTried / 4);
  }
}

TEST(Bytecode, EndsEarly) {
  std::string bytes = bytecodeOf(std::string(kAdd) + kData);
  for (size_t size = 4; size < bytes.size(); ++size)
    EXPECT_THAT(refusal(bytes.substr(0, size)), HasSubstr("the bytecode is broken at byte"));
}

TEST(Bytecode, ResourcesAreOfAKind) {
  std::string bytes = bytecodeOf(std::string(kAdd) + kData);
  // One of the bytes is the kind of the one resource.
  size_t refused = 0;
  for (size_t i = bytes.find('\0') + 1; i < bytes.size(); ++i) {
    std::string broken = bytes;
    broken[i] = static_cast<char>(broken[i] | 0x48);
    auto problem = checkBytecode(broken);
    if (problem &&
        problem->find("a resource is of kind 72, which does not exist") != std::string::npos) {
      ++refused;
      EXPECT_THAT(*problem, HasSubstr("byte " + std::to_string(i)));
      EXPECT_THAT(refusal(broken), HasSubstr(*problem));
    }
  }
  EXPECT_EQ(refused, 1u);
}

constexpr const char *kObjects = R"(
torch.class_type @Child {
  torch.attr "weight" : !torch.tensor
  torch.method "forward", @child_forward
}
torch.class_type @Root {
  torch.attr "child" : !torch.nn.Module<"Child">
  torch.method private "helper", @main
  torch.method "forward", @root_forward
}
func.func private @child_forward(%self: !torch.nn.Module<"Child">, %x: !torch.tensor) -> !torch.tensor {
  %w = torch.prim.GetAttr %self["weight"] : !torch.nn.Module<"Child"> -> !torch.tensor
  %0 = torch.aten.mul.Tensor %x, %w : !torch.tensor, !torch.tensor -> !torch.tensor
  return %0 : !torch.tensor
}
func.func private @main(%self: !torch.nn.Module<"Root">) -> !torch.none {
  %none = torch.constant.none
  return %none : !torch.none
}
func.func private @root_forward(%self: !torch.nn.Module<"Root">, %x: !torch.tensor {torch.type_bound = !torch.vtensor<[2],f32>}) -> !torch.tensor {
  %c = torch.prim.GetAttr %self["child"] : !torch.nn.Module<"Root"> -> !torch.nn.Module<"Child">
  %y = torch.prim.CallMethod %c["forward"] (%x) : !torch.nn.Module<"Child">, (!torch.tensor) -> !torch.tensor
  return %y : !torch.tensor
}
%w = torch.tensor.literal(dense<1.0> : tensor<2xf32>) : !torch.tensor<[2],f32>
%child = torch.nn_module { torch.slot "weight", %w : !torch.tensor<[2],f32> } : !torch.nn.Module<"Child">
%root = torch.nn_module { torch.slot "child", %child : !torch.nn.Module<"Child"> } : !torch.nn.Module<"Root">
)";

TEST(Objects, TheEntryIsAMethodOfTheRoot) {
  Reading reading(kObjects);
  ASSERT_TRUE(reading.status.ok()) << reading.status;
  auto entry = reading.result->module->lookupSymbol<mlir::func::FuncOp>("main");
  ASSERT_TRUE(entry.isPublic());
  EXPECT_EQ(entry.getNumArguments(), 2u);
  std::string type;
  llvm::raw_string_ostream(type) << entry.getArgumentTypes()[1];
  EXPECT_EQ(type, "!torch.tensor<[2],f32>");
}

TEST(Objects, StandInOrder) {
  std::string text = kObjects;
  std::string last = text.substr(text.find("%root = "));
  text.erase(text.find("%root = "));
  text.insert(text.find("%child = "), last);
  EXPECT_THAT(refusal(text), HasSubstr("uses a value of the module before it is there"));
  std::string two = std::string(kObjects) +
                    "%other = torch.nn_module { torch.slot \"child\", %child : "
                    "!torch.nn.Module<\"Child\"> } : !torch.nn.Module<\"Root\">";
  EXPECT_THAT(refusal(two), HasSubstr("which of them is the root is not known"));
}

} // namespace
} // namespace linalgd
