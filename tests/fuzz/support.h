// What the fuzz targets share: a bound on what a run may allocate, models made of bytes, and
// mutators that keep a format's frame intact, so that what is inside gets mutated too.
#pragma once

#include "compiler/api/compiler.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace linalgd::fuzz {

// Ends the program, with the stack of the allocation, where the memory that this thread allocates
// and has not freed exceeds `base + factor * inputBytes`. One at a time.
class AllocationBound {
public:
  AllocationBound(size_t inputBytes, size_t factor, size_t base);
  ~AllocationBound();
  AllocationBound(const AllocationBound &) = delete;
  AllocationBound &operator=(const AllocationBound &) = delete;
};

// A finding that is no crash: says what is wrong and ends the program.
[[noreturn]] void fail(std::string_view what);

class QuietSink : public StageSink {
public:
  void stageStarted(Stage) override {}
  void stageFinished(Stage, std::chrono::microseconds) override {}
  void stageArtifact(Stage, Artifact) override {}
  void reproducer(ArtifactFile) override {}
  void diagnostic(Diagnostic diagnostic) override;
  size_t numErrors = 0;
};

// One blob.
Model modelOf(std::string_view bytes);
// A failure must have told why, and must not be our fault.
void checkFailure(const absl::Status &status, const QuietSink &sink);

// Pseudo-random numbers from a mutator's seed, the same everywhere.
class Random {
public:
  explicit Random(unsigned seed) : state_(seed * 0x9e3779b97f4a7c15u + 0x632be59bd9b4e019u) {}
  uint64_t next();
  size_t below(size_t bound) { return bound ? next() % bound : 0; }
  bool oneIn(size_t n) { return below(n) == 0; }

private:
  uint64_t state_;
};

// The mutators change a text in place of libFuzzer's buffer.
using Mutator = std::function<void(std::string &content, Random &random)>;
void mutateBytes(std::string &content, Random &random); // libFuzzer's own, with the dictionary
void mutateText(std::string &content, Random &random);  // words, numbers and lines of a program
void mutateJson(std::string &content, Random &random);  // values and fields
// By an entry's name: what holds JSON, programs, archives and other bytes.
void mutateArchive(std::string &content, Random &random);

// Applies a mutator to libFuzzer's buffer; what becomes too large is mutated as bytes.
size_t applyMutator(const Mutator &mutator, uint8_t *data, size_t size, size_t maxSize,
                    unsigned seed);

} // namespace linalgd::fuzz

// The custom mutator of a target.
#define LINALGD_FUZZ_MUTATOR(mutator)                                                              \
  extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize,            \
                                            unsigned seed) {                                       \
    return linalgd::fuzz::applyMutator(mutator, data, size, maxSize, seed);                        \
  }
