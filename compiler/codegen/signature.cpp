#include "compiler/codegen/signature.h"

#include "compiler/runtime/dlpack.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"

#include <set>

namespace linalgd {
namespace {

using Json = nlohmann::ordered_json;

struct Dtype {
  const char *name;
  uint8_t code, bits;
};

constexpr Dtype kDtypes[] = {
    {"float32", kDLFloat, 32},   {"float64", kDLFloat, 64},     {"float16", kDLFloat, 16},
    {"bfloat16", kDLBfloat, 16}, {"int8", kDLInt, 8},           {"int16", kDLInt, 16},
    {"int32", kDLInt, 32},       {"int64", kDLInt, 64},         {"uint8", kDLUInt, 8},
    {"uint16", kDLUInt, 16},     {"uint32", kDLUInt, 32},       {"uint64", kDLUInt, 64},
    {"bool", kDLBool, 8},        {"complex64", kDLComplex, 64}, {"complex128", kDLComplex, 128}};

absl::Status broken(const std::string &why) {
  return absl::InternalError("the signature does not fit the compiled function: " + why);
}

// The dtype that a type's elements are by themselves: signless integers are signed.
absl::StatusOr<Dtype> dtypeOf(mlir::Type type) {
  auto find = [](llvm::StringRef name) -> absl::StatusOr<Dtype> {
    for (const Dtype &dtype : kDtypes)
      if (name == dtype.name)
        return dtype;
    return absl::UnimplementedError("executables have no dtype " + name.str());
  };
  if (type.isF32())
    return find("float32");
  if (type.isF64())
    return find("float64");
  if (type.isF16())
    return find("float16");
  if (type.isBF16())
    return find("bfloat16");
  if (type.isInteger(1))
    return find("bool");
  if (auto integer = llvm::dyn_cast<mlir::IntegerType>(type))
    return find((integer.isUnsigned() ? "uint" : "int") + std::to_string(integer.getWidth()));
  if (auto complex = llvm::dyn_cast<mlir::ComplexType>(type)) {
    if (complex.getElementType().isF32())
      return find("complex64");
    if (complex.getElementType().isF64())
      return find("complex128");
  }
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return absl::UnimplementedError("executables cannot hand out tensors of " + text);
}

absl::StatusOr<TensorSpec> specOfType(mlir::Type type, std::string name) {
  auto tensor = llvm::cast<mlir::RankedTensorType>(type);
  absl::StatusOr<Dtype> dtype = dtypeOf(tensor.getElementType());
  if (!dtype.ok())
    return dtype.status();
  TensorSpec spec{std::move(name), dtype->code, dtype->bits, {}};
  for (int64_t size : tensor.getShape())
    spec.dims.push_back({mlir::ShapedType::isDynamic(size) ? -1 : size, "", {}});
  return spec;
}

Dim dynamicDim(const std::string &text, const std::vector<Symbol> &symbols) {
  return {-1, text, compileExpression(text, symbols).value_or(std::vector<int64_t>())};
}

// An entry of "inputs", "outputs" or "state", with what the function's type says of it.
absl::StatusOr<TensorSpec> specOfJson(const Json &json, mlir::Type type, const std::string &where,
                                      const std::vector<Symbol> &symbols) {
  absl::StatusOr<TensorSpec> spec = specOfType(type, json.value("name", where));
  if (!spec.ok())
    return spec;
  std::string kind = json.value("kind", "tensor");
  std::string name = kind == "int"     ? "int64"
                     : kind == "float" ? "float64"
                     : kind == "bool"  ? "bool"
                                       : json.value("dtype", "");
  const Dtype *dtype =
      llvm::find_if(kDtypes, [&](const Dtype &dtype) { return name == dtype.name; });
  if (dtype == std::end(kDtypes) || dtype->bits != spec->bits)
    return broken(where + " has dtype '" + name + "'");
  spec->code = dtype->code;
  if (kind == "int" && json.contains("value") && json["value"].is_string())
    spec->value = dynamicDim(json["value"].get<std::string>(), symbols);
  Json shape = json.value("shape", Json::array());
  if (kind == "tensor" && shape.size() != spec->dims.size())
    return broken(where + " has another rank");
  for (size_t i = 0; kind == "tensor" && i < shape.size(); ++i) {
    Dim &dim = spec->dims[i];
    if (shape[i].is_number_integer()) {
      int64_t size = shape[i].get<int64_t>();
      if (dim.size >= 0 && dim.size != size)
        return broken("dimension " + std::to_string(i) + " of " + where + " differs");
      dim.size = size;
    } else if (shape[i].is_string() && dim.size < 0) {
      dim = dynamicDim(shape[i].get<std::string>(), symbols);
    }
  }
  return spec;
}

absl::Status readTensors(const Json &list, const std::string &what,
                         llvm::ArrayRef<mlir::Type> types, size_t &next,
                         const std::vector<Symbol> &symbols, std::vector<TensorSpec> &specs) {
  for (size_t i = 0; i < list.size(); ++i) {
    std::string kind = list[i].value("kind", "tensor");
    if (kind == "constant" || kind == "input")
      continue;
    std::string where = what + " " + std::to_string(i);
    if (next >= types.size())
      return broken("the function has too few " + what + "s");
    absl::StatusOr<TensorSpec> spec = specOfJson(list[i], types[next++], where, symbols);
    if (!spec.ok())
      return spec.status();
    specs.push_back(*std::move(spec));
  }
  return absl::OkStatus();
}

std::vector<StateResult> stateResults(const Json &json) {
  std::vector<unsigned> arguments; // of the function, by number of the input
  unsigned count = 0;
  for (const Json &input : json.value("inputs", Json::array())) {
    arguments.push_back(count);
    count += input.value("kind", "tensor") != "constant";
  }
  std::vector<StateResult> results;
  for (const Json &entry : json.value("state", Json::array())) {
    if (const Json &slot = entry.at("slot"); slot.is_string())
      results.push_back({slot.get<std::string>()});
    else
      results.push_back({"", arguments.at(entry.at("input").get<size_t>())});
  }
  return results;
}

absl::Status readJson(Signature &signature, mlir::FunctionType type) {
  const Json &json = signature.json;
  const Json symbols = json.value("symbols", Json::object()); // items() refers to it
  for (const auto &[name, range] : symbols.items()) {
    Symbol symbol{name};
    if (range.contains("min") && range["min"].is_number_integer())
      symbol.min = range["min"].get<int64_t>();
    if (range.contains("max") && range["max"].is_number_integer())
      symbol.max = range["max"].get<int64_t>();
    signature.symbols.push_back(std::move(symbol));
  }
  for (const Json &guard : json.value("guards", Json::array())) {
    const Json &expression = guard.at("expression");
    if (expression.is_null())
      continue;
    auto code = compileExpression(expression.get<std::string>(), signature.symbols);
    if (!code)
      return absl::UnimplementedError("executables cannot check that " +
                                      guard.value("text", expression.get<std::string>()));
    signature.guards.push_back({*std::move(code), guard.value("text", "")});
  }
  size_t inputs = 0, outputs = 0;
  std::vector<TensorSpec> state; // has no place of its own, but must fit
  for (auto [key, what, types, next, specs] :
       {std::tuple{"inputs", "input", type.getInputs(), &inputs, &signature.inputs},
        std::tuple{"outputs", "output", type.getResults(), &outputs, &signature.outputs},
        std::tuple{"state", "state", type.getResults(), &outputs, &state}}) {
    absl::Status status =
        readTensors(json.value(key, Json::array()), what, types, *next, signature.symbols, *specs);
    if (!status.ok())
      return status;
  }
  if (inputs != type.getNumInputs() || outputs != type.getNumResults())
    return broken("the function has " + std::to_string(type.getNumInputs()) + " arguments and " +
                  std::to_string(type.getNumResults()) + " results");
  for (const StateResult &result : stateResults(json))
    if (result.slot.empty())
      signature.inputs[result.argument].isState = true;
  return absl::OkStatus();
}

Json jsonOf(const TensorSpec &spec) {
  Json shape = Json::array();
  for (size_t i = 0; i < spec.dims.size(); ++i) {
    if (spec.dims[i].size >= 0)
      shape.push_back(spec.dims[i].size);
    else
      shape.push_back(spec.name + "_" + std::to_string(i));
  }
  const Dtype *dtype = llvm::find_if(kDtypes, [&](const Dtype &dtype) {
    return spec.code == dtype.code && spec.bits == dtype.bits;
  });
  return {{"name", spec.name}, {"kind", "tensor"}, {"dtype", dtype->name}, {"shape", shape}};
}

// A module without a signature of its own (hand-written IR): numbered tensors.
absl::Status makeJson(Signature &signature, mlir::FunctionType type, const std::string &entry) {
  Json inputs = Json::array(), outputs = Json::array(), symbols = Json::object();
  for (auto [i, argument] : llvm::enumerate(type.getInputs())) {
    absl::StatusOr<TensorSpec> spec = specOfType(argument, "arg" + std::to_string(i));
    if (!spec.ok())
      return spec.status();
    inputs.push_back(jsonOf(*spec));
    for (const Json &dim : inputs.back()["shape"])
      if (dim.is_string())
        symbols[dim.get<std::string>()] = {{"min", 0}, {"max", nullptr}};
    signature.inputs.push_back(*std::move(spec));
  }
  for (auto [i, result] : llvm::enumerate(type.getResults())) {
    absl::StatusOr<TensorSpec> spec = specOfType(result, "result" + std::to_string(i));
    if (!spec.ok())
      return spec.status();
    outputs.push_back(jsonOf(*spec));
    signature.outputs.push_back(*std::move(spec));
  }
  signature.json = {{"entry", entry},         {"inputs", inputs},   {"outputs", outputs},
                    {"state", Json::array()}, {"symbols", symbols}, {"slots", Json::array()},
                    {"in_spec", ""},          {"out_spec", ""}};
  return absl::OkStatus();
}

absl::Status addSlots(Signature &signature, mlir::ModuleOp module) {
  auto names = module->getAttrOfType<mlir::ArrayAttr>(kSlotsAttr);
  auto types = module->getAttrOfType<mlir::ArrayAttr>(kSlotTypesAttr);
  std::map<std::string, Json> known;
  for (const Json &slot : signature.json.value("slots", Json::array()))
    known[slot.value("slot", "")] = slot;
  std::set<std::string> written;
  for (const StateResult &result : stateResults(signature.json))
    written.insert(result.slot);
  Json list = Json::array();
  for (auto [name, type] : llvm::zip_equal(names, types)) {
    std::string slot = llvm::cast<mlir::StringAttr>(name).str();
    absl::StatusOr<TensorSpec> spec = specOfType(llvm::cast<mlir::TypeAttr>(type).getValue(), slot);
    if (!spec.ok())
      return spec.status();
    Json json = jsonOf(*spec);
    json.erase("name");
    json.erase("kind");
    auto entry = known.find(slot);
    if (entry != known.end()) {
      // The signature tells uint8 from int8; where the IR has another shape or width, the IR is
      // what the code was compiled for.
      std::string dtype = entry->second.value("dtype", "");
      for (const Dtype &candidate : kDtypes)
        if (dtype == candidate.name && candidate.bits == spec->bits) {
          spec->code = candidate.code;
          json["dtype"] = dtype;
        }
    }
    list.push_back({{"slot", slot}, {"dtype", json["dtype"]}, {"shape", json["shape"]}});
    spec->isState = written.contains(slot);
    signature.slots.push_back(*std::move(spec));
  }
  signature.json["slots"] = std::move(list);
  return absl::OkStatus();
}

} // namespace

std::vector<StateResult> stateResults(const std::string &signature) {
  if (signature.empty())
    return {};
  try {
    return stateResults(Json::parse(signature));
  } catch (const Json::exception &) {
    return {}; // readSignature says what is wrong
  } catch (const std::out_of_range &) {
    return {};
  }
}

absl::StatusOr<Signature> readSignature(mlir::ModuleOp module, const CodegenOptions &options) {
  auto attribute = module->getAttrOfType<mlir::TypeAttr>(kEntryTypeAttr);
  if (!attribute || !module->hasAttr(kSlotsAttr) || !module->hasAttr(kSlotTypesAttr))
    return absl::InternalError("the module was not lowered by linalgd's pipeline");
  auto type = llvm::cast<mlir::FunctionType>(attribute.getValue());
  Signature signature;
  absl::Status status;
  if (options.signature.empty()) {
    status = makeJson(signature, type, options.entry);
  } else {
    try {
      signature.json = Json::parse(options.signature);
      status = readJson(signature, type);
    } catch (const Json::exception &error) {
      status = broken(error.what());
    } catch (const std::out_of_range &) {
      status = broken("state of an input that there is not");
    }
  }
  if (status.ok())
    status = addSlots(signature, module);
  if (!status.ok())
    return status;
  return signature;
}

} // namespace linalgd
