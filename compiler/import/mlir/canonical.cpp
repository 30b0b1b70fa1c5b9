// The canonical form of a module: its generic text without locations and weights.
#include "compiler/import/mlir/mlir_model.h"
#include "compiler/import/text.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace linalgd {

CanonicalText canonicalGraph(const MlirModel &model) {
  OpPrintingFlags flags;
  flags.enableDebugInfo(false).printGenericOpForm().assumeVerified();
  flags.elideLargeResourceString(0);
  std::string printed;
  llvm::raw_string_ostream os(printed);
  model.module.get()->print(os, flags);
  CanonicalText text;
  text.push_back({concat("mlir ", stageName(model.stage)), ""});
  // The printer opens the section of resources though none is printed.
  llvm::StringRef module = llvm::StringRef(printed).split("\n{-#\n").first;
  for (llvm::StringRef line : llvm::split(module.rtrim(), '\n'))
    text.push_back({line.str(), ""});
  return text;
}

} // namespace linalgd
