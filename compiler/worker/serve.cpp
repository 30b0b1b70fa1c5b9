#include "compiler/worker/serve.h"
#include "compiler/api/readable.h"
#include "proto/marshal.h"
#include "proto/message_channel.h"

#include "absl/strings/str_cat.h"

namespace linalgd {
namespace {

std::vector<int> describe(const std::vector<ArtifactFile> &files,
                          google::protobuf::RepeatedPtrField<v1::ArtifactFile> *out) {
  std::vector<int> descriptors;
  for (const ArtifactFile &file : files) {
    v1::ArtifactFile *proto = out->Add();
    proto->set_name(file.name);
    proto->set_media_type(file.mediaType);
    proto->set_size(file.size);
    descriptors.push_back(file.fd.get());
  }
  return descriptors;
}

// Sends what happens during a compile to the daemon, as it happens.
class ChannelSink : public StageSink {
public:
  explicit ChannelSink(MessageChannel &channel) : channel_(channel) {}

  void stageStarted(Stage stage) override {
    v1::WorkerResponse response;
    response.set_stage_started(std::string(stageName(stage)));
    send(response);
  }

  void stageFinished(Stage stage, std::chrono::microseconds elapsed) override {
    v1::WorkerResponse response;
    response.mutable_stage_finished()->set_stage(std::string(stageName(stage)));
    toProto(elapsed, response.mutable_stage_finished()->mutable_elapsed());
    send(response);
  }

  void stageArtifact(Stage stage, Artifact artifact) override {
    v1::WorkerResponse response;
    response.mutable_stage_artifact()->set_stage(std::string(stageName(stage)));
    send(response, describe(artifact.files, response.mutable_stage_artifact()->mutable_files()));
  }

  void diagnostic(Diagnostic diagnostic) override {
    v1::WorkerResponse response;
    toProto(diagnostic, response.mutable_diagnostic());
    send(response);
  }

  void reproducer(ArtifactFile file) override { reproducer_ = std::move(file); }

  absl::Status fail(const absl::Status &status) {
    v1::WorkerResponse response;
    v1::WorkerFailure *failure = response.mutable_failure();
    failure->set_code(absl::StatusCodeToString(status.code()));
    failure->set_message(readable(std::string(status.message())));
    std::vector<int> descriptors;
    if (reproducer_) {
      failure->mutable_reproducer()->set_name(reproducer_->name);
      failure->mutable_reproducer()->set_media_type(reproducer_->mediaType);
      failure->mutable_reproducer()->set_size(reproducer_->size);
      descriptors.push_back(reproducer_->fd.get());
    }
    send(response, descriptors);
    return status_;
  }

  void send(const v1::WorkerResponse &response, const std::vector<int> &descriptors = {}) {
    if (status_.ok())
      status_ = channel_.send(response, descriptors);
  }

  const absl::Status &status() const { return status_; }

private:
  MessageChannel &channel_;
  absl::Status status_;
  std::optional<ArtifactFile> reproducer_;
};

absl::StatusOr<Model> takeModel(const v1::Model &proto, std::vector<UniqueFd> *descriptors,
                                size_t extra) {
  absl::StatusOr<Model> model = fromProto(proto);
  if (!model.ok())
    return model.status();
  if (descriptors->size() != model->blobs.size() + extra)
    return absl::InternalError(absl::StrCat(model->blobs.size() + extra, " descriptors expected, ",
                                            descriptors->size(), " came"));
  for (size_t i = 0; i < model->blobs.size(); ++i)
    model->blobs[i].fd = std::move((*descriptors)[i]);
  return model;
}

absl::StatusOr<Inspection> inspect(Compiler &compiler, const v1::InspectRequest &request,
                                   std::vector<UniqueFd> descriptors, StageSink &sink) {
  absl::StatusOr<Model> model = takeModel(request.model(), &descriptors, 0);
  if (!model.ok())
    return model.status();
  absl::StatusOr<Options> options = fromProto(request.options());
  if (!options.ok())
    return options.status();
  return compiler.inspect(*model, *options, sink);
}

absl::StatusOr<Artifact> compile(Compiler &compiler, const v1::CompileRequest &request,
                                 std::vector<UniqueFd> descriptors, StageSink &sink) {
  bool resumes = !request.resume_stage().empty();
  absl::StatusOr<Model> model = takeModel(request.model(), &descriptors, resumes ? 1 : 0);
  if (!model.ok())
    return model.status();
  absl::StatusOr<Options> options = fromProto(request.options());
  if (!options.ok())
    return options.status();
  std::optional<ResumePoint> resume;
  if (resumes) {
    std::optional<Stage> stage = parseStage(request.resume_stage());
    if (!stage)
      return absl::InternalError("the daemon names a stage to resume from that does not exist");
    resume = ResumePoint{*stage, std::move(descriptors.back()), request.resume_size()};
  }
  return compiler.compile(*model, *options, resume, sink);
}

absl::Status answer(Compiler &compiler, const v1::WorkerRequest &request,
                    std::vector<UniqueFd> descriptors, MessageChannel &channel) {
  ChannelSink sink(channel);
  v1::WorkerResponse response;
  if (request.has_inspect()) {
    absl::StatusOr<Inspection> inspection =
        inspect(compiler, request.inspect(), std::move(descriptors), sink);
    if (!inspection.ok())
      return sink.fail(inspection.status());
    toProto(*inspection, response.mutable_inspected());
    if (response.ByteSizeLong() > kMaxFrameBytes)
      return sink.fail(absl::ResourceExhaustedError(
          "the model's signature, weights and source map together exceed 64 MiB"));
    sink.send(response);
    return sink.status();
  }
  if (!request.has_compile())
    return absl::DataLossError("the daemon sent neither an inspect nor a compile request");
  absl::StatusOr<Artifact> artifact =
      compile(compiler, request.compile(), std::move(descriptors), sink);
  if (!artifact.ok())
    return sink.fail(artifact.status());
  sink.send(response, describe(artifact->files, response.mutable_compiled()->mutable_files()));
  return sink.status();
}

} // namespace

absl::Status serve(UniqueFd socket, Compiler &compiler,
                   const std::function<void()> &beforeRequest) {
  MessageChannel channel(std::move(socket), waitForever);
  v1::WorkerResponse hello;
  toProto(compiler.info(), hello.mutable_hello()->mutable_info());
  if (absl::Status sent = channel.send(hello); !sent.ok())
    return sent;
  while (true) {
    v1::WorkerRequest request;
    absl::StatusOr<std::vector<UniqueFd>> descriptors = channel.receive(&request);
    if (absl::IsUnavailable(descriptors.status()))
      return absl::OkStatus();
    if (!descriptors.ok())
      return descriptors.status();
    if (beforeRequest)
      beforeRequest();
    absl::Status answered = answer(compiler, request, *std::move(descriptors), channel);
    if (!answered.ok())
      return answered;
  }
}

} // namespace linalgd
