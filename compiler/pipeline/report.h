// The report on a model: its ops, what of them is not supported and why, where sizes are dynamic,
// inputs, outputs, state and parameters (docs/explain.md). Collected once, as JSON; text and page
// are rendered from that.
#pragma once

#include "compiler/pipeline/program.h"
#include "compiler/pipeline/report_json.h"

#include "absl/status/statusor.h"
#include "mlir/IR/MLIRContext.h"

namespace linalgd {

inline constexpr int kReportSchema = 1;

// What a report is about. `signature` is that of the artifact. The program's module is taken.
struct ReportSubject {
  Program &program;
  const Options &options;
  const SourceMap &sourceMap;
  const std::string &signature;
};

// An error only where the model cannot be imported; then the sink has its diagnostics.
absl::StatusOr<Json> makeReport(const ReportSubject &subject, mlir::MLIRContext &context,
                                StageSink &sink);

std::string renderReportText(const Json &report);
std::string renderReportHtml(const Json &report);

} // namespace linalgd
