// The table of attributes and types of MLIR's bytecode.
#pragma once

#include "compiler/import/mlir/bytecode_cursor.h"

#include <vector>

namespace linalgd {

class BytecodeAttributes {
public:
  // `strings` and the dialects are those of the bytecode.
  BytecodeAttributes(const std::vector<std::string_view> &strings, size_t numDialects)
      : strings_(strings), numDialects_(numDialects) {}

  // Checks what the offsets say of each entry, the entries themselves, and how they hang together.
  // What is wrong goes to the cursors' problem.
  void read(BytecodeCursor offsets, BytecodeCursor data);

  size_t numAttributes() const { return numAttributes_; }
  size_t numTypes() const { return entries_.size() - numAttributes_; }

private:
  // Attributes, then types.
  struct Entry {
    std::string_view data;
    bool isText = false;   // as in a text, with a zero at its end
    size_t firstChild = 0; // what it refers to, in children_
    size_t numChildren = 0;
  };
  // What numbers, and the elements of tensors and arrays, are.
  struct Element {
    enum Kind { None, Integer, Float, Complex } kind = None;
    unsigned bits = 0;
  };
  enum class ComplexAllowed { No, Yes };

  void readGroups(BytecodeCursor &offsets, BytecodeCursor &data, size_t begin, size_t end);
  void checkEntry(size_t index, BytecodeProblem &problem);
  void checkAttribute(BytecodeCursor &at);
  void checkType(BytecodeCursor &at);
  void checkText(BytecodeCursor at);
  void checkDepth(BytecodeProblem &problem);

  uint64_t attribute(BytecodeCursor &at);
  uint64_t type(BytecodeCursor &at);
  void attributes(BytecodeCursor &at, unsigned each = 1);
  void string(BytecodeCursor &at) { at.index(strings_.size(), "string"); }
  void number(BytecodeCursor &at, Element::Kind kind);
  void denseArray(BytecodeCursor &at);
  void denseElements(BytecodeCursor &at);
  void tensor(BytecodeCursor &at);

  Element elementOf(uint64_t type, BytecodeProblem &problem,
                    ComplexAllowed isComplexAllowed = ComplexAllowed::Yes) const;

  const std::vector<std::string_view> &strings_;
  size_t numDialects_;
  size_t numAttributes_ = 0;
  std::vector<Entry> entries_;
  std::vector<size_t> children_;
};

} // namespace linalgd
