#include "compiler/import/torchscript/source_ranges.h"

#include <ATen/core/ivalue.h>
#include <torch/csrc/jit/mobile/type_parser.h>
#include <torch/csrc/jit/serialization/pickle.h>
#include <torch/csrc/jit/serialization/source_range_serialization.h>

#include <unordered_set>

namespace linalgd {
namespace {

class PlacesChecker {
public:
  // Either (format, texts, lines), or the lines themselves.
  bool isWhole(const c10::IValue &top) {
    if (!top.isTuple())
      return false;
    const auto &parts = top.toTupleRef().elements();
    if (parts.empty())
      return false;
    if (!parts[0].isString() || parts[0].toStringRef() != torch::jit::kFormatWithStringTable)
      return areLines(top);
    if (parts.size() != 3 || !parts[1].isTuple())
      return false;
    for (const c10::IValue &text : parts[1].toTupleRef().elements())
      if (!text.isString())
        return false;
    numTexts_ = static_cast<int64_t>(parts[1].toTupleRef().size());
    return areLines(parts[2]);
  }

private:
  static bool isTuple(const c10::IValue &value, size_t size) {
    return value.isTuple() && value.toTupleRef().size() == size;
  }

  // A line is (offset, range), or has a tag as well.
  bool areLines(const c10::IValue &lines) {
    if (!lines.isTuple())
      return false;
    for (const c10::IValue &line : lines.toTupleRef().elements()) {
      if (!line.isTuple() || line.toTupleRef().size() < 2)
        return false;
      const auto &parts = line.toTupleRef().elements();
      if (!parts[torch::jit::kByteOffsetIndex].isInt() ||
          !isRange(parts[torch::jit::kSourceRangeIndex]))
        return false;
    }
    return true;
  }

  bool isRange(const c10::IValue &range) {
    if (!isTuple(range, 3))
      return false;
    const auto &parts = range.toTupleRef().elements();
    return isSource(parts[0]) && parts[1].isInt() && parts[2].isInt() && parts[1].toInt() >= 0 &&
           parts[1].toInt() <= parts[2].toInt();
  }

  // Indices of texts, that of the file's name or a negative one, and a line; without a table, the
  // text and the name themselves.
  bool isSource(const c10::IValue &source) {
    if (!isTuple(source, 3))
      return false;
    if (!sources_.insert(&source.toTupleRef()).second)
      return true; // looked at before; what is wrong ends the check
    const auto &parts = source.toTupleRef().elements();
    if (!parts[2].isInt())
      return false;
    if (numTexts_ == 0)
      return parts[0].isString() && (parts[1].isString() || parts[1].isNone());
    if (!parts[0].isIntList() || !parts[1].isInt() || parts[1].toInt() >= numTexts_)
      return false;
    for (int64_t text : parts[0].toIntVector())
      if (text < 0 || text >= numTexts_)
        return false;
    return true;
  }

  int64_t numTexts_ = 0;
  std::unordered_set<const void *> sources_;
};

} // namespace

absl::Status checkPlacesOfCode(std::string_view bytes) {
  c10::IValue top;
  try {
    top = torch::jit::unpickle(bytes.data(), bytes.size(), nullptr, {}, c10::parseType);
  } catch (const c10::Error &error) {
    return absl::InvalidArgumentError(error.what_without_backtrace());
  }
  return PlacesChecker().isWhole(top)
             ? absl::OkStatus()
             : absl::InvalidArgumentError("the places of the code's lines are broken");
}

} // namespace linalgd
