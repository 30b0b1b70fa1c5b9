#include "compiler/import/mlir/bytecode_ir.h"
#include "compiler/import/mlir/checks.h"

#include "mlir/Bytecode/Encoding.h"

#include <vector>

using namespace mlir::bytecode;

namespace linalgd {
namespace {

constexpr size_t kMaxIrBytes = 1 << 30; // MLIR counts in 32 bits

class IrWalker {
public:
  IrWalker(BytecodeCursor section, const BytecodeTables &tables)
      : tables_(tables), numBytes_(section.remaining()), sections_{section} {}

  void run() {
    if (numBytes_ > kMaxIrBytes)
      return at().fail("the IR is too large");
    regions_.push_back({.isIsolated = true, .isTop = true});
    beginBlock();
    while (!regions_.empty() && at().ok())
      step();
  }

private:
  struct Value {
    uint32_t numUses = 0;
    uint32_t numOrdered = 0; // above the largest number of a use in its order of uses
  };
  // The regions of one op, one after the other.
  struct Regions {
    uint64_t numLeft = 0; // that were not begun
    uint64_t numBlocks = 0, numBlocksLeft = 0;
    uint64_t numOpsLeft = 0;
    size_t firstValue = 0; // of the region that is open
    size_t nextValue = 0;
    size_t scope = 0; // where the values begin that may be referred to
    bool isIsolated = false;
    bool isTop = false;
    bool isOpen = false;
  };

  BytecodeCursor &at() { return sections_.back(); }

  void step() {
    Regions &regions = regions_.back();
    if (regions.numOpsLeft > 0) {
      --regions.numOpsLeft;
      readOp();
    } else if (regions.numBlocksLeft > 0) {
      --regions.numBlocksLeft;
      beginBlock();
    } else if (regions.isOpen) {
      endRegion();
    } else if (regions.numLeft > 0) {
      --regions.numLeft;
      beginRegion();
    } else {
      if (regions.isIsolated && !at().atEnd())
        at().fail("bytes after the last op");
      if (regions.isIsolated)
        sections_.pop_back();
      regions_.pop_back();
    }
  }

  void beginRegion() {
    Regions &regions = regions_.back();
    regions.numBlocks = at().count();
    if (regions.numBlocks == 0)
      return;
    uint64_t numValues = at().count();
    if (values_.size() + numValues > numBytes_)
      return at().fail("more values are said to be defined than there are bytes");
    regions.numBlocksLeft = regions.numBlocks;
    regions.firstValue = regions.nextValue = values_.size();
    regions.isOpen = true;
    values_.resize(values_.size() + numValues);
  }

  void endRegion() {
    Regions &regions = regions_.back();
    if (regions.nextValue != values_.size())
      at().fail(concat("a region is said to define ", values_.size() - regions.firstValue,
                       " values and defines ", regions.nextValue - regions.firstValue));
    for (size_t i = regions.firstValue; i < values_.size(); ++i)
      if (values_[i].numOrdered > values_[i].numUses)
        at().fail("the order of a value's uses names one that there is not");
    values_.resize(regions.firstValue);
    regions.isOpen = false;
  }

  void beginBlock() {
    uint64_t head = at().number();
    regions_.back().numOpsLeft = at().checkCount(head >> 1);
    if (!(head & 1))
      return;
    uint64_t numArguments = at().count();
    for (uint64_t i = 0; i < numArguments && at().ok(); ++i) {
      uint64_t type = at().number();
      at().checkIndex(type >> 1, tables_.numTypes, "type");
      if (type & 1)
        at().index(tables_.numAttributes, "attribute");
    }
    size_t first = define(numArguments);
    if (at().byte() != 0)
      readOrders(first, numArguments);
  }

