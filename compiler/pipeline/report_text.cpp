// A report as text for a terminal.
#include "compiler/pipeline/report.h"
#include "compiler/pipeline/report_words.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>

namespace linalgd {
namespace {

constexpr size_t kMaxUses = 20;   // of one unsupported op
constexpr size_t kMaxPlaces = 20; // where sizes are dynamic
constexpr size_t kMaxSlots = 10;  // largest, and unbound

std::string str(const Json &text) { return text.get<std::string>(); }

// Rows of cells as columns of equal width; the last one is left as it is.
class Columns {
public:
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  void print(llvm::raw_ostream &os) const {
    std::vector<size_t> widths;
    for (const std::vector<std::string> &row : rows_) {
      widths.resize(std::max(widths.size(), row.size()));
      for (size_t i = 0; i < row.size(); ++i)
        widths[i] = std::max(widths[i], row[i].size());
    }
    for (const std::vector<std::string> &row : rows_) {
      std::string line = " ";
      for (size_t i = 0; i < row.size(); ++i)
        line += " " + row[i] + std::string(widths[i] - row[i].size() + 1, ' ');
      os << llvm::StringRef(line).rtrim() << '\n';
    }
  }

private:
  std::vector<std::vector<std::string>> rows_;
};

class TextWriter {
public:
  explicit TextWriter(const Json &report) : report_(report), os_(text_) {}

  std::string write() {
    os_ << headline(report_) << '\n';
    for (const std::string &fact : facts(report_))
      os_ << fact << '\n';
    writeUnsupported();
    writeProblems();
    writeTensors("Inputs", report_["inputs"]);
    writeTensors("Outputs", report_["outputs"]);
    writeTensors("State, which the model writes", report_["state"]);
    writeDynamic();
    writeParameters();
    for (const Json &level : report_["levels"])
      writeLevel(level);
    return std::move(text_);
  }

private:
  void title(const llvm::Twine &text) { os_ << '\n' << text << '\n'; }

  void writeUnsupported() {
    const Json &ops = report_["unsupported"];
    if (ops.empty())
      return;
    title("Not supported");
    for (const Json &op : ops) {
      os_ << "  " << str(op["op"]) << "  x" << op["count"].get<size_t>() << '\n';
      os_ << "    " << str(op["reason"]) << '\n';
      Columns uses;
      for (const auto &[index, use] : llvm::enumerate(op["uses"])) {
        if (index == kMaxUses)
          break;
        std::string detail = str(use["detail"]);
        if (use["written_as"].is_string() && use["written_as"] != op["op"])
          detail += (detail.empty() ? "" : "; ") + ("from " + str(use["written_as"]));
        uses.add({"   " + str(use["node"]), placeOf(use["source"]), detail});
      }
      uses.print(os_);
      more(op["uses"].size(), kMaxUses, "    ");
      os_ << "    hint: " << str(op["hint"]) << '\n';
    }
  }

  void writeProblems() {
    if (report_["problems"].empty())
      return;
    title("Problems");
    for (const Json &problem : report_["problems"]) {
      std::string place = placeOf(problem["source"]);
      os_ << "  " << place << (place.empty() ? "" : ": ") << str(problem["message"]) << '\n';
    }
  }

  void writeTensors(const char *name, const Json &entries) {
    if (entries.empty())
      return;
    title(name);
    Columns rows;
    for (const auto &[index, entry] : llvm::enumerate(entries))
      rows.add({nameOf(entry, index, report_), describe(entry, report_)});
    rows.print(os_);
  }

  void writeDynamic() {
    const Json &dynamic = report_["dynamic"];
    if (report_["symbols"].empty() && dynamic["places"].empty())
      return;
    title(llvm::formatv("Dynamic shapes: {0} nodes have results of sizes that vary",
                        dynamic["nodes"].get<size_t>()));
    Columns rows;
    for (const Json &symbol : report_["symbols"])
      rows.add({str(symbol["name"]), rangeOf(symbol), originOf(symbol)});
    for (const auto &[index, place] : llvm::enumerate(dynamic["places"])) {
      if (index == kMaxPlaces)
        break;
      rows.add(
          {str(place["node"]), str(place["op"]), makes(place) + "  " + placeOf(place["source"])});
    }
    rows.print(os_);
    more(dynamic["places"].size(), kMaxPlaces, "  ");
  }

  void writeParameters() {
    const Json &parameters = report_["parameters"];
    if (parameters["weights"].empty())
      return;
    title("Parameters and buffers");
    for (const Json &dtype : parameters["dtypes"])
      os_ << llvm::formatv("  {0}: {1}, {2}\n", str(dtype["dtype"]),
                           grouped(dtype["count"].get<uint64_t>()),
                           bytes(dtype["bytes"].get<uint64_t>()));
    std::vector<const Json *> weights = byBytes(parameters["weights"]);
    auto list = [&](const char *what, auto wanted) {
      Columns rows;
      size_t count = 0;
      for (const Json *weight : weights)
        if (wanted(*weight) && ++count <= kMaxSlots)
          rows.add({"  " + str((*weight)["slot"]), describe(*weight, report_),
                    bytes((*weight)["bytes"].get<uint64_t>())});
      if (count == 0)
        return;
      os_ << "  " << what << '\n';
      rows.print(os_);
      more(count, kMaxSlots, "    ");
    };
    list("The largest:", [](const Json &) { return true; });
    if (parameters["unbound"] == parameters["count"]) {
      os_ << "  None of them has data: all are to be bound by name.\n";
      return;
    }
    list("Without data (to be bound by name):",
         [](const Json &weight) { return !weight["bound"].get<bool>(); });
  }

  void writeLevel(const Json &level) {
    title(llvm::formatv("Ops at {0} ({1}): {2}", str(level["stage"]), meaningOf(level),
                        grouped(level["total"].get<uint64_t>())));
    Columns rows;
    for (const Json &op : level["ops"])
      rows.add({llvm::formatv("{0,6}", op["count"].get<size_t>()), str(op["op"]), str(op["how"])});
    rows.print(os_);
  }

  void more(size_t count, size_t shown, const char *indent) {
    if (count > shown)
      os_ << indent << llvm::formatv("… and {0} more\n", count - shown);
  }

  const Json &report_;
  std::string text_;
  llvm::raw_string_ostream os_;
};

} // namespace

std::string renderReportText(const Json &report) { return TextWriter(report).write(); }

} // namespace linalgd
