#include "proto/marshal.h"

#include "compiler/api/readable.h"

#include "absl/strings/str_cat.h"

namespace linalgd {
namespace {

// Our enumerators have the values of protobuf's.
static_assert(static_cast<int>(WeightsMode::Params) == v1::WEIGHTS_MODE_PARAMS);
static_assert(static_cast<int>(LocationsMode::Python) == v1::LOCATIONS_MODE_PYTHON);
static_assert(static_cast<int>(ModelFormat::Mlir) == v1::MODEL_FORMAT_MLIR);
static_assert(static_cast<int>(InputSpec::Kind::Dict) == v1::INPUT_KIND_DICT);

absl::Status unknown(const char *what, const std::string &value) {
  return absl::InvalidArgumentError(
      absl::StrCat("unknown ", what, " '", value, "'; GetServerInfo lists what this server takes"));
}

template <typename Enum> bool inRange(int value, Enum last) {
  return value >= 0 && value <= static_cast<int>(last);
}

absl::StatusOr<Stage> stageFromProto(const std::string &name) {
  if (std::optional<Stage> stage = parseStage(name))
    return *stage;
  return unknown("stage", name);
}

void toProto(const InputSpec &input, v1::InputSpec *proto) {
  proto->set_name(input.name);
  proto->set_dtype(input.dtype);
  proto->mutable_shape()->Assign(input.shape.begin(), input.shape.end());
  proto->set_kind(static_cast<v1::InputKind>(input.kind));
  proto->mutable_symbols()->Assign(input.symbols.begin(), input.symbols.end());
  if (const auto *flag = std::get_if<bool>(&input.value))
    proto->set_bool_value(*flag);
  else if (const auto *integer = std::get_if<int64_t>(&input.value))
    proto->set_int_value(*integer);
  else if (const auto *real = std::get_if<double>(&input.value))
    proto->set_float_value(*real);
  else if (const auto *text = std::get_if<std::string>(&input.value))
    proto->set_string_value(*text);
  for (const InputSpec &item : input.items)
    toProto(item, proto->add_items());
}

// The reader of messages bounds their depth.
absl::StatusOr<InputSpec> inputFromProto(const v1::InputSpec &proto) {
  if (!inRange(proto.kind(), InputSpec::Kind::Dict))
    return unknown("kind of input", absl::StrCat(static_cast<int>(proto.kind())));
  InputSpec input;
  input.name = proto.name();
  input.dtype = proto.dtype();
  input.shape.assign(proto.shape().begin(), proto.shape().end());
  input.kind = static_cast<InputSpec::Kind>(proto.kind());
  input.symbols.assign(proto.symbols().begin(), proto.symbols().end());
  switch (proto.value_case()) {
  case v1::InputSpec::kBoolValue:
    input.value = proto.bool_value();
    break;
  case v1::InputSpec::kIntValue:
    input.value = int64_t{proto.int_value()};
    break;
  case v1::InputSpec::kFloatValue:
    input.value = proto.float_value();
    break;
  case v1::InputSpec::kStringValue:
    input.value = proto.string_value();
    break;
  case v1::InputSpec::VALUE_NOT_SET:
    break;
  }
  for (const v1::InputSpec &item : proto.items()) {
    absl::StatusOr<InputSpec> read = inputFromProto(item);
    if (!read.ok())
      return read.status();
    input.items.push_back(*std::move(read));
  }
  return input;
}

} // namespace

void toProto(const Options &options, v1::CompileOptions *proto) {
  proto->set_emit(std::string(stageName(options.emit)));
  proto->set_target(options.target);
  proto->set_weights(static_cast<v1::WeightsMode>(options.weights));
  proto->set_locations(static_cast<v1::LocationsMode>(options.locations));
  proto->mutable_keep_ops()->Assign(options.keepOps.begin(), options.keepOps.end());
  proto->set_entry(options.entry);
  proto->set_model_name(options.modelName);
  for (const InputSpec &input : options.inputs)
    toProto(input, proto->add_inputs());
}

absl::StatusOr<Options> fromProto(const v1::CompileOptions &proto) {
  Options options;
  if (!proto.emit().empty()) {
    absl::StatusOr<Stage> stage = stageFromProto(proto.emit());
    if (!stage.ok())
      return stage.status();
    options.emit = *stage;
  }
  if (!inRange(proto.weights(), WeightsMode::Params))
    return unknown("weights mode", absl::StrCat(static_cast<int>(proto.weights())));
  if (!inRange(proto.locations(), LocationsMode::Python))
    return unknown("locations mode", absl::StrCat(static_cast<int>(proto.locations())));
  options.target = proto.target();
  options.weights = static_cast<WeightsMode>(proto.weights());
  options.locations = static_cast<LocationsMode>(proto.locations());
  options.keepOps.assign(proto.keep_ops().begin(), proto.keep_ops().end());
  if (!proto.entry().empty())
    options.entry = proto.entry();
  options.modelName = proto.model_name();
  for (const v1::InputSpec &input : proto.inputs()) {
    absl::StatusOr<InputSpec> read = inputFromProto(input);
    if (!read.ok())
      return read.status();
    options.inputs.push_back(*std::move(read));
  }
  return options;
}

void toProto(const SourceLocation &location, v1::SourceLocation *proto) {
  proto->set_file(readable(location.file));
  proto->set_line(location.line);
  proto->set_function(readable(location.function));
  proto->set_module(readable(location.module));
  proto->set_column(location.column);
}

SourceLocation fromProto(const v1::SourceLocation &proto) {
  return {proto.file(), proto.line(), proto.function(), proto.module(), proto.column()};
}

void toProto(const Diagnostic &diagnostic, v1::Diagnostic *proto) {
  proto->set_severity(static_cast<v1::Severity>(static_cast<int>(diagnostic.severity) + 1));
  proto->set_code(diagnostic.code);
  proto->set_message(readable(diagnostic.message));
  proto->set_op(readable(diagnostic.op));
  proto->set_node(diagnostic.node);
  if (diagnostic.location)
    toProto(*diagnostic.location, proto->mutable_location());
  proto->set_hint(readable(diagnostic.hint));
}

Diagnostic fromProto(const v1::Diagnostic &proto) {
  Diagnostic diagnostic;
  if (inRange(proto.severity() - 1, Severity::Error))
    diagnostic.severity = static_cast<Severity>(proto.severity() - 1);
  diagnostic.code = proto.code();
  diagnostic.message = proto.message();
  diagnostic.op = proto.op();
  diagnostic.node = proto.node();
  if (proto.has_location())
    diagnostic.location = fromProto(proto.location());
  diagnostic.hint = proto.hint();
  return diagnostic;
}

void toProto(const WeightBinding &binding, v1::WeightBinding *proto) {
  proto->set_slot(binding.slot);
  proto->set_dtype(binding.dtype);
  proto->mutable_shape()->Assign(binding.shape.begin(), binding.shape.end());
  proto->set_bound(binding.bound);
  if (!binding.bound)
    return;
  proto->set_digest(binding.blob.hex());
  proto->set_offset(binding.offset);
  proto->set_size(binding.size);
  proto->mutable_strides()->Assign(binding.strides.begin(), binding.strides.end());
}

absl::StatusOr<WeightBinding> fromProto(const v1::WeightBinding &proto) {
  WeightBinding binding;
  binding.slot = proto.slot();
  binding.dtype = proto.dtype();
  binding.shape.assign(proto.shape().begin(), proto.shape().end());
  binding.bound = proto.bound();
  if (!binding.bound)
    return binding;
  absl::StatusOr<Digest> digest = Digest::fromHex(proto.digest());
  if (!digest.ok())
    return digest.status();
  binding.blob = *digest;
  binding.offset = proto.offset();
  binding.size = proto.size();
  binding.strides.assign(proto.strides().begin(), proto.strides().end());
  return binding;
}

void toProto(const Inspection &inspection, v1::Inspected *proto) {
  for (const StageKey &key : inspection.keys) {
    v1::StageKey *out = proto->add_keys();
    out->set_stage(std::string(stageName(key.stage)));
    out->set_key(key.key.hex());
  }
  proto->set_target(inspection.target);
  for (const WeightBinding &binding : inspection.weights)
    toProto(binding, proto->add_weights());
  proto->set_signature_json(inspection.signature);
  for (const auto &[node, location] : inspection.sourceMap)
    toProto(location, &(*proto->mutable_source_map())[node]);
}

absl::StatusOr<Inspection> fromProto(const v1::Inspected &proto) {
  Inspection inspection;
  for (const v1::StageKey &key : proto.keys()) {
    absl::StatusOr<Stage> stage = stageFromProto(key.stage());
    if (!stage.ok())
      return stage.status();
    absl::StatusOr<Digest> digest = Digest::fromHex(key.key());
    if (!digest.ok())
      return digest.status();
    inspection.keys.push_back({*stage, *digest});
  }
  inspection.target = proto.target();
  for (const v1::WeightBinding &binding : proto.weights()) {
    absl::StatusOr<WeightBinding> weight = fromProto(binding);
    if (!weight.ok())
      return weight.status();
    inspection.weights.push_back(*std::move(weight));
  }
  inspection.signature = proto.signature_json();
  for (const auto &[node, location] : proto.source_map())
    inspection.sourceMap.emplace(node, fromProto(location));
  return inspection;
}

void toProto(const CompilerInfo &info, v1::ServerInfo *proto) {
  proto->set_version(info.version);
  proto->set_build_id(info.buildId);
  proto->mutable_libraries()->insert(info.libraries.begin(), info.libraries.end());
  for (const StageInfo &stage : info.stages) {
    v1::StageInfo *out = proto->add_stages();
    out->set_name(std::string(stageName(stage.stage)));
    out->set_description(stage.description);
    out->set_artifact_name(stage.artifactName);
  }
  proto->mutable_targets()->Assign(info.targets.begin(), info.targets.end());
}

absl::StatusOr<CompilerInfo> fromProto(const v1::ServerInfo &proto) {
  CompilerInfo info;
  info.version = proto.version();
  info.buildId = proto.build_id();
  info.libraries.insert(proto.libraries().begin(), proto.libraries().end());
  for (const v1::StageInfo &in : proto.stages()) {
    absl::StatusOr<Stage> stage = stageFromProto(in.name());
    if (!stage.ok())
      return stage.status();
    info.stages.push_back({*stage, in.description(), in.artifact_name()});
  }
  info.targets.assign(proto.targets().begin(), proto.targets().end());
  return info;
}

void toProto(std::chrono::microseconds elapsed, google::protobuf::Duration *proto) {
  proto->set_seconds(elapsed.count() / 1'000'000);
  proto->set_nanos(static_cast<int32_t>(elapsed.count() % 1'000'000 * 1'000));
}

std::chrono::microseconds fromProto(const google::protobuf::Duration &proto) {
  return std::chrono::seconds(proto.seconds()) + std::chrono::microseconds(proto.nanos() / 1'000);
}

void toProto(const Model &model, v1::Model *proto) {
  proto->set_format(static_cast<v1::ModelFormat>(model.format));
  for (const Blob &blob : model.blobs) {
    v1::NamedBlob *out = proto->add_blobs();
    out->set_name(blob.name);
    out->set_digest(blob.digest.hex());
    out->set_size(blob.size);
  }
}

absl::StatusOr<Model> fromProto(const v1::Model &proto) {
  Model model;
  if (!inRange(proto.format(), ModelFormat::Mlir))
    return unknown("model format", absl::StrCat(static_cast<int>(proto.format())));
  model.format = static_cast<ModelFormat>(proto.format());
  for (const v1::NamedBlob &in : proto.blobs()) {
    absl::StatusOr<Digest> digest = Digest::fromHex(in.digest());
    if (!digest.ok())
      return digest.status();
    Blob &blob = model.blobs.emplace_back();
    blob.name = in.name();
    blob.digest = *digest;
    blob.size = in.size();
  }
  return model;
}

} // namespace linalgd
