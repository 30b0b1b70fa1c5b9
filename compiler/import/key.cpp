#include "compiler/import/key.h"
#include "compiler/import/canonical.h"
#include "compiler/import/text.h"

#include "llvm/ADT/StringExtras.h"

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

KeyContent keyContent(const ImportedModel &model) {
  return {Stage::TorchRaw, [&model] { return canonicalGraph(model); },
          [&model] { return canonicalWeights(model); },
          [&model] { return canonicalBindings(model); }};
}

template <typename Write>
const KeyComponent *KeyMaker::component(const char *name, const Write &write) {
  auto [found, isNew] = components_.try_emplace(name);
  if (isNew) {
    CanonicalText text = write();
    Digest digest = digestOf(text);
    found->second = {name, std::move(text), digest};
  }
  return &found->second;
}

const KeyComponent *KeyMaker::line(const char *name, std::string text) {
  return component(name, [&] { return CanonicalText{{std::move(text), ""}}; });
}

std::vector<const KeyComponent *> KeyMaker::added(Stage stage, bool last) {
  std::vector<const KeyComponent *> list;
  // A report has all of a model in it; what keys are made of is made of all that they are.
  bool isReport = stage == Stage::Report, isKey = stage == Stage::Key;
  if (stage == model_.first || isReport || isKey) {
    list.push_back(line("format", std::to_string(kKeyFormat)));
    list.push_back(component("build", [] {
      CanonicalText text;
      for (llvm::StringRef id : llvm::split(buildIds(), ';'))
        text.push_back({id.str(), ""});
      return text;
    }));
    list.push_back(component("graph", model_.graph));
    list.push_back(line("entry", options_.entry));
    list.push_back(line("locations", std::string(locationsModeName(options_.locations))));
    if (options_.locations == LocationsMode::Python || isReport || isKey)
      list.push_back(component("sources", [this] { return canonicalSources(sourceMap_); }));
  }
  if (stage == Stage::Torch || isReport || isKey)
    list.push_back(component("keep_ops", [this] {
      CanonicalText text;
      for (const std::string &op : options_.keepOps)
        text.push_back({op, ""});
      return text;
    }));
  if (stage == Stage::Llvm || isKey)
    list.push_back(line("target", target_));
  bool writesWeights =
      last && isText(stage) &&
      (options_.weights == WeightsMode::Inline || options_.weights == WeightsMode::Params);
  if (stage == Stage::Executable || writesWeights || isKey)
    list.push_back(line("weights", std::string(weightsModeName(options_.weights))));
  bool holdsWeights = (stage == Stage::Executable && options_.weights == WeightsMode::Embed) ||
                      (writesWeights && options_.weights == WeightsMode::Inline);
  if (holdsWeights || isKey || (stage == model_.first && model_.hasOwnWeights))
    list.push_back(component("weight data", model_.weights));
  if (isReport)
    list.push_back(component("bindings", model_.bindings));
  return list;
}

std::vector<Stage> KeyMaker::stages(Stage emit) const {
  std::vector<Stage> all = stagesTo(emit);
  if (isText(emit) || isCode(emit))
    std::erase_if(all, [&](Stage stage) { return stage < model_.first; });
  return all;
}

std::vector<StageKey> KeyMaker::make(Stage emit) {
  std::vector<StageKey> keys;
  Hasher hasher;
  hasher.field("linalgd");
  for (Stage stage : stages(emit)) {
    hasher.field(stageName(stage));
    for (const KeyComponent *component : added(stage, stage == emit))
      hasher.field(component->name).field(component->digest.hex());
    Digest key = hasher.finish();
    keys.push_back({stage, key});
    hasher.field(key.hex());
  }
  return keys;
}

std::vector<const KeyComponent *> KeyMaker::components(Stage emit) {
  std::vector<const KeyComponent *> all;
  for (Stage stage : stages(emit))
    for (const KeyComponent *component : added(stage, stage == emit))
      all.push_back(component);
  return all;
}

} // namespace linalgd
