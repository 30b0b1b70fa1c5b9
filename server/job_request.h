// A Submit request, checked and brought into one form, so that equal requests have equal digests.
#pragma once

#include "compiler/api/compiler.h"

#include "linalgd/v1/compile.pb.h"

namespace linalgd {

struct JobRequest {
  std::string id;
  std::string label;
  Model model; // without descriptors, blobs in the order of their names
  Options options;
  std::chrono::milliseconds timeout{0};

  // Of the model and the options: what an inspection depends on.
  Digest inspectionDigest() const;
  // Of everything but the id: what makes a second Submit the same one.
  Digest digest() const;
  std::vector<Digest> blobs() const;
};

struct RequestLimits {
  std::chrono::milliseconds timeout{std::chrono::minutes(10)}; // the default, and the most
  std::string defaultTarget;
};

// InvalidArgument names the field at fault.
absl::StatusOr<JobRequest> parseRequest(const v1::SubmitRequest &proto,
                                        const RequestLimits &limits);

// For Get, Watch and Cancel.
absl::Status checkJobId(const std::string &id);

} // namespace linalgd
