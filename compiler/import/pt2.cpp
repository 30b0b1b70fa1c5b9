#include "compiler/import/pt2.h"
#include "compiler/import/json.h"
#include "compiler/import/pt2_graph.h"
#include "compiler/import/text.h"

#include "llvm/ADT/StringRef.h"

#include <algorithm>

namespace linalgd {
namespace {

constexpr std::string_view kModels = "models/";
constexpr int64_t kOldestSchemaMajor = 7, kSchemaMajor = 8;

std::string_view trimmed(std::string_view text) {
  llvm::StringRef result = llvm::StringRef(text).trim();
  return {result.data(), result.size()};
}

// Of PyTorch 2.7 and before, which has no folders and no version files of its own.
constexpr std::string_view kFlatProgram = "serialized_exported_program.json";
constexpr std::string_view kFlatWeights[] = {"serialized_state_dict.pt", "serialized_constants.pt"};

// Checks the archive's own version files.
absl::Status checkLayout(const ModelFiles &files) {
  auto format = files.get("archive_format");
  if (!format.ok())
    return format.status();
  if (trimmed(format->bytes) != "pt2")
    return absl::InvalidArgumentError(
        concat("archive_format is '", escaped(format->bytes), "', expected 'pt2'"));
  auto byteOrder = files.get("byteorder");
  if (!byteOrder.ok())
    return byteOrder.status();
  if (trimmed(byteOrder->bytes) != "little")
    return absl::UnimplementedError(concat("the byte order of the weights is '",
                                           escaped(byteOrder->bytes),
                                           "'; only 'little' is supported"));
  return absl::OkStatus();
}

// The name of the model that is meant: of models/NAME.json.
absl::StatusOr<std::string> findModel(const ModelFiles &files, const std::string &wanted) {
  std::vector<std::string> names;
  for (const auto &[path, file] : files.files()) {
    llvm::StringRef name = path;
    if (name.consume_front(kModels) && name.consume_back(".json"))
      names.push_back(name.str());
  }
  if (names.empty())
    return absl::InvalidArgumentError(
        "the archive has no models/*.json: it holds no exported program");
  constexpr size_t kMaxListed = 20;
  std::string list;
  for (size_t i = 0; i < std::min(names.size(), kMaxListed); ++i)
    list += concat(i ? ", '" : "'", escaped(names[i]), "'");
  if (names.size() > kMaxListed)
    list += concat(" and ", names.size() - kMaxListed, " others");
  if (!wanted.empty() && !files.contains(concat(kModels, wanted, ".json")))
    return absl::InvalidArgumentError(
        concat("the archive holds no model '", escaped(wanted), "', but ", list));
  if (wanted.empty() && names.size() > 1)
    return absl::InvalidArgumentError(concat("the archive holds ", names.size(),
                                             " models; choose one of them by name "
                                             "(--model in linalgc, model_name in Python): ",
                                             list));
  return wanted.empty() ? names.front() : wanted;
}

void readProgram(const JsonPlace &program, const Pt2Weights &weights, Graph &graph) {
  program.allowOnly({"graph_module", "opset_version", "range_constraints", "schema_version",
                     "verifiers", "torch_version", "guards_code"});
  JsonPlace version = program["schema_version"];
  JsonPlace major = version["major"];
  if (int64_t number = major.integer(); number < kOldestSchemaMajor || number > kSchemaMajor)
    return major.unsupported(concat("the export schema has version ", number,
                                    "; this linalgd reads versions ", kOldestSchemaMajor, " and ",
                                    kSchemaMajor));
  Pt2GraphReader reader(graph, weights);
  reader.read(program["graph_module"], program["range_constraints"]);
  if (JsonPlace guards = program.get("guards_code"))
    reader.readGuards(guards);
}

} // namespace

bool isPt2(const ModelFiles &files) {
  return files.contains("archive_format") || files.contains(kFlatProgram) ||
         files.contains("models/model.json");
}

absl::StatusOr<Graph> readPt2(const ModelFiles &files, const std::string &model) {
  bool flat = !files.contains("archive_format") && files.contains(kFlatProgram);
  std::string path(kFlatProgram);
  absl::StatusOr<Pt2Weights> weights;
  if (flat) {
    if (!model.empty())
      return absl::InvalidArgumentError(
          concat("the archive holds one model, without a name: not '", escaped(model), "'"));
    weights = Pt2Weights::readPickled(files, kFlatWeights);
  } else {
    if (absl::Status status = checkLayout(files); !status.ok())
      return status;
    absl::StatusOr<std::string> name = findModel(files, model);
    if (!name.ok())
      return name.status();
    path = concat(kModels, *name, ".json");
    // PyTorch 2.8 has this layout, and pickles.
    std::string pickles[] = {concat("data/weights/", *name, ".pt"),
                             concat("data/constants/", *name, ".pt")};
    std::string_view pickled[] = {pickles[0], pickles[1]};
    weights = files.contains(pickled[0]) ? Pt2Weights::readPickled(files, pickled)
                                         : Pt2Weights::read(files, *name);
  }
  if (!weights.ok())
    return weights.status();
  absl::StatusOr<ModelFile> program = files.get(path);
  if (!program.ok())
    return program.status();
  auto document = JsonDocument::parse(path, program->bytes);
  if (!document.ok())
    return document.status();
  Graph graph;
  readProgram((*document)->root(), *weights, graph);
  if (!(*document)->status().ok())
    return (*document)->status();
  return graph;
}

} // namespace linalgd
