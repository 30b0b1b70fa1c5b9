// A report as one HTML page that needs nothing beside it; it can be read without its script.
#include "compiler/pipeline/report.h"
#include "compiler/pipeline/report_page.h"
#include "compiler/pipeline/report_words.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

#include <set>

namespace linalgd {
namespace {

// Text made fit for HTML, attributes included.
std::string html(llvm::StringRef text) {
  std::string out;
  llvm::raw_string_ostream os(out);
  llvm::printHTMLEscaped(text, os);
  return out;
}

std::string htmlOf(const Json &text) { return html(text.get<std::string>()); }

class PageWriter {
public:
  explicit PageWriter(const Json &report) : report_(report), os_(text_) {}

  std::string write() {
    os_ << "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        << "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        << "<title>linalgd: report on a model</title>\n<style>" << kReportStyle
        << "</style>\n</head>\n<body>\n<main>\n";
    writeHead();
    writeUnsupported();
    writeProblems();
    writeInterface();
    writeDynamic();
    writeOps();
    writeWeights();
    writeNodes();
    os_ << "</main>\n<script>" << kReportScript << "</script>\n</body>\n</html>\n";
    return std::move(text_);
  }

private:
  uint64_t number(const Json &value) const { return value.get<uint64_t>(); }

  void open(llvm::StringRef title) { os_ << "<section>\n<h2>" << html(title) << "</h2>\n"; }
  void close() { os_ << "</section>\n"; }

  // A table's head. A title that starts with '#' is that of a column of numbers.
  void head(std::initializer_list<llvm::StringRef> titles) {
    os_ << "<table><thead><tr>";
    for (llvm::StringRef title : titles) {
      bool isNumber = title.consume_front("#");
      os_ << (isNumber ? "<th class=\"number\">" : "<th>") << title << "</th>";
    }
    os_ << "</tr></thead><tbody>\n";
  }
  void foot() { os_ << "</tbody></table>\n"; }
  void code(llvm::StringRef text) { os_ << "<td class=\"code\">" << html(text) << "</td>"; }
  void cell(llvm::StringRef text) { os_ << "<td>" << html(text) << "</td>"; }
  void count(llvm::StringRef text) { os_ << "<td class=\"number\">" << text << "</td>"; }
  void tag(llvm::StringRef how) {
    os_ << "<td>";
    if (!how.empty())
      os_ << "<span class=\"tag " << html(how) << "\">" << html(how) << "</span>";
    os_ << "</td>";
  }

  void writeHead() {
    bool supported = report_["supported"].get<bool>();
    os_ << "<h1>Report on a model</h1>\n<div class=\"faint\">by linalgd; entry <code>"
        << htmlOf(report_["entry"]) << "</code></div>\n<div class=\"verdict "
        << (supported ? "good" : "bad") << "\">" << html(headline(report_)) << "</div>\n";
    const Json &parameters = report_["parameters"];
    auto tile = [&](const std::string &value, llvm::StringRef what) {
      os_ << "<div class=\"tile\"><b>" << value << "</b><span>" << what << "</span></div>\n";
    };
    os_ << "<div class=\"tiles\">\n";
    tile(grouped(report_["nodes"].size()), "nodes");
    tile(grouped(report_["levels"][0]["ops"].size()), "different ops");
    tile(grouped(report_["unsupported"].size()), "not supported");
    tile(grouped(number(parameters["count"])), "weights");
    tile(bytes(number(parameters["bytes"])), "of weights");
    tile(grouped(report_["symbols"].size()), "sizes that vary");
    os_ << "</div>\n";
  }

  void writeUnsupported() {
    if (report_["unsupported"].empty())
      return;
    open("Not supported");
    for (const Json &op : report_["unsupported"]) {
      os_ << "<div class=\"op\"><h3><code>" << htmlOf(op["op"])
          << "</code> <span class=\"faint\">× " << number(op["count"]) << "</span></h3>\n<p>"
          << htmlOf(op["reason"]) << "</p><p class=\"faint\">" << htmlOf(op["hint"])
          << "</p>\n<details" << (op["uses"].size() <= 10 ? " open" : "") << "><summary>"
          << op["uses"].size() << (op["uses"].size() == 1 ? " place" : " places") << "</summary>\n";
      head({"Node", "Python", "Module", "Written as", ""});
      for (const Json &use : op["uses"]) {
        os_ << "<tr>";
        code(use["node"].get<std::string>());
        place(use["source"]);
        code(use["written_as"].is_string() ? use["written_as"].get<std::string>() : "");
        code(use["detail"].get<std::string>());
        os_ << "</tr>\n";
      }
      foot();
      os_ << "</details></div>\n";
    }
    close();
  }

  // Two cells: file, line and function; module.
  void place(const Json &source) {
    std::string module = source.is_null() ? "" : source["module"].get<std::string>();
    Json line = source;
    if (!source.is_null())
      line["module"] = "";
    code(placeOf(line));
    code(module);
  }

  void writeProblems() {
    if (report_["problems"].empty())
      return;
    open("Problems");
    for (const Json &problem : report_["problems"])
      os_ << "<p><code>" << html(placeOf(problem["source"])) << "</code> "
          << htmlOf(problem["message"]) << "</p>\n";
    close();
  }

  void writeInterface() {
    open("Inputs, outputs and state");
    os_ << "<div class=\"columns\">\n";
    writeTensors("Inputs", report_["inputs"]);
    writeTensors("Outputs", report_["outputs"]);
    if (!report_["state"].empty())
      writeTensors("State, which the model writes", report_["state"]);
    os_ << "</div>\n";
    close();
  }

