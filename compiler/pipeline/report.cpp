#include "compiler/pipeline/report.h"
#include "compiler/dialect/op_schema.h"
#include "compiler/dialect/torch.h"
#include "compiler/passes/check_supported.h"
#include "compiler/passes/passes.h"
#include "compiler/pipeline/diagnostics.h"
#include "compiler/pipeline/report_model.h"
#include "compiler/pipeline/stages.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/StringSet.h"

#include <map>

using namespace mlir;

namespace linalgd {
namespace {

// An op that keeps the model from linalg, at one place.
struct Obstacle {
  std::string op; // "aten.foo"
  std::string node;
  std::string reason;
  std::string detail; // what of the reason is of this place
  bool isKnown;       // linalgd has the op, but not like this
};

std::string operandTypes(Operation *op) {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::interleaveComma(op->getOperandTypes(), os, [&](mlir::Type type) { os << type; });
  return text;
}

bool isPyTorchs(StringRef op) {
  return llvm::is_contained({"aten", "prims", "prim"}, op.split('.').first);
}

// The overloads of an op that linalgd knows.
std::vector<std::string> knownOverloads(StringRef op) {
  auto baseOf = [](StringRef name) { return name.take_front(name.find('.', name.find('.') + 1)); };
  std::vector<std::string> names;
  for (const torch::OpFamily &family : torch::opFamilies())
    for (const torch::OpSchema &schema : family.schemas)
      if (baseOf(schema.name) == baseOf(op) && schema.name != op)
        names.push_back(schema.name.str());
  return names;
}

std::string hintFor(const Obstacle &obstacle) {
  std::string keep = "keep_ops=[\"" + obstacle.op + "\"] passes it through to the output";
  if (obstacle.isKnown)
    return "The op is supported for other operands: see the reason. Otherwise, " + keep;
  std::vector<std::string> overloads = knownOverloads(obstacle.op);
  if (!overloads.empty())
    return "linalgd knows " + llvm::join(overloads, ", ") +
           ": write the model with one of them. Otherwise, " + keep;
  if (!isPyTorchs(obstacle.op))
    return "A custom op: export the model with a decomposition of it "
           "(ExportedProgram.run_decompositions with a table that has it), or " +
           keep;
  return "ExportedProgram.run_decompositions() may rewrite it in ops that linalgd knows. "
         "Otherwise, " +
         keep + ", or add it to linalgd (docs/adding-an-op.md)";
}

// Runs what can be run without failing at unsupported ops, and notes what it meets.
class Reporter {
public:
  Reporter(const ReportSubject &subject, MLIRContext &context)
      : subject_(subject), context_(context), diagnostics_(context) {}

  absl::StatusOr<Json> run(StageSink &sink) {
    Stage stage = subject_.program.stage();
    model_ = subject_.program.describe(subject_.signature);
    module_ = subject_.program.takeModule(subject_.options, subject_.sourceMap);
    if (!module_)
      return diagnostics_.fail(stage, /*isFaultOfModel=*/true, sink);
    levels_ = Json::array();
    if (stage == Stage::TorchRaw && toTorch()) {
      findUnsupported();
      addLevel(Stage::Torch);
      toLinalg();
    }
    return write();
  }

private:
  bool toTorch() {
    PassManager pm(&context_);
    StageOptions options;
    options.keepOps = subject_.options.keepOps;
    definitionOf(Stage::Torch).populate(pm, options);
    bool done = succeeded(pm.run(*module_)) && !diagnostics_.hasErrors();
    takeDiagnostics();
    return done;
  }

  void findUnsupported() {
    forEachUnsupportedOp(*module_, subject_.options.keepOps, [&](Operation *op) {
      Obstacle obstacle;
      obstacle.op = torch::getQualifiedName(op).str();
      obstacle.node = nodeOf(op->getLoc());
      obstacle.isKnown = isa<torch::Decompose>(op);
      obstacle.reason = obstacle.isKnown ? "Not for operands of these types and values."
                        : isPyTorchs(obstacle.op)
                            ? "linalgd has neither a decomposition nor a lowering of it."
                            : "It is not one of PyTorch's own ops, and linalgd does not know it.";
      obstacle.detail = obstacle.isKnown ? "operands: " + operandTypes(op) : "";
      obstacles_.push_back(std::move(obstacle));
      unsupported_.insert(op);
    });
  }

  // What is not supported passes through, so that the other ops show whether they can be lowered.
  void toLinalg() {
    std::vector<std::string> keep = subject_.options.keepOps;
    for (const Obstacle &obstacle : obstacles_)
      if (!llvm::is_contained(keep, obstacle.op))
        keep.push_back(obstacle.op);
    PassManager pm(&context_);
    pm.addPass(createLowerToLinalgPass(keep));
    pm.addPass(createCanonicalizerPass());
    pm.addPass(createCSEPass());
    bool done = succeeded(pm.run(*module_)) && !diagnostics_.hasErrors();
    takeDiagnostics();
    if (done)
      addLevel(Stage::Linalg);
  }

