// A tensor in host memory that owns itself: what executables take and return.
#pragma once

#include "compiler/runtime/executable.h"

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace linalgd::client {

// Move-only owner of a versioned DLPack tensor.
class Tensor {
public:
  Tensor() = default;
  // Takes the tensor over.
  explicit Tensor(DLManagedTensorVersioned *managed) : managed_(managed) {}
  Tensor(Tensor &&other) noexcept : managed_(other.release()) {}
  Tensor &operator=(Tensor &&other) noexcept {
    reset(other.release());
    return *this;
  }
  ~Tensor() { reset(); }

  // Contiguous, row-major, 64-byte aligned, zeroed. `dtype` is torch's name without the prefix:
  // "float32". Errors: InvalidArgument (unknown dtype, negative or absurd size).
  static absl::StatusOr<Tensor> zeros(std::string_view dtype, std::vector<int64_t> shape);
  // Contiguous memory of someone else's, which `owner` keeps alive.
  static absl::StatusOr<Tensor> view(std::string_view dtype, std::vector<int64_t> shape, void *data,
                                     std::shared_ptr<void> owner);

  explicit operator bool() const { return managed_ != nullptr; }
  const DLManagedTensorVersioned *get() const { return managed_; }
  DLManagedTensorVersioned *release() { return std::exchange(managed_, nullptr); }

  // "" for a type that linalgd has no name for.
  std::string_view dtype() const;
  std::vector<int64_t> shape() const;
  int64_t numElements() const;
  uint64_t numBytes() const;
  bool contiguous() const;
  // The first element.
  void *data() const;
  template <typename T> T *dataAs() const { return static_cast<T *>(data()); }

private:
  void reset(DLManagedTensorVersioned *managed = nullptr);

  DLManagedTensorVersioned *managed_ = nullptr;
};

// numpy's .npy format, versions 1 and 2, of the dtypes that linalgd knows. A bfloat16 tensor is
// stored as ml_dtypes stores it, as '<V2'. Errors: NotFound, InvalidArgument (not such a file, big
// endian, objects, structures), with the path.
absl::StatusOr<Tensor> readNpy(const std::string &path);
// The tensor must be contiguous.
absl::Status writeNpy(const std::string &path, const Tensor &tensor);

} // namespace linalgd::client
