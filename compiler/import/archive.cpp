#include "compiler/import/archive.h"

#include "absl/status/status.h"
#include "compiler/import/text.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <sys/mman.h>
#include <sys/stat.h>

namespace linalgd {
namespace {

// The records of a ZIP file (PKWARE's APPNOTE 6.3).
constexpr uint32_t kEndSignature = 0x06054b50;
constexpr uint32_t kEnd64Signature = 0x06064b50;
constexpr uint32_t kEnd64LocatorSignature = 0x07064b50;
constexpr uint32_t kCentralSignature = 0x02014b50;
constexpr uint32_t kLocalSignature = 0x04034b50;
constexpr size_t kEndBytes = 22;
constexpr size_t kEnd64Bytes = 56;
constexpr size_t kEnd64LocatorBytes = 20;
constexpr size_t kCentralBytes = 46;
constexpr size_t kLocalBytes = 30;
constexpr uint16_t kZip64Extra = 1;
constexpr uint16_t kEncryptedFlags = 1u << 0 | 1u << 6 | 1u << 13;

absl::Status invalid(std::string_view what) {
  return absl::InvalidArgumentError(concat("not a valid ZIP archive: ", what));
}

std::string quoted(std::string_view name) { return concat("'", escaped(name), "'"); }

// Little-endian integers at places whose bounds were checked.
template <typename T> T load(std::string_view bytes, uint64_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

bool holds(std::string_view bytes, uint64_t offset, uint64_t size) {
  return offset <= bytes.size() && size <= bytes.size() - offset;
}

struct Directory {
  uint64_t offset = 0;
  uint64_t size = 0;
  uint64_t entries = 0;
  uint64_t end = 0; // where the records that end the archive start
};

std::optional<uint64_t> findEnd(std::string_view bytes) {
  if (bytes.size() < kEndBytes)
    return std::nullopt;
  uint64_t last = bytes.size() - kEndBytes;
  uint64_t first = last > UINT16_MAX ? last - UINT16_MAX : 0;
  for (uint64_t at = last + 1; at-- > first;)
    if (load<uint32_t>(bytes, at) == kEndSignature &&
        at + kEndBytes + load<uint16_t>(bytes, at + 20) == bytes.size())
      return at;
  return std::nullopt;
}

absl::StatusOr<Directory> readEnd(std::string_view bytes) {
  std::optional<uint64_t> end = findEnd(bytes);
  if (!end)
    return invalid("it has no end record; the file is truncated or of another kind");
  Directory directory;
  directory.entries = load<uint16_t>(bytes, *end + 10);
  directory.size = load<uint32_t>(bytes, *end + 12);
  directory.offset = load<uint32_t>(bytes, *end + 16);
  directory.end = *end;
  uint16_t disk = load<uint16_t>(bytes, *end + 4);
  bool zip64 = *end >= kEnd64LocatorBytes &&
               load<uint32_t>(bytes, *end - kEnd64LocatorBytes) == kEnd64LocatorSignature;
  if (zip64) {
    uint64_t at = load<uint64_t>(bytes, *end - kEnd64LocatorBytes + 8);
    if (!holds(bytes, at, kEnd64Bytes) || at > *end - kEnd64LocatorBytes ||
        load<uint32_t>(bytes, at) != kEnd64Signature)
      return invalid("its ZIP64 end record is not where the locator says");
    directory.entries = load<uint64_t>(bytes, at + 32);
    directory.size = load<uint64_t>(bytes, at + 40);
    directory.offset = load<uint64_t>(bytes, at + 48);
    directory.end = at;
  } else if (disk != 0) {
    return invalid("it is one part of an archive of several parts");
  }
  if (!holds(bytes.substr(0, directory.end), directory.offset, directory.size))
    return invalid("its directory lies outside the file; the file is truncated");
  if (directory.entries > ArchiveLimits::kMaxEntries ||
      directory.entries > directory.size / kCentralBytes)
    return invalid(concat("it claims ", directory.entries, " entries"));
  return directory;
}

absl::Status checkName(std::string_view name) {
  if (name.empty() || name.size() > ArchiveLimits::kMaxNameBytes)
    return absl::InvalidArgumentError(
        concat("the name of a file in the model has ", name.size(), " bytes"));
  for (char c : name)
    if (c == '\\' || static_cast<unsigned char>(c) < 0x20)
      return absl::InvalidArgumentError(concat(
          "the file name ", quoted(name), " in the model holds a backslash or control character"));
  llvm::SmallVector<llvm::StringRef, 8> parts;
  llvm::StringRef(name.back() == '/' ? name.substr(0, name.size() - 1) : name).split(parts, '/');
  for (llvm::StringRef part : parts)
    if (part.empty() || part == "." || part == "..")
      return absl::InvalidArgumentError(
          concat("the file name ", quoted(name), " in the model is not a plain relative path"));
  return absl::OkStatus();
}

// The sizes and the offset of a ZIP64 entry are in its extra field, those only that did not fit.
absl::Status readZip64Extra(std::string_view extra, uint64_t &size, uint64_t &stored,
                            uint64_t &header) {
  while (extra.size() >= 4) {
    uint16_t id = load<uint16_t>(extra, 0), length = load<uint16_t>(extra, 2);
    extra.remove_prefix(4);
    if (length > extra.size())
      break;
    std::string_view field = extra.substr(0, length);
    extra.remove_prefix(length);
    if (id != kZip64Extra)
      continue;
    for (uint64_t *value : {&size, &stored, &header}) {
      if (*value != UINT32_MAX)
        continue;
      if (field.size() < 8)
        return invalid("a ZIP64 entry lacks its sizes");
      *value = load<uint64_t>(field, 0);
      field.remove_prefix(8);
    }
    return absl::OkStatus();
  }
  return absl::OkStatus();
}

// An entry and the place of its local header.
struct Extent {
  ArchiveEntry entry;
  uint64_t header = 0;
};

absl::StatusOr<Extent> readCentral(std::string_view bytes, uint64_t at, uint64_t end,
                                   uint64_t &next) {
  if (end - at < kCentralBytes || load<uint32_t>(bytes, at) != kCentralSignature)
    return invalid("its directory is damaged");
  uint16_t nameBytes = load<uint16_t>(bytes, at + 28), extraBytes = load<uint16_t>(bytes, at + 30);
  next = at + kCentralBytes + nameBytes + extraBytes + load<uint16_t>(bytes, at + 32);
  if (next > end)
    return invalid("its directory is damaged");
  Extent extent;
  ArchiveEntry &entry = extent.entry;
  entry.name = bytes.substr(at + kCentralBytes, nameBytes);
  entry.crc = load<uint32_t>(bytes, at + 16);
  if (absl::Status status = checkName(entry.name); !status.ok())
    return status;
  uint64_t stored = load<uint32_t>(bytes, at + 20);
  entry.size = load<uint32_t>(bytes, at + 24);
  extent.header = load<uint32_t>(bytes, at + 42);
  std::string_view extra = bytes.substr(at + kCentralBytes + nameBytes, extraBytes);
  if (absl::Status status = readZip64Extra(extra, entry.size, stored, extent.header); !status.ok())
    return status;
  if (load<uint16_t>(bytes, at + 8) & kEncryptedFlags)
    return invalid(concat("entry ", quoted(entry.name), " is encrypted"));
  entry.inflatedSize = entry.size;
  entry.compressed = load<uint16_t>(bytes, at + 10) != 0;
  if (entry.compressed)
    entry.size = stored;
  if (stored != entry.size)
    return invalid(
        concat("entry ", quoted(entry.name), " has two sizes, ", stored, " and ", entry.size));
  return extent;
}

absl::Status readLocal(std::string_view bytes, uint64_t end, Extent &extent) {
  std::string_view name = extent.entry.name;
  std::string_view before = bytes.substr(0, end);
  if (!holds(before, extent.header, kLocalBytes) ||
      load<uint32_t>(bytes, extent.header) != kLocalSignature)
    return invalid(concat("entry ", quoted(name), " has no header where the directory says"));
  uint64_t nameBytes = load<uint16_t>(bytes, extent.header + 26);
  uint64_t skip = kLocalBytes + nameBytes + load<uint16_t>(bytes, extent.header + 28);
  if (!holds(before, extent.header, skip) ||
      bytes.substr(extent.header + kLocalBytes, nameBytes) != name)
    return invalid(concat("entry ", quoted(name), " has another name in its own header"));
  extent.entry.offset = extent.header + skip;
  if (!holds(before, extent.entry.offset, extent.entry.size))
    return invalid(concat("entry ", quoted(name), " of ", extent.entry.size,
                          " bytes lies outside the file; the file is truncated"));
  return absl::OkStatus();
}

absl::Status checkOverlap(std::vector<Extent> extents) {
  std::sort(extents.begin(), extents.end(),
            [](const Extent &a, const Extent &b) { return a.header < b.header; });
  for (size_t i = 1; i < extents.size(); ++i)
    if (extents[i].header < extents[i - 1].entry.offset + extents[i - 1].entry.size)
      return invalid(concat("entries ", quoted(extents[i - 1].entry.name), " and ",
                            quoted(extents[i].entry.name), " overlap"));
  return absl::OkStatus();
}

} // namespace

absl::StatusOr<std::vector<ArchiveEntry>> readArchive(std::string_view bytes) {
  absl::StatusOr<Directory> directory = readEnd(bytes);
  if (!directory.ok())
    return directory.status();
  uint64_t at = directory->offset, end = directory->offset + directory->size;
  std::vector<Extent> extents;
  extents.reserve(directory->entries);
  for (uint64_t i = 0; i < directory->entries; ++i) {
    absl::StatusOr<Extent> extent = readCentral(bytes, at, end, at);
    if (!extent.ok())
      return extent.status();
    if (absl::Status status = readLocal(bytes, directory->offset, *extent); !status.ok())
      return status;
    extents.push_back(*extent);
  }
  if (at != end)
    return invalid("its directory is longer than its entries");
  if (absl::Status status = checkOverlap(extents); !status.ok())
    return status;
  uint64_t inflated = 0;
  for (const Extent &extent : extents) {
    if (!extent.entry.compressed)
      continue;
    // Bounded before it is added, so that the sum does not wrap around.
    inflated += std::min(extent.entry.inflatedSize, ArchiveLimits::kMaxInflatedBytes + 1);
    if (inflated > ArchiveLimits::kMaxInflatedBytes)
      return invalid(concat("its compressed entries hold more than ",
                            ArchiveLimits::kMaxInflatedBytes, " bytes"));
  }
  for (const Extent &extent : extents)
    if (extent.entry.compressed &&
        extent.entry.inflatedSize / ArchiveLimits::kMaxExpansion > extent.entry.size)
      return invalid(concat("entry ", quoted(extent.entry.name), " of ", extent.entry.size,
                            " bytes cannot hold ", extent.entry.inflatedSize));
  std::vector<ArchiveEntry> entries;
  entries.reserve(extents.size());
  for (const Extent &extent : extents)
    if (extent.entry.name.back() != '/')
      entries.push_back(extent.entry);
  return entries;
}

absl::StatusOr<std::shared_ptr<const MappedBlob>> MappedBlob::map(const Blob &blob) {
  struct stat info{};
  if (fstat(blob.fd.get(), &info) != 0)
    return absl::InternalError(concat("cannot examine a blob: ", strerror(errno)));
  if (static_cast<uint64_t>(info.st_size) < blob.size)
    return absl::InternalError(
        concat("blob ", blob.digest.hex(), " has ", info.st_size, " bytes instead of ", blob.size));
  if (blob.size == 0)
    return std::shared_ptr<const MappedBlob>(new MappedBlob("", 0));
  void *data = mmap(nullptr, blob.size, PROT_READ, MAP_SHARED, blob.fd.get(), 0);
  if (data == MAP_FAILED)
    return absl::ResourceExhaustedError(
        concat("cannot map a blob of ", blob.size, " bytes: ", strerror(errno)));
  return std::shared_ptr<const MappedBlob>(
      new MappedBlob(static_cast<const char *>(data), blob.size));
}

MappedBlob::~MappedBlob() {
  if (size_ > 0)
    munmap(const_cast<char *>(data_), size_);
}

absl::StatusOr<ModelFiles> ModelFiles::open(const Model &model) {
  if (model.blobs.empty())
    return absl::InvalidArgumentError("the model has no bytes");
  ModelFiles result;
  for (const Blob &blob : model.blobs) {
    auto mapping = MappedBlob::map(blob);
    if (!mapping.ok())
      return mapping.status();
    result.mappings_.push_back(*std::move(mapping));
  }
  bool whole = model.blobs.size() == 1 && model.blobs.front().name.empty();
  if (whole) {
    std::string_view bytes = result.mappings_.front()->bytes();
    auto entries = readArchive(bytes);
    if (!entries.ok())
      return entries.status();
    for (const ArchiveEntry &entry : *entries) {
      ModelFile file{bytes.substr(entry.offset, entry.compressed ? 0 : entry.size), 0, entry.offset,
                     entry.compressed};
      if (absl::Status status = result.add(entry.name, file); !status.ok())
        return status;
    }
  } else {
    for (size_t i = 0; i < model.blobs.size(); ++i) {
      if (absl::Status status = checkName(model.blobs[i].name); !status.ok())
        return status;
      ModelFile file{result.mappings_[i]->bytes(), i, 0, false};
      if (absl::Status status = result.add(model.blobs[i].name, file); !status.ok())
        return status;
    }
  }
  result.stripRoot();
  return result;
}

absl::Status ModelFiles::add(std::string_view path, const ModelFile &file) {
  if (!files_.emplace(path, file).second)
    return absl::InvalidArgumentError(concat("the model has two files named ", quoted(path)));
  return absl::OkStatus();
}

void ModelFiles::stripRoot() {
  if (files_.empty())
    return;
  std::string_view first = files_.begin()->first;
  size_t slash = first.find('/');
  if (slash == std::string_view::npos)
    return;
  std::string root(first.substr(0, slash + 1));
  for (const auto &[path, file] : files_)
    if (path.compare(0, root.size(), root) != 0)
      return;
  std::map<std::string, ModelFile, std::less<>> stripped;
  for (const auto &[path, file] : files_)
    stripped.emplace_hint(stripped.end(), path.substr(root.size()), file);
  files_ = std::move(stripped);
}

const ModelFile *ModelFiles::find(std::string_view path) const {
  auto found = files_.find(path);
  return found == files_.end() || found->second.compressed ? nullptr : &found->second;
}

absl::StatusOr<ModelFile> ModelFiles::get(std::string_view path) const {
  if (const ModelFile *file = find(path))
    return *file;
  return absl::InvalidArgumentError(
      contains(path)
          ? concat("the model's file ", quoted(path), " is compressed; PyTorch stores it as it is")
          : concat("the model has no file ", quoted(path)));
}

} // namespace linalgd
