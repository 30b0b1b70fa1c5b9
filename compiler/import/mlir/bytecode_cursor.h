// Reads MLIR's bytecode as MLIR's own reader does, within bounds.
#pragma once

#include "compiler/import/text.h"

#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace linalgd {

// The first thing that is wrong with the bytecode.
class BytecodeProblem {
public:
  explicit BytecodeProblem(std::string_view bytes) : begin_(bytes.data()) {}

  bool found() const { return message_.has_value(); }
  const std::optional<std::string> &message() const { return message_; }
  // `place` begins where it was found.
  void set(std::string_view place, std::string_view what) {
    if (!message_)
      message_ = concat("the bytecode is broken at byte ", place.data() - begin_, ": ", what);
  }

private:
  const char *begin_;
  std::optional<std::string> message_;
};

// A place in a part of the bytecode. After a problem, wherever it was found, all that is read is
// zero: a loop ends where it asks ok().
class BytecodeCursor {
public:
  BytecodeCursor(std::string_view bytes, BytecodeProblem &problem)
      : bytes_(bytes), problem_(&problem) {}

  bool ok() const { return !problem_->found(); }
  bool atEnd() const { return bytes_.empty(); }
  size_t remaining() const { return bytes_.size(); }
  BytecodeProblem &problem() const { return *problem_; }

  void fail(std::string_view what) { problem_->set(bytes_, what); }

  std::string_view take(uint64_t count) {
    if (count > bytes_.size())
      fail("it ends");
    if (!ok())
      return {};
    std::string_view result = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return result;
  }

  uint8_t byte() {
    std::string_view taken = take(1);
    return taken.empty() ? 0 : static_cast<uint8_t>(taken.front());
  }

  // The number of zeros at the low end of the first byte is that of the bytes that follow it; none
  // of the first byte's bits count where it is zero: eight bytes follow.
  uint64_t number() {
    uint8_t first = byte();
    auto numMore = static_cast<unsigned>(std::countr_zero(first));
    std::string_view more = take(ok() ? numMore : 0);
    uint64_t value = 0;
    for (size_t i = more.size(); i-- > 0;)
      value = value << 8 | static_cast<uint8_t>(more[i]);
    if (numMore == 8)
      return value;
    return (value << 8 | first) >> (numMore + 1);
  }

  int64_t signedNumber() {
    uint64_t value = number();
    return static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1));
  }

  // How many things follow, here, of at least a byte each.
  uint64_t count() { return checkCount(number()); }
  uint64_t checkCount(uint64_t count) {
    if (count > bytes_.size())
      fail(concat("it says that ", count, " items follow, in ", bytes_.size(), " bytes"));
    return ok() ? count : 0;
  }

  // A number of a table's entry.
  uint64_t index(size_t size, const char *what) { return checkIndex(number(), size, what); }
  uint64_t checkIndex(uint64_t index, size_t size, const char *what) {
    if (index >= size)
      fail(concat("it refers to ", what, " ", index, " of ", size));
    return ok() ? index : 0;
  }

  // To an address that is a multiple, as MLIR does it.
  void align(uint64_t alignment) {
    constexpr uint64_t kMaxAlignment = 4096; // of a page, where mapped bytes begin
    if (!std::has_single_bit(alignment) || alignment > kMaxAlignment)
      return fail(concat("an alignment of ", alignment));
    take(-reinterpret_cast<uintptr_t>(bytes_.data()) & (alignment - 1));
  }

  // The contents of the section that begins here.
  std::string_view section(uint8_t &id) {
    uint8_t head = byte();
    uint64_t size = number();
    id = head & 0x7f;
    if (head & 0x80)
      align(number());
    return take(size);
  }

private:
  std::string_view bytes_;
  BytecodeProblem *problem_;
};

} // namespace linalgd
