#include "compiler/api/compiler.h"

#include <array>

namespace linalgd {
namespace {

// The spelling of each enumerator, in declaration order.
constexpr std::array<std::string_view, kNumStages> kStages = {
    "torch-raw", "torch", "linalg", "llvm", "executable", "report", "key"};
constexpr std::array<std::string_view, 4> kWeightsModes = {"embed", "external", "inline", "params"};
constexpr std::array<std::string_view, 2> kLocationsModes = {"ids", "python"};
constexpr std::array<std::string_view, 4> kModelFormats = {"detect", "pt2", "torchscript", "mlir"};

template <typename Enum, size_t N>
std::optional<Enum> parse(const std::array<std::string_view, N> &names, std::string_view name) {
  for (size_t i = 0; i < N; ++i)
    if (names[i] == name)
      return static_cast<Enum>(i);
  return std::nullopt;
}

} // namespace

std::vector<Stage> stagesTo(Stage emit) {
  if (!isText(emit) && !isCode(emit))
    return {emit};
  std::vector<Stage> stages;
  for (int i = 0; i <= static_cast<int>(emit); ++i)
    stages.push_back(static_cast<Stage>(i));
  return stages;
}

std::string_view stageName(Stage stage) { return kStages.at(static_cast<size_t>(stage)); }
std::optional<Stage> parseStage(std::string_view name) { return parse<Stage>(kStages, name); }

std::string_view weightsModeName(WeightsMode mode) {
  return kWeightsModes.at(static_cast<size_t>(mode));
}
std::optional<WeightsMode> parseWeightsMode(std::string_view name) {
  return parse<WeightsMode>(kWeightsModes, name);
}

std::string_view locationsModeName(LocationsMode mode) {
  return kLocationsModes.at(static_cast<size_t>(mode));
}
std::optional<LocationsMode> parseLocationsMode(std::string_view name) {
  return parse<LocationsMode>(kLocationsModes, name);
}

std::string_view modelFormatName(ModelFormat format) {
  return kModelFormats.at(static_cast<size_t>(format));
}
std::optional<ModelFormat> parseModelFormat(std::string_view name) {
  return parse<ModelFormat>(kModelFormats, name);
}

} // namespace linalgd
