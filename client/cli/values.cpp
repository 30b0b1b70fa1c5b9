#include "client/cli/values.h"

#include "absl/strings/str_cat.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <type_traits>

namespace linalgd::cli {
namespace {

// The upper half of a float32.
struct BFloat16 {
  uint16_t bits;

  BFloat16() = default;
  explicit BFloat16(double value)
      : bits(static_cast<uint16_t>(std::bit_cast<uint32_t>(static_cast<float>(value)) >> 16)) {}
  explicit operator double() const {
    return static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(bits) << 16));
  }
};

// Calls `visit` with a null pointer of the element's C++ type. False for complex and unknown ones.
template <typename Visitor> bool visitElement(std::string_view dtype, Visitor visit) {
  if (dtype == "float32")
    visit(static_cast<float *>(nullptr));
  else if (dtype == "float64")
    visit(static_cast<double *>(nullptr));
  else if (dtype == "float16")
    visit(static_cast<_Float16 *>(nullptr));
  else if (dtype == "bfloat16")
    visit(static_cast<BFloat16 *>(nullptr));
  else if (dtype == "int8")
    visit(static_cast<int8_t *>(nullptr));
  else if (dtype == "int16")
    visit(static_cast<int16_t *>(nullptr));
  else if (dtype == "int32")
    visit(static_cast<int32_t *>(nullptr));
  else if (dtype == "int64")
    visit(static_cast<int64_t *>(nullptr));
  else if (dtype == "uint8")
    visit(static_cast<uint8_t *>(nullptr));
  else if (dtype == "bool")
    visit(static_cast<bool *>(nullptr));
  else
    return false;
  return true;
}

} // namespace

absl::StatusOr<client::Tensor> randomTensor(const std::string &dtype, std::vector<int64_t> shape,
                                            uint64_t seed) {
  absl::StatusOr<client::Tensor> tensor = client::Tensor::zeros(dtype, std::move(shape));
  if (!tensor.ok())
    return tensor;
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  size_t count = static_cast<size_t>(tensor->numElements());
  bool real = visitElement(dtype, [&](auto *pointer) {
    using T = std::remove_pointer_t<decltype(pointer)>;
    T *data = tensor->dataAs<T>();
    for (size_t i = 0; i < count; ++i) {
      if constexpr (std::is_same_v<T, bool>)
        data[i] = (random() & 1) != 0;
      else if constexpr (std::is_integral_v<T>)
        data[i] = static_cast<T>(random() % 10);
      else
        data[i] = static_cast<T>(normal(random));
    }
  });
  if (!real) { // complex: two numbers an element
    bool wide = dtype == "complex128";
    for (size_t i = 0; i < 2 * count; ++i) {
      double value = normal(random);
      if (wide)
        tensor->dataAs<double>()[i] = value;
      else
        tensor->dataAs<float>()[i] = static_cast<float>(value);
    }
  }
  return tensor;
}

absl::StatusOr<client::Tensor> scalarTensor(const std::string &dtype, const std::string &text) {
  absl::StatusOr<client::Tensor> tensor = client::Tensor::zeros(dtype, {});
  if (!tensor.ok())
    return tensor;
  const char *end = text.data() + text.size();
  bool parsed = false;
  if (dtype == "bool") {
    parsed = text == "true" || text == "false";
    *tensor->dataAs<bool>() = text == "true";
  } else if (dtype == "int64") {
    auto result = std::from_chars(text.data(), end, *tensor->dataAs<int64_t>());
    parsed = result.ec == std::errc() && result.ptr == end;
  } else if (dtype == "float64") {
    auto result = std::from_chars(text.data(), end, *tensor->dataAs<double>());
    parsed = result.ec == std::errc() && result.ptr == end;
  }
  if (!parsed)
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' is no value of type ", dtype));
  return tensor;
}

Summary summarize(const client::Tensor &tensor) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Summary summary{kInfinity, -kInfinity, 0, 0};
  double sum = 0;
  uint64_t finite = 0;
  visitElement(tensor.dtype(), [&](auto *pointer) {
    using T = std::remove_pointer_t<decltype(pointer)>;
    for (int64_t i = 0; i < tensor.numElements(); ++i) {
      double value = static_cast<double>(tensor.dataAs<T>()[i]);
      if (!std::isfinite(value)) {
        ++summary.nonFinite;
        continue;
      }
      summary.min = std::min(summary.min, value);
      summary.max = std::max(summary.max, value);
      sum += value;
      ++finite;
    }
  });
  if (finite == 0)
    return {0, 0, 0, summary.nonFinite};
  summary.mean = sum / static_cast<double>(finite);
  return summary;
}

} // namespace linalgd::cli
