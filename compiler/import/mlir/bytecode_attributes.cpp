#include "compiler/import/mlir/bytecode_attributes.h"
#include "compiler/import/graph.h"
#include "compiler/import/mlir/checks.h"
#include "compiler/import/mlir/text_limits.h"

#include "mlir/IR/BuiltinTypes.h"

namespace linalgd {
namespace {

// MLIR's numbers for the builtin attributes and types that linalgd's modules are made of.
enum class AttributeCode : uint64_t {
  Array = 0,
  Dictionary = 1,
  String = 2,
  StringWithType = 3,
  FlatSymbolRef = 4,
  SymbolRef = 5,
  Type = 6,
  Unit = 7,
  Integer = 8,
  Float = 9,
  CallSiteLoc = 10,
  FileLineColLoc = 11,
  FusedLoc = 12,
  FusedLocWithMetadata = 13,
  NameLoc = 14,
  UnknownLoc = 15,
  DenseResource = 16,
  DenseArray = 17,
  DenseIntOrFp = 18,
};
enum class TypeCode : uint64_t {
  Integer = 0,
  Index = 1,
  Function = 2,
  BFloat16 = 3,
  Float16 = 4,
  Float32 = 5,
  Float64 = 6,
  Complex = 9,
  None = 12,
  RankedTensor = 13,
};

constexpr unsigned kMaxBits = 64; // of an integer
constexpr unsigned kIndexBits = 64;

constexpr unsigned wholeBytes(unsigned bits) { return (bits + 7) / 8 * 8; }

} // namespace

void BytecodeAttributes::read(BytecodeCursor offsets, BytecodeCursor data) {
  numAttributes_ = offsets.count();
  size_t numTypes = offsets.count();
  if (offsets.ok())
    entries_.resize(numAttributes_ + numTypes);
  readGroups(offsets, data, 0, numAttributes_);
  readGroups(offsets, data, numAttributes_, entries_.size());
  if (!offsets.atEnd())
    offsets.fail("bytes after the last attribute and type");
  // Types first: attributes have their widths.
  for (size_t i = numAttributes_; i < entries_.size() && offsets.ok(); ++i)
    checkEntry(i, offsets.problem());
  for (size_t i = 0; i < numAttributes_ && offsets.ok(); ++i)
    checkEntry(i, offsets.problem());
  if (offsets.ok())
    checkDepth(offsets.problem());
}

// Entries stand in groups by dialect: its number, how many follow, and of each the size.
void BytecodeAttributes::readGroups(BytecodeCursor &offsets, BytecodeCursor &data, size_t begin,
                                    size_t end) {
  while (begin < end && offsets.ok()) {
    offsets.index(numDialects_, "dialect");
    uint64_t count = offsets.count();
    if (count > end - begin)
      offsets.fail("more attributes or types than it says that there are");
    for (; count > 0 && offsets.ok(); --count, ++begin) {
      uint64_t head = offsets.number();
      entries_[begin].isText = !(head & 1);
      entries_[begin].data = data.take(head >> 1);
    }
  }
}

void BytecodeAttributes::checkEntry(size_t index, BytecodeProblem &problem) {
  Entry &entry = entries_[index];
  entry.firstChild = children_.size();
  BytecodeCursor at(entry.data, problem);
  if (entry.isText)
    return checkText(at);
  if (index < numAttributes_)
    checkAttribute(at);
  else
    checkType(at);
  if (!at.atEnd())
    at.fail("bytes after an attribute or type");
  entry.numChildren = children_.size() - entry.firstChild;
}

void BytecodeAttributes::checkText(BytecodeCursor at) {
  std::string_view text = at.take(at.remaining());
  if (text.empty() || text.find('\0') != text.size() - 1)
    at.fail("an attribute or type as text has no end");
  else if (auto problem = checkTextLimits(text.substr(0, text.size() - 1)))
    at.fail(problem->message);
}

void BytecodeAttributes::checkAttribute(BytecodeCursor &at) {
  uint64_t code = at.number();
  switch (static_cast<AttributeCode>(code)) {
  case AttributeCode::Array:
  case AttributeCode::FusedLoc:
    return attributes(at);
  case AttributeCode::FusedLocWithMetadata:
    attributes(at);
    attribute(at);
    return;
  case AttributeCode::Dictionary:
    return attributes(at, 2);
  case AttributeCode::String:
    return string(at);
  case AttributeCode::StringWithType:
    string(at);
    type(at);
    return;
  case AttributeCode::FlatSymbolRef:
    attribute(at);
    return;
  case AttributeCode::SymbolRef:
    attribute(at);
    return attributes(at);
  case AttributeCode::Type:
    type(at);
    return;
  case AttributeCode::Unit:
  case AttributeCode::UnknownLoc:
    return;
  case AttributeCode::Integer:
    return number(at, Element::Integer);
  case AttributeCode::Float:
    return number(at, Element::Float);
  case AttributeCode::CallSiteLoc:
  case AttributeCode::NameLoc:
    attribute(at);
    attribute(at);
    return;
  case AttributeCode::FileLineColLoc:
    attribute(at);
    at.number();
    at.number();
    return;
  case AttributeCode::DenseResource:
    type(at);
    at.number();
    return;
  case AttributeCode::DenseArray:
    return denseArray(at);
  case AttributeCode::DenseIntOrFp:
    return denseElements(at);
  }
  at.fail(concat("an attribute of kind ", code, ", which linalgd does not read"));
}

void BytecodeAttributes::checkType(BytecodeCursor &at) {
  uint64_t code = at.number();
  switch (static_cast<TypeCode>(code)) {
  case TypeCode::Integer: {
    uint64_t head = at.number(), width = head >> 2;
    if (width == 0 || width > kMaxBits || (head & 3) > mlir::IntegerType::Unsigned)
      at.fail(concat("an integer type of ", width, " bits"));
    return;
  }
  case TypeCode::Function:
    for (int i = 0; i < 2; ++i)
      for (uint64_t left = at.count(); left > 0 && at.ok(); --left)
        type(at);
    return;
  case TypeCode::Complex:
    if (elementOf(type(at), at.problem(), ComplexAllowed::No).kind == Element::None)
      at.fail("a complex type of no numbers");
    return;
  case TypeCode::RankedTensor:
    return tensor(at);
  case TypeCode::Index:
  case TypeCode::BFloat16:
  case TypeCode::Float16:
  case TypeCode::Float32:
  case TypeCode::Float64:
  case TypeCode::None:
    return;
  }
  at.fail(concat("a type of kind ", code, ", which linalgd does not read"));
}

uint64_t BytecodeAttributes::attribute(BytecodeCursor &at) {
  uint64_t index = at.index(numAttributes_, "attribute");
  children_.push_back(index);
  return index;
}

uint64_t BytecodeAttributes::type(BytecodeCursor &at) {
  uint64_t index = at.index(numTypes(), "type");
  children_.push_back(numAttributes_ + index);
  return index;
}

void BytecodeAttributes::attributes(BytecodeCursor &at, unsigned each) {
  for (uint64_t left = at.count(); left > 0 && at.ok(); --left)
    for (unsigned i = 0; i < each; ++i)
      attribute(at);
}

// MLIR does not cut off what is more than the type's bits.
void BytecodeAttributes::number(BytecodeCursor &at, Element::Kind kind) {
  Element element = elementOf(type(at), at.problem());
  if (element.kind != kind)
    return at.fail("a number whose type is none");
  uint64_t value = element.bits <= 8 ? at.byte() : static_cast<uint64_t>(at.signedNumber());
  if (element.bits < kMaxBits && value >> element.bits != 0)
    at.fail(concat("a number of more than ", element.bits, " bits"));
}

void BytecodeAttributes::denseArray(BytecodeCursor &at) {
  Element element = elementOf(type(at), at.problem());
  uint64_t count = at.number(), numBytes = at.number();
  at.take(numBytes);
  if (element.kind != Element::Integer && element.kind != Element::Float)
    return at.fail("an array of no numbers");
  uint64_t each = (element.bits + 7) / 8;
  if (count != numBytes / each || numBytes % each != 0)
    at.fail(concat("an array of ", count, " numbers has ", numBytes, " bytes"));
}

void BytecodeAttributes::denseElements(BytecodeCursor &at) {
  uint64_t tensor = type(at), numBytes = at.number();
  at.take(numBytes);
  if (!at.ok())
    return;
  // Types are checked: of a tensor, this is its shape and the type of its elements.
  BytecodeProblem ignored(entries_[numAttributes_ + tensor].data);
  BytecodeCursor typeAt(entries_[numAttributes_ + tensor].data, ignored);
  if (entries_[numAttributes_ + tensor].isText ||
      static_cast<TypeCode>(typeAt.number()) != TypeCode::RankedTensor)
    return at.fail("a literal of what is no tensor");
  uint64_t numElements = 1;
  for (uint64_t rank = typeAt.number(); rank > 0; --rank) {
    int64_t size = typeAt.signedNumber();
    if (size < 0 || __builtin_mul_overflow(numElements, static_cast<uint64_t>(size), &numElements))
      return at.fail("a literal of a tensor whose elements cannot be counted");
  }
  Element element = elementOf(typeAt.number(), at.problem());
  uint64_t each = element.bits == 1 ? 1 : wholeBytes(element.bits), numBits = 0;
  if (element.kind == Element::None || __builtin_mul_overflow(numElements, each, &numBits))
    return at.fail("a literal of no numbers");
  // All elements, or one that stands for all of them. Bits are packed.
  bool isWhole = numBytes == numBits / 8 + (numBits % 8 != 0);
  bool isSplat = numElements > 0 && numBytes == (each + 7) / 8;
  if (!isWhole && !isSplat)
    at.fail(concat("a literal of ", numElements, " elements has ", numBytes, " bytes"));
}

void BytecodeAttributes::tensor(BytecodeCursor &at) {
  uint64_t rank = at.count();
  if (rank > kMaxRank)
    at.fail(concat("a tensor of ", rank, " dimensions"));
  for (uint64_t i = 0; i < rank && at.ok(); ++i)
    if (int64_t size = at.signedNumber(); size < 0 && !mlir::ShapedType::isDynamic(size))
      at.fail(concat("a tensor of the size ", size));
  if (elementOf(type(at), at.problem()).kind == Element::None)
    at.fail("a tensor of no numbers");
}

BytecodeAttributes::Element BytecodeAttributes::elementOf(uint64_t type, BytecodeProblem &problem,
                                                          ComplexAllowed isComplexAllowed) const {
  if (problem.found())
    return {};
  const Entry &entry = entries_[numAttributes_ + type];
  // Of those that are written as text, the floats of 8 bits: "f8E4M3FN".
  if (entry.isText)
    return entry.data.starts_with("f8") ? Element{Element::Float, 8} : Element();
  BytecodeCursor at(entry.data, problem);
  switch (static_cast<TypeCode>(at.number())) {
  case TypeCode::Integer:
    return {Element::Integer, static_cast<unsigned>(at.number() >> 2)};
  case TypeCode::Index:
    return {Element::Integer, kIndexBits};
  case TypeCode::BFloat16:
  case TypeCode::Float16:
    return {Element::Float, 16};
  case TypeCode::Float32:
    return {Element::Float, 32};
  case TypeCode::Float64:
    return {Element::Float, 64};
  case TypeCode::Complex: {
    uint64_t inner = at.number();
    if (isComplexAllowed != ComplexAllowed::Yes || inner >= numTypes())
      return {};
    Element element = elementOf(inner, problem, ComplexAllowed::No);
    return {Element::Complex, 2 * wholeBytes(element.bits)};
  }
  default:
    return {};
  }
}

// Depth first without recursion.
void BytecodeAttributes::checkDepth(BytecodeProblem &problem) {
  enum State : uint8_t { New, Open, Done };
  std::vector<State> states(entries_.size(), New);
  std::vector<size_t> heights(entries_.size(), 0); // of what is done
  std::vector<std::pair<size_t, size_t>> path;     // entries, and the next child of each
  for (size_t root = 0; root < entries_.size(); ++root) {
    if (states[root] == New)
      path.emplace_back(root, 0);
    while (!path.empty()) {
      auto &[index, next] = path.back();
      const Entry &entry = entries_[index];
      states[index] = Open;
      if (next == entry.numChildren) {
        for (size_t i = 0; i < entry.numChildren; ++i)
          heights[index] = std::max(heights[index], heights[children_[entry.firstChild + i]] + 1);
        states[index] = Done;
        if (heights[index] >= ModuleLimits::kMaxAttributeDepth)
          return problem.set(entry.data, concat("an attribute or type is nested deeper than ",
                                                ModuleLimits::kMaxAttributeDepth));
        path.pop_back();
        continue;
      }
      size_t child = children_[entry.firstChild + next++];
      if (states[child] == Open)
        return problem.set(entry.data, "an attribute or type holds itself");
      if (states[child] == New)
        path.emplace_back(child, 0);
    }
  }
}

} // namespace linalgd
