// Loading a TorchScript file with libtorch, and where in the file each tensor's bytes are. Includes
// libtorch: only the .cpp files of this folder use it.
#pragma once

#include "compiler/import/archive.h"

#include "absl/status/statusor.h"

#include <torch/csrc/jit/api/module.h>

#include <cstdint>
#include <memory>

namespace linalgd {

// A part of the model's blob.
struct FileRange {
  uint64_t offset = 0;
  uint64_t size = 0;
};

class TorchScriptFile {
public:
  // Runs code of the model (`__setstate__`): only ever in a worker, under its limits.
  static absl::StatusOr<TorchScriptFile> load(std::shared_ptr<const MappedBlob> blob);

  const torch::jit::Module &module() const { return module_; }
  // The bytes of a tensor's storage in the file, also where it is a copy of what libtorch read;
  // none for what is not in the file.
  std::optional<FileRange> find(const at::Tensor &tensor) const;

private:
  class Reader;
  TorchScriptFile(torch::jit::Module module, std::shared_ptr<const Reader> reader)
      : module_(std::move(module)), reader_(std::move(reader)) {}

  torch::jit::Module module_;
  std::shared_ptr<const Reader> reader_;
};

} // namespace linalgd
