#include "client/cpp/src/safetensors.h"

#include "client/cpp/src/dtypes.h"

#include "absl/strings/str_cat.h"

#include <nlohmann/json.hpp>

namespace linalgd::client {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxHeaderBytes = 100 << 20;

uint64_t littleEndian64(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = 8; i-- > 0;)
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

bool readTensor(const json &entry, std::string_view data, StoredTensor &tensor) {
  if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") ||
      !entry.contains("data_offsets") || !entry["dtype"].is_string() || !entry["shape"].is_array())
    return false;
  std::string name = entry["dtype"].get<std::string>();
  const Dtype *dtype =
      findDtype([&](const Dtype &candidate) { return candidate.safetensors == name; });
  const json &offsets = entry["data_offsets"];
  if (!dtype || !offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
      !offsets[1].is_number_unsigned())
    return false;
  uint64_t begin = offsets[0].get<uint64_t>(), end = offsets[1].get<uint64_t>();
  uint64_t bytes = dtype->bytes();
  for (const json &size : entry["shape"]) {
    if (!size.is_number_unsigned() || __builtin_mul_overflow(bytes, size.get<uint64_t>(), &bytes))
      return false;
    tensor.shape.push_back(size.get<int64_t>());
  }
  if (begin > end || end > data.size() || end - begin != bytes)
    return false;
  tensor.dtype = dtype->name;
  tensor.bytes = data.substr(begin, bytes);
  return true;
}

} // namespace

absl::StatusOr<SafetensorsFile> readSafetensors(const std::string &path) {
  absl::StatusOr<std::shared_ptr<MappedFile>> file = MappedFile::open(path);
  if (!file.ok())
    return file.status();
  std::string_view bytes = (*file)->bytes();
  uint64_t length = bytes.size() < 8 ? 0 : littleEndian64(bytes);
  if (length < 2 || length > kMaxHeaderBytes || length > bytes.size() - 8)
    return absl::InvalidArgumentError(absl::StrCat(path, ": not a safetensors file"));
  json header = json::parse(bytes.substr(8, length), nullptr, /*allow_exceptions=*/false);
  if (!header.is_object())
    return absl::InvalidArgumentError(absl::StrCat(path, ": its safetensors header is malformed"));
  SafetensorsFile result{*file, {}};
  for (const auto &[name, entry] : header.items()) {
    if (name == "__metadata__")
      continue;
    if (!readTensor(entry, bytes.substr(8 + length), result.tensors[name]))
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": the entry of tensor '", name, "' is malformed"));
  }
  return result;
}

absl::StatusOr<std::string> safetensorsHeader(const std::vector<TensorToStore> &tensors) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  uint64_t offset = 0;
  for (const TensorToStore &tensor : tensors) {
    const Dtype *dtype = dtypeNamed(tensor.dtype);
    if (!dtype || dtype->safetensors.empty())
      return absl::InvalidArgumentError(absl::StrCat("safetensors has no dtype for '", tensor.name,
                                                     "': ", std::string(tensor.dtype)));
    header[tensor.name] = {{"dtype", std::string(dtype->safetensors)},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, offset + tensor.size}}};
    offset += tensor.size;
  }
  std::string text = header.dump();
  text.append((64 - (8 + text.size()) % 64) % 64, ' ');
  std::string result;
  for (size_t i = 0; i < 8; ++i)
    result += static_cast<char>(text.size() >> (8 * i) & 0xff);
  return result + text;
}

} // namespace linalgd::client
