#include "compiler/passes/heap.h"
#include "compiler/dialect/lists.h"
#include "compiler/ops/container/container.h"
#include "compiler/ops/object/object.h"

using namespace mlir;

namespace linalgd {

using Results = std::optional<SmallVector<Value>>;

Operation *Heap::makerOf(Value value) {
  Operation *op = torch::strip(value).getDefiningOp();
  return isa_and_present<torch::ListConstructOp, torch::TupleConstructOp, torch::DictConstructOp,
                         torch::CreateObjectOp>(op)
             ? op
             : nullptr;
}

std::optional<Cell> Heap::find(Value container) const {
  Operation *maker = makerOf(container);
  if (!maker)
    return std::nullopt;
  if (auto known = cells_.find(maker); known != cells_.end())
    return known->second;
  Cell cell;
  if (auto dict = dyn_cast<torch::DictConstructOp>(maker)) {
    cell.keys = llvm::to_vector(dict.getKeys());
    cell.values = llvm::to_vector(dict.getValues());
  } else {
    cell.values = llvm::to_vector(maker->getOperands());
  }
  return cell;
}

Value makeLike(OpBuilder &builder, Operation *maker, const Cell &cell) {
  Location loc = maker->getLoc();
  Type type = maker->getResult(0).getType();
  if (isa<torch::DictConstructOp>(maker))
    return torch::DictConstructOp::create(builder, loc, type, cell.keys, cell.values);
  if (isa<torch::CreateObjectOp>(maker))
    return torch::CreateObjectOp::create(builder, loc, type);
  if (isa<torch::ListConstructOp>(maker))
    return torch::ListConstructOp::create(builder, loc, type, cell.values);
  // A tuple says of each element what it is.
  Type tuple = torch::TupleType::get(builder.getContext(),
                                     llvm::to_vector(ValueRange(cell.values).getTypes()));
  return torch::TupleConstructOp::create(builder, loc, tuple, cell.values);
}

bool isContainerWrite(Operation *op) { return isa<torch::SetAttrOp>(op) || torch::isListWrite(op); }

//===-- lists ---------------------------------------------------------------------------------===//

// "aten.append.t" → "append"
static StringRef baseName(Operation *op) {
  return torch::getQualifiedName(op).split('.').second.split('.').first;
}

// A position that an op names; `end` more than there are elements.
static std::optional<int64_t> positionOf(Value index, const Cell &cell, int64_t end = 0) {
  std::optional<int64_t> position = torch::matchInt(index);
  int64_t size = cell.values.size();
  if (!position || *position < -size || *position >= size + end)
    return std::nullopt;
  return *position < 0 ? *position + size : *position;
}

Results Heap::followList(Operation *op, Cell cell) {
  Operation *maker = makerOf(op->getOperand(0));
  StringRef name = baseName(op);
  SmallVector<Value> results;
  SmallVector<Value> &values = cell.values;
  if (name == "append") {
    values.push_back(op->getOperand(1));
  } else if (name == "extend" || name == "add_") {
    std::optional<Cell> more = find(op->getOperand(1));
    if (!more)
      return std::nullopt;
    llvm::append_range(values, more->values);
  } else if (name == "clear") {
    values.clear();
  } else if (name == "reverse") {
    std::reverse(values.begin(), values.end());
  } else if (name == "insert") {
    std::optional<int64_t> index = positionOf(op->getOperand(1), cell, 1);
    if (!index)
      return std::nullopt;
    values.insert(values.begin() + *index, op->getOperand(2));
  } else {
    std::optional<int64_t> index = positionOf(op->getOperand(1), cell);
    if (!index)
      return std::nullopt;
    if (name == "_set_item") {
      values[*index] = op->getOperand(2);
    } else if (name == "pop" || name == "Delete") {
      results.push_back(values[*index]);
      values.erase(values.begin() + *index);
    } else {
      return std::nullopt;
    }
  }
  // Python's += gives back the list itself, `_set_item` too.
  results.resize(1, op->getOperand(0));
  results.resize(op->getNumResults());
  set(maker, std::move(cell));
  return results;
}

//===-- dicts ---------------------------------------------------------------------------------===//

// Whether two keys are equal; none where only a run tells.
static std::optional<bool> isSameKey(Value a, Value b) {
  if (torch::strip(a) == torch::strip(b))
    return true;
  auto attribute = [](Value value) -> Attribute {
    Operation *op = torch::strip(value).getDefiningOp();
    return op && op->hasTrait<OpTrait::ConstantLike>() ? op->getAttr("value") : Attribute();
  };
  Attribute first = attribute(a), second = attribute(b);
  if (!first || !second)
    return std::nullopt;
  return first == second;
}

// The place of a key: the number of keys where there is none such, none where it is not known.
static std::optional<size_t> findKey(const Cell &cell, Value key) {
  for (auto [index, known] : llvm::enumerate(cell.keys)) {
    std::optional<bool> same = isSameKey(known, key);
    if (!same)
      return std::nullopt;
    if (*same)
      return index;
  }
  return cell.keys.size();
}

static void setItem(Cell &cell, size_t place, Value key, Value value) {
  if (place < cell.keys.size()) {
    cell.values[place] = value;
    return;
  }
  cell.keys.push_back(key);
  cell.values.push_back(value);
}

static bool mergeInto(Cell &cell, const Cell &more) {
  for (auto [key, value] : llvm::zip_equal(more.keys, more.values)) {
    std::optional<size_t> place = findKey(cell, key);
    if (!place)
      return false;
    setItem(cell, *place, key, value);
  }
  return true;
}

// The keys, the values or both, as a list of the op's type.
static Value listOf(torch::TorchBuilder &b, Operation *op, const Cell &cell, StringRef what) {
  auto type = cast<torch::ListType>(op->getResult(0).getType());
  if (what != "items")
    return b.list(what == "keys" ? cell.keys : cell.values, type.getContainedType());
  SmallVector<Value> pairs;
  for (auto [key, value] : llvm::zip_equal(cell.keys, cell.values)) {
    Type pair = torch::TupleType::get(b.getContext(), {key.getType(), value.getType()});
    pairs.push_back(torch::TupleConstructOp::create(b, pair, ValueRange{key, value}));
  }
  return b.list(pairs, type.getContainedType());
}

// dict([(key, value), ...])
Results Heap::makeDict(Operation *op, const Cell &pairs) {
  Cell cell;
  for (Value pair : pairs.values) {
    std::optional<Cell> item = find(pair);
    if (!item || item->values.size() != 2)
      return std::nullopt;
    std::optional<size_t> place = findKey(cell, item->values[0]);
    if (!place)
      return std::nullopt;
    setItem(cell, *place, item->values[0], item->values[1]);
  }
  OpBuilder builder(op);
  return SmallVector<Value>{torch::DictConstructOp::create(
      builder, op->getLoc(), op->getResult(0).getType(), cell.keys, cell.values)};
}

Results Heap::followDict(Operation *op, Cell cell) {
  Operation *maker = makerOf(op->getOperand(0));
  StringRef name = baseName(op);
  torch::TorchBuilder b(op->getLoc(), op);
  if (name == "len")
    return SmallVector<Value>{b.constInt(cell.keys.size())};
  if (name == "keys" || name == "values" || name == "items")
    return SmallVector<Value>{listOf(b, op, cell, name)};
  if (name == "copy" || name == "dict")
    return SmallVector<Value>{makeLike(b, maker, cell)};
  if (name == "clear") {
    set(maker, {});
    return SmallVector<Value>{};
  }
  if (name == "update") {
    std::optional<Cell> more = find(op->getOperand(1));
    if (!more || !mergeInto(cell, *more))
      return std::nullopt;
    set(maker, std::move(cell));
    return SmallVector<Value>{};
  }
  if (op->getNumOperands() < 2)
    return std::nullopt;
  Value key = op->getOperand(1);
  std::optional<size_t> place = findKey(cell, key);
  if (!place)
    return std::nullopt;
  bool isThere = *place < cell.keys.size();
  if (name == "__contains__")
    return SmallVector<Value>{b.constBool(isThere)};
  if (name == "_set_item") {
    setItem(cell, *place, key, op->getOperand(2));
    set(maker, std::move(cell));
    return SmallVector<Value>{};
  }
  bool hasDefault = op->getNumOperands() == 3;
  if (!isThere && (name == "get" || (name == "pop" && hasDefault)))
    return SmallVector<Value>{hasDefault ? op->getOperand(2) : b.constNone()};
  if (!isThere && name == "setdefault") {
    setItem(cell, *place, key, op->getOperand(2));
    set(maker, std::move(cell));
    return SmallVector<Value>{op->getOperand(2)};
  }
  if (!isThere)
    return std::nullopt;
  Value value = cell.values[*place];
  if (name == "pop" || name == "Delete") {
    cell.keys.erase(cell.keys.begin() + *place);
    cell.values.erase(cell.values.begin() + *place);
    set(maker, std::move(cell));
    return SmallVector<Value>(op->getNumResults(), value);
  }
  if (name == "__getitem__" || name == "get" || name == "setdefault")
    return SmallVector<Value>{value};
  return std::nullopt;
}

//===-- all -----------------------------------------------------------------------------------===//

Results Heap::follow(Operation *op) {
  if (op->getNumOperands() == 0 && torch::getQualifiedName(op) == "aten.dict")
    return makeDict(op, {});
  if (op->getNumOperands() == 0)
    return std::nullopt;
  std::optional<Cell> cell = find(op->getOperand(0));
  if (!cell || (isContainerWrite(op) && shared_.contains(makerOf(op->getOperand(0)))))
    return std::nullopt;
  if (auto write = dyn_cast<torch::SetAttrOp>(op)) {
    auto place = llvm::find(cell->names, write.getNameAttr());
    if (place == cell->names.end()) {
      cell->names.push_back(write.getNameAttr());
      cell->values.push_back(write.getValue());
    } else {
      cell->values[place - cell->names.begin()] = write.getValue();
    }
    set(makerOf(write.getReceiver()), std::move(*cell));
    return SmallVector<Value>{};
  }
  if (auto read = dyn_cast<torch::GetAttrOp>(op)) {
    auto place = llvm::find(cell->names, read.getNameAttr());
    if (place == cell->names.end())
      return std::nullopt;
    return SmallVector<Value>{cell->values[place - cell->names.begin()]};
  }
  if (!isa<torch::OperatorOp>(op))
    return std::nullopt;
  if (isa<torch::DictType>(op->getOperand(0).getType()))
    return followDict(op, std::move(*cell));
  if (baseName(op) == "dict")
    return makeDict(op, *cell);
  return torch::isListWrite(op) ? followList(op, std::move(*cell)) : std::nullopt;
}

} // namespace linalgd
