#include "compiler/import/dtype.h"

#include <array>
#include <iterator>

namespace linalgd {
namespace {

struct Row {
  std::string_view name;
  uint8_t bytes;
  uint8_t scalarType; // c10::ScalarType
  uint8_t exported;   // torch._export.serde.schema.ScalarType
};

constexpr uint8_t kNeverExported = 255;

// In the order of DType.
constexpr std::array<Row, kNumDTypes> kRows = {{
    {"uint8", 1, 0, 1},
    {"int8", 1, 1, 2},
    {"int16", 2, 2, 3},
    {"int32", 4, 3, 4},
    {"int64", 8, 4, 5},
    {"float16", 2, 5, 6},
    {"float32", 4, 6, 7},
    {"float64", 8, 7, 8},
    {"complex32", 4, 8, 9},
    {"complex64", 8, 9, 10},
    {"complex128", 16, 10, 11},
    {"bool", 1, 11, 12},
    {"bfloat16", 2, 15, 13},
    {"uint16", 2, 27, 28},
    {"uint32", 4, 28, 34},
    {"uint64", 8, 29, 35},
    {"float8_e4m3fn", 1, 24, 29},
    {"float8_e5m2", 1, 23, 30},
    {"float8_e4m3fnuz", 1, 26, 31},
    {"float8_e5m2fnuz", 1, 25, 32},
    {"float8_e8m0fnu", 1, 44, 33},
    {"qint8", 1, 12, kNeverExported},
    {"quint8", 1, 13, kNeverExported},
    {"qint32", 4, 14, kNeverExported},
}};

template <typename Predicate> std::optional<DType> findRow(Predicate matches) {
  for (size_t i = 0; i < kRows.size(); ++i)
    if (matches(kRows[i]))
      return static_cast<DType>(i);
  return std::nullopt;
}

const Row &row(DType dtype) { return kRows.at(static_cast<size_t>(dtype)); }

} // namespace

std::string_view dtypeName(DType dtype) { return row(dtype).name; }
uint64_t dtypeBytes(DType dtype) { return row(dtype).bytes; }
int64_t scalarTypeCode(DType dtype) { return row(dtype).scalarType; }

std::optional<DType> parseDType(std::string_view name) {
  return findRow(
      [&](const Row &row) { return row.name == name && row.exported != kNeverExported; });
}

std::optional<DType> dtypeFromScalarType(int64_t code) {
  return findRow([&](const Row &row) { return row.scalarType == code; });
}

std::optional<DType> dtypeFromExport(int64_t code) {
  return findRow([&](const Row &row) { return row.exported == code && code != kNeverExported; });
}

std::optional<Layout> layoutFromExport(int64_t code) {
  constexpr Layout kLayouts[] = {Layout::Sparse,    Layout::SparseCsr, Layout::SparseCsc,
                                 Layout::SparseBsr, Layout::SparseBsc, Layout::Mkldnn,
                                 Layout::Strided};
  if (code < 1 || code > static_cast<int64_t>(std::size(kLayouts)))
    return std::nullopt;
  return kLayouts[code - 1];
}

std::optional<MemoryFormat> memoryFormatFromExport(int64_t code) {
  constexpr MemoryFormat kFormats[] = {MemoryFormat::Contiguous, MemoryFormat::ChannelsLast,
                                       MemoryFormat::ChannelsLast3d, MemoryFormat::Preserve};
  if (code < 1 || code > static_cast<int64_t>(std::size(kFormats)))
    return std::nullopt;
  return kFormats[code - 1];
}

} // namespace linalgd
