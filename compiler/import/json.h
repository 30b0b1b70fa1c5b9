// Reading JSON strictly: every value knows its path in the document, and the first thing that is
// not as expected becomes the document's error, naming that path. After an error all reads give
// defaults, so that readers stay plain code and check once at the end.
#pragma once

#include "absl/status/statusor.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

namespace linalgd {

class JsonDocument;

// A place in a document. Lives on the stack; a place made from another must not outlive it.
class JsonPlace {
public:
  // Whether there is anything: a field that is not absent and not null.
  explicit operator bool() const;

  // Fields. operator[] demands the field; get() gives an empty place where it is absent or null.
  JsonPlace operator[](std::string_view key) const &;
  JsonPlace get(std::string_view key) const &;
  JsonPlace operator[](std::string_view key) const && = delete;
  JsonPlace get(std::string_view key) const && = delete;
  // Fails for any field that is not one of these; null fields are ignored.
  void allowOnly(std::initializer_list<std::string_view> keys) const;
  // A tagged union, {"tag": value}: calls read(tag, value).
  void tagged(const std::function<void(std::string_view, const JsonPlace &)> &read) const;

  void eachField(const std::function<void(std::string_view, const JsonPlace &)> &read) const;
  void eachItem(const std::function<void(const JsonPlace &)> &read) const;
  size_t size() const; // of an array

  bool isBoolean() const;
  int64_t integer() const;
  bool boolean() const;
  double number() const; // also "Infinity", "-Infinity" and "NaN" as strings
  std::string_view string() const;

  // Makes this place the document's error, unless it has one.
  void fail(std::string_view what) const;
  // The same, for what is well-formed and not supported (absl::StatusCode::kUnimplemented).
  void unsupported(std::string_view what) const;
  bool failed() const;
  std::string path() const; // "graph_module.graph.nodes[3].target"

private:
  friend class JsonDocument;
  JsonPlace(JsonDocument &document, const nlohmann::json *value, const JsonPlace *parent,
            std::string_view key, size_t index)
      : document_(document), value_(value), parent_(parent), key_(key), index_(index) {}
  void record(absl::StatusCode code, std::string_view what) const;
  std::string kindName() const;

  JsonDocument &document_;
  const nlohmann::json *value_;
  const JsonPlace *parent_;
  std::string_view key_; // of an object's field
  size_t index_;         // of an array's item, where the key has no data
};

class JsonDocument {
public:
  // What a document may be; the graph of a model of 8 billion parameters takes about 4 MB.
  static constexpr size_t kMaxBytes = size_t(1) << 30;
  static constexpr int kMaxDepth = 256;

  // `name` is the document's file name, for errors.
  static absl::StatusOr<std::unique_ptr<JsonDocument>> parse(std::string_view name,
                                                             std::string_view text);
  ~JsonDocument();

  JsonPlace root() { return JsonPlace(*this, root_.get(), nullptr, {}, 0); }
  const absl::Status &status() const { return status_; }

private:
  friend class JsonPlace;
  JsonDocument(std::string_view name);

  std::string name_;
  std::unique_ptr<nlohmann::json> root_;
  absl::Status status_;
};

} // namespace linalgd
