// The keys of a request's artifacts: one for each stage up to the one that is asked for, and what
// they are made of.
#pragma once

#include "compiler/api/compiler.h"
#include "compiler/import/canonical.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace linalgd {

// Raise it when the same model and options give another artifact though no binary changed its id.
inline constexpr uint64_t kKeyFormat = 2;

// The GNU build ids of this program and of the libraries that determine what it produces (MLIR,
// LLVM, libtorch): "linalgd-worker=1f…;libLLVM.so.22=11…".
const std::string &buildIds();

// Something that a key depends on.
struct KeyComponent {
  std::string name; // "graph", "keep_ops"
  CanonicalText text;
  Digest digest; // of the text
};

// What a model gives to the keys; each text is made where it matters.
struct KeyContent {
  Stage first = Stage::TorchRaw; // the stage that the model itself is at
  std::function<CanonicalText()> graph;
  std::function<CanonicalText()> weights;
  std::function<CanonicalText()> bindings;
  bool hasOwnWeights = false; // every artifact brings bytes of the weights with it
};
// The model must outlive it.
KeyContent keyContent(const ImportedModel &model);

// Each stage's key holds that of the stage before it and what matters from there on: locations and
// the entry's name from torch-raw, keep_ops from torch, the target from llvm, the weights' bytes
// where the executable embeds them. The last one also holds how its artifact is rendered.
class KeyMaker {
public:
  // The arguments must outlive it. `target` matters to the stages that make code.
  KeyMaker(KeyContent model, const Options &options, const SourceMap &sourceMap, std::string target)
      : model_(std::move(model)), options_(options), sourceMap_(sourceMap),
        target_(std::move(target)) {}

  // For an artifact of `emit`, whatever the options say.
  std::vector<StageKey> make(Stage emit);
  // What the last one of these keys is made of, in the order in which it is hashed.
  std::vector<const KeyComponent *> components(Stage emit);

private:
  // Those that the model goes through.
  std::vector<Stage> stages(Stage emit) const;
  // What a stage adds to the key of the one before it; `last`: its artifact is the one asked for.
  std::vector<const KeyComponent *> added(Stage stage, bool last);
  template <typename Write> const KeyComponent *component(const char *name, const Write &write);
  const KeyComponent *line(const char *name, std::string text);

  const KeyContent model_;
  const Options &options_;
  const SourceMap &sourceMap_;
  const std::string target_;
  std::map<std::string, KeyComponent> components_; // made when first asked for
};

} // namespace linalgd