  // The first of new values of the open region.
  size_t define(uint64_t count) {
    Regions &regions = regions_.back();
    size_t first = regions.nextValue;
    if (regions.isTop)
      return first;
    if (count > values_.size() - first)
      at().fail("a region defines more values than it is said to");
    else
      regions.nextValue += count;
    return first;
  }

  void readOp() {
    at().index(tables_.numOpNames, "name of an op");
    uint8_t mask = at().byte();
    at().index(tables_.numAttributes, "attribute"); // the location
    if (mask & ~0x7f)
      at().fail("an op has a part that does not exist");
    if (mask & OpEncodingMask::kHasAttrs)
      at().index(tables_.numAttributes, "attribute");
    if (mask & OpEncodingMask::kHasProperties)
      at().index(tables_.numProperties, "properties");
    uint64_t numResults = 0;
    if (mask & OpEncodingMask::kHasResults) {
      numResults = at().count();
      for (uint64_t i = 0; i < numResults && at().ok(); ++i)
        at().index(tables_.numTypes, "type");
    }
    if (mask & OpEncodingMask::kHasOperands)
      readOperands();
    if (mask & OpEncodingMask::kHasSuccessors) {
      uint64_t count = at().count();
      for (uint64_t i = 0; i < count && at().ok(); ++i)
        at().index(regions_.back().numBlocks, "block");
    }
    size_t first = define(numResults);
    if (mask & OpEncodingMask::kHasUseListOrders)
      readOrders(first, numResults);
    if (mask & OpEncodingMask::kHasInlineRegions)
      enterRegions();
  }

  void readOperands() {
    size_t scope = regions_.back().scope;
    uint64_t count = at().count();
    for (uint64_t i = 0; i < count && at().ok(); ++i) {
      uint64_t value = at().index(values_.size() - scope, "value");
      if (at().ok())
        ++values_[scope + value].numUses;
    }
  }

  // Of some of the values from `first` on, how the list of their uses is ordered: by their numbers,
  // or by pairs of those that changed places.
  void readOrders(size_t first, uint64_t count) {
    uint64_t numOrders = count > 1 ? at().count() : 1;
    for (uint64_t i = 0; i < numOrders && at().ok(); ++i) {
      uint64_t value = count > 1 ? at().index(count, "value") : 0;
      uint64_t numNumbers = at().checkCount(at().number() >> 1);
      for (uint64_t k = 0; k < numNumbers && at().ok(); ++k) {
        uint64_t use = at().checkIndex(at().number(), kMaxIrBytes, "use");
        if (first + value >= values_.size())
          at().fail("the order of uses of what is no value");
        else if (at().ok())
          values_[first + value].numOrdered =
              std::max(values_[first + value].numOrdered, static_cast<uint32_t>(use + 1));
      }
    }
  }

  void enterRegions() {
    uint64_t head = at().number();
    Regions regions;
    regions.numLeft = at().checkCount(head >> 1);
    if (regions.numLeft == 0)
      return;
    regions.isIsolated = head & 1;
    if (regions_.size() > ModuleLimits::kMaxRegionDepth)
      at().fail(concat("regions are nested deeper than ", ModuleLimits::kMaxRegionDepth));
    regions.scope = regions.isIsolated ? values_.size() : regions_.back().scope;
    if (regions.isIsolated) {
      uint8_t id = 0;
      std::string_view section = at().section(id);
      if (id != Section::kIR)
        at().fail("the regions of an op are not in a section of IR");
      sections_.emplace_back(section, at().problem());
      at().checkCount(regions.numLeft);
    }
    regions_.push_back(regions);
  }

  const BytecodeTables &tables_;
  size_t numBytes_;
  std::vector<BytecodeCursor> sections_; // that are open, one in the other
  std::vector<Regions> regions_;
  std::vector<Value> values_; // of the regions that are open, in the order of their numbers
};

} // namespace

void checkBytecodeIr(BytecodeCursor section, const BytecodeTables &tables) {
  IrWalker(section, tables).run();
}

} // namespace linalgd
