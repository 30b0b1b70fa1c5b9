// The ZIP reader: whatever it accepts lies inside the file and does not overlap.
#include "compiler/import/archive.h"
#include "tests/fuzz/support.h"

using namespace linalgd;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char *>(data), size);
  Model model = fuzz::modelOf(bytes);
  fuzz::AllocationBound bound(size, 16, 1 << 16);
  auto entries = readArchive(bytes);
  if (entries.ok())
    for (const ArchiveEntry &entry : *entries)
      if (entry.offset > size || entry.size > size - entry.offset || entry.name.empty())
        fuzz::fail("an entry outside the archive");
  auto files = ModelFiles::open(model);
  if (files.ok() && !entries.ok())
    fuzz::fail("a model of an invalid archive");
  if (!files.ok())
    return 0;
  uint64_t total = 0;
  for (const auto &[path, file] : files->files()) {
    if (files->get(path).ok() == file.compressed)
      fuzz::fail("a compressed file with bytes");
    total += file.bytes.size();
    if (files->mapping(file.blob)->bytes().substr(file.offset, file.bytes.size()) != file.bytes)
      fuzz::fail("a file is not where it says");
  }
  if (total > size)
    fuzz::fail("the files hold more than the archive");
  return 0;
}

LINALGD_FUZZ_MUTATOR([](std::string &content, fuzz::Random &random) {
  // The directory's own fields, more often than what the entries hold.
  random.oneIn(4) ? fuzz::mutateArchive(content, random) : fuzz::mutateBytes(content, random);
})
