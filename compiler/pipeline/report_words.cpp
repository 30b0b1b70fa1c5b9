#include "compiler/pipeline/report_words.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"

namespace linalgd {
namespace {

std::string plural(uint64_t count, const char *thing) {
  return grouped(count) + " " + thing + (count == 1 ? "" : "s");
}

std::string shapeOf(const Json &shape) {
  if (shape.is_null())
    return "";
  std::string text = "[";
  for (const Json &size : shape)
    text += (text.size() > 1 ? ", " : "") +
            (size.is_string() ? size.get<std::string>() : std::to_string(size.get<int64_t>()));
  return text + "]";
}

size_t uses(const Json &report) {
  size_t count = 0;
  for (const Json &op : report["unsupported"])
    count += op["count"].get<size_t>();
  return count;
}

} // namespace

std::string headline(const Json &report) {
  size_t ops = report["unsupported"].size();
  if (report["supported"].get<bool>())
    return "The model compiles to linalg.";
  if (ops == 0)
    return "The model does not compile: see its problems.";
  return "The model does not compile: " + plural(ops, "op") + (ops == 1 ? " is" : " are") +
         " not supported, in " + plural(uses(report), "place") + ".";
}

std::vector<std::string> facts(const Json &report) {
  std::vector<std::string> lines;
  const Json &written = report["levels"][0];
  lines.push_back(plural(report["nodes"].size(), "node") + " of " +
                  plural(written["ops"].size(), "different op"));
  const Json &parameters = report["parameters"];
  uint64_t unbound = parameters["unbound"].get<uint64_t>();
  lines.push_back(plural(parameters["count"].get<uint64_t>(), "weight") +
                  " (parameters and buffers), " +
                  plural(parameters["elements"].get<uint64_t>(), "element") + ", " +
                  bytes(parameters["bytes"].get<uint64_t>()) +
                  (unbound > 0 ? ", " + grouped(unbound) + " without data" : ""));
  return lines;
}

std::string grouped(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t at = text.size(); at > 3; at -= 3)
    text.insert(at - 3, ",");
  return text;
}

std::string bytes(uint64_t number) {
  static constexpr const char *kUnits[] = {"B", "kB", "MB", "GB", "TB"};
  auto value = static_cast<double>(number);
  size_t unit = 0;
  for (; value >= 1000 && unit + 1 < std::size(kUnits); ++unit)
    value /= 1000;
  return unit == 0 ? std::to_string(number) + " B"
                   : llvm::formatv("{0:F1} {1}", value, kUnits[unit]).str();
}

std::string placeOf(const Json &source) {
  if (source.is_null())
    return "";
  auto field = [&](const char *name) { return source[name].get<std::string>(); };
  std::string text = field("file");
  if (source["line"].get<uint32_t>() > 0)
    text += ":" + std::to_string(source["line"].get<uint32_t>());
  if (!field("function").empty())
    text += " in " + field("function");
  if (!field("module").empty())
    text += " (" + field("module") + ")";
  return text;
}

std::string nameOf(const Json &entry, size_t index, const Json &report) {
  if (entry.contains("name"))
    return entry["name"].get<std::string>();
  if (!entry.contains("slot"))
    return std::to_string(index);
  if (entry["slot"].is_string())
    return entry["slot"].get<std::string>();
  return "input " + report["inputs"][entry["input"].get<size_t>()]["name"].get<std::string>();
}

std::string describe(const Json &entry, const Json &report) {
  std::string kind = entry.contains("kind") ? entry["kind"].get<std::string>() : "tensor";
  if (kind == "constant" && entry.contains("value"))
    return "fixed: " + entry["value"].dump();
  if (kind == "input")
    return "the input " + report["inputs"][entry["index"].get<size_t>()]["name"].get<std::string>();
  if (!entry.contains("dtype"))
    return kind;
  std::string text = entry["dtype"].is_string() ? entry["dtype"].get<std::string>() : "tensor";
  text += entry["shape"].is_null() ? " of unknown rank" : shapeOf(entry["shape"]);
  if (entry.contains("shares") && entry["shares"].is_string())
    text += " shared with " + entry["shares"].get<std::string>();
  return text;
}

std::string rangeOf(const Json &symbol) {
  std::string min = std::to_string(symbol["min"].get<int64_t>());
  return symbol["max"].is_null() ? min + " or more"
                                 : min + " to " + std::to_string(symbol["max"].get<int64_t>());
}

std::string originOf(const Json &symbol) {
  if (symbol["inputs"].empty())
    return "depends on data";
  std::string text;
  for (const Json &place : symbol["inputs"])
    text += (text.empty() ? "" : ", ") + place["input"].get<std::string>() + "[" +
            std::to_string(place["dimension"].get<size_t>()) + "]";
  return text;
}

std::string makes(const Json &place) {
  std::string names;
  for (const Json &symbol : place["symbols"])
    names += (names.empty() ? "" : ", ") + symbol.get<std::string>();
  return names.empty() ? "depends on data" : "new: " + names;
}

std::string meaningOf(const Json &level) {
  std::string stage = level["stage"].get<std::string>();
  return stage == "torch-raw" ? "as written"
         : stage == "torch"   ? "functional and decomposed: what is left to lower"
                              : "as lowered";
}

std::vector<const Json *> byBytes(const Json &weights) {
  std::vector<const Json *> sorted;
  for (const Json &weight : weights)
    sorted.push_back(&weight);
  llvm::sort(sorted, [](const Json *a, const Json *b) {
    auto left = (*a)["bytes"].get<uint64_t>(), right = (*b)["bytes"].get<uint64_t>();
    return left != right ? left > right : a < b; // they stand in one array
  });
  return sorted;
}

} // namespace linalgd
