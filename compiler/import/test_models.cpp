#include "compiler/import/test_models.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/CRC.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sys/mman.h>
#include <unistd.h>

namespace linalgd::testing {
namespace {

template <typename T> void put(std::string &out, T value) {
  out.append(reinterpret_cast<const char *>(&value), sizeof value);
}

std::string sizesExtra(uint64_t size, uint64_t offset) {
  std::string extra;
  put<uint16_t>(extra, 1);
  put<uint16_t>(extra, 24);
  put(extra, size);
  put(extra, size);
  put(extra, offset);
  return extra;
}

void putEntry(std::string &out, const ZipEntry &entry, bool central, uint64_t offset, bool zip64) {
  const std::string &name = central || entry.localName.empty() ? entry.name : entry.localName;
  std::string extra = central && zip64 ? sizesExtra(entry.data.size(), offset) : "";
  auto size = static_cast<uint32_t>(zip64 && central ? UINT32_MAX : entry.data.size());
  put<uint32_t>(out, central ? 0x02014b50 : 0x04034b50);
  if (central)
    put<uint16_t>(out, 45);
  put<uint16_t>(out, 45);
  put<uint16_t>(out, entry.flags);
  put<uint16_t>(out, entry.method);
  put<uint32_t>(out, 0); // time and date
  llvm::ArrayRef<uint8_t> data(reinterpret_cast<const uint8_t *>(entry.data.data()),
                               entry.data.size());
  put<uint32_t>(out, llvm::crc32(data));
  put<uint32_t>(out, size);
  put<uint32_t>(out, size);
  put<uint16_t>(out, static_cast<uint16_t>(name.size()));
  put<uint16_t>(out, static_cast<uint16_t>(extra.size()));
  if (central) {
    put<uint16_t>(out, 0); // comment
    put<uint16_t>(out, 0); // disk
    put<uint16_t>(out, 0); // attributes
    put<uint32_t>(out, 0);
    put<uint32_t>(out, zip64 ? UINT32_MAX : static_cast<uint32_t>(offset));
  }
  out += name + extra;
}

void putEnd64(std::string &out, uint64_t entries, uint64_t size, uint64_t offset) {
  uint64_t at = out.size();
  put<uint32_t>(out, 0x06064b50);
  put<uint64_t>(out, 44);
  put<uint32_t>(out, 45 << 16 | 45);
  put<uint64_t>(out, 0); // disks
  put(out, entries);
  put(out, entries);
  put(out, size);
  put(out, offset);
  put<uint32_t>(out, 0x07064b50);
  put<uint32_t>(out, 0);
  put(out, at);
  put<uint32_t>(out, 1);
}

} // namespace

std::string makeZip(const std::vector<ZipEntry> &entries, bool zip64) {
  std::string out, directory;
  for (const ZipEntry &entry : entries) {
    uint64_t offset = out.size();
    putEntry(out, entry, false, offset, zip64);
    out += entry.data;
    putEntry(directory, entry, true, offset, zip64);
  }
  uint64_t offset = out.size();
  out += directory;
  if (zip64)
    putEnd64(out, entries.size(), directory.size(), offset);
  put<uint32_t>(out, 0x06054b50);
  put<uint32_t>(out, 0); // disks
  auto count = static_cast<uint16_t>(zip64 ? UINT16_MAX : entries.size());
  put(out, count);
  put(out, count);
  put<uint32_t>(out, static_cast<uint32_t>(zip64 ? UINT32_MAX : directory.size()));
  put<uint32_t>(out, static_cast<uint32_t>(zip64 ? UINT32_MAX : offset));
  put<uint16_t>(out, 0);
  return out;
}

Files fixture(const std::string &name) {
  std::ifstream file(std::string(LINALGD_TESTDATA) + "/" + name + ".pt2", std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  auto files = ModelFiles::open(modelOf(bytes));
  Files result;
  for (const auto &[path, entry] : files->files())
    result.emplace(path, entry.bytes);
  return result;
}

std::string archiveOf(const Files &files) {
  std::vector<ZipEntry> entries;
  for (const auto &[path, data] : files)
    entries.push_back({"model/" + path, data});
  return makeZip(entries);
}

nlohmann::json &graphOf(nlohmann::json &document) { return document["graph_module"]["graph"]; }

void editJson(Files &files, const std::string &path,
              const std::function<void(nlohmann::json &)> &edit) {
  nlohmann::json document = nlohmann::json::parse(files.at(path));
  edit(document);
  files[path] = document.dump();
}

Blob blobOf(const std::string &bytes, const std::string &name) {
  Blob blob;
  blob.name = name;
  blob.digest = sha256(bytes);
  blob.size = bytes.size();
  blob.fd.reset(memfd_create("test", MFD_CLOEXEC));
  if (write(blob.fd.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
    abort();
  return blob;
}

Model modelOf(const std::string &archive) {
  Model model;
  model.blobs.push_back(blobOf(archive));
  return model;
}

Model manifestOf(const Files &files) {
  Model model;
  for (const auto &[path, data] : files)
    model.blobs.push_back(blobOf(data, path));
  return model;
}

absl::StatusOr<ImportedModel> readFiles(const Files &files) {
  CollectingSink sink;
  return readModel(modelOf(archiveOf(files)), Options(), sink);
}

absl::StatusOr<ImportedModel> readFixture(const std::string &name) {
  return readFiles(fixture(name));
}

} // namespace linalgd::testing
