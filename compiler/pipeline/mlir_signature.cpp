#include "compiler/pipeline/mlir_signature.h"
#include "compiler/api/readable.h"
#include "compiler/dialect/torch.h"
#include "compiler/import/mlir/slots.h"
#include "compiler/import/pytree.h"
#include "compiler/import/symbols.h"
#include "compiler/import/text.h"
#include "compiler/passes/passes.h"

#include "mlir/IR/AffineExpr.h"
#include "nlohmann/json.hpp"
#include "llvm/ADT/StringExtras.h"

#include <set>

using namespace mlir;

namespace linalgd {
namespace {

using Json = nlohmann::ordered_json;

bool isSymbolName(StringRef name) {
  return !name.empty() && name.size() <= 64 && llvm::isAlpha(name.front()) &&
         llvm::all_of(name, [](char c) { return llvm::isAlnum(c) || c == '_'; });
}

class SignatureWriter {
public:
  SignatureWriter(func::FuncOp function, const std::vector<MlirWeight> &weights)
      : function_(function), weights_(weights) {}

  std::string write() {
    readBindings();
    Json inputs = Json::array(), outputs = Json::array(), state = Json::array();
    for (BlockArgument argument : function_.getArguments())
      inputs.push_back(describeInput(argument));
    Operation *end = function_.getBody().front().getTerminator();
    for (OpOperand &result : end->getOpOperands()) {
      unsigned index = result.getOperandNumber();
      Attribute input = function_.getResultAttr(index, kStateInputAttr);
      Attribute slot = function_.getResultAttr(index, kStateSlotAttr);
      Json entry = Json::object();
      if (input || slot) {
        auto number = dyn_cast_or_null<IntegerAttr>(input);
        auto name = dyn_cast_or_null<StringAttr>(slot);
        entry["slot"] = name ? Json(name.str()) : Json();
        entry["input"] = number ? Json(number.getInt()) : Json();
        addTensor(entry, result.get(), "u");
        state.push_back(std::move(entry));
      } else {
        addType(entry, result.get(), "u");
        outputs.push_back(std::move(entry));
      }
    }
    std::string spec;
    if (auto tree = function_->getAttrOfType<ArrayAttr>(kOutputsAttr); tree && !tree.empty()) {
      Json leaves = Json::array();
      auto root = tree.size() == 1 ? describeOutput(tree[0], outputs, leaves)
                                   : describeContainer("tuple", tree, {}, outputs, leaves);
      if (root) {
        spec = treeSpec(*root);
        outputs = std::move(leaves);
      }
    }
    Json symbols = Json::object();
    for (const GraphSymbol &symbol : symbols_)
      symbols[symbol.name] = {{"min", symbol.min},
                              {"max", symbol.max ? Json(*symbol.max) : Json()}};
    Json slots = Json::array();
    for (const MlirWeight &weight : weights_)
      slots.push_back(
          {{"slot", weight.slot}, {"dtype", dtypeName(weight.dtype)}, {"shape", weight.shape}});
    Json signature = {{"entry", function_.getSymName().str()},
                      {"inputs", inputs},
                      {"outputs", outputs},
                      {"state", state},
                      {"symbols", symbols},
                      {"slots", slots},
                      {"in_spec", ""},
                      {"out_spec", spec}};
    return signature.dump(-1, ' ', false, Json::error_handler_t::replace);
  }

private:
  // Symbols that the function declares, and the sizes that it states by them.
  void readBindings() {
    for (auto bind : function_.getOps<torch::BindSymbolicShapeOp>())
      bindings_[originOf(bind.getOperand())] = bind;
    for (auto op : function_.getOps<torch::SymbolicIntOp>()) {
      if (!isSymbolName(op.getSymbolName()) || !names_.insert(op.getSymbolName().str()).second)
        continue;
      GraphSymbol symbol{op.getSymbolName().str(), std::max<int64_t>(op.getMinVal(), 0),
                         std::nullopt};
      if (op.getMaxVal() != INT64_MAX)
        symbol.max = op.getMaxVal();
      indices_[op.getResult()] = static_cast<uint32_t>(symbols_.size());
      symbols_.push_back(std::move(symbol));
    }
  }

