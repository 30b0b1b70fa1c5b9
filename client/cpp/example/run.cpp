// Runs an executable on .npy files: linalgd-run MODEL.so INPUT.npy... OUTPUT.npy
// OUTPUT.npy gets the model's first result.
#include "linalgd/executable.h"
#include "linalgd/tensor.h"

#include <cstdio>
#include <string>
#include <vector>

namespace {

using linalgd::client::Tensor;

absl::Status run(const std::string &model, const std::vector<std::string> &inputPaths,
                 const std::string &outputPath) {
  absl::StatusOr<linalgd::Executable> executable = linalgd::Executable::load(model);
  if (!executable.ok())
    return executable.status();
  std::vector<Tensor> inputs;
  for (const std::string &path : inputPaths) {
    absl::StatusOr<Tensor> input = linalgd::client::readNpy(path);
    if (!input.ok())
      return input.status();
    inputs.push_back(std::move(*input));
  }
  absl::StatusOr<std::vector<Tensor>> outputs = executable->call(inputs);
  if (!outputs.ok())
    return outputs.status();
  if (outputs->empty())
    return absl::FailedPreconditionError("the model returns no tensor");
  return linalgd::client::writeNpy(outputPath, outputs->front());
}

} // namespace

int main(int argc, char **argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s MODEL.so INPUT.npy... OUTPUT.npy\n", argv[0]);
    return 2;
  }
  absl::Status status = run(argv[1], {argv + 2, argv + argc - 1}, argv[argc - 1]);
  if (!status.ok())
    std::fprintf(stderr, "%s: %s\n", argv[0], std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
