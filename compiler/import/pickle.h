// A reader of the pickles that torch.save writes for tensors. Nothing is executed: of what a pickle
// can call, tensors and dictionaries are known, and all else is left as an opaque value.
#pragma once

#include "compiler/import/dtype.h"

#include "absl/status/statusor.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace linalgd {

// A tensor as a pickle describes it; nothing of it is checked.
struct PickledTensor {
  DType dtype = DType::Float32;
  std::string storage; // its key: the file data/KEY beside the pickle
  std::string device;
  int64_t storageOffset = 0; // in elements
  std::vector<int64_t> sizes, strides;
};

// The tensors of a pickled dictionary by their keys; entries of other kinds are left out. Time and
// memory are linear in the pickle's size.
absl::StatusOr<std::map<std::string, PickledTensor>> readPickledTensors(std::string_view bytes);

// Whether a pickle is one that a lenient reader (libtorch's, which believes what it reads) can be
// given: its operations and their operands are known and whole, what it takes it has put, and each
// storage has as many bytes as `storageBytes` says for its key; none: there is no such storage.
using StorageBytes = std::function<std::optional<uint64_t>(std::string_view key)>;
absl::Status checkPickle(std::string_view bytes, const StorageBytes &storageBytes);
// The same for where TorchScript's code comes from ("code/….debug_pkl"): indices are within its
// table of strings.
absl::Status checkSourceRanges(std::string_view bytes);

} // namespace linalgd
