// Targets: what an executable is compiled for, always spelled out and never "native".
#pragma once

#include "absl/status/statusor.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace llvm {
class TargetMachine;
}

namespace linalgd {

struct Target {
  std::string triple;   // "x86_64-unknown-linux-gnu"
  std::string cpu;      // "x86-64-v3", "skylake-avx512"
  std::string features; // "+avx512vnni,-f16c", sorted; may be empty

  // "triple:cpu:features", as requests, keys and manifests spell it.
  std::string str() const;
  bool has(std::string_view feature) const;
};

// Resolves what a request asks for: "" (the default, x86-64-v3), a level or CPU, or
// "triple:cpu:features". InvalidArgument for what cannot be compiled for.
absl::StatusOr<Target> resolveTarget(std::string_view spec);

// The short names that resolveTarget takes, for listings.
std::vector<std::string> targetNames();

// A processor feature as cpuid reports it.
struct CpuidBit {
  const char *feature;
  uint32_t leaf, subleaf, reg, bit;
};

// What a processor must report to run code for the target, and the XCR0 bits that the operating
// system must have set.
std::vector<CpuidBit> requiredCpuid(const Target &target);
uint64_t requiredXcr0(const Target &target);

} // namespace linalgd
