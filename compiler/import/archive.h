// The bytes of a model: a strict ZIP reader over mapped blobs, and one view of a model's files
// whether it came as one archive or as a manifest of its entries.
#pragma once

#include "compiler/api/compiler.h"

#include "absl/status/statusor.h"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace linalgd {

// What an archive may hold. Entries may not overlap, so what is stored cannot be larger than the
// archive itself. What is compressed (code in TorchScript files, which libtorch inflates) is
// bounded.
struct ArchiveLimits {
  static constexpr uint64_t kMaxEntries = 1u << 20;
  static constexpr uint64_t kMaxNameBytes = 4096;
  static constexpr uint64_t kMaxInflatedBytes = 256u << 20; // of all compressed entries together
  static constexpr uint64_t kMaxExpansion = 1032;           // of deflate
};

// One entry of an archive: where its bytes are.
struct ArchiveEntry {
  std::string_view name; // into the archive's bytes
  uint64_t offset = 0;   // of the data
  uint64_t size = 0;
  uint32_t crc = 0;
  bool compressed = false; // then `offset` and `size` are those of the compressed data
  uint64_t inflatedSize = 0;
};

// Reads the directory of a ZIP or ZIP64 archive, in the directory's order; directories are left
// out. Checksums are not verified here: blobs are addressed by SHA-256, so damage is caught before
// this. The names borrow from `bytes`.
absl::StatusOr<std::vector<ArchiveEntry>> readArchive(std::string_view bytes);

// A blob in memory, by mmap; unmapped when the last user goes.
class MappedBlob {
public:
  static absl::StatusOr<std::shared_ptr<const MappedBlob>> map(const Blob &blob);
  ~MappedBlob();
  MappedBlob(const MappedBlob &) = delete;
  MappedBlob &operator=(const MappedBlob &) = delete;

  std::string_view bytes() const { return {data_, size_}; }

private:
  MappedBlob(const char *data, size_t size) : data_(data), size_(size) {}
  const char *data_;
  size_t size_;
};

// One file of a model, somewhere in one of its blobs.
struct ModelFile {
  std::string_view bytes;
  size_t blob = 0;         // index into Model::blobs
  uint64_t offset = 0;     // of `bytes` in that blob
  bool compressed = false; // then there are no `bytes`
};

// The files of a model by their path, without the folder that a .pt2 has at its root.
class ModelFiles {
public:
  static absl::StatusOr<ModelFiles> open(const Model &model);

  // Null where there is no such file, or a compressed one.
  const ModelFile *find(std::string_view path) const;
  bool contains(std::string_view path) const { return files_.contains(path); }
  // An error that names the path where there is no such file.
  absl::StatusOr<ModelFile> get(std::string_view path) const;
  const std::map<std::string, ModelFile, std::less<>> &files() const { return files_; }
  // Keeps the bytes of a blob in memory.
  const std::shared_ptr<const MappedBlob> &mapping(size_t blob) const { return mappings_[blob]; }
  size_t numBlobs() const { return mappings_.size(); }

private:
  absl::Status add(std::string_view path, const ModelFile &file);
  void stripRoot();

  std::vector<std::shared_ptr<const MappedBlob>> mappings_;
  std::map<std::string, ModelFile, std::less<>> files_;
};

} // namespace linalgd
