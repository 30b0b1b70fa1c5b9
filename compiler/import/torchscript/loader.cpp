#include "compiler/import/torchscript/loader.h"

#include "compiler/import/pickle.h"
#include "compiler/import/text.h"
#include "compiler/import/torchscript/known_ops.h"
#include "compiler/import/torchscript/source_ranges.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/xxhash.h"

#include <caffe2/serialize/inline_container.h>
#include <caffe2/serialize/read_adapter_interface.h>
#include <torch/csrc/jit/serialization/import.h>

#include <cstring>
#include <new>
#include <unordered_map>

namespace linalgd {

// Serves the mapped blob to libtorch, and remembers which part of it went to which buffer: libtorch
// reads each stored record straight into the storage that keeps it, so that a storage's address
// leads back to its bytes in the file.
class TorchScriptFile::Reader : public caffe2::serialize::ReadAdapterInterface {
public:
  explicit Reader(std::shared_ptr<const MappedBlob> blob) : blob_(std::move(blob)) {}

  size_t size() const override { return blob_->bytes().size(); }

  size_t read(uint64_t position, void *buffer, size_t count, const char * /*what*/) const override {
    std::string_view bytes = blob_->bytes();
    if (position >= bytes.size())
      return 0;
    count = std::min<uint64_t>(count, bytes.size() - position);
    std::memcpy(buffer, bytes.data() + position, count);
    ranges_[buffer] = {position, count};
    bySize_[count].push_back(position);
    return count;
  }

  std::optional<FileRange> find(const void *buffer, size_t count) const {
    // The buffer may have been freed, used again and written by the model's own code.
    if (auto found = ranges_.find(buffer); found != ranges_.end() && found->second.size == count &&
                                           std::memcmp(buffer, bytesAt(found->second), count) == 0)
      return found->second;
    return findCopy(buffer, count);
  }

private:
  const char *bytesAt(FileRange range) const { return blob_->bytes().data() + range.offset; }

  static uint64_t hash(const void *bytes, size_t count) {
    return llvm::xxh3_64bits(llvm::ArrayRef(static_cast<const uint8_t *>(bytes), count));
  }

  // What was read and has these bytes. What was read is hashed once, when its size is asked for.
  std::optional<FileRange> findCopy(const void *buffer, size_t count) const {
    if (auto unread = bySize_.find(count); unread != bySize_.end()) {
      for (uint64_t position : unread->second)
        byHash_.try_emplace(hash(bytesAt({position, count}), count), FileRange{position, count});
      bySize_.erase(unread);
    }
    auto found = byHash_.find(hash(buffer, count));
    if (found == byHash_.end() || found->second.size != count ||
        std::memcmp(buffer, bytesAt(found->second), count) != 0)
      return std::nullopt;
    return found->second;
  }

  std::shared_ptr<const MappedBlob> blob_;
  mutable std::unordered_map<const void *, FileRange> ranges_;
  mutable std::unordered_map<size_t, std::vector<uint64_t>> bySize_; // not in byHash_ yet
  mutable std::unordered_map<uint64_t, FileRange> byHash_;
};

// Loading runs code of the model, and libtorch's allocator does not go through operator new: where
// it finds no memory, what is to happen then happens here.
static absl::Status describe(std::string message) {
  if (message.find("can't allocate memory") != std::string::npos)
    if (std::new_handler handler = std::get_new_handler())
      handler();
  return absl::InvalidArgumentError("not a TorchScript file that libtorch can load: " +
                                    std::move(message));
}

// libtorch's reader of pickles believes what it reads: sizes of strings, numbers of elements.
static absl::Status
checkPickles(const std::shared_ptr<caffe2::serialize::ReadAdapterInterface> &in) {
  caffe2::serialize::PyTorchStreamReader file(in);
  for (const std::string &record : file.getAllRecords()) {
    llvm::StringRef name = record;
    bool isDebugInfo = name.ends_with(".debug_pkl");
    if (name != "data.pkl" && name != "constants.pkl" && !isDebugInfo)
      continue;
    // "data.pkl" has its storages in "data/".
    std::string folder = name.rsplit('.').first.str() + "/";
    auto storageBytes = [&](std::string_view key) -> std::optional<uint64_t> {
      std::string storage = folder + std::string(key);
      if (!file.hasRecord(storage))
        return std::nullopt;
      return file.getRecordSize(storage);
    };
    auto [data, size] = file.getRecord(record);
    std::string_view bytes(static_cast<const char *>(data.get()), size);
    absl::Status status = isDebugInfo ? checkSourceRanges(bytes) : checkPickle(bytes, storageBytes);
    if (status.ok() && isDebugInfo)
      status = checkPlacesOfCode(bytes);
    if (!status.ok())
      return absl::Status(status.code(),
                          concat("'", escaped(record), "': ", std::string(status.message())));
  }
  return absl::OkStatus();
}

absl::StatusOr<TorchScriptFile> TorchScriptFile::load(std::shared_ptr<const MappedBlob> blob) {
  auto reader = std::make_shared<Reader>(std::move(blob));
  try {
    if (absl::Status status = checkPickles(reader); !status.ok())
      return status;
    registerKnownOps();
    torch::jit::Module module = torch::jit::load(reader, c10::kCPU);
    return TorchScriptFile(std::move(module), reader);
  } catch (const c10::Error &error) {
    return describe(error.what_without_backtrace());
  } catch (const std::exception &error) {
    return describe(error.what());
  }
}

std::optional<FileRange> TorchScriptFile::find(const at::Tensor &tensor) const {
  const at::Storage &storage = tensor.storage();
  return reader_->find(storage.data(), storage.nbytes());
}

} // namespace linalgd
