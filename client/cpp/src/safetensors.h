// safetensors: an 8-byte little-endian header length, a JSON header, the tensors' bytes without
// holes.
#pragma once

#include "client/cpp/src/file.h"

#include "absl/status/statusor.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace linalgd::client {

struct StoredTensor {
  std::string dtype; // torch's name without the prefix
  std::vector<int64_t> shape;
  std::string_view bytes; // in the mapped file
};

struct SafetensorsFile {
  std::shared_ptr<MappedFile> file;
  std::map<std::string, StoredTensor, std::less<>> tensors;
};

// Errors: as MappedFile's, and InvalidArgument for a malformed file.
absl::StatusOr<SafetensorsFile> readSafetensors(const std::string &path);

// What `safetensorsHeader` describes, in the order that the bytes follow it.
struct TensorToStore {
  std::string name;
  std::string_view dtype;
  std::vector<int64_t> shape;
  uint64_t size = 0; // bytes
};

// The length and the header, padded so that the data begin at a multiple of 64 bytes. Errors:
// InvalidArgument for a dtype that the format lacks.
absl::StatusOr<std::string> safetensorsHeader(const std::vector<TensorToStore> &tensors);

} // namespace linalgd::client
