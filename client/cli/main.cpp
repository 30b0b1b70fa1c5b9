// linalgc: the command line of linalgd.
#include "client/cli/interrupt.h"
#include "client/cli/session.h"

#include <cstdio>

namespace linalgd::cli {
namespace {

constexpr const char *kFooter = R"(Examples:
  linalgc compile resnet18.pt2 -o resnet18.mlir
  linalgc compile resnet18.pt2 --emit executable -o resnet18.so
  linalgc compile traced.pt --input 'float32[?,3,224,224]' --emit torch -o traced.mlir
  linalgc explain resnet18.pt2 --html resnet18.html
  linalgc explain --key resnet18.pt2 again.pt2
  linalgc run resnet18.so --input x.npy --output-dir out

Results go to standard output, progress and diagnostics to standard error.

Exit codes:
  0  success
  1  the model does not compile or does not run (explain: or would not compile; --key: the keys differ)
  2  wrong command line, or a file on it that cannot be read or written
  3  no server there, or it takes no jobs now (draining, full): try again later
  4  cancelled, or out of time
  5  anything else
  130  interrupted

Environment:
  LINALGD_ADDRESS  the server, where --server is not given
  NO_COLOR         no colours)";

int run(int argc, char **argv) {
  CLI::App app("Compiles PyTorch models on a linalgd server.", "linalgc");
  Session session;
  Action action;
  app.add_option("--server", session.server,
                 "HOST:PORT of the server (default: $LINALGD_ADDRESS, then localhost:8470)");
  app.add_flag("--json", session.json, "Print results and errors as one JSON object");
  app.set_version_flag("--version", "linalgc " LINALGD_VERSION " (protocol linalgd.v1)");
  app.require_subcommand(1);
  app.fallthrough();
  addCompile(app, session, action);
  addExplain(app, session, action);
  addFetch(app, session, action);
  addRun(app, session, action);
  addJobs(app, session, action);
  addCancel(app, session, action);
  addCache(app, session, action);
  addStatus(app, session, action);
  addDrain(app, session, action);
  for (CLI::App *command : app.get_subcommands({}))
    command->footer("--server, --json and the exit codes: see linalgc --help");
  app.footer(kFooter);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  }
  return action();
}

} // namespace
} // namespace linalgd::cli

int main(int argc, char **argv) {
  linalgd::cli::Interrupt::install();
  return linalgd::cli::run(argc, argv);
}
