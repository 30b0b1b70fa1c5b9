// Quantized tensors, and the objects that quantized operators keep their weights in.
//
// libtorch packs those weights for its kernels as it loads them. What they were is unpacked again,
// and found in the file by its bytes.
#include "compiler/import/torchscript/graph_reader.h"
#include "compiler/import/torchscript/types.h"

#include <ATen/native/quantized/PackedParams.h>
#include <ATen/native/quantized/cpu/EmbeddingPackedParams.h>
#include <torch/custom_class.h>

namespace linalgd {
namespace {

// The integers of a quantized tensor; none where they are of a kind that has no form.
std::optional<DType> integersOf(DType quantized) {
  switch (quantized) {
  case DType::QInt8:
    return DType::Int8;
  case DType::QUInt8:
    return DType::UInt8;
  case DType::QInt32:
    return DType::Int32;
  default:
    return std::nullopt;
  }
}

bool holds(DType integers, int64_t value) {
  switch (integers) {
  case DType::Int8:
    return value >= INT8_MIN && value <= INT8_MAX;
  case DType::UInt8:
    return value >= 0 && value <= UINT8_MAX;
  default:
    return value >= INT32_MIN && value <= INT32_MAX;
  }
}

// What is wrong with what a quantized tensor says of itself; empty for nothing.
std::string perChannelProblem(const at::Tensor &tensor) {
  int64_t axis = tensor.q_per_channel_axis();
  if (axis < 0 || axis >= tensor.dim())
    return "it is quantized along dimension " + std::to_string(axis) + " of " +
           std::to_string(tensor.dim());
  for (const at::Tensor &one : {tensor.q_per_channel_scales(), tensor.q_per_channel_zero_points()})
    if (one.dim() != 1 || one.size(0) != tensor.size(axis))
      return "it has not one scale and zero point for each of the " +
             std::to_string(tensor.size(axis)) + " indices of dimension " + std::to_string(axis);
  return "";
}

Argument listOf(const c10::List<int64_t> &numbers) {
  ArgumentList list;
  list.element = TypeKind::Int;
  for (int64_t number : numbers)
    list.items.push_back(Argument{number});
  return Argument{std::move(list)};
}

} // namespace

Argument GraphReader::make(std::string target, GraphType type, std::vector<NamedArgument> inputs) {
  Node node;
  node.target = std::move(target);
  node.inputs = std::move(inputs);
  Argument result{graph_.addValue(std::move(type))};
  node.outputs.push_back(result);
  graph_.made.push_back(std::move(node));
  return result;
}

absl::StatusOr<Argument> GraphReader::quantizedTensor(const at::Tensor &tensor, DType dtype,
                                                      const std::string &slot,
                                                      GraphInput::Kind kind) {
  auto invalid = [&](const std::string &problem) {
    return absl::InvalidArgumentError("weight '" + slot + "': " + problem);
  };
  DType integers = integersOf(dtype).value();
  absl::StatusOr<Argument> data = storedTensor(tensor, integers, slot, kind);
  if (!data.ok())
    return data.status();
  TensorType type;
  type.dtype = dtype;
  for (int64_t size : tensor.sizes())
    type.sizes.emplace_back(size);
  if (tensor.qscheme() == c10::kPerTensorAffine) {
    if (!holds(integers, tensor.q_zero_point()))
      return invalid("its zero point " + std::to_string(tensor.q_zero_point()) + " is no " +
                     std::string(dtypeName(integers)));
    return make("per_tensor_affine.create", GraphType::of(std::move(type)),
                {{"int_repr", *data},
                 {"scale", Argument{tensor.q_scale()}},
                 {"zero_point", Argument{tensor.q_zero_point()}}});
  }
  if (std::string problem = perChannelProblem(tensor); !problem.empty())
    return invalid(problem);
  absl::StatusOr<Argument> scales =
      plainTensor(tensor.q_per_channel_scales(), slot + ".scales", kind);
  if (!scales.ok())
    return scales.status();
  absl::StatusOr<Argument> zeroPoints =
      plainTensor(tensor.q_per_channel_zero_points(), slot + ".zero_points", kind);
  if (!zeroPoints.ok())
    return zeroPoints.status();
  return make("per_channel_affine.create", GraphType::of(std::move(type)),
              {{"int_repr", *data},
               {"scales", *scales},
               {"zero_points", *zeroPoints},
               {"axis", Argument{tensor.q_per_channel_axis()}}});
}

// A weight and, where there is one, the bias of packed parameters.
absl::StatusOr<std::vector<NamedArgument>>
GraphReader::unpacked(const std::tuple<at::Tensor, std::optional<at::Tensor>> &parameters,
                      const std::string &slot) {
  const auto &[weight, bias] = parameters;
  absl::StatusOr<Argument> first = plainTensor(weight, slot + ".weight", kPackedKind);
  if (!first.ok())
    return first.status();
  absl::StatusOr<Argument> second = Argument{};
  if (bias && bias->defined())
    second = plainTensor(*bias, slot + ".bias", kPackedKind);
  if (!second.ok())
    return second.status();
  return std::vector<NamedArgument>{{"weight", *std::move(first)}, {"bias", *std::move(second)}};
}

template <int kSpatialDims>
absl::StatusOr<Argument> GraphReader::convParams(const c10::IValue &value, TypeKind kind,
                                                 const std::string &slot) {
  auto params = value.toCustomClass<ConvPackedParamsBase<kSpatialDims>>();
  auto inputs = unpacked(params->unpack(), slot);
  if (!inputs.ok())
    return inputs.status();
  inputs->push_back({"stride", listOf(params->stride())});
  inputs->push_back({"padding", listOf(params->padding())});
  inputs->push_back({"output_padding", listOf(params->output_padding())});
  inputs->push_back({"dilation", listOf(params->dilation())});
  inputs->push_back({"groups", Argument{params->groups()}});
  inputs->push_back({"transposed", Argument{params->transpose()}});
  return make(kSpatialDims == 2 ? "conv2d_params.create" : "conv3d_params.create",
              GraphType::of(kind), *std::move(inputs));
}

// (kind, tensors, scales, numbers, packed weights), which PyTorch serializes.
absl::StatusOr<Argument> GraphReader::cellParams(const c10::IValue &value,
                                                 const std::string &slot) {
  c10::IValue state = value.type()->expectRef<c10::ClassType>().getMethod("__getstate__")({value});
  const auto &parts = state.toTupleRef().elements();
  static constexpr const char *kParts[] = {"kind", "tensors", "scales", "numbers", "weights"};
  if (parts.size() != std::size(kParts))
    return absl::UnimplementedError("'" + slot + "' is a quantized cell of " +
                                    std::to_string(parts.size()) + " parts");
  std::vector<NamedArgument> inputs;
  for (size_t i = 0; i < parts.size(); ++i) {
    absl::StatusOr<Argument> part = constant(parts[i], slot + "." + kParts[i], kPackedKind);
    if (!part.ok())
      return part.status();
    inputs.push_back({kParts[i], *std::move(part)});
  }
  return make("cell_params.create", GraphType::of(TypeKind::CellParams), std::move(inputs));
}

absl::StatusOr<Argument> GraphReader::packedParams(const c10::IValue &value,
                                                   const std::string &slot) {
  const void *object = value.toObject().get();
  if (auto known = packed_.find(object); known != packed_.end())
    return Argument{known->second};
  auto read = [&](TypeKind kind) -> absl::StatusOr<Argument> {
    switch (kind) {
    case TypeKind::Conv2dParams:
      return convParams<2>(value, kind, slot);
    case TypeKind::Conv3dParams:
      return convParams<3>(value, kind, slot);
    case TypeKind::CellParams:
      return cellParams(value, slot);
    case TypeKind::LinearParams: {
      auto inputs = unpacked(value.toCustomClass<LinearPackedParamsBase>()->unpack(), slot);
      if (!inputs.ok())
        return inputs.status();
      return make("linear_params.create", GraphType::of(kind), *std::move(inputs));
    }
    default: {
      absl::StatusOr<Argument> weight =
          plainTensor(value.toCustomClass<EmbeddingPackedParamsBase>()->unpack(), slot + ".weight",
                      kPackedKind);
      if (!weight.ok())
        return weight.status();
      return make("embedding_params.create", GraphType::of(kind), {{"weight", *weight}});
    }
    }
  };
  TypeKind kind = kindOf(*value.type());
  if (kind == TypeKind::Object)
    return absl::UnimplementedError("'" + slot + "' is an object of the custom class " +
                                    value.type()->repr_str() +
                                    ", which has no form in the torch dialect");
  absl::StatusOr<Argument> result = read(kind);
  if (result.ok())
    packed_.emplace(object, *result->asValue());
  return result;
}

} // namespace linalgd
