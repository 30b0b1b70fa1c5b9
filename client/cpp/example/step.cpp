// One step of a model that keeps state, such as a decoder with a cache:
//   linalgd-step MODEL.so STATE_FOLDER INPUT.npy... OUTPUT.npy
// The state goes on from the files SLOT.npy of the folder, which get the new one; without them it
// begins where the model does. OUTPUT.npy gets the model's first result.
#include "linalgd/executable.h"
#include "linalgd/tensor.h"

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

namespace {

using linalgd::Executable;
using linalgd::client::Tensor;
namespace fs = std::filesystem;

// Calls `visit` with each buffer that the model writes, and the file that keeps it.
template <typename Visitor>
absl::Status forEachState(const Executable &executable, const fs::path &folder, Visitor visit) {
  for (const linalgd::client::State &state : executable.manifest().signature.state) {
    if (!state.slot)
      continue; // an input, which the caller has
    absl::StatusOr<Tensor> buffer = executable.state(*state.slot);
    if (!buffer.ok())
      return buffer.status();
    if (absl::Status status = visit(*buffer, folder / (*state.slot + ".npy")); !status.ok())
      return status;
  }
  return absl::OkStatus();
}

absl::Status restore(Tensor &buffer, const fs::path &file) {
  if (!fs::exists(file))
    return absl::OkStatus();
  absl::StatusOr<Tensor> saved = linalgd::client::readNpy(file);
  if (!saved.ok())
    return saved.status();
  if (saved->dtype() != buffer.dtype() || saved->shape() != buffer.shape())
    return absl::InvalidArgumentError(file.string() + " is of another model");
  std::memcpy(buffer.data(), saved->data(), buffer.numBytes());
  return absl::OkStatus();
}

absl::Status save(Tensor &buffer, const fs::path &file) {
  return linalgd::client::writeNpy(file, buffer);
}

absl::Status step(const std::string &model, const fs::path &folder,
                  const std::vector<std::string> &inputPaths, const std::string &outputPath) {
  absl::StatusOr<Executable> executable = Executable::load(model);
  if (!executable.ok())
    return executable.status();
  std::vector<Tensor> inputs;
  for (const std::string &path : inputPaths) {
    absl::StatusOr<Tensor> input = linalgd::client::readNpy(path);
    if (!input.ok())
      return input.status();
    inputs.push_back(std::move(*input));
  }
  // To warm up; what that wrote is undone.
  absl::StatusOr<std::vector<Tensor>> outputs = executable->call(inputs);
  executable->reset();
  absl::Status status = forEachState(*executable, folder, restore);
  if (status.ok() && outputs.ok())
    outputs = executable->call(inputs);
  status.Update(outputs.status());
  if (status.ok() && outputs->empty())
    status = absl::FailedPreconditionError("the model returns no tensor");
  if (status.ok())
    status = forEachState(*executable, folder, save);
  return status.ok() ? linalgd::client::writeNpy(outputPath, outputs->front()) : status;
}

} // namespace

int main(int argc, char **argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: %s MODEL.so STATE_FOLDER INPUT.npy... OUTPUT.npy\n", argv[0]);
    return 2;
  }
  absl::Status status = step(argv[1], argv[2], {argv + 3, argv + argc - 1}, argv[argc - 1]);
  if (!status.ok())
    std::fprintf(stderr, "%s: %s\n", argv[0], std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
