#include "compiler/import/pt2_weights.h"

#include "compiler/import/pickle.h"
#include "compiler/import/text.h"

#include <algorithm>
#include <optional>

namespace linalgd {
namespace {

// A weight may be a view that repeats its storage; what that comes to in memory has bounds.
constexpr uint64_t kMaxExpansion = 64;
constexpr uint64_t kMinExpanded = uint64_t(1) << 20;

// The sizes and strides of a symbolic integer that must be a number here.
int64_t readNumber(const JsonPlace &place) {
  int64_t value = 0;
  place.tagged([&](std::string_view tag, const JsonPlace &inner) {
    if (tag == "as_int")
      value = readPt2Size(inner);
    else
      inner.fail("a weight's metadata must be numbers");
  });
  return value;
}

Pt2TensorMeta readMeta(const JsonPlace &place) {
  place.allowOnly(
      {"dtype", "sizes", "requires_grad", "device", "strides", "storage_offset", "layout"});
  Pt2TensorMeta meta;
  meta.dtype = readPt2DType(place["dtype"]);
  checkPt2Layout(place["layout"]);
  place["sizes"].eachItem([&](const JsonPlace &size) { meta.sizes.push_back(readNumber(size)); });
  place["strides"].eachItem(
      [&](const JsonPlace &stride) { meta.strides.push_back(readNumber(stride)); });
  meta.storageOffset = readNumber(place["storage_offset"]);
  JsonPlace device = place["device"];
  meta.onMetaDevice = device["type"].string() == "meta";
  if (meta.sizes.size() != meta.strides.size())
    place.fail(
        concat("it has ", meta.sizes.size(), " sizes and ", meta.strides.size(), " strides"));
  return meta;
}

// One past the last byte of the storage that a tensor reaches; nothing where that overflows.
std::optional<uint64_t> reachedBytes(const Pt2TensorMeta &meta) {
  int64_t last = meta.storageOffset;
  bool empty = false, overflow = false;
  int64_t count = 1;
  for (size_t i = 0; i < meta.sizes.size(); ++i) {
    if (meta.sizes[i] == 0) {
      empty = true;
      continue;
    }
    int64_t step = 0;
    overflow |= __builtin_mul_overflow(meta.sizes[i] - 1, meta.strides[i], &step);
    overflow |= __builtin_add_overflow(last, step, &last);
    overflow |= __builtin_mul_overflow(count, meta.sizes[i], &count);
  }
  int64_t elementBytes = static_cast<int64_t>(dtypeBytes(meta.dtype)), bytes = 0;
  overflow |= __builtin_mul_overflow(count, elementBytes, &count);
  overflow |= __builtin_add_overflow(last, 1, &last);
  overflow |= __builtin_mul_overflow(last, elementBytes, &bytes);
  if (overflow)
    return std::nullopt;
  return empty ? 0 : static_cast<uint64_t>(bytes);
}

void describeWeight(const Pt2TensorMeta &meta, const ModelFile &file, Weight &weight) {
  weight.blob = file.blob;
  weight.offset = file.offset;
  weight.storageBytes = file.bytes.size();
  weight.storageOffset = static_cast<uint64_t>(meta.storageOffset) * dtypeBytes(meta.dtype);
}

void readPayload(const ModelFiles &files, std::string_view directory, const JsonPlace &payload,
                 Weight &weight) {
  payload.allowOnly({"path_name", "is_param", "use_pickle", "tensor_meta"});
  std::string_view path = payload["path_name"].string();
  if (payload["use_pickle"].boolean())
    return payload.unsupported("this weight is a pickled Python object; "
                               "program.run_decompositions({}) takes tensor subclasses apart");
  JsonPlace metaPlace = payload["tensor_meta"];
  Pt2TensorMeta meta = readMeta(metaPlace);
  if (payload.failed())
    return;
  weight.dtype = meta.dtype;
  weight.shape = meta.sizes;
  weight.strides = meta.strides;
  const ModelFile *file = files.find(concat(directory, path));
  // Exported without data, on the meta device or as fake tensors.
  std::optional<uint64_t> needed = reachedBytes(meta);
  if (meta.onMetaDevice || (file && file->bytes.empty() && needed.value_or(0) > 0)) {
    weight.bound = false;
    return;
  }
  if (!file)
    return payload.fail(concat("the archive has no file ", directory, path));
  if (std::string problem = storageProblem(meta, file->bytes.size()); !problem.empty())
    return metaPlace.fail(problem);
  describeWeight(meta, *file, weight);
}

} // namespace

std::string storageProblem(const Pt2TensorMeta &meta, uint64_t storageBytes) {
  if (meta.storageOffset < 0 || meta.sizes.size() > kMaxRank)
    return "its place in its storage is absurd";
  for (size_t i = 0; i < meta.sizes.size(); ++i)
    if (meta.sizes[i] < 0 || meta.strides[i] < 0)
      return "its sizes or strides are negative";
  std::optional<uint64_t> needed = reachedBytes(meta);
  if (!needed)
    return "the tensor's sizes are absurd: its bytes do not fit into 63 bits";
  uint64_t elementBytes = dtypeBytes(meta.dtype), elements = 1;
  for (int64_t size : meta.sizes)
    elements *= static_cast<uint64_t>(size);
  if (elements * elementBytes > kMaxExpansion * std::max(storageBytes, kMinExpanded))
    return concat("the tensor repeats a storage of ", storageBytes, " bytes to ", elements,
                  " elements");
  if (*needed > storageBytes || storageBytes % elementBytes != 0)
    return concat("the tensor needs ", *needed, " bytes of ", dtypeName(meta.dtype),
                  ", its storage has ", storageBytes);
  return "";
}

DType readPt2DType(const JsonPlace &place) {
  int64_t code = place.integer();
  std::optional<DType> dtype = dtypeFromExport(code);
  if (!dtype)
    place.fail(concat("unknown dtype ", code));
  return dtype.value_or(DType::Float32);
}

void checkPt2Layout(const JsonPlace &place) {
  std::optional<Layout> layout = layoutFromExport(place.integer());
  if (!layout)
    place.fail("unknown layout");
  else if (*layout != Layout::Strided)
    place.unsupported("sparse tensors are not supported");
}

int64_t readPt2Size(const JsonPlace &place) {
  int64_t value = place.integer();
  if (value < 0)
    place.fail(concat("a size cannot be ", value));
  return value;
}

absl::StatusOr<Pt2Weights> Pt2Weights::read(const ModelFiles &files, std::string_view name) {
  Pt2Weights weights;
  absl::Status status = weights.readTable(
      files, concat("data/weights/", name, "_weights_config.json"), "data/weights/");
  if (status.ok())
    status = weights.readTable(files, concat("data/constants/", name, "_constants_config.json"),
                               "data/constants/");
  if (!status.ok())
    return status;
  return weights;
}

absl::StatusOr<Pt2Weights> Pt2Weights::readPickled(const ModelFiles &files,
                                                   std::span<const std::string_view> paths) {
  Pt2Weights weights;
  for (std::string_view path : paths) {
    absl::StatusOr<ModelFile> file = files.get(path);
    if (!file.ok())
      return file.status();
    if (file->bytes.empty())
      continue;
    if (absl::Status status = weights.addPickled(*file); !status.ok())
      return absl::Status(status.code(), concat(path, ": ", std::string(status.message())));
  }
  return weights;
}

// A file of torch.save: a ZIP archive of a pickle, data.pkl, and the storages it speaks of, data/N.
absl::Status Pt2Weights::addPickled(const ModelFile &archive) {
  absl::StatusOr<std::vector<ArchiveEntry>> entries = readArchive(archive.bytes);
  if (!entries.ok())
    return entries.status();
  std::map<std::string_view, ModelFile> inner;
  for (const ArchiveEntry &entry : *entries)
    if (!entry.compressed) // the name without the folder at the root
      inner[entry.name.substr(entry.name.find('/') + 1)] = {
          archive.bytes.substr(entry.offset, entry.size), archive.blob,
          archive.offset + entry.offset, false};
  auto pickle = inner.find("data.pkl");
  if (pickle == inner.end())
    return absl::InvalidArgumentError("it has no data.pkl");
  if (auto order = inner.find("byteorder"); order != inner.end() && order->second.bytes != "little")
    return absl::UnimplementedError("the byte order of the weights is not 'little'");
  auto tensors = readPickledTensors(pickle->second.bytes);
  if (!tensors.ok())
    return tensors.status();
  for (const auto &[slot, tensor] : *tensors) {
    Pt2TensorMeta meta{tensor.dtype, tensor.sizes, tensor.strides, tensor.storageOffset};
    auto storage = inner.find(concat("data/", tensor.storage));
    auto problem = [&](std::string_view what) {
      return absl::InvalidArgumentError(concat("'", escaped(slot), "': ", what));
    };
    if (meta.sizes.size() != meta.strides.size())
      return problem("it has other numbers of sizes and of strides");
    Weight weight;
    weight.slot = slot;
    weight.dtype = meta.dtype;
    weight.shape = meta.sizes;
    weight.strides = meta.strides;
    weight.bound = tensor.device != "meta";
    if (weight.bound && storage == inner.end())
      return problem(concat("there is no storage data/", escaped(tensor.storage)));
    if (weight.bound) {
      if (std::string what = storageProblem(meta, storage->second.bytes.size()); !what.empty())
        return problem(what);
      describeWeight(meta, storage->second, weight);
    }
    weights_.insert_or_assign(slot, std::move(weight));
  }
  return absl::OkStatus();
}

absl::Status Pt2Weights::readTable(const ModelFiles &files, std::string_view table,
                                   std::string_view directory) {
  absl::StatusOr<ModelFile> file = files.get(table);
  if (!file.ok())
    return file.status();
  auto document = JsonDocument::parse(table, file->bytes);
  if (!document.ok())
    return document.status();
  JsonPlace root = (*document)->root();
  root.allowOnly({"config"});
  root["config"].eachField([&](std::string_view slot, const JsonPlace &payload) {
    Weight weight;
    weight.slot = std::string(slot);
    // Custom objects stand in the same table; the graph reader reports those that the graph uses.
    if (JsonPlace meta = payload.get("tensor_meta"); meta)
      readPayload(files, directory, payload, weight);
    else
      return;
    if (!payload.failed() && !weights_.emplace(slot, std::move(weight)).second)
      payload.fail("another table has a weight of this name");
  });
  return (*document)->status();
}

const Weight *Pt2Weights::find(std::string_view slot) const {
  auto found = weights_.find(slot);
  return found == weights_.end() ? nullptr : &found->second;
}

} // namespace linalgd
