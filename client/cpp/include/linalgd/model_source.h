// A model to send: blobs that stay where they are until a server asks for them.
#pragma once

#include "compiler/api/types.h"

#include "absl/status/statusor.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace linalgd::client {

// Cheap to copy. A file is mapped and must not change before the submit is over.
class ModelSource {
public:
  // The entries of a .pt2 become a blob each, but those that no compiler reads (sample inputs, the
  // random serialization id), so that a second save sends only what changed; every other file is
  // one blob. Digests are computed once for a file as long as its size and time stay the same.
  // Errors: NotFound, PermissionDenied, InvalidArgument (empty, not a regular file).
  static absl::StatusOr<ModelSource> fromFile(const std::string &path,
                                              ModelFormat format = ModelFormat::Detect);
  // A file's content in memory, for example MLIR text.
  static absl::StatusOr<ModelSource> fromBytes(std::string bytes,
                                               ModelFormat format = ModelFormat::Detect);

  struct Part {
    std::string name; // the entry's path below the archive's root folder, or empty
    Digest digest;
    std::string_view bytes;
  };

  ModelFormat format() const { return format_; }
  const std::vector<Part> &parts() const { return *parts_; }
  const Part *find(const Digest &digest) const;
  // Fails where the file has changed under us: what was hashed is then not what would be sent.
  absl::Status checkUnchanged() const;

private:
  class Content;
  ModelSource(ModelFormat format, std::shared_ptr<const Content> content,
              std::shared_ptr<const std::vector<Part>> parts)
      : format_(format), content_(std::move(content)), parts_(std::move(parts)) {}
  static absl::StatusOr<ModelSource> make(ModelFormat format,
                                          std::shared_ptr<const Content> content);

  ModelFormat format_;
  std::shared_ptr<const Content> content_;
  std::shared_ptr<const std::vector<Part>> parts_;
};

} // namespace linalgd::client
