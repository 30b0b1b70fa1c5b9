// Compiles a model on a server and prints what its executable takes:
// linalgd-compile-and-run HOST:PORT MODEL.pt2 MODEL.so
#include "linalgd/client.h"
#include "linalgd/executable.h"

#include <cstdio>
#include <string>

namespace {

absl::Status run(const std::string &address, const std::string &path, const std::string &library) {
  absl::StatusOr<linalgd::Client> client = linalgd::Client::connect(address);
  if (!client.ok())
    return client.status();
  auto model = linalgd::client::ModelSource::fromFile(path);
  if (!model.ok())
    return model.status();
  linalgd::client::SubmitOptions options;
  options.options.emit = linalgd::Stage::Executable;
  auto job = client->submit(*model, options);
  if (!job.ok())
    return job.status();
  absl::StatusOr<linalgd::client::Artifact> artifact = job->result();
  if (!artifact.ok())
    return artifact.status();
  if (absl::Status status = client->download(artifact->files.front(), library); !status.ok())
    return status;
  absl::StatusOr<linalgd::Executable> executable = linalgd::Executable::load(library);
  if (!executable.ok())
    return executable.status();
  for (const linalgd::client::Value &input : executable->manifest().signature.inputs)
    std::printf("%s: %s%s\n", input.name.c_str(), input.dtype.c_str(),
                linalgd::client::toString(input.shape).c_str());
  return absl::OkStatus();
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s HOST:PORT MODEL.pt2 MODEL.so\n", argv[0]);
    return 2;
  }
  absl::Status status = run(argv[1], argv[2], argv[3]);
  if (!status.ok())
    std::fprintf(stderr, "%s: %s\n", argv[0], std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
