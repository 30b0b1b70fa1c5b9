#include "compiler/import/key.h"
#include "compiler/import/canonical.h"
#include "compiler/import/text.h"

#include "llvm/ADT/StringRef.h"

#include <algorithm>
#include <cstring>
#include <elf.h>
#include <link.h>

namespace linalgd {
namespace {

// Reads the build id out of a note segment; empty where there is none.
std::string findBuildId(std::string_view notes) {
  while (notes.size() >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) header;
    std::memcpy(&header, notes.data(), sizeof header);
    size_t nameBytes = (header.n_namesz + 3) & ~size_t(3);
    size_t bytes = sizeof header + nameBytes + ((header.n_descsz + 3) & ~size_t(3));
    if (bytes > notes.size())
      break;
    std::string_view name = notes.substr(sizeof header, header.n_namesz);
    if (header.n_type == NT_GNU_BUILD_ID && name == std::string_view("GNU\0", 4)) {
      std::string hex;
      for (char c : notes.substr(sizeof header + nameBytes, header.n_descsz)) {
        hex += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
        hex += "0123456789abcdef"[c & 15];
      }
      return hex;
    }
    notes.remove_prefix(bytes);
  }
  return "";
}

int addBuildId(dl_phdr_info *info, size_t, void *context) {
  auto &ids = *static_cast<std::vector<std::string> *>(context);
  llvm::StringRef path = info->dlpi_name;
  llvm::StringRef name = path.empty() ? "program" : path.rsplit('/').second;
  bool matters = path.empty() || name.starts_with("libMLIR") || name.starts_with("libLLVM") ||
                 name.starts_with("libtorch") || name.starts_with("libc10");
  if (!matters)
    return 0;
  std::string id;
  for (int i = 0; i < info->dlpi_phnum && id.empty(); ++i) {
    const ElfW(Phdr) &segment = info->dlpi_phdr[i];
    if (segment.p_type != PT_NOTE)
      continue;
    // The loader gives addresses as numbers. NOLINTNEXTLINE(performance-no-int-to-ptr)
    const auto *notes = reinterpret_cast<const char *>(info->dlpi_addr + segment.p_vaddr);
    id = findBuildId({notes, segment.p_memsz});
  }
  ids.push_back(concat(std::string_view(name), "=", id));
  return 0;
}

} // namespace

const std::string &buildIds() {
  static const std::string result = [] {
    std::vector<std::string> ids;
    dl_iterate_phdr(addBuildId, &ids);
    std::sort(ids.begin(), ids.end());
    std::string text;
    for (const std::string &id : ids)
      text += concat(text.empty() ? "" : ";", id);
    return text;
  }();
  return result;
}

std::vector<StageKey> makeKeys(const ImportedModel &model, const Options &options,
                               const SourceMap &sourceMap, const std::string &target) {
  std::vector<StageKey> keys;
  Hasher hasher;
  hasher.field("linalgd").field(kKeyFormat).field(buildIds());
  hasher.field(canonicalDigest(model).hex()).field(options.entry);
  hasher.field(locationsModeName(options.locations));
  if (options.locations == LocationsMode::Python)
    hasher.field(sourceDigest(sourceMap).hex());
  for (int i = 0; i <= static_cast<int>(options.emit); ++i) {
    auto stage = static_cast<Stage>(i);
    hasher.field(stageName(stage));
    if (stage == Stage::Torch) {
      hasher.field(options.keepOps.size());
      for (const std::string &op : options.keepOps)
        hasher.field(op);
    }
    if (stage == Stage::Llvm)
      hasher.field(target);
    bool embeds = stage == Stage::Executable && options.weights == WeightsMode::Embed;
    if (stage == Stage::Executable)
      hasher.field(embeds ? "embed" : "external");
    if (stage == options.emit && stage <= Stage::Linalg &&
        (options.weights == WeightsMode::Inline || options.weights == WeightsMode::Params))
      hasher.field(weightsModeName(options.weights));
    if (embeds ||
        (stage == options.emit && stage <= Stage::Linalg && options.weights == WeightsMode::Inline))
      hasher.field(weightsDigest(model).hex());
    Digest key = hasher.finish();
    keys.push_back({stage, key});
    hasher.field(key.hex());
  }
  return keys;
}

} // namespace linalgd
