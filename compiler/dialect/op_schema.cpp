// Lookup and text of op schemas (op_schema.h).
#include "compiler/dialect/op_schema.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

namespace linalgd::torch {

const OpSchema *lookupSchema(llvm::StringRef name) {
  static const llvm::StringMap<const OpSchema *> table = [] {
    llvm::StringMap<const OpSchema *> result;
    for (const OpFamily &family : opFamilies())
      for (const OpSchema &schema : family.schemas)
        result.try_emplace(schema.name, &schema);
    return result;
  }();
  name.consume_front("torch.");
  return table.lookup(name);
}

std::string printSchema(const OpSchema &schema) {
  auto [space, name] = schema.name.split('.');
  std::string text = (space + "::" + name + "(").str();
  bool keywords = false;
  llvm::ListSeparator separator;
  for (const ArgSchema &arg : schema.args) {
    text += llvm::StringRef(separator);
    if (arg.kwOnly && !keywords) {
      text += "*, ";
      keywords = true;
    }
    text += arg.type.str() + " " + arg.name.str();
    if (!arg.defaultValue.empty())
      text += "=" + arg.defaultValue.str();
  }
  text += ") -> ";
  if (schema.results.size() == 1)
    return text + schema.results[0].str();
  return text + "(" + llvm::join(schema.results, ", ") + ")";
}

} // namespace linalgd::torch
