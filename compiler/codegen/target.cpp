#include "compiler/codegen/target.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Triple.h"

#include <algorithm>
#include <memory>
#include <mutex>

namespace linalgd {
namespace {

constexpr std::string_view kTriple = "x86_64-unknown-linux-gnu";
constexpr std::string_view kDefaultCpu = "x86-64-v3";

// Features that code generation makes use of by itself, or that a target may ask for.
constexpr CpuidBit kCpuidBits[] = {{"sse3", 1, 0, 2, 0},
                                   {"pclmul", 1, 0, 2, 1},
                                   {"ssse3", 1, 0, 2, 9},
                                   {"fma", 1, 0, 2, 12},
                                   {"cx16", 1, 0, 2, 13},
                                   {"sse4.1", 1, 0, 2, 19},
                                   {"sse4.2", 1, 0, 2, 20},
                                   {"movbe", 1, 0, 2, 22},
                                   {"popcnt", 1, 0, 2, 23},
                                   {"aes", 1, 0, 2, 25},
                                   {"avx", 1, 0, 2, 28},
                                   {"f16c", 1, 0, 2, 29},
                                   {"rdrnd", 1, 0, 2, 30},
                                   {"fsgsbase", 7, 0, 1, 0},
                                   {"bmi", 7, 0, 1, 3},
                                   {"avx2", 7, 0, 1, 5},
                                   {"bmi2", 7, 0, 1, 8},
                                   {"avx512f", 7, 0, 1, 16},
                                   {"avx512dq", 7, 0, 1, 17},
                                   {"rdseed", 7, 0, 1, 18},
                                   {"adx", 7, 0, 1, 19},
                                   {"avx512ifma", 7, 0, 1, 21},
                                   {"avx512cd", 7, 0, 1, 28},
                                   {"sha", 7, 0, 1, 29},
                                   {"avx512bw", 7, 0, 1, 30},
                                   {"avx512vl", 7, 0, 1, 31},
                                   {"avx512vbmi", 7, 0, 2, 1},
                                   {"avx512vbmi2", 7, 0, 2, 6},
                                   {"gfni", 7, 0, 2, 8},
                                   {"vaes", 7, 0, 2, 9},
                                   {"vpclmulqdq", 7, 0, 2, 10},
                                   {"avx512vnni", 7, 0, 2, 11},
                                   {"avx512bitalg", 7, 0, 2, 12},
                                   {"avx512vpopcntdq", 7, 0, 2, 14},
                                   {"avx512fp16", 7, 0, 3, 23},
                                   {"amx-bf16", 7, 0, 3, 22},
                                   {"amx-tile", 7, 0, 3, 24},
                                   {"amx-int8", 7, 0, 3, 25},
                                   {"avxvnni", 7, 1, 0, 4},
                                   {"avx512bf16", 7, 1, 0, 5},
                                   {"avxifma", 7, 1, 0, 23},
                                   {"sahf", 0x80000001, 0, 2, 0},
                                   {"lzcnt", 0x80000001, 0, 2, 5},
                                   {"sse4a", 0x80000001, 0, 2, 6},
                                   {"xop", 0x80000001, 0, 2, 11},
                                   {"fma4", 0x80000001, 0, 2, 16},
                                   {"tbm", 0x80000001, 0, 2, 21}};

std::unique_ptr<llvm::MCSubtargetInfo> subtarget(const std::string &triple, const std::string &cpu,
                                                 const std::string &features, std::string &error) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
  });
  llvm::Triple parsed(triple);
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(parsed, error);
  if (!target)
    return nullptr;
  return std::unique_ptr<llvm::MCSubtargetInfo>(
      target->createMCSubtargetInfo(parsed, cpu, features));
}

absl::Status unknownTarget(std::string_view spec, const std::string &why) {
  return absl::InvalidArgumentError("target '" + std::string(spec) + "': " + why +
                                    "; targets are " + llvm::join(targetNames(), ", ") +
                                    ", another x86-64 CPU's name, or triple:cpu:features");
}

