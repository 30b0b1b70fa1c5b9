#include "compiler/pipeline/weights.h"
#include "compiler/import/usage.h"

namespace linalgd {
namespace {

std::vector<const Weight *> slotsOf(const ImportedModel &imported) {
  std::vector<const Weight *> slots;
  for (const UsedWeight &used : usedWeights(imported.graph)) {
    const Weight &weight = imported.graph.weights.at(used.input->name);
    if (!weight.inlined)
      slots.push_back(&weight);
  }
  return slots;
}

uint64_t elementBytes(const Weight &weight) {
  return static_cast<uint64_t>(weight.numElements()) * dtypeBytes(weight.dtype);
}

// The bytes from the first element to the end of the last one.
uint64_t spannedBytes(const Weight &weight) {
  uint64_t last = 0;
  for (size_t i = 0; i < weight.shape.size(); ++i)
    last += static_cast<uint64_t>((weight.shape[i] - 1) * weight.strides[i]);
  return weight.numElements() == 0 ? 0 : (last + 1) * dtypeBytes(weight.dtype);
}

} // namespace

std::vector<WeightBinding> bindWeights(const ImportedModel &imported) {
  std::vector<WeightBinding> bindings;
  for (const Weight *weight : slotsOf(imported)) {
    WeightBinding binding;
    binding.slot = weight->slot;
    binding.dtype = std::string(dtypeName(weight->dtype));
    binding.shape = weight->shape;
    binding.bound = weight->bound;
    if (weight->bound) {
      binding.blob = imported.blobs[weight->blob];
      binding.offset = weight->offset + weight->storageOffset;
      binding.size = spannedBytes(*weight);
      if (!weight->contiguous())
        binding.strides = weight->strides;
    }
    bindings.push_back(std::move(binding));
  }
  return bindings;
}

std::vector<WeightSource> findWeights(const ImportedModel &imported, const Model &model,
                                      std::deque<std::string> &copies) {
  std::vector<WeightSource> sources;
  for (const Weight *weight : slotsOf(imported)) {
    WeightSource source;
    source.slot = weight->slot;
    source.size = elementBytes(*weight);
    if (weight->bound && weight->contiguous()) {
      source.fd = model.blobs[weight->blob].fd.get();
      source.offset = weight->offset + weight->storageOffset;
    } else if (weight->bound) {
      source.data = copies.emplace_back(contiguousBytes(imported, *weight)).data();
    }
    sources.push_back(std::move(source));
  }
  return sources;
}

} // namespace linalgd
