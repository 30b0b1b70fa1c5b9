// A ZIP archive, mutated by its entries and packed again with right checksums.
#include "tests/fuzz/support.h"

#include "compiler/import/archive.h"
#include "compiler/import/test_models.h"

#include <zlib.h>

#include <vector>

namespace linalgd::fuzz {
namespace {

using testing::ZipEntry;

std::string inflated(std::string_view bytes, uint64_t size) {
  std::string result(std::min<uint64_t>(size, 1 << 20), '\0');
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
    return {};
  stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef *>(result.data());
  stream.avail_out = static_cast<uInt>(result.size());
  inflate(&stream, Z_FINISH);
  result.resize(stream.total_out);
  inflateEnd(&stream);
  return result;
}

std::vector<ZipEntry> unpack(std::string_view bytes) {
  std::vector<ZipEntry> result;
  auto entries = readArchive(bytes);
  if (!entries.ok())
    return result;
  for (const ArchiveEntry &entry : *entries) {
    std::string_view data = bytes.substr(entry.offset, entry.size);
    result.push_back({std::string(entry.name),
                      entry.compressed ? inflated(data, entry.inflatedSize) : std::string(data)});
  }
  return result;
}

// Where mistakes are worth looking for.
size_t weightOf(const ZipEntry &entry) {
  std::string_view name = entry.name;
  if (name.ends_with(".debug_pkl") || name.find("sample_inputs") != std::string_view::npos)
    return 1;
  if (name.ends_with("model.json") || name.ends_with(".py") || name.ends_with("program.json"))
    return 24;
  return name.ends_with(".json") || name.ends_with(".pkl") || name.ends_with(".pt") ? 8 : 1;
}

ZipEntry &choose(std::vector<ZipEntry> &entries, Random &random) {
  size_t total = 0;
  for (const ZipEntry &entry : entries)
    total += weightOf(entry);
  size_t left = random.below(total);
  for (ZipEntry &entry : entries) {
    if (left < weightOf(entry))
      return entry;
    left -= weightOf(entry);
  }
  return entries.front();
}

void mutateContent(ZipEntry &entry, Random &random) {
  std::string_view name = entry.name;
  if (name.ends_with(".json"))
    mutateJson(entry.data, random);
  else if (name.ends_with(".py") || name.ends_with("extra/inputs"))
    mutateText(entry.data, random);
  else if (name.ends_with(".pt"))
    mutateArchive(entry.data, random);
  else
    mutateBytes(entry.data, random);
}

} // namespace

void mutateArchive(std::string &content, Random &random) {
  std::vector<ZipEntry> entries = unpack(content);
  if (entries.empty() || random.oneIn(16))
    return mutateBytes(content, random);
  size_t at = random.below(entries.size());
  switch (random.below(32)) {
  case 0:
    entries.erase(entries.begin() + static_cast<ptrdiff_t>(at));
    break;
  case 1:
    mutateText(entries[at].name, random);
    break;
  case 2:
    std::swap(entries[at].data, entries[random.below(entries.size())].data);
    break;
  case 3:
    entries.push_back(entries[at]);
    mutateText(entries.back().name, random);
    break;
  default:
    mutateContent(choose(entries, random), random);
  }
  content = testing::makeZip(entries, /*zip64=*/random.oneIn(16));
}

} // namespace linalgd::fuzz
