// Element types of tensors, and the numbers that PyTorch gives to dtypes, layouts and memory
// formats.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace linalgd {

enum class DType : uint8_t {
  UInt8,
  Int8,
  Int16,
  Int32,
  Int64,
  Float16,
  Float32,
  Float64,
  Complex32,
  Complex64,
  Complex128,
  Bool,
  BFloat16,
  UInt16,
  UInt32,
  UInt64,
  Float8E4M3FN,
  Float8E5M2,
  Float8E4M3FNUZ,
  Float8E5M2FNUZ,
  Float8E8M0FNU,
  QInt8, // quantized: integers with a scale and a zero point
  QUInt8,
  QInt32
};
inline constexpr int kNumDTypes = 24;

enum class MemoryFormat : uint8_t { Contiguous, Preserve, ChannelsLast, ChannelsLast3d };
enum class Layout : uint8_t { Strided, Sparse, SparseCsr, Mkldnn, SparseCsc, SparseBsr, SparseBsc };

// torch's name without the prefix: "float32", "bool".
std::string_view dtypeName(DType dtype);
// Of a dtype that says all of a tensor's elements: none of the quantized ones.
std::optional<DType> parseDType(std::string_view name);
uint64_t dtypeBytes(DType dtype);

// The numbers of c10::ScalarType, c10::Layout and c10::MemoryFormat, which operator arguments use.
int64_t scalarTypeCode(DType dtype);
std::optional<DType> dtypeFromScalarType(int64_t code);
inline int64_t layoutCode(Layout layout) { return static_cast<int64_t>(layout); }
inline int64_t memoryFormatCode(MemoryFormat format) { return static_cast<int64_t>(format); }

// The numbers of torch/_export/serde/schema.py, which differ.
std::optional<DType> dtypeFromExport(int64_t code);
std::optional<Layout> layoutFromExport(int64_t code);
std::optional<MemoryFormat> memoryFormatFromExport(int64_t code);

} // namespace linalgd
