// Models that are MLIR already, for reports.
#include "compiler/dialect/torch.h"
#include "compiler/import/mlir/slots.h"
#include "compiler/ops/object/object.h"
#include "compiler/pipeline/diagnostics.h"
#include "compiler/pipeline/report_model.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace linalgd {
namespace {

std::string printType(Type type, bool &isDynamic) {
  Type element;
  std::optional<ArrayRef<int64_t>> sizes;
  if (auto tensor = dyn_cast<torch::BaseTensorType>(type)) {
    element = tensor.getDtype();
    if (tensor.hasSizes())
      sizes = tensor.getSizes();
  } else if (auto ranked = dyn_cast<RankedTensorType>(type)) {
    element = ranked.getElementType();
    sizes = ranked.getShape();
  } else {
    std::string text;
    llvm::raw_string_ostream(text) << type;
    return text;
  }
  std::optional<DType> dtype = element ? dtypeOfElement(element) : std::nullopt;
  std::string text(dtype ? dtypeName(*dtype) : "?");
  if (!sizes)
    return text;
  text += '[';
  for (int64_t size : *sizes) {
    text += text.back() == '[' ? "" : ", ";
    isDynamic |= ShapedType::isDynamic(size);
    text += ShapedType::isDynamic(size) ? "?" : std::to_string(size);
  }
  return text + ']';
}

// The symbols of the signature, and the sizes of inputs whose expressions have them.
std::vector<ReportSymbol> describeSymbols(const Json &signature) {
  std::vector<ReportSymbol> symbols;
  llvm::StringMap<size_t> indices;
  for (const auto &[name, range] : signature["symbols"].items()) {
    indices[name] = symbols.size();
    ReportSymbol symbol{name, range["min"].get<int64_t>(), std::nullopt, {}};
    if (!range["max"].is_null())
      symbol.max = range["max"].get<int64_t>();
    symbols.push_back(std::move(symbol));
  }
  auto isPartOfName = [](char c) { return llvm::isAlnum(c) || c == '_'; };
  for (const Json &input : signature["inputs"]) {
    auto shape = input.find("shape");
    if (shape == input.end() || !shape->is_array())
      continue;
    for (size_t dimension = 0; dimension < shape->size(); ++dimension) {
      const Json &size = (*shape)[dimension];
      StringRef rest = size.is_string() ? StringRef(size.get_ref<const std::string &>()) : "";
      while (!(rest = rest.drop_until(isPartOfName)).empty()) {
        auto found = indices.find(rest.take_while(isPartOfName));
        rest = rest.drop_while(isPartOfName);
        if (found != indices.end())
          symbols[found->second].inputs.emplace_back(input["name"].get<std::string>(), dimension);
      }
    }
  }
  return symbols;
}

std::vector<ReportWeight> describeWeights(const MlirModel &model, const Json &signature) {
  llvm::StringSet<> state;
  for (const Json &written : signature["state"])
    if (written["slot"].is_string())
      state.insert(written["slot"].get<std::string>());
  std::vector<ReportWeight> weights;
  weights.reserve(model.weights.size());
  for (const MlirWeight &weight : model.weights)
    weights.push_back({weight.slot, state.contains(weight.slot) ? "buffer" : "parameter",
                       weight.dtype, weight.shape, weight.bound, std::nullopt});
  return weights;
}

} // namespace

bool isSyntax(Operation *op) {
  return op->hasTrait<OpTrait::ConstantLike>() || op->hasTrait<OpTrait::IsTerminator>() ||
         isa<ModuleOp, func::FuncOp, torch::TensorLiteralOp, torch::ValueTensorLiteralOp,
             torch::ListConstructOp, torch::DerefineOp, torch::TensorStaticInfoCastOp,
             torch::SymbolicIntOp, torch::BindSymbolicShapeOp, torch::ClassTypeOp, torch::AttrOp,
             torch::MethodOp, torch::NnModuleOp, torch::SlotOp, torch::GlobalSlotOp,
             torch::GlobalSlotModuleInitializerOp, UnrealizedConversionCastOp>(op);
}

ReportModel describeModule(const MlirModel &model, const std::string &signature) {
  ReportModel report;
  Json json = Json::parse(signature);
  report.symbols = describeSymbols(json);
  model.module.get()->walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (!isSyntax(op)) {
      ReportNode node{nodeOf(op->getLoc()), torch::getQualifiedName(op).str(), {}, false, {}};
      for (Type type : op->getResultTypes())
        node.results.push_back(printType(type, node.isDynamic));
      report.nodes.push_back(std::move(node));
    }
    return isa<linalg::LinalgOp>(op) ? WalkResult::skip() : WalkResult::advance();
  });
  report.weights = describeWeights(model, json);
  return report;
}

} // namespace linalgd
