// How each element type is written in DLPack, .npy and safetensors.
#pragma once

#include "compiler/runtime/dlpack.h"

#include <array>
#include <string_view>

namespace linalgd::client {

struct Dtype {
  std::string_view name; // torch's, without the prefix
  DLDataType dlpack;
  std::string_view npy;         // "descr"
  std::string_view safetensors; // empty: the format has none

  unsigned bytes() const { return dlpack.bits / 8; }
};

inline constexpr std::array<Dtype, 12> kDtypes = {{
    {"float32", {kDLFloat, 32, 1}, "<f4", "F32"},
    {"float64", {kDLFloat, 64, 1}, "<f8", "F64"},
    {"float16", {kDLFloat, 16, 1}, "<f2", "F16"},
    {"bfloat16", {kDLBfloat, 16, 1}, "<V2", "BF16"},
    {"int8", {kDLInt, 8, 1}, "|i1", "I8"},
    {"int16", {kDLInt, 16, 1}, "<i2", "I16"},
    {"int32", {kDLInt, 32, 1}, "<i4", "I32"},
    {"int64", {kDLInt, 64, 1}, "<i8", "I64"},
    {"uint8", {kDLUInt, 8, 1}, "|u1", "U8"},
    {"bool", {kDLBool, 8, 1}, "|b1", "BOOL"},
    {"complex64", {kDLComplex, 64, 1}, "<c8", "C64"},
    {"complex128", {kDLComplex, 128, 1}, "<c16", ""},
}};

// The entry for which `matches` is true, or null.
template <typename Predicate> const Dtype *findDtype(Predicate matches) {
  for (const Dtype &dtype : kDtypes)
    if (matches(dtype))
      return &dtype;
  return nullptr;
}

inline const Dtype *dtypeNamed(std::string_view name) {
  return findDtype([&](const Dtype &dtype) { return dtype.name == name; });
}

} // namespace linalgd::client
