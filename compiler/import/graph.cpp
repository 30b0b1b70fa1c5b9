#include "compiler/import/graph.h"

#include "compiler/import/text.h"

namespace linalgd {

bool Weight::contiguous() const {
  int64_t expected = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] != 1 && strides[i] != expected)
      return numElements() == 0;
    expected *= shape[i];
  }
  return true;
}

int64_t Weight::numElements() const {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

std::string nodeId(size_t index) { return concat("n", index); }

namespace {

// Calls visit on an argument and on all that it contains.
template <typename Visitor> void walk(const Argument &argument, Visitor visit) {
  visit(argument);
  if (const auto *list = std::get_if<ArgumentList>(&argument.value))
    for (const Argument &item : list->items)
      walk(item, visit);
  if (const auto *dict = std::get_if<ArgumentDict>(&argument.value)) {
    for (const Argument &key : dict->keys)
      walk(key, visit);
    for (const Argument &item : dict->items)
      walk(item, visit);
  }
}

} // namespace

void collectValues(const Argument &argument, std::vector<ValueId> &values) {
  walk(argument, [&](const Argument &a) {
    if (const ValueId *value = a.asValue())
      values.push_back(*value);
  });
}

void collectBlocks(const Argument &argument, std::vector<BlockId> &blocks) {
  walk(argument, [&](const Argument &a) {
    if (const auto *block = std::get_if<BlockId>(&a.value))
      blocks.push_back(*block);
  });
}

} // namespace linalgd