  // "cannot lower 'torch.aten.foo': why" is an obstacle; what has no op is a problem of its own.
  void takeDiagnostics() {
    for (Diagnostic &diagnostic : diagnostics_.take()) {
      StringRef op = diagnostic.op;
      if (op.consume_front("torch.") && diagnostic.code == kUnsupportedOp) {
        StringRef reason = StringRef(diagnostic.message).split("': ").second;
        obstacles_.push_back({op.str(), diagnostic.node,
                              reason.empty() ? "It cannot be lowered here." : reason.str(), "",
                              torch::lookupSchema(op) != nullptr});
      } else if (diagnostic.severity == Severity::Error) {
        problems_.push_back({{"message", diagnostic.message},
                             {"node", diagnostic.node},
                             {"source", sourceOf(diagnostic.node, subject_.sourceMap)}});
      }
    }
  }

  void addLevel(Stage stage) {
    std::map<std::pair<std::string, std::string>, size_t> counts;
    module_->walk<WalkOrder::PreOrder>([&](Operation *op) {
      StringRef name = torch::getQualifiedName(op);
      if (!isSyntax(op))
        ++counts[{name.str(), unsupported_.contains(op) ? "unsupported" : how(name)}];
      return isa<linalg::LinalgOp>(op) ? WalkResult::skip() : WalkResult::advance();
    });
    unsupported_.clear(); // what comes next replaces them
    levels_.push_back(writeLevel(stage, {counts.begin(), counts.end()}));
  }

  // What becomes of an op that is supported.
  std::string how(StringRef op) const {
    const torch::OpSchema *schema = torch::lookupSchema(op);
    return llvm::is_contained(subject_.options.keepOps, op) ? "kept"
           : !schema                                        ? ""
           : !schema->inPlaceOf.empty()                     ? "functionalized"
           : schema->decomposes                             ? "decomposed"
                                                            : "lowered";
  }

  Json writeUnsupported() {
    llvm::StringMap<std::string> written; // ops by the ids of nodes
    for (const ReportNode &node : model_.nodes)
      written.try_emplace(node.id, node.op);
    std::vector<std::vector<const Obstacle *>> groups; // in the order of the program
    std::map<std::pair<std::string, std::string>, size_t> known;
    for (const Obstacle &obstacle : obstacles_) {
      auto [group, isNew] = known.try_emplace({obstacle.op, obstacle.reason}, groups.size());
      if (isNew)
        groups.emplace_back();
      groups[group->second].push_back(&obstacle);
    }
    Json list = Json::array();
    for (const std::vector<const Obstacle *> &uses : groups) {
      Json entry = {{"op", uses.front()->op},
                    {"count", uses.size()},
                    {"reason", uses.front()->reason},
                    {"hint", hintFor(*uses.front())},
                    {"uses", Json::array()}};
      for (const Obstacle *use : uses) {
        auto node = written.find(use->node);
        entry["uses"].push_back(
            {{"node", use->node},
             {"written_as", node != written.end() ? Json(node->second) : Json()},
             {"detail", use->detail},
             {"source", sourceOf(use->node, subject_.sourceMap)}});
      }
      list.push_back(std::move(entry));
    }
    return list;
  }

  Json write() {
    llvm::StringSet<> unsupported;
    for (const Obstacle &obstacle : obstacles_)
      unsupported.insert(obstacle.node);
    auto fate = [&](const ReportNode &node) {
      return unsupported.contains(node.id) ? "unsupported" : how(node.op);
    };
    levels_.insert(levels_.begin(), writeLevel(subject_.program.stage(), model_.nodes, fate));
    Json report = {{"schema", "linalgd.report"},
                   {"version", kReportSchema},
                   {"entry", subject_.options.entry},
                   {"supported", obstacles_.empty() && problems_.empty()},
                   {"unsupported", writeUnsupported()},
                   {"problems", problems_},
                   {"levels", levels_}};
    writeModel(model_, subject_.signature, subject_.sourceMap, report);
    report["nodes"] = writeNodes(model_.nodes, fate, subject_.sourceMap);
    return report;
  }

  const ReportSubject &subject_;
  MLIRContext &context_;
  DiagnosticCollector diagnostics_;
  ReportModel model_;
  OwningOpRef<ModuleOp> module_;
  std::vector<Obstacle> obstacles_;
  llvm::SmallPtrSet<Operation *, 16> unsupported_; // of the module as it is
  Json problems_ = Json::array();
  Json levels_;
};

} // namespace

absl::StatusOr<Json> makeReport(const ReportSubject &subject, MLIRContext &context,
                                StageSink &sink) {
  return Reporter(subject, context).run(sink);
}

} // namespace linalgd