  // The tensor that a value is a copy of, with or without value semantics.
  static Value originOf(Value value) {
    while (Operation *op = value.getDefiningOp()) {
      if (!isa<torch::CopyToValueTensorOp, torch::CopyToNonValueTensorOp>(op))
        break;
      value = op->getOperand(0);
    }
    return value;
  }

  std::string freshSymbol(const char *prefix) {
    std::string name;
    for (size_t i = 0; name.empty() || !names_.insert(name).second; ++i)
      name = concat(std::string_view(prefix), i);
    symbols_.push_back({name, 0, std::nullopt});
    return name;
  }

  // Null where the expression is none of those that a signature has.
  ExpressionPtr expressionOf(AffineExpr expr, OperandRange symbols) {
    auto result = std::make_shared<Expression>();
    if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
      result->integer = constant.getValue();
      return result;
    }
    if (auto symbol = dyn_cast<AffineSymbolExpr>(expr)) {
      auto index = indices_.find(symbols[symbol.getPosition()]);
      if (index == indices_.end())
        return nullptr;
      result->kind = Expression::Kind::Symbol;
      result->symbol = index->second;
      return result;
    }
    auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
    if (!binary)
      return nullptr;
    result->kind = Expression::Kind::Call;
    switch (binary.getKind()) {
    case AffineExprKind::Add:
      result->callee = "Add";
      break;
    case AffineExprKind::Mul:
      result->callee = "Mul";
      break;
    case AffineExprKind::FloorDiv:
      result->callee = "FloorDiv";
      break;
    case AffineExprKind::Mod:
      result->callee = "Mod";
      break;
    default:
      return nullptr;
    }
    for (AffineExpr side : {binary.getLHS(), binary.getRHS()}) {
      ExpressionPtr argument = expressionOf(side, symbols);
      if (!argument)
        return nullptr;
      result->arguments.push_back(std::move(argument));
    }
    return result;
  }

  Json sizeOf(Value tensor, unsigned dimension, int64_t size, const char *prefix) {
    if (!ShapedType::isDynamic(size))
      return size;
    auto binding = bindings_.find(originOf(tensor));
    if (binding != bindings_.end()) {
      torch::BindSymbolicShapeOp bind = binding->second;
      AffineMap map = bind.getShapeExpressions();
      if (dimension < map.getNumResults() && map.getNumSymbols() == bind.getShapeSymbols().size())
        if (ExpressionPtr size = expressionOf(map.getResult(dimension), bind.getShapeSymbols()))
          return printExpression(*size, symbols_);
    }
    return freshSymbol(prefix);
  }

  void addTensor(Json &entry, Value value, const char *prefix) {
    Type element;
    std::optional<ArrayRef<int64_t>> sizes;
    if (auto tensor = dyn_cast<torch::BaseTensorType>(value.getType())) {
      element = tensor.getDtype();
      if (tensor.hasSizes())
        sizes = tensor.getSizes();
    } else if (auto tensor = dyn_cast<RankedTensorType>(value.getType())) {
      element = tensor.getElementType();
      sizes = tensor.getShape();
    } else {
      element = value.getType();
      sizes = ArrayRef<int64_t>();
    }
    std::optional<DType> dtype = element ? dtypeOfElement(element) : std::nullopt;
    entry["dtype"] = dtype ? Json(dtypeName(*dtype)) : Json();
    entry["shape"] = sizes ? Json::array() : Json();
    if (sizes)
      for (auto [dimension, size] : llvm::enumerate(*sizes))
        entry["shape"].push_back(sizeOf(value, dimension, size, prefix));
  }