std::vector<std::string> split(std::string_view text, char separator) {
  llvm::SmallVector<llvm::StringRef> parts;
  llvm::StringRef(text).split(parts, separator);
  return {parts.begin(), parts.end()};
}

absl::StatusOr<std::string> sortedFeatures(std::string_view spec, std::string_view features,
                                           const llvm::MCSubtargetInfo &info) {
  std::vector<std::string> list = split(features, ',');
  std::erase(list, "");
  for (const std::string &feature : list) {
    std::string_view name = std::string_view(feature).substr(1);
    bool known = std::ranges::any_of(info.getAllProcessorFeatures(),
                                     [&](const auto &kv) { return name == kv.Key; });
    if ((feature[0] != '+' && feature[0] != '-') || !known)
      return unknownTarget(spec,
                           "unknown feature '" + feature + "' (write it as +avx512vnni or -f16c)");
  }
  std::ranges::sort(list);
  list.erase(std::unique(list.begin(), list.end()), list.end());
  return llvm::join(list, ",");
}

} // namespace

std::string Target::str() const { return triple + ":" + cpu + ":" + features; }

bool Target::has(std::string_view feature) const {
  std::string error;
  auto info = subtarget(triple, cpu, features, error);
  return info && info->checkFeatures("+" + std::string(feature));
}

std::vector<std::string> targetNames() { return {"x86-64-v2", "x86-64-v3", "x86-64-v4"}; }

absl::StatusOr<Target> resolveTarget(std::string_view spec) {
  std::vector<std::string> parts = split(spec, ':');
  Target target{std::string(kTriple), std::string(kDefaultCpu), ""};
  if (parts.size() == 3) {
    target = {llvm::Triple::normalize(parts[0]), parts[1], parts[2]};
    llvm::Triple triple(target.triple);
    if (triple.getArch() != llvm::Triple::x86_64 || !triple.isOSLinux() ||
        !triple.isOSBinFormatELF() || triple.isX32())
      return unknownTarget(spec, "only x86_64 Linux can be compiled for");
    // One spelling for what is the same to code generation.
    target.triple = std::string(kTriple);
  } else if (parts.size() == 1) {
    if (!spec.empty())
      target.cpu = parts[0];
  } else {
    return unknownTarget(spec, "not of the form triple:cpu:features");
  }
  if (target.cpu.empty())
    target.cpu = "x86-64";
  if (target.cpu == "native")
    return unknownTarget(spec, "the machine that compiles is not the one that runs the model");
  std::string error;
  auto info = subtarget(target.triple, "x86-64", "", error);
  if (!info)
    return absl::InternalError("LLVM cannot compile for " + target.triple + ": " + error);
  llvm::StringRef cpu = target.cpu;
  bool is64Bit = info->isCPUStringValid(cpu) &&
                 subtarget(target.triple, target.cpu, "", error)->checkFeatures("+64bit");
  if (!is64Bit)
    return unknownTarget(spec, "unknown CPU '" + target.cpu + "'");
  auto features = sortedFeatures(spec, target.features, *info);
  if (!features.ok())
    return features.status();
  target.features = *std::move(features);
  return target;
}

std::vector<CpuidBit> requiredCpuid(const Target &target) {
  std::vector<CpuidBit> bits;
  std::string error;
  auto info = subtarget(target.triple, target.cpu, target.features, error);
  for (const CpuidBit &bit : kCpuidBits)
    if (info && info->checkFeatures(std::string("+") + bit.feature))
      bits.push_back(bit);
  return bits;
}

uint64_t requiredXcr0(const Target &target) {
  constexpr uint64_t kAvxState = 0x6, kAvx512State = 0xe0;
  if (target.has("avx512f"))
    return kAvxState | kAvx512State;
  return target.has("avx") ? kAvxState : 0;
}

} // namespace linalgd
