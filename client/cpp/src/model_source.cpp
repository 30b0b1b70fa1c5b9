#include "linalgd/model_source.h"

#include "client/cpp/src/file.h"
#include "client/cpp/src/zip_directory.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <ctime>
#include <map>
#include <mutex>
#include <set>
#include <tuple>

namespace linalgd::client {
namespace {

// Entries that no compiler reads: a pickle of the user's own data, and what differs in each save.
bool isIgnored(std::string_view name) {
  return name.starts_with("data/sample_inputs/") || name.starts_with(".data/");
}

bool isSafeName(std::string_view name) {
  return !name.empty() && name[0] != '/' && name.find("..") == std::string_view::npos &&
         name.find('\\') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

// The parts of a .pt2 of today's layout, without digests; nothing for other files.
std::vector<ModelSource::Part> splitPt2(std::string_view bytes) {
  std::optional<std::vector<ZipEntry>> entries = readZipDirectory(bytes);
  if (!entries || entries->empty())
    return {};
  std::string_view root = (*entries)[0].name.substr(0, (*entries)[0].name.find('/') + 1);
  std::vector<ModelSource::Part> parts;
  std::set<std::string_view> names;
  bool hasModel = false, hasFormat = false;
  for (const ZipEntry &entry : *entries) {
    if (root.empty() || !entry.name.starts_with(root))
      return {};
    std::string_view name = entry.name.substr(root.size());
    if (!isSafeName(name) || !names.insert(name).second)
      return {};
    hasModel |= name.starts_with("models/");
    hasFormat |= name == "archive_format" && bytes.substr(entry.offset, entry.size) == "pt2";
    if (!isIgnored(name))
      parts.push_back({std::string(name), {}, bytes.substr(entry.offset, entry.size)});
  }
  return hasModel && hasFormat ? parts : std::vector<ModelSource::Part>();
}

// Digests of the files that this process has read.
class DigestMemo {
public:
  using Key = std::tuple<dev_t, ino_t, off_t, time_t, long>;

  static Key keyOf(const struct stat &info) {
    return {info.st_dev, info.st_ino, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
  }

  std::optional<std::vector<Digest>> find(const Key &key) {
    std::lock_guard lock(mutex_);
    auto found = digests_.find(key);
    return found == digests_.end() ? std::nullopt : std::optional(found->second);
  }

  void insert(const Key &key, std::vector<Digest> digests) {
    std::lock_guard lock(mutex_);
    if (digests_.size() >= kMaxFiles)
      digests_.clear();
    digests_[key] = std::move(digests);
  }

private:
  static constexpr size_t kMaxFiles = 1024;

  std::mutex mutex_;
  std::map<Key, std::vector<Digest>> digests_;
};

// Whether the modification time is old enough for another change to give another one.
bool isSettled(const struct stat &info) { return std::time(nullptr) - info.st_mtim.tv_sec > 1; }

DigestMemo &digestMemo() {
  static DigestMemo memo;
  return memo;
}

} // namespace

class ModelSource::Content {
public:
  explicit Content(std::shared_ptr<MappedFile> file, std::string path)
      : file_(std::move(file)), path_(std::move(path)) {}
  explicit Content(std::string bytes) : bytes_(std::move(bytes)) {}

  std::string_view bytes() const { return file_ ? file_->bytes() : bytes_; }
  const MappedFile *file() const { return file_.get(); }
  const std::string &path() const { return path_; }

private:
  std::shared_ptr<MappedFile> file_;
  std::string path_;
  std::string bytes_;
};

absl::StatusOr<ModelSource> ModelSource::make(ModelFormat format,
                                              std::shared_ptr<const Content> content) {
  std::vector<Part> parts;
  if (format == ModelFormat::Detect || format == ModelFormat::Pt2)
    parts = splitPt2(content->bytes());
  if (parts.empty())
    parts.push_back({"", {}, content->bytes()});

  const MappedFile *file = content->file();
  std::optional<std::vector<Digest>> known;
  if (file)
    known = digestMemo().find(DigestMemo::keyOf(file->info()));
  if (!known || known->size() != parts.size()) {
    known.emplace();
    for (const Part &part : parts)
      known->push_back(sha256(part.bytes));
    if (file && file->unchanged() && isSettled(file->info()))
      digestMemo().insert(DigestMemo::keyOf(file->info()), *known);
  }
  for (size_t i = 0; i < parts.size(); ++i)
    parts[i].digest = (*known)[i];
  return ModelSource(format, std::move(content),
                     std::make_shared<const std::vector<Part>>(std::move(parts)));
}

absl::StatusOr<ModelSource> ModelSource::fromFile(const std::string &path, ModelFormat format) {
  absl::StatusOr<std::shared_ptr<MappedFile>> file = MappedFile::open(path);
  if (!file.ok())
    return file.status();
  if (format == ModelFormat::Detect && (path.ends_with(".mlir") || path.ends_with(".mlirbc")))
    format = ModelFormat::Mlir;
  if ((*file)->bytes().empty())
    return absl::InvalidArgumentError(absl::StrCat(path, ": the file is empty"));
  return make(format, std::make_shared<Content>(std::move(*file), path));
}

absl::StatusOr<ModelSource> ModelSource::fromBytes(std::string bytes, ModelFormat format) {
  if (bytes.empty())
    return absl::InvalidArgumentError("the model is empty");
  return make(format, std::make_shared<Content>(std::move(bytes)));
}

const ModelSource::Part *ModelSource::find(const Digest &digest) const {
  auto found = std::ranges::find(*parts_, digest, &Part::digest);
  return found == parts_->end() ? nullptr : &*found;
}

absl::Status ModelSource::checkUnchanged() const {
  if (!content_->file() || content_->file()->unchanged())
    return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      content_->path(), ": the file changed while it was being sent; submit it again"));
}

} // namespace linalgd::client
