#include "server/units.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include <optional>
#include <span>

namespace linalgd {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr Unit kSizes[] = {
    {"", 1},
    {"B", 1},
    {"KB", 1e3},
    {"MB", 1e6},
    {"GB", 1e9},
    {"TB", 1e12},
    {"KiB", 1024.0},
    {"MiB", 1024.0 * 1024},
    {"GiB", 1ull << 30},
    {"TiB", 1ull << 40},
};

// In milliseconds.
constexpr Unit kDurations[] = {
    {"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}, {"d", 86400e3},
};

std::optional<double> parseWithUnit(std::string_view text, std::span<const Unit> units) {
  const size_t end = text.find_first_not_of("0123456789.");
  const std::string number(text.substr(0, end));
  std::string_view name = end == std::string_view::npos ? "" : text.substr(end);
  while (name.starts_with(' '))
    name.remove_prefix(1);
  double value = 0;
  if (number.empty() || !absl::SimpleAtod(number, &value))
    return std::nullopt;
  if (value == 0 && name.empty())
    return 0;
  for (const Unit &unit : units)
    if (unit.name == name)
      return value * unit.factor;
  return std::nullopt;
}

} // namespace

absl::StatusOr<uint64_t> parseSize(std::string_view text) {
  std::optional<double> bytes = parseWithUnit(text, kSizes);
  if (!bytes || *bytes > 1e18)
    return absl::InvalidArgumentError(
        absl::StrCat("'", std::string(text), "' is not a size; write one as 512MiB, 4GiB, 10GB"));
  return static_cast<uint64_t>(*bytes);
}

absl::StatusOr<std::chrono::milliseconds> parseDuration(std::string_view text) {
  std::optional<double> milliseconds = parseWithUnit(text, kDurations);
  // A year is longer than anything here may take, and far from any overflow.
  if (!milliseconds || *milliseconds > 366 * 86400e3)
    return absl::InvalidArgumentError(absl::StrCat(
        "'", std::string(text), "' is not a duration; write one as 250ms, 10s, 5m, 2h, 1d"));
  return std::chrono::milliseconds(static_cast<int64_t>(*milliseconds));
}

std::string Address::text() const {
  return host.find(':') == std::string::npos ? absl::StrCat(host, ":", port)
                                             : absl::StrCat("[", host, "]:", port);
}

absl::StatusOr<Address> parseAddress(std::string_view text) {
  absl::Status error = absl::InvalidArgumentError(absl::StrCat(
      "'", std::string(text), "' is not HOST:PORT, such as 127.0.0.1:8470 or [::1]:0"));
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return error;
  std::string host(text.substr(0, colon));
  const std::string port(text.substr(colon + 1));
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  else if (host.find(':') != std::string::npos)
    return error;
  uint32_t number = 0;
  if (host.empty() || port.find_first_not_of("0123456789") != std::string::npos ||
      !absl::SimpleAtoi(port, &number) || number > 65535)
    return error;
  return Address{std::move(host), static_cast<uint16_t>(number)};
}

} // namespace linalgd
