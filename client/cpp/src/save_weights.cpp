// An artifact's weights as safetensors: taken from the model's own blobs, here or on the server.
#include "linalgd/client.h"

#include "client/cpp/src/dtypes.h"
#include "client/cpp/src/file.h"
#include "client/cpp/src/safetensors.h"

#include "absl/strings/str_cat.h"

#include <optional>

namespace linalgd::client {
namespace {

absl::Status malformed(const WeightBinding &weight) {
  return absl::InternalError(
      absl::StrCat("the server's answer is malformed: the place of weight '", weight.slot, "'"));
}

// The bytes of the tensor when contiguous; nothing for sizes that make no sense.
std::optional<uint64_t> denseSize(const WeightBinding &weight) {
  const Dtype *dtype = dtypeNamed(weight.dtype);
  uint64_t size = dtype ? dtype->bytes() : 0;
  for (int64_t extent : weight.shape)
    if (extent < 0 || __builtin_mul_overflow(size, static_cast<uint64_t>(extent), &size))
      return std::nullopt;
  return dtype ? std::optional(size) : std::nullopt;
}

// Copies a strided tensor to contiguous memory. False where an element lies outside `bytes`.
class Packer {
public:
  Packer(const WeightBinding &weight, std::string_view bytes)
      : weight_(weight), bytes_(bytes), element_(dtypeNamed(weight.dtype)->bytes()) {}

  bool pack(std::string &out, size_t dimension = 0, uint64_t index = 0) {
    if (dimension == weight_.shape.size()) {
      if (index >= bytes_.size() / element_)
        return false;
      out.append(bytes_.substr(index * element_, element_));
      return true;
    }
    for (int64_t i = 0; i < weight_.shape[dimension]; ++i) {
      if (!pack(out, dimension + 1, index))
        return false;
      index += static_cast<uint64_t>(weight_.strides[dimension]);
    }
    return true;
  }

private:
  const WeightBinding &weight_;
  const std::string_view bytes_;
  const uint64_t element_;
};

absl::Status readWeight(Client &client, const WeightBinding &weight, const ModelSource *local,
                        const ByteSink &sink) {
  const ModelSource::Part *part = local ? local->find(weight.blob) : nullptr;
  if (!part)
    return client.downloadRange(weight.blob, weight.offset, weight.size, sink);
  if (weight.offset > part->bytes.size() || weight.size > part->bytes.size() - weight.offset)
    return malformed(weight);
  return sink(part->bytes.substr(weight.offset, weight.size));
}

absl::Status writeWeight(Client &client, const WeightBinding &weight, const ModelSource *local,
                         const ByteSink &sink) {
  if (weight.strides.empty())
    return readWeight(client, weight, local, sink);
  std::string bytes, packed;
  absl::Status status = readWeight(client, weight, local, [&](std::string_view data) {
    bytes.append(data);
    return absl::OkStatus();
  });
  if (!status.ok())
    return status;
  return Packer(weight, bytes).pack(packed) ? sink(packed) : malformed(weight);
}

} // namespace

absl::Status Client::saveWeights(const Artifact &artifact, const std::string &path,
                                 const ModelSource *local, const TransferCallback &progress) {
  std::vector<TensorToStore> tensors;
  uint64_t total = 0;
  for (const WeightBinding &weight : artifact.weights) {
    if (!weight.bound)
      continue;
    std::optional<uint64_t> size = denseSize(weight);
    bool strided = !weight.strides.empty();
    if (!size || (strided ? weight.strides.size() != weight.shape.size() : weight.size != *size))
      return malformed(weight);
    tensors.push_back({weight.slot, weight.dtype, weight.shape, *size});
    total += *size;
  }
  absl::StatusOr<std::string> header = safetensorsHeader(tensors);
  if (!header.ok())
    return header.status();
  absl::StatusOr<PendingFile> file = PendingFile::create(path);
  if (!file.ok())
    return file.status();
  absl::Status status = file->write(*header);
  uint64_t done = 0;
  ByteSink sink = [&](std::string_view data) -> absl::Status {
    done += data.size();
    if (progress && !progress(done, total))
      return absl::CancelledError("saving the weights was cancelled");
    return file->write(data);
  };
  for (const WeightBinding &weight : artifact.weights)
    if (weight.bound && status.ok())
      status = writeWeight(*this, weight, local, sink);
  return status.ok() ? file->commit() : status;
}

} // namespace linalgd::client
