// The table of PyTorch schemas that linalgd gives behaviour, generated from the ODS records.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace linalgd::torch {

class TorchDialect;

enum class ArgKind : uint8_t {
  Tensor,
  Int,
  Float,
  Bool,
  Scalar,
  Str,
  Device,
  Generator,
  ScalarType,
  Layout,
  MemoryFormat,
  Object,
  Any, // whatever it is given: "t", "t[]", "Any"
};

struct ArgSchema {
  llvm::StringRef name;
  llvm::StringRef type;         // as PyTorch spells it: "int[2]", "Tensor?", "SymInt[]"
  llvm::StringRef defaultValue; // as PyTorch spells it: "None", "False", "1", "[]"; empty: required
  ArgKind kind;
  bool isList;
  bool isOptional;
  bool optionalElements; // Tensor?[]
  bool kwOnly;
  unsigned listSize; // 2 of int[2]: a default or argument that is no list is repeated; else 0
};

struct OpSchema {
  llvm::StringRef name; // "aten.add.Tensor"
  llvm::ArrayRef<ArgSchema> args;
  llvm::ArrayRef<llvm::StringRef> results; // schema types: "Tensor", "Tensor[]"
  llvm::StringRef inPlaceOf;               // of "aten.add_.Tensor": "aten.add.Tensor"; else empty
  llvm::ArrayRef<unsigned> writes;         // arguments that it writes to otherwise
  int writesIf; // the argument that says whether it does; -1: it always does
  bool random;
  bool decomposes, lowers, isView; // what the op's family implements
};

// By name, with or without the "torch." in front; null for an op without behaviour.
const OpSchema *lookupSchema(llvm::StringRef name);

struct OpFamily {
  llvm::StringRef name;
  llvm::ArrayRef<OpSchema> schemas;
  void (*registerOps)(TorchDialect &dialect);
};
llvm::ArrayRef<OpFamily> opFamilies();

// "aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor"
std::string printSchema(const OpSchema &schema);

} // namespace linalgd::torch
