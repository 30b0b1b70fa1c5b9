// Python's own functions on numbers (_operator.*, math.*), which symbolic sizes are computed with.
#include "compiler/import/graph_importer.h"

#include "compiler/import/text.h"
#include "compiler/ops/scalar/scalar.h"

#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace linalgd {
namespace {

// How an op's overloads are called.
enum class Overloads {
  ByTypes, // ".int", ".float", ".int_float", ".float_int", ".bool"
  None,
};

struct PythonOperator {
  StringRef aten;
  Overloads overloads;
};

const llvm::StringMap<PythonOperator> &operators() {
  using enum Overloads;
  static const llvm::StringMap<PythonOperator> table = {
      {"_operator.add", {"add", ByTypes}},
      {"_operator.sub", {"sub", ByTypes}},
      {"_operator.mul", {"mul", ByTypes}},
      {"_operator.truediv", {"div", ByTypes}},
      {"_operator.floordiv", {"floordiv", ByTypes}},
      {"_operator.mod", {"remainder", ByTypes}},
      {"_operator.pow", {"pow", ByTypes}},
      {"_operator.xor", {"__xor__", ByTypes}},
      {"_operator.lshift", {"__lshift__", ByTypes}},
      {"_operator.rshift", {"__rshift__", ByTypes}},
      {"_operator.neg", {"neg", ByTypes}},
      {"_operator.eq", {"eq", ByTypes}},
      {"_operator.ne", {"ne", ByTypes}},
      {"_operator.lt", {"lt", ByTypes}},
      {"_operator.le", {"le", ByTypes}},
      {"_operator.gt", {"gt", ByTypes}},
      {"_operator.ge", {"ge", ByTypes}},
      {"_operator.and_", {"__and__", ByTypes}},
      {"_operator.or_", {"__or__", ByTypes}},
      {"_operator.not_", {"__not__", None}},
      {"math.ceil", {"ceil", ByTypes}},
      {"math.floor", {"floor", ByTypes}},
      {"math.sqrt", {"sqrt", ByTypes}},
      {"math.trunc", {"Int", ByTypes}},
      {"torch.sym_float", {"Float.Scalar", None}},
      {"torch.sym_int", {"Int.Scalar", None}},
      {"torch.sym_max", {"prim.max", ByTypes}},
      {"torch.sym_min", {"prim.min", ByTypes}},
      {"torch.sym_not", {"__not__", None}},
      {"torch._sym_sqrt", {"sqrt", ByTypes}},
  };
  return table;
}

StringRef nameOf(mlir::Type type) {
  if (isa<torch::IntType>(type))
    return "int";
  if (isa<torch::FloatType>(type))
    return "float";
  return isa<torch::BoolType>(type) ? "bool" : "";
}

std::string overload(StringRef aten, ValueRange operands) {
  std::string name = concat(aten.starts_with("prim.") ? "" : "aten.", std::string_view(aten));
  StringRef first = nameOf(operands.front().getType()), last = nameOf(operands.back().getType());
  // Of sizes: aten.pow.int gives a float.
  if (name == "aten.pow" && first == "int" && last == "int")
    return "aten.pow.int_to_int";
  return first == last ? concat(name, ".", std::string_view(first))
                       : concat(name, ".", std::string_view(first), "_", std::string_view(last));
}

// PyTorch has no op for some pairs of types that Python has one for.
void promote(ImplicitLocOpBuilder &b, SmallVectorImpl<Value> &operands) {
  bool isReal = llvm::any_of(
      operands, [](Value operand) { return isa<torch::FloatType>(operand.getType()); });
  for (Value &operand : operands)
    if (isReal && !isa<torch::FloatType>(operand.getType()))
      operand = torch::FloatScalarOp::create(b, operand);
    else if (isa<torch::BoolType>(operand.getType()))
      operand = torch::IntBoolOp::create(b, operand);
}

} // namespace

std::string resolvePythonOperator(ImplicitLocOpBuilder &b, const std::string &target,
                                  SmallVectorImpl<Value> &operands) {
  auto found = operators().find(target);
  if (found == operators().end())
    return target;
  StringRef aten = found->second.aten;
  if (found->second.overloads == Overloads::None || operands.empty())
    return concat("aten.", std::string_view(aten));
  if (llvm::any_of(operands, [](Value operand) { return nameOf(operand.getType()).empty(); }))
    return target;
  std::string name = overload(aten, operands);
  if (torch::lookupSchema(name))
    return name;
  promote(b, operands);
  return overload(aten, operands);
}

} // namespace linalgd
