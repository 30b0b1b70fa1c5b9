#include "compiler/codegen/weights_object.h"

#include <cerrno>
#include <cstring>
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <tuple>

namespace linalgd {
namespace {

constexpr uint64_t kAlignment = 64;
constexpr uint64_t kLargeSection = 0x10000000; // SHF_X86_64_LARGE, which glibc's elf.h lacks
constexpr uint64_t kSectionStart = 64;         // right behind the ELF header

uint64_t alignUp(uint64_t value) { return (value + kAlignment - 1) & ~(kAlignment - 1); }

absl::Status systemError(const std::string &what) {
  return absl::InternalError(what + ": " + strerror(errno));
}

absl::Status writeAll(int fd, const char *data, uint64_t size, uint64_t offset) {
  while (size > 0) {
    ssize_t written = pwrite(fd, data, size, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return systemError("cannot write the weights");
    data += written;
    size -= static_cast<uint64_t>(written);
    offset += static_cast<uint64_t>(written);
  }
  return absl::OkStatus();
}

absl::Status copyFile(const WeightSource &source, int target, uint64_t targetOffset) {
  std::vector<char> buffer(std::min<uint64_t>(source.size, 1 << 20));
  for (uint64_t done = 0; done < source.size;) {
    uint64_t chunk = std::min<uint64_t>(buffer.size(), source.size - done);
    ssize_t got = pread(source.fd, buffer.data(), chunk, static_cast<off_t>(source.offset + done));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return systemError("cannot read the data of slot '" + source.slot + "'");
    if (got == 0)
      return absl::InvalidArgumentError("the data of slot '" + source.slot +
                                        "' ends before its size");
    absl::Status status =
        writeAll(target, buffer.data(), static_cast<uint64_t>(got), targetOffset + done);
    if (!status.ok())
      return status;
    done += static_cast<uint64_t>(got);
  }
  return absl::OkStatus();
}

// Headers, symbol and string tables around a section of `size` bytes.
absl::Status writeElf(int fd, uint64_t size) {
  const char sectionNames[] = "\0.lrodata.linalgd\0.symtab\0.strtab\0.shstrtab";
  const std::string symbolNames = std::string(1, '\0') + kWeightsSymbol + '\0';
  Elf64_Sym symbols[2] = {};
  symbols[1].st_name = 1;
  symbols[1].st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT);
  symbols[1].st_other = STV_HIDDEN;
  symbols[1].st_shndx = 1;
  symbols[1].st_size = size;

  uint64_t symtab = alignUp(kSectionStart + size);
  uint64_t strtab = symtab + sizeof symbols;
  uint64_t shstrtab = strtab + symbolNames.size();
  uint64_t headers = alignUp(shstrtab + sizeof sectionNames);
  Elf64_Shdr sections[5] = {};
  sections[1] = {
      1, SHT_PROGBITS, SHF_ALLOC | kLargeSection, 0, kSectionStart, size, 0, 0, kAlignment, 0};
  sections[2] = {18, SHT_SYMTAB, 0, 0, symtab, sizeof symbols, 3, 1, 8, sizeof(Elf64_Sym)};
  sections[3] = {26, SHT_STRTAB, 0, 0, strtab, symbolNames.size(), 0, 0, 1, 0};
  sections[4] = {34, SHT_STRTAB, 0, 0, shstrtab, sizeof sectionNames, 0, 0, 1, 0};

  Elf64_Ehdr header = {};
  memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_REL;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_shoff = headers;
  header.e_ehsize = sizeof header;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 5;
  header.e_shstrndx = 4;

  const std::tuple<const void *, uint64_t, uint64_t> parts[] = {
      {&header, sizeof header, 0},
      {symbols, sizeof symbols, symtab},
      {symbolNames.data(), symbolNames.size(), strtab},
      {sectionNames, sizeof sectionNames, shstrtab},
      {sections, sizeof sections, headers}};
  for (auto [data, length, offset] : parts) {
    absl::Status status = writeAll(fd, static_cast<const char *>(data), length, offset);
    if (!status.ok())
      return status;
  }
  return absl::OkStatus();
}

} // namespace

absl::StatusOr<WeightsObject> writeWeightsObject(const std::vector<WeightSource> &sources) {
  WeightsObject object;
  object.fd = UniqueFd(memfd_create("weights.o", MFD_CLOEXEC));
  if (!object.fd)
    return systemError("cannot make a memory file");
  // Tied weights and views of one storage.
  std::map<std::tuple<int, uint64_t, const char *, uint64_t>, uint64_t> known;
  uint64_t size = 0;
  for (const WeightSource &source : sources) {
    if (source.fd < 0 && !source.data && source.size > 0)
      continue;
    auto [place, isNew] =
        known.try_emplace({source.fd, source.offset, source.data, source.size}, alignUp(size));
    object.offsets[source.slot] = place->second;
    if (!isNew)
      continue;
    size = place->second + source.size;
    uint64_t target = kSectionStart + place->second;
    absl::Status status = source.fd >= 0
                              ? copyFile(source, object.fd.get(), target)
                              : writeAll(object.fd.get(), source.data, source.size, target);
    if (!status.ok())
      return status;
  }
  // A section of no bytes would have no address of its own.
  absl::Status status = writeElf(object.fd.get(), std::max(size, kAlignment));
  if (!status.ok())
    return status;
  return object;
}

} // namespace linalgd
