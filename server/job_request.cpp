#include "server/job_request.h"

#include "proto/marshal.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

#include <algorithm>
#include <bit>

namespace linalgd {
namespace {

// docs/protocol.md, "Limits".
constexpr int kMaxBlobs = 10'000;
constexpr size_t kMaxBlobName = 1024;
constexpr int kMaxKeepOps = 1000;
constexpr int kMaxInputs = 4096;
constexpr int kMaxRank = 64;
constexpr size_t kMaxName = 256;
constexpr size_t kMaxTarget = 2048;
constexpr size_t kMaxJobId = 128;

absl::Status invalid(const std::string &message) { return absl::InvalidArgumentError(message); }

std::string quoted(const std::string &text) {
  return absl::StrCat("'", absl::CHexEscape(text.substr(0, 80)), "'");
}

bool consistsOf(const std::string &text, std::string_view others) {
  return std::ranges::all_of(text, [&](unsigned char c) {
    return absl::ascii_isalnum(c) || others.find(static_cast<char>(c)) != std::string_view::npos;
  });
}

absl::Status checkModel(const v1::Model &model) {
  if (model.blobs().empty())
    return invalid("model.blobs is empty: a model is one unnamed blob, or named blobs");
  if (model.blobs_size() > kMaxBlobs)
    return invalid(absl::StrCat("model.blobs has ", model.blobs_size(), " entries; at most ",
                                kMaxBlobs, " are allowed"));
  std::vector<std::string_view> names;
  for (const v1::NamedBlob &blob : model.blobs()) {
    if (blob.name().empty() && model.blobs_size() > 1)
      return invalid("model.blobs: only a model of a single blob may leave its name out");
    if (blob.name().size() > kMaxBlobName)
      return invalid(absl::StrCat("model.blobs: a name is longer than ", kMaxBlobName, " bytes"));
    names.push_back(blob.name());
  }
  std::ranges::sort(names);
  if (auto twin = std::ranges::adjacent_find(names); twin != names.end())
    return invalid(absl::StrCat("model.blobs: ", quoted(std::string(*twin)), " occurs twice"));
  return absl::OkStatus();
}

absl::Status checkInput(const v1::InputSpec &input) {
  auto tooLong = [](const std::string &text) { return text.size() > kMaxName; };
  if (tooLong(input.name()) || tooLong(input.dtype()) || tooLong(input.string_value()) ||
      std::ranges::any_of(input.symbols(), tooLong))
    return invalid(absl::StrCat("options.inputs: a name is longer than ", kMaxName, " bytes"));
  if (input.shape_size() > kMaxRank)
    return invalid(absl::StrCat("options.inputs: a shape has more than ", kMaxRank, " dimensions"));
  if (std::ranges::any_of(input.shape(), [](int64_t size) { return size < -1; }))
    return invalid("options.inputs: a dimension is a size, or -1 where it is dynamic");
  if (input.symbols_size() > 0 && input.symbols_size() != input.shape_size())
    return invalid("options.inputs: symbols are none, or one for each dimension");
  return absl::OkStatus();
}

// Counts the inputs, those inside of others included.
absl::Status checkInputs(const google::protobuf::RepeatedPtrField<v1::InputSpec> &inputs,
                         size_t depth, int &count) {
  if (depth > kMaxInputDepth)
    return invalid(
        absl::StrCat("options.inputs: containers are nested more than ", kMaxInputDepth, " times"));
  count += inputs.size();
  if (count > kMaxInputs)
    return invalid(absl::StrCat("options.inputs has more than ", kMaxInputs, " entries"));
  for (const v1::InputSpec &input : inputs) {
    if (absl::Status status = checkInput(input); !status.ok())
      return status;
    if (absl::Status status = checkInputs(input.items(), depth + 1, count); !status.ok())
      return status;
  }
  return absl::OkStatus();
}

absl::Status checkOptions(const v1::CompileOptions &options) {
  if (options.target().size() > kMaxTarget)
    return invalid(absl::StrCat("options.target is longer than ", kMaxTarget, " bytes"));
  if (options.keep_ops_size() > kMaxKeepOps)
    return invalid(absl::StrCat("options.keep_ops has more than ", kMaxKeepOps, " entries"));
  for (const std::string &op : options.keep_ops())
    if (op.empty() || op.size() > kMaxName || !consistsOf(op, "._"))
      return invalid(absl::StrCat("options.keep_ops: ", quoted(op),
                                  " is not an op's name, such as 'aten.gelu'"));
  const std::string &entry = options.entry();
  if (entry.size() > kMaxName || !consistsOf(entry, "_") ||
      (!entry.empty() && absl::ascii_isdigit(static_cast<unsigned char>(entry[0]))))
    return invalid(absl::StrCat("options.entry: ", quoted(entry),
                                " is not a function's name: letters, digits and '_'"));
  if (options.model_name().size() > kMaxName)
    return invalid(absl::StrCat("options.model_name is longer than ", kMaxName, " bytes"));
  int count = 0;
  return checkInputs(options.inputs(), 0, count);
}

absl::StatusOr<std::chrono::milliseconds> parseTimeout(const v1::SubmitRequest &proto,
                                                       const RequestLimits &limits) {
  if (!proto.has_timeout())
    return limits.timeout;
  // Seconds beyond a year would overflow further down; so would be no timeout.
  if (proto.timeout().seconds() < 0 || proto.timeout().nanos() < 0 ||
      (proto.timeout().seconds() == 0 && proto.timeout().nanos() == 0))
    return invalid("timeout is not positive");
  if (proto.timeout().seconds() > int64_t{366} * 86400)
    return limits.timeout;
  auto timeout = std::chrono::ceil<std::chrono::milliseconds>(fromProto(proto.timeout()));
  return std::min(timeout, limits.timeout);
}

void hashInputs(const std::vector<InputSpec> &inputs, Hasher &hasher) {
  hasher.field(inputs.size());
  for (const InputSpec &input : inputs) {
    hasher.field(static_cast<uint64_t>(input.kind)).field(input.name).field(input.dtype);
    hasher.field(input.shape.size());
    for (int64_t size : input.shape)
      hasher.field(static_cast<uint64_t>(size));
    hasher.field(input.symbols.size());
    for (const std::string &symbol : input.symbols)
      hasher.field(symbol);
    hasher.field(input.value.index());
    if (const auto *flag = std::get_if<bool>(&input.value))
      hasher.field(*flag);
    else if (const auto *integer = std::get_if<int64_t>(&input.value))
      hasher.field(static_cast<uint64_t>(*integer));
    else if (const auto *real = std::get_if<double>(&input.value))
      hasher.field(std::bit_cast<uint64_t>(*real));
    else if (const auto *text = std::get_if<std::string>(&input.value))
      hasher.field(*text);
    hashInputs(input.items, hasher);
  }
}

void hashOptions(const Options &options, Hasher &hasher) {
  hasher.field(static_cast<uint64_t>(options.emit)).field(options.target);
  hasher.field(static_cast<uint64_t>(options.weights));
  hasher.field(static_cast<uint64_t>(options.locations));
  hasher.field(options.keepOps.size());
  for (const std::string &op : options.keepOps)
    hasher.field(op);
  hasher.field(options.entry).field(options.modelName);
  hashInputs(options.inputs, hasher);
}

} // namespace

absl::Status checkJobId(const std::string &id) {
  if (!id.empty() && id.size() <= kMaxJobId && consistsOf(id, "._-"))
    return absl::OkStatus();
  return invalid(absl::StrCat("job_id: ", quoted(id), " is not 1 to ", kMaxJobId,
                              " characters of [A-Za-z0-9._-]"));
}

absl::StatusOr<JobRequest> parseRequest(const v1::SubmitRequest &proto,
                                        const RequestLimits &limits) {
  if (absl::Status checked = checkJobId(proto.job_id()); !checked.ok())
    return checked;
  if (proto.label().size() > kMaxName)
    return invalid(absl::StrCat("label is longer than ", kMaxName, " bytes"));
  if (absl::Status checked = checkModel(proto.model()); !checked.ok())
    return checked;
  if (absl::Status checked = checkOptions(proto.options()); !checked.ok())
    return checked;
  absl::StatusOr<std::chrono::milliseconds> timeout = parseTimeout(proto, limits);
  if (!timeout.ok())
    return timeout.status();
  absl::StatusOr<Model> model = fromProto(proto.model());
  if (!model.ok())
    return model.status();
  absl::StatusOr<Options> options = fromProto(proto.options());
  if (!options.ok())
    return options.status();

  std::ranges::sort(model->blobs, std::less(), &Blob::name);
  std::ranges::sort(options->keepOps);
  auto repeated = std::ranges::unique(options->keepOps);
  options->keepOps.erase(repeated.begin(), repeated.end());
  if (options->target.empty())
    options->target = limits.defaultTarget;
  return JobRequest{proto.job_id(), proto.label(), *std::move(model), *std::move(options),
                    *timeout};
}

Digest JobRequest::inspectionDigest() const {
  Hasher hasher;
  hasher.field("linalgd request 1").field(static_cast<uint64_t>(model.format));
  hasher.field(model.blobs.size());
  for (const Blob &blob : model.blobs)
    hasher.field(blob.name).field(blob.digest.hex());
  hashOptions(options, hasher);
  return hasher.finish();
}

Digest JobRequest::digest() const {
  return Hasher()
      .field(inspectionDigest().hex())
      .field(label)
      .field(static_cast<uint64_t>(timeout.count()))
      .finish();
}

std::vector<Digest> JobRequest::blobs() const {
  std::vector<Digest> digests;
  digests.reserve(model.blobs.size());
  for (const Blob &blob : model.blobs)
    digests.push_back(blob.digest);
  return digests;
}

} // namespace linalgd
