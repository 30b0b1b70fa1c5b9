#include "compiler/pipeline/keep_ops.h"
#include "compiler/dialect/op_schema.h"

namespace linalgd {
namespace {

OpNames knownOps(OpNames names) {
  for (const torch::OpFamily &family : torch::opFamilies())
    for (const torch::OpSchema &schema : family.schemas)
      names.insert(schema.name.str());
  return names;
}

std::string nearest(const OpNames &known, llvm::StringRef name) {
  constexpr unsigned kFarthest = 3;
  unsigned best = kFarthest + 1;
  std::string result;
  for (const std::string &candidate : known) {
    // Without its overload too: that is how it may be written.
    llvm::StringRef whole = candidate,
                    base = whole.take_front(whole.find('.', whole.find('.') + 1));
    for (llvm::StringRef spelling : {base, whole})
      if (unsigned distance = spelling.edit_distance(name, true, best); distance < best) {
        best = distance;
        result = spelling.str();
      }
  }
  return result;
}

} // namespace

absl::Status resolveKeepOps(OpNames ofModel, std::vector<std::string> &keepOps) {
  if (keepOps.empty())
    return absl::OkStatus();
  OpNames known = knownOps(std::move(ofModel)), kept;
  for (llvm::StringRef name : keepOps) {
    name.consume_front("torch.");
    name.consume_back(".default");
    std::string overloads = name.count('.') == 1 ? name.str() + "." : "";
    bool found = false;
    for (const std::string &op : known)
      if (op == name || (!overloads.empty() && llvm::StringRef(op).starts_with(overloads))) {
        kept.insert(op);
        found = true;
      }
    if (found)
      continue;
    std::string suggestion = nearest(known, name);
    return absl::InvalidArgumentError(
        "keep_ops: '" + name.str() + "' is neither an op of the model nor one that linalgd knows" +
        (suggestion.empty() ? "; write it as in 'aten.gelu'" : "; is it '" + suggestion + "'?"));
  }
  keepOps.assign(kept.begin(), kept.end());
  return absl::OkStatus();
}

} // namespace linalgd