  void writeTensors(llvm::StringRef title, const Json &entries) {
    os_ << "<div><h3>" << title << "</h3>\n";
    head({"Name", "Type"});
    for (const auto &[index, entry] : llvm::enumerate(entries)) {
      os_ << "<tr>";
      code(nameOf(entry, index, report_));
      code(describe(entry, report_));
      os_ << "</tr>\n";
    }
    foot();
    os_ << "</div>\n";
  }

  void writeDynamic() {
    const Json &dynamic = report_["dynamic"];
    if (report_["symbols"].empty() && dynamic["places"].empty())
      return;
    open("Dynamic shapes");
    os_ << "<p>" << grouped(number(dynamic["nodes"]))
        << " nodes have results of sizes that vary.</p>\n";
    head({"Size", "Range", "Comes from"});
    for (const Json &symbol : report_["symbols"]) {
      os_ << "<tr>";
      code(symbol["name"].get<std::string>());
      cell(rangeOf(symbol));
      code(originOf(symbol));
      os_ << "</tr>\n";
    }
    foot();
    if (!dynamic["places"].empty()) {
      head({"Node", "Op", "", "Python", "Module"});
      for (const Json &entry : dynamic["places"]) {
        os_ << "<tr>";
        code(entry["node"].get<std::string>());
        code(entry["op"].get<std::string>());
        cell(makes(entry));
        place(entry["source"]);
        os_ << "</tr>\n";
      }
      foot();
    }
    close();
  }

  void writeOps() {
    open("Ops");
    os_ << "<div class=\"columns\">\n";
    for (const Json &level : report_["levels"]) {
      os_ << "<div><h3>" << htmlOf(level["stage"]) << " <span class=\"faint\">"
          << html(meaningOf(level)) << "</span></h3>\n";
      head({"Op", "", "#Count"});
      uint64_t most = level["ops"].empty() ? 1 : number(level["ops"][0]["count"]);
      for (const Json &op : level["ops"]) {
        os_ << "<tr><td class=\"code\"><span class=\"bar\" style=\"--part:"
            << number(op["count"]) * 100 / most << "%\">" << htmlOf(op["op"]) << "</span></td>";
        tag(op["how"].get<std::string>());
        count(grouped(number(op["count"])));
        os_ << "</tr>\n";
      }
      foot();
      os_ << "</div>\n";
    }
    os_ << "</div>\n";
    close();
  }

  void writeWeights() {
    const Json &parameters = report_["parameters"];
    if (parameters["weights"].empty())
      return;
    open("Parameters and buffers");
    head({"Dtype", "#Weights", "#Bytes"});
    for (const Json &dtype : parameters["dtypes"]) {
      os_ << "<tr>";
      code(dtype["dtype"].get<std::string>());
      count(grouped(number(dtype["count"])));
      count(bytes(number(dtype["bytes"])));
      os_ << "</tr>\n";
    }
    foot();
    os_ << "<details" << (number(parameters["unbound"]) > 0 ? " open" : "") << "><summary>All "
        << number(parameters["count"]) << ", the largest first";
    if (number(parameters["unbound"]) > 0)
      os_ << "; " << number(parameters["unbound"]) << " without data, to be bound by name";
    os_ << "</summary>\n";
    head({"Name", "Kind", "Type", "", "#Bytes"});
    for (const Json *weight : byBytes(parameters["weights"])) {
      os_ << "<tr>";
      code((*weight)["slot"].get<std::string>());
      cell((*weight)["kind"].get<std::string>());
      code(describe(*weight, report_));
      tag((*weight)["bound"].get<bool>() ? "" : "no data");
      count(bytes(number((*weight)["bytes"])));
      os_ << "</tr>\n";
    }
    foot();
    os_ << "</details>\n";
    close();
  }

  void writeNodes() {
    std::set<std::string> fates;
    for (const Json &node : report_["nodes"])
      if (!node["how"].get<std::string>().empty())
        fates.insert(node["how"].get<std::string>());
    open("Nodes");
    os_ << "<input id=\"query\" type=\"search\" placeholder=\"Op, module, file, type …\" "
           "aria-label=\"Filter\"> <select id=\"fate\" aria-label=\"What becomes of it\">"
           "<option value=\"\">all</option>";
    for (const std::string &fate : fates)
      os_ << "<option>" << html(fate) << "</option>";
    os_ << "</select> <span id=\"shown\" class=\"faint\"></span>\n<div class=\"nodes\">\n"
        << "<table><thead><tr><th>Node</th><th>Op</th><th></th><th>Result</th><th>Python</th>"
        << "<th>Module</th></tr></thead><tbody id=\"nodes\">\n";
    for (const Json &node : report_["nodes"]) {
      std::string how = node["how"].get<std::string>(), results;
      for (const Json &type : node["results"])
        results += (results.empty() ? "" : ", ") + type.get<std::string>();
      os_ << "<tr data-how=\"" << html(how) << "\">";
      code(node["node"].get<std::string>());
      code(node["op"].get<std::string>());
      tag(how);
      code(results);
      place(node["source"]);
      os_ << "</tr>\n";
    }
    os_ << "</tbody></table></div>\n";
    close();
  }

  const Json &report_;
  std::string text_;
  llvm::raw_string_ostream os_;
};

} // namespace

std::string renderReportHtml(const Json &report) { return PageWriter(report).write(); }

} // namespace linalgd
