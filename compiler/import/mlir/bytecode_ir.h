// The IR section of MLIR's bytecode: ops, their regions and values.
#pragma once

#include "compiler/import/mlir/bytecode_cursor.h"

namespace linalgd {

// How many entries the tables have that the section refers to.
struct BytecodeTables {
  size_t numOpNames;
  size_t numProperties;
  size_t numAttributes;
  size_t numTypes;
};

// Checks the section: everything that is said to follow does, regions do not nest too deep, values
// and orders of uses are those that there are. What is wrong goes to the cursor's problem.
void checkBytecodeIr(BytecodeCursor section, const BytecodeTables &tables);

} // namespace linalgd
