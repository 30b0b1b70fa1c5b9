// The weights of a torch.export archive: data/weights and data/constants with their tables.
#pragma once

#include "compiler/import/archive.h"
#include "compiler/import/graph.h"
#include "compiler/import/json.h"

#include "absl/status/statusor.h"

#include <span>

namespace linalgd {

// torch.export's TensorMeta with sizes that are numbers.
struct Pt2TensorMeta {
  DType dtype = DType::Float32;
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;
  int64_t storageOffset = 0; // in elements
  bool onMetaDevice = false;
};

// Fields that graphs and weights share.
DType readPt2DType(const JsonPlace &place);
void checkPt2Layout(const JsonPlace &place);
// A number of elements or an extent; fails where it is negative or absurd.
int64_t readPt2Size(const JsonPlace &place);

// Why a tensor cannot be in a storage; empty where it can.
std::string storageProblem(const Pt2TensorMeta &meta, uint64_t storageBytes);

// The tables of the model `name`: weights by slot. Payloads are checked against their metadata.
class Pt2Weights {
public:
  static absl::StatusOr<Pt2Weights> read(const ModelFiles &files, std::string_view name);
  // The same from files of torch.save, as PyTorch wrote them before 2.9.
  static absl::StatusOr<Pt2Weights> readPickled(const ModelFiles &files,
                                                std::span<const std::string_view> paths);
  const Weight *find(std::string_view slot) const;

private:
  absl::Status addPickled(const ModelFile &archive);
  absl::Status readTable(const ModelFiles &files, std::string_view table,
                         std::string_view directory);
  std::map<std::string, Weight, std::less<>> weights_;
};

} // namespace linalgd