  void addType(Json &entry, Value value, const char *prefix) {
    Type type = value.getType();
    if (isa<torch::NoneType>(type)) {
      entry["kind"] = "constant";
      entry["value"] = nullptr;
    } else if (isa<torch::IntType>(type) || type.isIndex() || type.isSignlessInteger(64)) {
      entry["kind"] = "int";
    } else if (isa<torch::FloatType>(type) || type.isF64()) {
      entry["kind"] = "float";
    } else if (isa<torch::BoolType>(type) || type.isSignlessInteger(1)) {
      entry["kind"] = "bool";
    } else {
      entry["kind"] = "tensor";
      addTensor(entry, value, prefix);
    }
  }

  Json describeInput(BlockArgument argument) {
    unsigned index = argument.getArgNumber();
    auto name = function_.getArgAttrOfType<StringAttr>(index, "torch.name");
    Json entry = {{"name", name ? readable(name.str()) : concat("arg", index)}};
    addType(entry, argument, "s");
    return entry;
  }

  // Appends the leaves of what the function says that it returned before its containers were taken
  // apart, of which `results` are left (flatten_results); the spec. Nothing where it says what
  // cannot be.
  std::optional<std::string> describeOutput(Attribute output, const Json &results, Json &leaves) {
    auto fields = dyn_cast<DictionaryAttr>(output);
    if (!fields)
      return std::nullopt;
    for (StringRef kind : {"tuple", "list", "values"})
      if (auto items = fields.getAs<ArrayAttr>(kind))
        return describeContainer(kind, items, fields.getAs<ArrayAttr>("keys"), results, leaves);
    if (auto index = fields.getAs<IntegerAttr>("result")) {
      if (index.getValue().uge(results.size()))
        return std::nullopt;
      leaves.push_back(results[index.getValue().getZExtValue()]);
    } else if (auto index = fields.getAs<IntegerAttr>("input")) {
      if (index.getValue().uge(function_.getNumArguments()))
        return std::nullopt;
      leaves.push_back({{"kind", "input"}, {"index", index.getValue().getZExtValue()}});
    } else {
      leaves.push_back({{"kind", "constant"}, {"value", constantOf(fields.get("constant"))}});
    }
    return leafSpec();
  }

  std::optional<std::string> describeContainer(StringRef kind, ArrayAttr items, ArrayAttr keys,
                                               const Json &results, Json &leaves) {
    std::vector<std::string> children, names;
    for (Attribute item : items) {
      auto child = describeOutput(item, results, leaves);
      if (!child)
        return std::nullopt;
      children.push_back(*std::move(child));
    }
    if (kind != "values")
      return kind == "tuple" ? tupleSpec(children) : listSpec(children);
    if (!keys || keys.size() != items.size())
      return std::nullopt;
    for (Attribute key : keys) {
      auto fields = dyn_cast<DictionaryAttr>(key);
      Json name = fields ? constantOf(fields.get("constant")) : Json();
      names.push_back(name.is_string() ? name.get<std::string>() : name.dump());
    }
    return dictSpec(names, children);
  }

  static Json constantOf(Attribute value) {
    if (auto boolean = dyn_cast_or_null<BoolAttr>(value))
      return boolean.getValue();
    if (auto integer = dyn_cast_or_null<IntegerAttr>(value))
      return integer.getValue().getSExtValue();
    if (auto real = dyn_cast_or_null<FloatAttr>(value))
      return real.getValueAsDouble();
    if (auto text = dyn_cast_or_null<StringAttr>(value))
      return readable(text.str());
    return nullptr;
  }

  func::FuncOp function_;
  const std::vector<MlirWeight> &weights_;
  std::vector<GraphSymbol> symbols_;
  std::set<std::string, std::less<>> names_;
  llvm::DenseMap<Value, uint32_t> indices_;
  llvm::DenseMap<Value, torch::BindSymbolicShapeOp> bindings_;
};

} // namespace

std::string makeSignature(func::FuncOp function, const std::vector<MlirWeight> &weights) {
  return SignatureWriter(function, weights).write();
}

} // namespace linalgd
