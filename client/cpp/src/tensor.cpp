#include "linalgd/tensor.h"

#include "client/cpp/src/dtypes.h"

#include "absl/strings/str_cat.h"

#include <cstdlib>
#include <cstring>

namespace linalgd::client {
namespace {

constexpr int64_t kMaxBytes = int64_t(1) << 46;

// What the manager context of our own tensors points at.
struct Storage {
  DLManagedTensorVersioned managed;
  std::vector<int64_t> shape;
  std::shared_ptr<void> owner;
};

void deleteStorage(DLManagedTensorVersioned *managed) {
  delete static_cast<Storage *>(managed->manager_ctx);
}

absl::StatusOr<int64_t> byteSize(const Dtype &dtype, const std::vector<int64_t> &shape) {
  int64_t bytes = dtype.bytes();
  for (int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(bytes, size, &bytes) || bytes > kMaxBytes)
      return absl::InvalidArgumentError(
          absl::StrCat("a tensor cannot have a dimension of ", size, " here"));
  }
  return bytes;
}

} // namespace

absl::StatusOr<Tensor> Tensor::view(std::string_view name, std::vector<int64_t> shape, void *data,
                                    std::shared_ptr<void> owner) {
  const Dtype *dtype = dtypeNamed(name);
  if (!dtype)
    return absl::InvalidArgumentError(absl::StrCat("unknown dtype '", std::string(name), "'"));
  if (absl::StatusOr<int64_t> bytes = byteSize(*dtype, shape); !bytes.ok())
    return bytes.status();
  auto storage = std::make_unique<Storage>();
  storage->shape = std::move(shape);
  storage->owner = std::move(owner);
  DLManagedTensorVersioned &managed = storage->managed;
  managed.version = {1, 0};
  managed.deleter = deleteStorage;
  managed.dl_tensor.data = data;
  managed.dl_tensor.device = {kDLCPU, 0};
  managed.dl_tensor.ndim = static_cast<int32_t>(storage->shape.size());
  managed.dl_tensor.dtype = dtype->dlpack;
  managed.dl_tensor.shape = storage->shape.data();
  managed.dl_tensor.strides = nullptr;
  managed.dl_tensor.byte_offset = 0;
  managed.flags = 0;
  managed.manager_ctx = storage.get();
  return Tensor(&storage.release()->managed);
}

absl::StatusOr<Tensor> Tensor::zeros(std::string_view name, std::vector<int64_t> shape) {
  const Dtype *dtype = dtypeNamed(name);
  if (!dtype)
    return view(name, std::move(shape), nullptr, nullptr);
  absl::StatusOr<int64_t> bytes = byteSize(*dtype, shape);
  if (!bytes.ok())
    return bytes.status();
  size_t rounded = (static_cast<size_t>(*bytes) + 63) / 64 * 64;
  std::shared_ptr<void> memory(std::aligned_alloc(64, rounded ? rounded : 64), std::free);
  if (!memory)
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory for a tensor of ", *bytes, " bytes"));
  std::memset(memory.get(), 0, static_cast<size_t>(*bytes));
  void *data = memory.get();
  return view(name, std::move(shape), data, std::move(memory));
}

void Tensor::reset(DLManagedTensorVersioned *managed) {
  if (managed_ && managed_->deleter)
    managed_->deleter(managed_);
  managed_ = managed;
}

std::string_view Tensor::dtype() const {
  const DLDataType &type = managed_->dl_tensor.dtype;
  const Dtype *dtype = findDtype([&](const Dtype &candidate) {
    return candidate.dlpack.code == type.code && candidate.dlpack.bits == type.bits &&
           type.lanes == 1;
  });
  return dtype ? dtype->name : std::string_view();
}

std::vector<int64_t> Tensor::shape() const {
  const DLTensor &tensor = managed_->dl_tensor;
  return {tensor.shape, tensor.shape + tensor.ndim};
}

int64_t Tensor::numElements() const {
  int64_t count = 1;
  for (int64_t size : shape())
    count *= size;
  return count;
}

uint64_t Tensor::numBytes() const {
  return static_cast<uint64_t>(numElements()) * managed_->dl_tensor.dtype.bits / 8;
}

bool Tensor::contiguous() const {
  const DLTensor &tensor = managed_->dl_tensor;
  if (!tensor.strides)
    return true;
  int64_t expected = 1;
  for (int32_t i = tensor.ndim; i-- > 0;) {
    if (tensor.shape[i] != 1 && tensor.strides[i] != expected)
      return false;
    expected *= tensor.shape[i];
  }
  return true;
}

void *Tensor::data() const {
  const DLTensor &tensor = managed_->dl_tensor;
  return static_cast<char *>(tensor.data) + tensor.byte_offset;
}

} // namespace linalgd::client
