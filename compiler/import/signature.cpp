#include "compiler/import/signature.h"
#include "compiler/import/text.h"
#include "compiler/import/usage.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace linalgd {
namespace {

using Json = nlohmann::ordered_json;

class SignatureWriter {
public:
  explicit SignatureWriter(const Graph &graph) : graph_(graph), state_(writtenState(graph)) {}

  std::string write(const std::string &entry) {
    Json signature = {
        {"entry", entry},         {"inputs", Json::array()},   {"outputs", Json::array()},
        {"state", Json::array()}, {"symbols", Json::object()}, {"guards", Json::array()},
        {"slots", Json::array()}};
    for (const GraphInput &input : graph_.inputs)
      if (input.kind == GraphInput::Kind::User || input.kind == GraphInput::Kind::Constant)
        signature["inputs"].push_back(describe(input));
    for (const GraphOutput &output : graph_.outputs)
      if (output.kind == GraphOutput::Kind::User)
        signature["outputs"].push_back(describe(output));
    for (const WrittenState &written : state_)
      signature["state"].push_back(describe(written));
    for (const GraphSymbol &symbol : graph_.symbols)
      signature["symbols"][symbol.name] = {{"min", symbol.min},
                                           {"max", symbol.max ? Json(*symbol.max) : Json()}};
    for (const GraphGuard &guard : graph_.guards)
      signature["guards"].push_back(
          {{"text", guard.text},
           {"expression",
            guard.expression ? Json(printExpression(*guard.expression, graph_.symbols)) : Json()}});
    for (const UsedWeight &used : usedWeights(graph_)) {
      const Weight &weight = graph_.weights.at(used.input->name);
      if (!weight.inlined)
        signature["slots"].push_back(
            {{"slot", weight.slot}, {"dtype", dtypeName(weight.dtype)}, {"shape", weight.shape}});
    }
    signature["in_spec"] = graph_.inSpec;
    signature["out_spec"] = graph_.outSpec;
    return signature.dump(-1, ' ', false, Json::error_handler_t::replace);
  }

private:
  static Json constantOf(const Argument &argument) {
    if (const auto *integer = std::get_if<int64_t>(&argument.value))
      return *integer;
    if (const auto *boolean = std::get_if<bool>(&argument.value))
      return *boolean;
    if (const auto *text = std::get_if<std::string>(&argument.value))
      return *text;
    // JSON has no number for what is not finite; torch writes it as text, too.
    if (const auto *real = std::get_if<double>(&argument.value))
      return std::isfinite(*real) ? Json(*real)
             : std::isnan(*real)  ? Json("NaN")
                                  : Json(*real > 0 ? "Infinity" : "-Infinity");
    return nullptr;
  }

  void addType(Json &entry, const GraphType &type) {
    switch (type.kind) {
    case TypeKind::Int:
      entry["kind"] = "int";
      return;
    case TypeKind::Float:
      entry["kind"] = "float";
      return;
    case TypeKind::Bool:
      entry["kind"] = "bool";
      return;
    default:
      entry["kind"] = "tensor";
    }
    addTensor(entry, type.tensor);
  }

  void addTensor(Json &entry, const TensorType &type) {
    entry["dtype"] = type.dtype ? Json(dtypeName(*type.dtype)) : Json();
    entry["shape"] = type.ranked ? Json::array() : Json();
    for (const Dimension &size : type.sizes)
      if (const auto *number = std::get_if<int64_t>(&size))
        entry["shape"].push_back(*number);
      else
        entry["shape"].push_back(printExpression(*std::get<ExpressionPtr>(size), graph_.symbols));
  }

  Json describe(const GraphInput &input) {
    Json entry = {{"name", input.name}};
    if (input.kind == GraphInput::Kind::Constant) {
      entry["kind"] = "constant";
      entry["value"] = constantOf(input.constant);
    } else {
      addType(entry, graph_.typeOf(*input.value));
      if (input.symbolic)
        entry["value"] = printExpression(*input.symbolic, graph_.symbols);
    }
    return entry;
  }

  Json describe(const GraphOutput &output) {
    if (const GraphInput *input = passedThrough(graph_, output, state_))
      return {{"kind", "input"}, {"index", indexOf(input)}};
    Json entry = Json::object();
    if (const ValueId *value = output.value.asValue()) {
      addType(entry, graph_.typeOf(*value));
    } else {
      entry["kind"] = "constant";
      entry["value"] = constantOf(output.value);
    }
    if (!output.target.empty())
      entry["gradient"] = output.target;
    return entry;
  }

  Json describe(const WrittenState &written) {
    bool isInput = written.input->kind == GraphInput::Kind::User;
    Json entry = {{"slot", isInput ? Json() : Json(written.input->name)},
                  {"input", isInput ? Json(indexOf(written.input)) : Json()}};
    addTensor(entry, graph_.typeOf(*written.input->value).tensor);
    return entry;
  }

  // Among the signature's inputs, constants included.
  size_t indexOf(const GraphInput *wanted) const {
    size_t index = 0;
    for (const GraphInput &input : graph_.inputs) {
      if (&input == wanted)
        break;
      index += input.kind == GraphInput::Kind::User || input.kind == GraphInput::Kind::Constant;
    }
    return index;
  }

  const Graph &graph_;
  const std::vector<WrittenState> state_;
};

} // namespace

std::string makeSignature(const Graph &graph, const std::string &entry) {
  return SignatureWriter(graph).write(entry);
}

} // namespace linalgd
