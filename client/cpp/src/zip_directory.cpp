#include "client/cpp/src/zip_directory.h"

#include <algorithm>

namespace linalgd::client {
namespace {

constexpr uint32_t kEndSignature = 0x06054b50;
constexpr uint32_t kEnd64Signature = 0x06064b50;
constexpr uint32_t kEnd64LocatorSignature = 0x07064b50;
constexpr uint32_t kCentralSignature = 0x02014b50;
constexpr uint32_t kLocalSignature = 0x04034b50;
constexpr size_t kEndSize = 22, kEnd64Size = 56, kEnd64LocatorSize = 20;
constexpr size_t kCentralSize = 46, kLocalSize = 30;
constexpr uint16_t kEncrypted = 1;
constexpr uint16_t kZip64Extra = 1;

// Little-endian reads of a record whose bounds were checked when it was taken.
class Record {
public:
  explicit Record(std::string_view bytes) : bytes_(bytes) {}
  uint16_t u16(size_t at) const { return static_cast<uint16_t>(number(at, 2)); }
  uint32_t u32(size_t at) const { return static_cast<uint32_t>(number(at, 4)); }
  uint64_t u64(size_t at) const { return number(at, 8); }

private:
  uint64_t number(size_t at, size_t width) const {
    uint64_t value = 0;
    for (size_t i = width; i-- > 0;)
      value = value << 8 | static_cast<unsigned char>(bytes_[at + i]);
    return value;
  }

  std::string_view bytes_;
};

std::optional<std::string_view> slice(std::string_view bytes, uint64_t offset, uint64_t size) {
  if (offset > bytes.size() || size > bytes.size() - offset)
    return std::nullopt;
  return bytes.substr(offset, size);
}

std::optional<Record> record(std::string_view bytes, uint64_t offset, uint64_t size,
                             uint32_t signature) {
  std::optional<std::string_view> found = slice(bytes, offset, size);
  if (!found || Record(*found).u32(0) != signature)
    return std::nullopt;
  return Record(*found);
}

struct Directory {
  uint64_t offset = 0;
  uint64_t size = 0;
  uint64_t entries = 0;
};

std::optional<Directory> findDirectory(std::string_view bytes) {
  if (bytes.size() < kEndSize)
    return std::nullopt;
  // The end record is last, but for a comment of at most 64 KiB.
  size_t end = bytes.size() - kEndSize;
  size_t lowest = end > 0xffff ? end - 0xffff : 0;
  while (Record(bytes.substr(end)).u32(0) != kEndSignature) {
    if (end == lowest)
      return std::nullopt;
    --end;
  }
  Record record32(bytes.substr(end));
  Directory directory{record32.u32(16), record32.u32(12), record32.u16(10)};
  if (end < kEnd64LocatorSize)
    return directory;
  std::optional<Record> locator =
      record(bytes, end - kEnd64LocatorSize, kEnd64LocatorSize, kEnd64LocatorSignature);
  if (!locator)
    return directory;
  std::optional<Record> record64 = record(bytes, locator->u64(8), kEnd64Size, kEnd64Signature);
  if (!record64)
    return std::nullopt;
  return Directory{record64->u64(48), record64->u64(40), record64->u64(32)};
}

// Fields of 32 bits that hold all ones stand in the extra field instead, in this order.
bool readZip64Extra(std::string_view extra, uint64_t &size, uint64_t &packed, uint64_t &offset) {
  bool wanted = size == UINT32_MAX || packed == UINT32_MAX || offset == UINT32_MAX;
  while (wanted && extra.size() >= 4) {
    Record header(extra);
    uint16_t id = header.u16(0), length = header.u16(2);
    extra.remove_prefix(4);
    if (length > extra.size())
      return false;
    std::string_view values = extra.substr(0, length);
    extra.remove_prefix(length);
    if (id != kZip64Extra)
      continue;
    for (uint64_t *field : {&size, &packed, &offset}) {
      if (*field != UINT32_MAX)
        continue;
      if (values.size() < 8)
        return false;
      *field = Record(values).u64(0);
      values.remove_prefix(8);
    }
    return true;
  }
  return !wanted;
}

} // namespace

std::optional<std::vector<ZipEntry>> readZipDirectory(std::string_view bytes) {
  std::optional<Directory> directory = findDirectory(bytes);
  if (!directory)
    return std::nullopt;
  std::optional<std::string_view> central = slice(bytes, directory->offset, directory->size);
  if (!central || directory->entries > central->size() / kCentralSize)
    return std::nullopt;
  std::vector<ZipEntry> entries;
  for (uint64_t i = 0; i < directory->entries; ++i) {
    std::optional<Record> header = record(*central, 0, kCentralSize, kCentralSignature);
    if (!header)
      return std::nullopt;
    uint16_t nameSize = header->u16(28), extraSize = header->u16(30), commentSize = header->u16(32);
    uint64_t packed = header->u32(20), size = header->u32(24), local = header->u32(42);
    std::optional<std::string_view> tail =
        slice(*central, kCentralSize, uint64_t(nameSize) + extraSize + commentSize);
    if (!tail || !readZip64Extra(tail->substr(nameSize, extraSize), size, packed, local))
      return std::nullopt;
    bool stored = header->u16(10) == 0 && packed == size && !(header->u16(8) & kEncrypted);
    std::optional<Record> localHeader = record(bytes, local, kLocalSize, kLocalSignature);
    if (!stored || !localHeader)
      return std::nullopt;
    std::string_view name = tail->substr(0, nameSize);
    uint64_t data = local + kLocalSize + localHeader->u16(26) + localHeader->u16(28);
    if (localHeader->u16(26) != nameSize || slice(bytes, local + kLocalSize, nameSize) != name ||
        !slice(bytes, data, size))
      return std::nullopt;
    entries.push_back({name, data, size});
    central->remove_prefix(kCentralSize + tail->size());
  }
  return entries;
}

} // namespace linalgd::client
